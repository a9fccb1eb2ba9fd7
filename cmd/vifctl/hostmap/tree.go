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
func (m Map) WriteTree(out io.Writer, paint terminal.Paint) error {
	root := node{text: paint.Bold(plain(m.Host))}
	for _, w := range m.Wrong {
		root.below = append(root.below, mark(paint, w))
	}
	for _, w := range m.Ways {
		root.below = append(root.below, w.node(paint))
	}
	if len(m.Ways) == 0 {
		root.below = append(root.below, node{text: "no bridge, no uplink, no guest"})
	}
	var b strings.Builder
	b.WriteString(root.text + "\n")
	root.branches(&b, paint, "")
	_, err := io.WriteString(out, b.String())
	return err
}

func (n node) branches(b *strings.Builder, paint terminal.Paint, indent string) {
	for i, child := range n.below {
		branch, deeper := "├─ ", "│  "
		if i == len(n.below)-1 {
			branch, deeper = "└─ ", "   "
		}
		b.WriteString(paint.Faint(indent+branch) + child.text + "\n")
		child.branches(b, paint, indent+deeper)
	}
}

func mark(paint terminal.Paint, wrong Fault) node {
	if wrong.Mild {
		return node{text: paint.Warn("! " + plain(wrong.Said))}
	}
	return node{text: paint.Bad("✗ " + plain(wrong.Said))}
}

func (w Way) node(paint terminal.Paint) node {
	name := paint.Bold(plain(w.Name))
	if w.Down || broken(w.Wrong) {
		name = paint.Bad(plain(w.Name))
	}
	words := []string{name}
	if w.Kind != "nowhere" {
		words = append(words, paint.Faint(w.Kind))
	}
	words = append(words, w.Addresses...)
	if len(w.Cards) > 0 {
		words = append(words, paint.Faint("with ")+strings.Join(w.Cards, ", "))
	}
	n := node{text: strings.Join(words, "  ")}
	for _, wrong := range w.Wrong {
		n.below = append(n.below, mark(paint, wrong))
	}
	for _, g := range w.Guests {
		n.below = append(n.below, g.node(paint))
	}
	return n
}

func (g Guest) node(paint terminal.Paint) node {
	dot := paint.Good("●")
	switch {
	case g.Down:
		dot = paint.Bad("○")
	case broken(g.Wrong):
		dot = paint.Bad("●")
	case len(g.Wrong) > 0:
		dot = paint.Warn("●")
	}
	words := []string{dot + " " + paint.Bold(plain(g.Name)), paint.Faint(g.Mode), g.ports()}
	words = append(words, g.Addresses...)
	if g.Down && len(g.Wrong) == 0 {
		words = append(words, paint.Bad("down"))
	}
	n := node{text: strings.Join(words, "  ")}
	for _, t := range g.Translated {
		n.below = append(n.below, node{text: plain(t)})
	}
	for _, w := range g.Wrong {
		n.below = append(n.below, mark(paint, w))
	}
	return n
}

// ports names them; where there are two, the one that carries the traffic comes
// first.
func (g Guest) ports() string {
	var names []string
	for _, p := range g.Ports {
		names = append(names, plain(p.Name))
	}
	if len(names) == 2 {
		return fmt.Sprintf("%s (beside %s)", names[0], names[1])
	}
	return strings.Join(names, " ")
}

// plain keeps names from doing something to a terminal or a picture.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
