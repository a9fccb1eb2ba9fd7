package lab

import (
	"testing"

	"github.com/google/nftables"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vifctl/hooks/firewall"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
)

// What a guest would leave is seen, and what is the host's own is told apart.
func TestRuleset(t *testing.T) {
	dom0.Need(t)
	m, err := newMachine("dom0")
	require.NoError(t, err)
	defer m.close()
	require.NoError(t, m.Do(natTrouble))
	empty, err := m.ruleset()
	require.NoError(t, err)
	assert.Empty(t, empty, "asking leaves nothing")

	require.NoError(t, m.Do(func() error {
		c, err := nftables.New()
		require.NoError(t, err)
		fill := func(table, set string) {
			own := c.AddTable(&nftables.Table{Name: table, Family: nftables.TableFamilyINet})
			addresses := &nftables.Set{Table: own, Name: set, KeyType: nftables.TypeIPAddr}
			require.NoError(t, c.AddSet(addresses, []nftables.SetElement{{Key: []byte{192, 168, 1, 2}}}))
		}
		fill(firewall.TableName, "g4")
		fill(firewall.TableName, "fixed_nat")
		fill("docker", "theirs")
		return c.Flush()
	}))
	got, err := m.ruleset()
	require.NoError(t, err)
	assert.Equal(t, ruleset{
		own:      []string{"inet vifctl"},
		elements: state{{text: "element of inet vifctl g4: c0a80102"}},
		foreign:  state{{text: "element of inet docker theirs: c0a80102"}, {text: "table inet docker"}},
	}, got)
}

// A connection that a guest left is seen.
func TestFlows(t *testing.T) {
	a, b := twoMachines(t)
	guest := natPrivate[0].Addr()
	require.NoError(t, b.configure("eth0", natPrivate[0]))
	require.NoError(t, a.configure("eth0", prefixes("192.168.1.9/24")...))
	// The kernel tracks where somebody asks for a connection's state.
	var fw *firewall.NFTables
	require.NoError(t, a.Do(func() (err error) {
		fw, err = firewall.OpenNFTables(firewall.Options{})
		return err
	}))
	defer func() { _ = fw.Close() }()
	require.NoError(t, fw.Change(t.Context(), []plan.Rule{{Kind: plan.RulePrivate, Dev: plan.Dev{Name: "vif9.0"}}}, nil))
	require.NoError(t, b.serve())

	_, _, err := a.connect(t.Context(), connection{to: addrB})
	require.NoError(t, err)
	none, err := a.flows()
	require.NoError(t, err)
	assert.Empty(t, none, "not a guest's")
	_, _, err = a.connect(t.Context(), connection{to: guest})
	require.NoError(t, err)
	one, err := a.flows()
	require.NoError(t, err)
	require.Len(t, one, 1)
	assert.Contains(t, one[0].text, "dst=192.168.1.2")
}
