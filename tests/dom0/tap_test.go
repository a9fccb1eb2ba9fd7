package dom0_test

import (
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

// A device model that has ended has no tap any more, whatever else the process starts at that moment.
func TestTapGoesWithItsFile(t *testing.T) {
	t.Parallel()
	d := scripted(t, "")
	port := attach(t, d, dom0.NIC{Domid: 1, HVM: true, TapDevice: true})
	ended := make(chan struct{})
	var others sync.WaitGroup
	defer others.Wait()
	defer close(ended)
	for range 2 {
		others.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					_ = exec.Command("true").Run()
				}
			}
		})
	}
	for range 30 {
		require.NoError(t, port.UnplugTap())
		require.ErrorIs(t, d.Do(func() error {
			_, err := os.Stat("/sys/class/net/vif1.0-emu")
			return err
		}), fs.ErrNotExist)
		require.NoError(t, port.PlugTap())
	}
}
