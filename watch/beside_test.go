package watch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// Another program that runs a firewall here starts it again, without the one rule that
// lets our guests through: it is back within a second, by either iptables.
func TestOthersFirewallStartsAgain(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	require.NoError(t, d.WriteFile(dom0.ConfigFile, "[host]\nantispoof = \"strict\"\n", 0o644))
	sh := func(script string) string {
		r := d.Run("sh", "-ec", script)
		require.Zero(t, r.Exit, r.Stderr)
		return r.Stdout
	}
	const docker = "iptables-nft -P FORWARD DROP; iptables-nft -N DOCKER-USER; iptables-nft -A DOCKER-USER -j RETURN; iptables-nft -I FORWARD -j DOCKER-USER"
	sh(docker)
	hvm(t, d, "route", 1)
	rules := sh("iptables-nft -S DOCKER-USER")
	require.Equal(t, 3, strings.Count(rules, "\n"), rules)
	w := watcher(t, d)
	says(t, w, "watching", 1)
	// In one transaction: on a busy machine the watcher would look in between.
	sh("iptables-nft-restore <<END\n*filter\n:FORWARD DROP\n:DOCKER-USER -\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\nEND\n")
	require.Eventually(t, func() bool { return strings.Count(sh("iptables-nft -S DOCKER-USER"), "\n") == 3 }, speed.Patience, 5*time.Millisecond, w.Log())
	says(t, w, "vif1.0: put back what was missing", 1)
	require.Equal(t, rules, sh("iptables-nft -S DOCKER-USER"))
	ends(t, w)
}
