package journal_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

func TestAll(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	j := journal.Open(dir)
	require.Equal(t, dir, j.Dir())
	all, err := j.All()
	require.NoError(t, err, "a journal that was never written")
	require.Empty(t, all)

	began := time.Now().Add(-time.Second)
	r := journal.Record{
		Port: journal.Port{NIC: plan.NIC{Domid: 1}, Kind: plan.Vif, Index: 7, Boot: "b", Name: "web0", Device: "vif1.0"}, Mode: "route",
		Entries: []journal.Entry{{Step: plan.Up{Dev: plan.Dev{Name: "web0", Index: 7}, Want: true}}},
	}
	require.NoError(t, j.Write(&r))
	other := r
	other.Kind = plan.Tap
	require.NoError(t, j.Write(&other))
	l, err := j.LockNIC(t.Context(), r.NIC)
	require.NoError(t, err)
	defer l.Release()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2.0.vif.json"), []byte("{"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.index"), nil, 0o600))

	all, err = j.All()
	require.ErrorContains(t, err, "2.0.vif.json is damaged")
	require.Len(t, all, 2, "the others are told of")
	for _, s := range all {
		want := r.Port
		want.Kind = s.Kind
		require.Equal(t, want, s.Port)
		require.Equal(t, "route", s.Mode)
		require.True(t, s.Written.After(began))
	}
	s, err := j.Stored(plan.NIC{Domid: 9}, plan.Vif)
	require.NoError(t, err)
	require.Nil(t, s)
}

func TestPortOf(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"1.0.vif.json": "1.0 vif", "1.0.tap.json": "1.0 tap", "32751.12.vif.json": "32751.12 vif",
		"1.0.vif.damaged": "", "1.0.lock": "", "host.lock": "", "01.0.vif.json": "", "-1.0.vif.json": "", "1.vif.json": "",
		"1.0.0.vif.json": "", ".vif.json": "", "vif.json": "", ".1.0.vif.json12345": "", "": "", "x.y.tap.json": "",
	} {
		nic, kind, ok := journal.PortOf(file)
		if want == "" {
			require.False(t, ok, file)
		} else {
			require.True(t, ok, file)
			require.Equal(t, want, nic.String()+" "+string(kind))
		}
	}
}

// A lock's file without a holder is what a killed call leaves.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	interrupted := func() []plan.NIC {
		nics, err := j.Interrupted()
		require.NoError(t, err)
		return nics
	}
	require.Empty(t, interrupted())
	held, err := j.LockNIC(t.Context(), plan.NIC{Domid: 1})
	require.NoError(t, err)
	host, err := j.LockHost(t.Context())
	require.NoError(t, err)
	require.Empty(t, interrupted(), "a call is at work")
	held.Release()
	host.Release()
	require.Empty(t, interrupted(), "whoever ends takes it away")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "2.1.lock"), nil, 0o600))
	dead := plan.NIC{Domid: 2, Devid: 1}
	require.Equal(t, []plan.NIC{dead}, interrupted())
	require.Equal(t, []plan.NIC{dead}, interrupted(), "to ask changes nothing")
	again, err := j.LockNIC(t.Context(), dead)
	require.NoError(t, err)
	require.Empty(t, interrupted(), "the next call is at work")
	again.Release()
	require.Empty(t, interrupted())
}
