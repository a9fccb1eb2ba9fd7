package firewall

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// TestPruneIPTables: what nobody wants goes, from the kernel and from the book,
// and nothing else does.
func TestPruneIPTables(t *testing.T) {
	for name, b := range map[string]backend{
		"iptables-nft": iptablesOn(VariantNFT), "iptables-legacy": iptablesOn(VariantLegacy), "iptables alone": withoutNFTables,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pruneIPTables(t, b)
		})
	}
}

func pruneIPTables(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	var wanted []plan.Rule
	keep := func() ([]plan.Rule, error) { return wanted, nil }
	prune := func(keep func() ([]plan.Rule, error), ports ...string) (removed []string) {
		t.Helper()
		m.visit(func() {
			var err error
			removed, err = f.(inside).f.Prune(background, keep, func(port string) bool { return slices.Contains(ports, port) })
			require.NoError(t, err)
		})
		return removed
	}
	// Guests 1 and 257 share buckets.
	wanted = slices.Concat(b.guest(1), b.guest(3))
	mustChange(t, f, wanted, nil)
	require.Empty(t, prune(keep))
	without := b.dump(m)

	mustChange(t, f, append(b.guest(257), tcpForward("203.0.113.9", "10.0.0.9", 1000, 1300, 0, "")), nil)
	full := b.dump(m)
	all := slices.Concat(wanted, b.guest(257), []plan.Rule{tcpForward("203.0.113.9", "10.0.0.9", 1000, 1300, 0, "")})
	require.Empty(t, prune(func() ([]plan.Rule, error) { return all, nil }))
	wantDump(t, full, b.dump(m))

	// While its port is there it stays checked; what leads to it goes.
	removed := prune(keep, "vif257.0")
	require.Contains(t, removed, "rule about 203.1.1.1 in the chain VIFCTL-D-01")
	require.Contains(t, removed, "rule about 203.0.113.9 in the chain VIFCTL-T-05")
	require.NotContains(t, strings.Join(removed, "\n"), "vif257.0")
	wantInForce(t, f, true, wanted...)
	for _, r := range b.guest(257) {
		if r.Kind != plan.RuleOwnAddress { // which is about the port and about the address
			wantInForce(t, f, r.Dev.Name != "", r)
		}
	}
	require.NotEmpty(t, prune(keep))
	wantDump(t, without, b.dump(m))
	require.Empty(t, prune(keep))

	// Whoever comes meanwhile is put back.
	mustChange(t, f, b.guest(257), nil)
	asked := 0
	require.NotEmpty(t, prune(func() ([]plan.Rule, error) {
		if asked++; asked%2 == 1 {
			return wanted, nil
		}
		return append(b.guest(257), wanted...), nil
	}))
	wantInForce(t, f, true, b.guest(257)...)

	// The book is lost: what nobody wants goes with its chain, the rest stays.
	mustChange(t, f, nil, b.guest(257))
	mustChange(t, f, b.guest(2), nil)
	for _, file := range []string{"4.D.02", "4.S.02", "4.D.03", "6.D.02"} {
		require.NoError(t, os.Remove(filepath.Join(m.book, file)))
	}
	removed = prune(keep)
	require.Contains(t, removed, "chain VIFCTL-D-02")
	require.NotContains(t, removed, "chain VIFCTL-D-03")
	require.NotContains(t, b.dump(m), "VIFCTL-D-02")
	require.Contains(t, b.dump(m), "VIFCTL-D-03")
	mustChange(t, f, wanted, nil)
	wantInForce(t, f, true, wanted...)
	wantDump(t, without, b.dump(m))
}
