package journal_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// Whom a port of the host leads to is found by the ports that records forward, for as long as they do.
func TestForwarders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	forward := func(listen, protocol string, first, last uint16) journal.Entry {
		return journal.Entry{Step: plan.Rule{Kind: plan.RuleForward, Public: netip.MustParseAddr(listen), Protocol: protocol, First: first, Last: last}}
	}
	r := &journal.Record{
		Port:    journal.Port{NIC: plan.NIC{Domid: 7, Devid: 1}, Kind: plan.Vif, Index: 9, Name: "vif7.1", Device: "vif7.1"},
		Entries: []journal.Entry{forward("192.0.2.1", "tcp", 80, 80), forward("2001:db8::1", "udp", 5000, 5010)},
	}
	leads := func(listen, protocol string, first, last uint16) bool {
		found, err := j.Forwarders(netip.MustParseAddr(listen), protocol, first, last)
		require.NoError(t, err)
		for _, r := range found {
			require.Equal(t, plan.NIC{Domid: 7, Devid: 1}, r.NIC)
		}
		return len(found) > 0
	}
	require.False(t, leads("192.0.2.1", "tcp", 80, 80), "before there is any")
	require.NoError(t, j.Write(r))
	for range 2 {
		require.True(t, leads("192.0.2.1", "tcp", 80, 80))
		require.True(t, leads("192.0.2.1", "tcp", 1, 65535))
		require.True(t, leads("2001:db8::1", "udp", 5010, 6000))
		require.False(t, leads("192.0.2.1", "tcp", 81, 90), "other ports")
		require.False(t, leads("192.0.2.1", "udp", 80, 80), "another protocol")
		require.False(t, leads("192.0.2.2", "tcp", 80, 80), "another address")
		require.False(t, leads("2001:db8::1", "udp", 5011, 5011), "behind the range")
		require.NoError(t, j.Write(r))
	}

	as := netip.MustParseAddr("192.0.2.9")
	require.False(t, leads("192.0.2.9", journal.Masquerade, 0, 0))
	r.Entries = append(r.Entries, journal.Entry{Step: plan.Rule{Kind: plan.RuleMasquerade, Private: netip.MustParseAddr("10.0.0.1"), Public: as}})
	require.NoError(t, j.Write(r))
	require.True(t, leads("192.0.2.9", journal.Masquerade, 0, 0))

	r.Entries = r.Entries[1:]
	require.NoError(t, j.Write(r))
	require.False(t, leads("192.0.2.1", "tcp", 80, 80), "it was taken away")
	require.True(t, leads("2001:db8::1", "udp", 5000, 5000))
	// A link that its record knows nothing of, after a call that was killed.
	require.NoError(t, os.Symlink("7.1.vif", filepath.Join(dir, "forwards", "192.0.2.1 tcp 80 80 7.1.vif")))
	require.False(t, leads("192.0.2.1", "tcp", 80, 80))
	require.NoError(t, os.Remove(filepath.Join(dir, "forwards", "192.0.2.1 tcp 80 80 7.1.vif")))

	require.NoError(t, j.Delete(r.NIC, r.Kind))
	require.False(t, leads("2001:db8::1", "udp", 5000, 5000))
	left, err := os.ReadDir(filepath.Join(dir, "forwards"))
	require.NoError(t, err)
	require.Empty(t, left)
}
