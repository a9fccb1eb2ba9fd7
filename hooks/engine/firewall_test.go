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
