package engine

import (
	"fmt"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/configs"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
)

// TestAnotherFirewall: a port that goes takes its rules out of the firewall that
// the configuration named when it came, whichever it names by now.
func TestAnotherFirewall(t *testing.T) {
	dom0.Need(t, "nft", "iptables")
	address := netip.MustParseAddr
	rules := []plan.Rule{
		{Kind: plan.RuleRouted, Dev: plan.Dev{Name: "vif1.0"}},
		{Kind: plan.RuleOneToOne, Public: address("203.0.113.1"), Private: address("10.0.0.1")},
		{Kind: plan.RuleOwnAddress, Dev: plan.Dev{Name: "vif1.0"}, Prefix: netip.MustParsePrefix("10.0.0.1/32")},
	}
	for _, way := range [][2]configs.Firewall{
		{configs.FirewallIptables, configs.FirewallNftables},
		{configs.FirewallNftables, configs.FirewallIptables},
		{configs.FirewallAuto, configs.FirewallAuto},
	} {
		j := journal.Open(t.TempDir())
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // for ever: the thread goes with its namespace
			done <- func() error {
				if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
					return err
				}
				was := &HostFirewall{Host: configs.Host{Firewall: way[0]}, Journal: j}
				defer was.Close()
				if err := was.Change(t.Context(), rules, nil); err != nil {
					return err
				}
				is := &HostFirewall{Host: configs.Host{Firewall: way[1]}, Journal: j}
				defer is.Close()
				if err := is.Change(t.Context(), nil, rules); err != nil {
					return err
				}
				for _, list := range [][]string{{"nft", "list", "ruleset"}, {"iptables-nft-save"}, {"iptables-legacy-save"}} {
					out, err := exec.Command(list[0], list[1:]...).CombinedOutput()
					if err != nil {
						return err
					}
					for _, left := range []string{"vif1.0", "203.0.113.1", "10.0.0.1"} {
						if strings.Contains(string(out), left) {
							return fmt.Errorf("%s: %s is left in %s", way, left, list[0])
						}
					}
				}
				return nil
			}()
		}()
		require.NoError(t, <-done, way)
	}
}

// TestStillLeaves: a guest that leaves by an uplink of its own, and now as another address,
// leaves by that uplink still when what was before is taken out.
func TestStillLeaves(t *testing.T) {
	dom0.Need(t, "nft")
	leaves := func(as string) plan.Rule {
		return plan.Rule{
			Kind: plan.RuleLeaves, Dev: plan.Dev{Name: "eth1", Index: 3},
			Private: netip.MustParseAddr("10.0.0.1"), Public: netip.MustParseAddr(as),
		}
	}
	boot, err := kernel.BootID()
	require.NoError(t, err)
	j := journal.Open(t.TempDir())
	require.NoError(t, j.Write(&journal.Record{
		Port:    journal.Port{NIC: plan.NIC{Domid: 1}, Kind: plan.Vif, Index: 7, Boot: boot, Name: "vif1.0", Device: "vif1.0"},
		Entries: []journal.Entry{{Step: leaves("203.0.113.2")}},
	}))
	elements := func(f *HostFirewall, add, remove []plan.Rule) (said string, err error) {
		if err := f.Change(t.Context(), add, remove); err != nil {
			return "", err
		}
		out, err := exec.Command("nft", "list", "set", "inet", "vifctl", "via4").CombinedOutput()
		return string(out), err
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread goes with its namespace
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			f := &HostFirewall{Host: configs.Host{Firewall: configs.FirewallNftables, Uplink: "eth0"}, Journal: j}
			defer f.Close()
			for _, change := range [][2][]plan.Rule{
				{{leaves("203.0.113.1")}, nil},
				{{leaves("203.0.113.2")}, nil},
				{nil, {leaves("203.0.113.1")}},
			} {
				said, err := elements(f, change[0], change[1])
				if err != nil || !strings.Contains(said, "10.0.0.1") {
					return fmt.Errorf("after %v: %w\n%s", change, err, said)
				}
			}
			said, err := elements(f, nil, []plan.Rule{leaves("203.0.113.2")})
			if err == nil && strings.Contains(said, "10.0.0.1") {
				err = fmt.Errorf("left: %s", said)
			}
			return err
		}()
	}()
	require.NoError(t, <-done)
}
