package journal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// Whose port an interface is its name says, or the record of the port that was given it.
func TestNICOf(t *testing.T) {
	t.Parallel()
	j := journal.Open(t.TempDir())
	named := &journal.Record{
		Port:    journal.Port{NIC: plan.NIC{Domid: 7, Devid: 1}, Kind: plan.Vif, Index: 9, Name: "web0", Device: "vif7.1"},
		Entries: []journal.Entry{{Step: plan.Up{Dev: plan.Dev{Name: "web0", Index: 9}, Want: true}}},
	}
	require.NoError(t, j.Write(named))
	for name, want := range map[string]plan.NIC{
		"vif5.0": {Domid: 5}, "vif5.2-emu": {Domid: 5, Devid: 2}, "tap6.0": {Domid: 6}, "web0": {Domid: 7, Devid: 1},
	} {
		nic, ok := j.NICOf(name)
		require.True(t, ok, name)
		require.Equal(t, want, nic, name)
	}
	for _, name := range []string{"eth0", "5.0", "vif5", "vif05.0", "tap3", "vif-5.0", "web1", ""} {
		_, ok := j.NICOf(name)
		require.False(t, ok, name)
	}
	require.NoError(t, j.Delete(named.NIC, named.Kind))
	_, ok := j.NICOf("web0")
	require.False(t, ok, "its port has gone")
}
