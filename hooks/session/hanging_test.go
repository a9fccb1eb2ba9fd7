package session_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// TestXenstoredHangs: a port goes down all the same, one that comes up is refused in a sentence, and what people ask ends
// and says why it knows little. The watcher goes on where it was once there are answers.
func TestXenstoredHangs(t *testing.T) {
	t.Parallel()
	for _, how := range []dom0.Hang{dom0.HangsAtDial, dom0.HangsAtRead, dom0.HangsHalf} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			store := &dom0.HangingStore{}
			d := dom0.New(t, dom0.Options{Router: true, Store: store.Start})
			attach := func(domid int, ip string) *dom0.Port {
				p, err := d.Attach(dom0.NIC{Domid: domid, Script: "vif-route", IP: ip, HVM: domid == 3, Unplugged: domid == 3})
				require.NoError(t, err)
				return p
			}
			first, second, third := attach(1, "192.168.1.2"), attach(2, "192.168.1.3"), attach(3, "192.168.1.4")
			require.NoError(t, third.PlugVif())
			before := d.State()
			for _, p := range []*dom0.Port{first, third} {
				r := p.Call("vif-route", "online", "type_if=vif")
				require.Zero(t, r.Exit, r.Stderr)
			}
			_, err := d.Watch()
			require.NoError(t, err)
			require.NoError(t, store.Hang(how))

			r := first.Call("vif-route", "offline", "type_if=vif")
			require.Zero(t, r.Exit, r.Stderr)
			require.NoError(t, third.PlugTap())
			var asking sync.WaitGroup
			for _, words := range [][]string{{"status"}, {"doctor"}, {"map"}, {"repair"}, {"repair", "--garbage"}, {"watch", "--once"}, {"xenstore", "read", "x"}} {
				asking.Go(func() {
					// Longer than that it is taken for one that hangs.
					r := d.Run("timeout", append([]string{"-s", "KILL", "60", dom0.ScriptsDir + "/vifctl"}, words...)...)
					if r.Exit == 137 || r.Exit == -1 {
						t.Errorf("%v hangs: %s", words, r.Stderr)
					}
					if words[0] == "doctor" || words[0] == "xenstore" {
						if said := r.Stdout + r.Stderr; r.Exit != 1 || !strings.Contains(said, "xenstore") {
							t.Errorf("%v: exit %d: %s", words, r.Exit, said)
						}
					}
				})
			}
			r = second.Call("vif-route", "online", "type_if=vif")
			require.Equal(t, 1, r.Exit, r.Stderr)
			require.Regexp(t, "xenstore", r.Stderr)
			asking.Wait()

			store.Resume()
			up := func() bool {
				return d.Run("sh", "-c", "ip -4 route show dev "+third.Tap+" | grep -q 192.168.1.4").Exit == 0
			}
			require.Eventually(t, up, speed.Patience, 50*time.Millisecond, "the watcher brings the tap up")
			for _, words := range [][]string{{"remove", "type_if=tap"}, {"offline", "type_if=vif"}} {
				r := third.Call("vif-route", words...)
				require.Zero(t, r.Exit, r.Stderr)
			}
			require.NoError(t, third.UnplugTap())
			require.Equal(t, before, d.State())
		})
	}
}
