package differential

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
	"vifctl/tests/realxenstore"
)

// A world is one of the twins, and what a scenario has put into it.
type world struct {
	*dom0.Dom0
	script string
	ports  []*dom0.Port
}

// A step is one thing that happens to both worlds. Without a call its result is the zero one: nothing to compare.
type step struct {
	name    string
	command string // of a call: online, offline, add, remove
	port    int    // whom it is about
	do      func(w *world) (dom0.Result, error)
}

// A scenario is a host, its guests, and what happens to them.
type scenario struct {
	name   string
	host   dom0.Options
	script string
	nics   []dom0.NIC
	steps  []step
}

func (s scenario) build(t *testing.T, scripts dom0.Scripts) *world {
	t.Helper()
	host := s.host
	host.Scripts, host.Store = scripts, dom0.RealStore(t)
	w := &world{Dom0: dom0.New(t, host), script: s.script}
	for _, nic := range s.nics {
		nic.Script = s.script
		port, err := w.Attach(nic)
		require.NoError(t, err)
		w.ports = append(w.ports, port)
	}
	return w
}

func stockWorld(t *testing.T, s scenario) *world {
	return s.build(t, dom0.Debian(realxenstore.DebianRoot()))
}

func ourWorld(t *testing.T, s scenario) *world { return s.build(t, dom0.Vifctl) }

// facts is everything that is compared: how the call ended, and both states, as sorted lines.
func (w *world) facts(r dom0.Result) []string {
	facts := []string{"exit " + verdict(r.Exit)}
	for line := range strings.Lines(w.State()) {
		facts = append(facts, strings.TrimSuffix(line, "\n"))
	}
	for line := range strings.Lines(w.Xenstore()) {
		facts = append(facts, "store "+strings.TrimSuffix(line, "\n"))
	}
	return facts
}

// verdict is all that libxl looks at.
func verdict(exit int) string {
	if exit == 0 {
		return "0"
	}
	return "non-zero"
}

// only returns the lines of a that b does not have.
func only(a, b []string) []string {
	has := make(map[string]bool, len(b))
	for _, line := range b {
		has[line] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return has[line] })
}

// A difference between the two worlds: lines only Debian's scripts led to, and lines only ours did.
type delta struct{ stock, ours []string }

func compare(stock, ours []string) delta {
	return delta{stock: only(stock, ours), ours: only(ours, stock)}
}

func (d delta) empty() bool { return len(d.stock) == 0 && len(d.ours) == 0 }

// String pairs lines that say two things about one object, and puts Debian's first.
func (d delta) String() string {
	var lines []string
	for _, line := range d.stock {
		lines = append(lines, object(line)+"\x00- "+line)
	}
	for _, line := range d.ours {
		lines = append(lines, object(line)+"\x01+ "+line)
	}
	slices.Sort(lines)
	var text strings.Builder
	for _, line := range lines {
		_, line, _ = strings.Cut(strings.ReplaceAll(line, "\x01", "\x00"), "\x00")
		fmt.Fprintln(&text, line)
	}
	return text.String()
}

// object is the part of a fact that says what it is about.
func object(fact string) string {
	name, _, _ := strings.Cut(fact, "=")
	return name
}
