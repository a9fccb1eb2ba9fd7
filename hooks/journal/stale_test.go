package journal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

func TestNICOf(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]bool{
		"1.0.vif.json": true, "1.0.lock": true, "7.1.tap.damaged": true, ".1.0.vif.json123": true, ".1.0.tap.json1": true,
		"host.lock": false, "config.index": false, ".config.index12": false, "guests": false, ".1.0.vif.json": false,
		".1.0.vif.json12x": false, "01.0.vif.json": false, "-1.0.lock": false, ".": false, "": false, "1.0": false,
	} {
		nic, ok := nicOf(file)
		require.Equal(t, want, ok, file)
		require.True(t, !ok || nic == plan.NIC{Domid: 1} || nic == plan.NIC{Domid: 7, Devid: 1}, file)
	}
}
