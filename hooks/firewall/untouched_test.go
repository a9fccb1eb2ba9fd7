package firewall

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Any table counts, whoever made it and with whatever; asking makes none.
func TestUntouched(t *testing.T) {
	t.Parallel()
	untouched := func(m *machine) (yes bool) {
		m.do(func() { yes = Untouched() })
		return yes
	}
	for name, touch := range map[string]func(*machine){
		"nft":                 func(m *machine) { m.run("nft", "add", "table", "netdev", "another") },
		"iptables-nft":        func(m *machine) { m.run("iptables-nft", "-w", "-P", "FORWARD", "DROP") },
		"iptables-legacy":     func(m *machine) { m.run("iptables-legacy", "-w", "-P", "FORWARD", "DROP") },
		"ip6tables-legacy -L": func(m *machine) { m.run("ip6tables-legacy", "-w", "-nL") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			require.True(t, untouched(m))
			require.True(t, untouched(m))
			touch(m)
			require.False(t, untouched(m))
		})
	}
}
