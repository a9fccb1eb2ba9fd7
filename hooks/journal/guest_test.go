package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// A guest's ports know what the others want: its vif and its tap, and those of
// the domain it is moving from.
func TestGuest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	const uuid, boot = "6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f", "this boot"
	public := proxy("2001:db8::1")
	old, moved := plan.NIC{Domid: 7}, plan.NIC{Domid: 9}
	write := func(nic plan.NIC, boot string) {
		require.NoError(t, j.Write(&journal.Record{
			Port:    journal.Port{NIC: nic, Kind: plan.Vif, UUID: uuid, Index: 3, Boot: boot},
			Entries: []journal.Entry{entry(public, public)},
		}))
	}
	g := j.Guest(uuid, old.Domid)
	require.NoError(t, g.Add(old, plan.Vif))
	require.NoError(t, g.Add(old, plan.Vif), "twice is once")
	write(old, boot)
	wanted, err := g.Wanted(boot, old, plan.Vif)
	require.NoError(t, err)
	require.Empty(t, wanted, "no other port is there")

	require.NoError(t, g.Add(moved, plan.Vif))
	wanted, err = g.Wanted(boot, old, plan.Vif)
	require.NoError(t, err)
	require.Empty(t, wanted, "who has no record yet wants nothing yet")
	write(moved, boot)
	wanted, err = g.Wanted(boot, old, plan.Vif)
	require.NoError(t, err)
	require.True(t, wanted[public.Key()])
	wanted, err = g.Wanted(boot, moved, plan.Vif)
	require.NoError(t, err)
	require.True(t, wanted[public.Key()])
	wanted, err = g.Wanted("another boot", moved, plan.Vif)
	require.NoError(t, err)
	require.Empty(t, wanted, "a record of before the boot wants nothing")

	other, err := j.Guest("another", 7).Wanted(boot, old, plan.Vif)
	require.NoError(t, err)
	require.Empty(t, other)

	require.NoError(t, g.Remove(old, plan.Vif))
	require.NoError(t, g.Remove(old, plan.Vif))
	require.NoError(t, g.Remove(moved, plan.Vif))
	left, err := os.ReadDir(filepath.Join(dir, "guests"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// A UUID is part of a file's name: only what looks like one is used.
func TestGuestWithoutUUID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, uuid := range []string{"", "../../etc/passwd", "x y", string(make([]byte, 100))} {
		require.NoError(t, journal.Open(dir).Guest(uuid, 7).Add(plan.NIC{Domid: 7}, plan.Tap))
	}
	left, err := os.ReadDir(filepath.Join(dir, "guests"))
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, "domain-7", left[0].Name())
}
