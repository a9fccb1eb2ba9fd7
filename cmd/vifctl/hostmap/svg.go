package hostmap

import (
	"fmt"
	"html"
	"io"
	"strings"

	"vifctl/cmd/vifctl/terminal"
)

// Sizes of the picture, in pixels. The letters of the fixed font are charWidth
// wide at 13 px, and nameWidth where they are a name.
const (
	margin     = 28
	wayWidth   = 250
	railWidth  = 64 // between a way and its guests, and between columns of them
	guestLeft  = margin + wayWidth + railWidth
	guestWidth = 470
	gap        = 16
	lineHeight = 19
	pad        = 14
	dotWidth   = 20
	charWidth  = 7.9
	nameWidth  = 8.5
)

// columnsOf is in how many columns so many guests stand, for the picture not to
// become a ribbon.
func columnsOf(guests int) int {
	switch {
	case guests <= 12:
		return 1
	case guests <= 60:
		return 2
	}
	return 3
}

// columnLeft is where a column of guests begins.
func columnLeft(column int) int { return guestLeft + column*(guestWidth+railWidth) }

// WriteSVG draws the map as a picture of its own: no script, no font and no file
// from elsewhere, light or dark as the reader's system is.
func (m Map) WriteSVG(out io.Writer) error {
	d := &drawing{}
	columns := 1
	for _, w := range m.Ways {
		columns = max(columns, columnsOf(len(w.Guests)))
	}
	width := columnLeft(columns-1) + guestWidth + margin
	y := margin + 46
	for _, f := range m.Wrong {
		for _, part := range terminal.Fold(strings.Fields(f.Said), " ", letters(width-2*margin, charWidth)) {
			d.text(margin, y, f.class(), part)
			y += lineHeight
		}
	}
	if len(m.Wrong) > 0 {
		y += gap
	}
	for _, w := range m.Ways {
		y = d.way(w, y) + 2*gap
	}
	if len(m.Ways) == 0 {
		d.text(margin, y, "faint", "no bridge, no uplink, no guest")
		y += lineHeight
	}
	height := y + margin - gap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title id=\"title\">The guest network of %s</title>\n%s", escape(m.Host), style)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text class="host" x="%d" y="%d">%s</text>`+"\n", margin, margin+16, escape(m.Host))
	b.WriteString(d.lines.String())
	b.WriteString(d.boxes.String())
	b.WriteString("</svg>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// style gives both schemes; what is broken is red in both.
const style = `<style>
:root { color-scheme: light dark; background: #f7f9fb }
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2933 }
.page { fill: #f7f9fb }
.host { font-size: 20px; font-weight: 700 }
.name { font-weight: 700; font-size: 14px }
.faint { fill: #66788a }
.box { fill: #ffffff; stroke: #c5d0da; stroke-width: 1.5 }
.way { fill: #e8f0fa; stroke: #6b93c4 }
.broken { fill: #fff0f0; stroke: #d64545; stroke-width: 2 }
.wire { fill: none; stroke: #9fb3c8; stroke-width: 2 }
.cut { stroke: #d64545; stroke-dasharray: 6 5 }
.bad { fill: #c52727 }
.warn { fill: #9a5300 }
.good { fill: #2f9e5b }
.public { fill: #5b3f9e }
@media (prefers-color-scheme: dark) {
  :root { background: #12181f }
  text { fill: #dde5ee }
  .page { fill: #12181f }
  .faint { fill: #8fa3b8 }
  .box { fill: #1b242e; stroke: #3a4a5b }
  .way { fill: #182a40; stroke: #4b78b0 }
  .broken { fill: #331a1d; stroke: #e66a6a }
  .wire { stroke: #4d6176 }
  .cut { stroke: #e66a6a }
  .bad { fill: #ff8a8a }
  .warn { fill: #f2a65a }
  .good { fill: #56c986 }
  .public { fill: #b9a5f0 }
}
</style>
`

// drawing collects wires, which lie below the boxes.
type drawing struct{ lines, boxes strings.Builder }

// escape makes text of a picture of what guests and files say; XML has no control
// characters.
func escape(s string) string { return html.EscapeString(terminal.OneLine(s)) }

func (d *drawing) text(x, y int, class, s string) {
	fmt.Fprintf(&d.boxes, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, escape(s))
}

func (d *drawing) box(x, y, width, height int, class string) {
	fmt.Fprintf(&d.boxes, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="8"/>`+"\n", class, x, y, width, height)
}

// line is one line of a box.
type line struct{ class, text string }

// way draws a way out and the guests that hang on it, and returns where it ends:
// a trunk leads from it to a rail beside each column of guests, and a branch from
// there to each of them.
func (d *drawing) way(w Way, top int) (bottom int) {
	lines := name(w.Name, wayWidth-2*pad)
	if w.Kind != "nowhere" {
		kind := w.Kind
		if w.MTU > 0 {
			kind += fmt.Sprintf(", mtu %d", w.MTU)
		}
		lines = append(lines, line{"faint", kind})
	}
	for _, a := range w.Addresses {
		lines = append(lines, cut("", a, wayWidth)...)
	}
	if len(w.Cards) > 0 {
		lines = append(lines, cut("faint", "with "+strings.Join(w.Cards, ", "), wayWidth)...)
	}
	for _, wrong := range w.Wrong {
		lines = append(lines, cut(wrong.class(), wrong.Said, wayWidth)...)
	}
	if w.Down && len(w.Wrong) == 0 {
		lines = append(lines, line{"bad", "down"})
	}
	class, wire := "box way", "wire"
	if broken(w.Wrong) || w.Down || w.Kind == "nowhere" {
		class, wire = "box broken", "wire cut"
	}
	height := boxHeight(lines)
	d.box(margin, top, wayWidth, height, class)
	d.fill(margin, top, lines)
	bottom = top + height
	if len(w.Guests) == 0 {
		return bottom
	}
	columns := columnsOf(len(w.Guests))
	trunk, first := top+dotAt, top
	if columns > 1 {
		// Over the guests, to reach all columns.
		trunk, first = top+gap/2, top+gap+gap/2
	}
	each := (len(w.Guests) + columns - 1) / columns
	rail := 0
	for column := range columns {
		left := columnLeft(column)
		rail = left - railWidth/2
		y, last := first, trunk
		for _, g := range w.Guests[min(column*each, len(w.Guests)):min((column+1)*each, len(w.Guests))] {
			end := d.guest(g, left, y)
			branch := wire
			if g.broken() {
				branch = "wire cut"
			}
			d.wire(branch, rail, y+dotAt, left, y+dotAt)
			last = y + dotAt
			y = end + gap
		}
		d.wire(wire, rail, trunk, rail, last)
		bottom = max(bottom, y-gap)
	}
	d.wire(wire, margin+wayWidth, trunk, rail, trunk)
	return bottom
}

func (d *drawing) wire(class string, x1, y1, x2, y2 int) {
	if x1 != x2 || y1 != y2 {
		fmt.Fprintf(&d.lines, `<path class="%s" d="M%d %d L%d %d"/>`+"\n", class, x1, y1, x2, y2)
	}
}

// dotAt is how far below the top of a guest's box its dot is, and its branch.
const dotAt = pad + 6

func (g Guest) broken() bool { return broken(g.Wrong) || g.Down }

// class is how a fault is written.
func (f Fault) class() string {
	if f.Mild {
		return "warn"
	}
	return "bad"
}

func (d *drawing) guest(g Guest, left, top int) (bottom int) {
	dot, class := "good", "box"
	switch {
	case g.broken():
		dot, class = "bad", "box broken"
	case len(g.Wrong) > 0:
		dot = "warn"
	}
	names := name(g.Name, guestWidth-2*pad-dotWidth)
	lines := []line{{"faint", strings.TrimPrefix(g.Mode+" · "+g.ports(), " · ")}}
	if len(g.Addresses) > 0 {
		lines = append(lines, cut("", strings.Join(g.Addresses, ", "), guestWidth)...)
	}
	for _, t := range g.Translated {
		lines = append(lines, cut("public", t, guestWidth)...)
	}
	for _, w := range g.Wrong {
		lines = append(lines, cut(w.class(), w.Said, guestWidth)...)
	}
	if g.Down && len(g.Wrong) == 0 {
		lines = append(lines, line{"bad", "down"})
	}
	height := boxHeight(append(names, lines...))
	d.box(left, top, guestWidth, height, class)
	fmt.Fprintf(&d.boxes, `<circle class="%s" cx="%d" cy="%d" r="5"/>`+"\n", dot, left+dotAt, top+dotAt)
	d.fill(left+dotWidth, top, names)
	d.fill(left, top+len(names)*lineHeight, lines)
	return top + height
}

func (d *drawing) fill(x, y int, lines []line) {
	for i, l := range lines {
		d.text(x+pad, y+pad+11+i*lineHeight, l.class, l.text)
	}
}

func boxHeight(lines []line) int { return 2*pad + len(lines)*lineHeight - 4 }

// name makes lines of a name.
func name(text string, width int) (lines []line) {
	for _, part := range terminal.Fold(strings.Fields(text), " ", letters(width, nameWidth)) {
		lines = append(lines, line{"name", part})
	}
	return lines
}

// cut makes lines of a text that fit into a box.
func cut(class, text string, width int) (lines []line) {
	for _, part := range terminal.Fold(strings.Fields(text), " ", letters(width-2*pad, charWidth)) {
		lines = append(lines, line{class, part})
	}
	return lines
}

// letters is how many of a width fit into another.
func letters(width int, each float64) int { return int(float64(width) / each) }
