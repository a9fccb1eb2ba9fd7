package hostmap

import (
	"fmt"
	"io"
	"strings"

	"vifctl/cmd/vifctl/terminal"
)

// node is a line of the tree and what hangs on it.
type node struct {
	text  string
	below []node
}

// WriteTree draws the map for a terminal.
func (m Map) WriteTree(out io.Writer) error {
	root := node{text: terminal.Bold(terminal.OneLine(m.Host))}
	for _, w := range m.Wrong {
		root.below = append(root.below, mark(w))
	}
	for _, w := range m.Ways {
		root.below = append(root.below, w.node())
	}
	if len(m.Ways) == 0 {
		root.below = append(root.below, node{text: "no bridge, no uplink, no guest"})
	}
	var b strings.Builder
	b.WriteString(root.text + "\n")
	root.branches(&b, "")
	_, err := io.WriteString(out, b.String())
	return err
}

func (n node) branches(b *strings.Builder, indent string) {
	for i, child := range n.below {
		branch, deeper := "├─ ", "│  "
		if i == len(n.below)-1 {
			branch, deeper = "└─ ", "   "
		}
		b.WriteString(terminal.Faint(indent+branch) + child.text + "\n")
		child.branches(b, indent+deeper)
	}
}

func mark(wrong Fault) node {
	if wrong.Mild {
		return node{text: terminal.Warn("! " + terminal.OneLine(wrong.Said))}
	}
	return node{text: terminal.Bad("✗ " + terminal.OneLine(wrong.Said))}
}

func (w Way) node() node {
	name := terminal.Bold(terminal.OneLine(w.Name))
	if w.Down || broken(w.Wrong) {
		name = terminal.Bad(terminal.OneLine(w.Name))
	}
	words := []string{name}
	if w.Kind != "nowhere" {
		words = append(words, terminal.Faint(w.Kind))
	}
	words = append(words, w.Addresses...)
	if len(w.Cards) > 0 {
		words = append(words, terminal.Faint("with ")+strings.Join(w.Cards, ", "))
	}
	n := node{text: strings.Join(words, "  ")}
	for _, wrong := range w.Wrong {
		n.below = append(n.below, mark(wrong))
	}
	for _, g := range w.Guests {
		n.below = append(n.below, g.node())
	}
	return n
}

func (g Guest) node() node {
	dot := terminal.Good("●")
	switch {
	case g.Down:
		dot = terminal.Bad("○")
	case broken(g.Wrong):
		dot = terminal.Bad("●")
	case len(g.Wrong) > 0:
		dot = terminal.Warn("●")
	}
	words := []string{dot + " " + terminal.Bold(terminal.OneLine(g.Name)), terminal.Faint(g.Mode), g.ports()}
	words = append(words, g.Addresses...)
	if g.Down && len(g.Wrong) == 0 {
		words = append(words, terminal.Bad("down"))
	}
	n := node{text: strings.Join(words, "  ")}
	for _, t := range g.Translated {
		n.below = append(n.below, node{text: terminal.OneLine(t)})
	}
	for _, w := range g.Wrong {
		n.below = append(n.below, mark(w))
	}
	return n
}

// ports names them; where there are two, the one that carries the traffic comes
// first.
func (g Guest) ports() string {
	var names []string
	for _, p := range g.Ports {
		names = append(names, terminal.OneLine(p.Name))
	}
	if len(names) == 2 {
		return fmt.Sprintf("%s (beside %s)", names[0], names[1])
	}
	return strings.Join(names, " ")
}
