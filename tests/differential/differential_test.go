package differential

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

// TestEndState runs every scenario in twin dom0s and compares them after every step.
func TestEndState(t *testing.T) {
	dom0.Need(t, "awk", "bash", "ifconfig", "which")
	account := newAccount()
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range scenarios() {
			t.Run(s.script+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				account.begin()
				run(t, s, account)
			})
		}
	})
	for _, complaint := range account.idle() {
		t.Error(complaint)
	}
}

func scenarios() []scenario {
	var all []scenario
	for _, s := range bridgeScenarios {
		s.script = "vif-bridge"
		all = append(all, s)
	}
	for _, s := range routeScenarios {
		s.script = "vif-route"
		all = append(all, s)
	}
	for _, s := range natScenarios {
		s.script = "vif-nat"
		all = append(all, s)
	}
	for _, s := range switchScenarios {
		s.script = "vif-openvswitch"
		all = append(all, s)
	}
	return all
}

func run(t *testing.T, s scenario, account *account) {
	stock, ours := stockWorld(t, s), ourWorld(t, s)
	before := compare(stock.facts(dom0.Result{}), ours.facts(dom0.Result{}))
	require.True(t, before.empty(), "the twins differ before anything happened:\n%s", before)

	var history, down []string
	for _, step := range s.steps {
		history = append(history, step.name)
		down = step.taken(down, stock.ports[step.port])
		theirs, err := step.do(stock)
		require.NoError(t, err, "Debian's world: %s", step.name)
		mine, err := step.do(ours)
		require.NoError(t, err, "our world: %s", step.name)

		m := moment{scenario: s, history: strings.Join(history, ", "), down: down}
		unexplained := account.explain(m, stock.facts(theirs), ours.facts(mine))
		if !unexplained.empty() {
			// Later steps differ in what this one left: one report is enough.
			t.Fatalf("after %s (- Debian's scripts, exit %d; + vifctl, exit %d):\n%s\nDebian's log:\n%svifctl's:\n%s",
				m.history, theirs.Exit, mine.Exit, unexplained, theirs.Log, mine.Stderr)
		}
	}
}

// taken is which names of ports are down after the step. The names are all that a port may go by.
func (s step) taken(down []string, port *dom0.Port) []string {
	vif, tap := []string{port.Vif}, []string{port.Vif + "-emu"}
	if port.Vifname != "" {
		vif, tap = append(vif, port.Vifname), append(tap, port.Vifname+"-emu")
	}
	up := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(down), func(name string) bool { return slices.Contains(names, name) })
	}
	switch s.command {
	case "online":
		return up(vif)
	case "add":
		return up(tap)
	case "offline":
		return append(up(vif), vif...)
	case "remove":
		return append(up(tap), tap...)
	}
	return down
}
