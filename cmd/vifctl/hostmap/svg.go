package hostmap

import (
	"fmt"
	"html"
	"io"
	"strings"
	"unicode/utf8"
)

// Sizes of the picture, in pixels. The letters of the fixed font are charWidth
// wide at 13 px.
const (
	margin     = 28
	wayWidth   = 250
	guestLeft  = margin + wayWidth + 90
	guestWidth = 470
	gap        = 16
	lineHeight = 19
	pad        = 14
	charWidth  = 7.9
)

// WriteSVG draws the map as a picture of its own: no script, no font and no file
// from elsewhere, light or dark as the reader's system is.
func (m Map) WriteSVG(out io.Writer) error {
	d := &drawing{}
	y := margin + 46
	for _, line := range m.Wrong {
		for _, part := range wrap(line, letters(guestLeft+guestWidth-2*margin)) {
			d.text(margin, y, "bad", part)
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
	height, width := y+margin-gap, guestLeft+guestWidth+margin
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
:root { color-scheme: light dark }
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
.good { fill: #2f9e5b }
.public { fill: #8a5a00 }
@media (prefers-color-scheme: dark) {
  text { fill: #dde5ee }
  .page { fill: #12181f }
  .faint { fill: #8fa3b8 }
  .box { fill: #1b242e; stroke: #3a4a5b }
  .way { fill: #182a40; stroke: #4b78b0 }
  .broken { fill: #331a1d; stroke: #e66a6a }
  .wire { stroke: #4d6176 }
  .cut { stroke: #e66a6a }
  .bad { fill: #ff8a8a }
  .good { fill: #56c986 }
  .public { fill: #e3b557 }
}
</style>
`

// drawing collects wires, which lie below the boxes.
type drawing struct{ lines, boxes strings.Builder }

func escape(s string) string { return html.EscapeString(plain(s)) }

func (d *drawing) text(x, y int, class, s string) {
	fmt.Fprintf(&d.boxes, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, escape(s))
}

func (d *drawing) box(x, y, width, height int, class string) {
	fmt.Fprintf(&d.boxes, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="8"/>`+"\n", class, x, y, width, height)
}

// line is one line of a box.
type line struct{ class, text string }

// way draws a way out and the guests that hang on it, and returns where it ends.
func (d *drawing) way(w Way, top int) (bottom int) {
	var lines []line
	lines = append(lines, line{"name", w.Name})
	if w.Kind != "nowhere" {
		kind := w.Kind
		if w.MTU > 0 {
			kind += fmt.Sprintf(", mtu %d", w.MTU)
		}
		lines = append(lines, line{"faint", kind})
	}
	for _, a := range w.Addresses {
		lines = append(lines, line{"", a})
	}
	if len(w.Cards) > 0 {
		lines = append(lines, cut("faint", "with "+strings.Join(w.Cards, ", "), wayWidth)...)
	}
	for _, wrong := range w.Wrong {
		lines = append(lines, cut("bad", wrong, wayWidth)...)
	}
	height := boxHeight(lines)
	y := top
	var middles []int
	var broken []bool
	for _, g := range w.Guests {
		end := d.guest(g, y)
		middles, broken = append(middles, (y+end)/2), append(broken, len(g.Wrong) > 0 || g.Down)
		y = end + gap
	}
	bottom = max(top+height, y-gap)
	wayTop := top
	if len(middles) > 0 {
		// Beside the middle of its guests.
		wayTop = max(top, (middles[0]+middles[len(middles)-1])/2-height/2)
	}
	class := "box way"
	if len(w.Wrong) > 0 || w.Down || w.Kind == "nowhere" {
		class = "box broken"
	}
	d.box(margin, wayTop, wayWidth, height, class)
	d.fill(margin, wayTop, lines)
	from := wayTop + height/2
	for i, to := range middles {
		wire := "wire"
		if broken[i] || class == "box broken" {
			wire = "wire cut"
		}
		x1, x2 := margin+wayWidth, guestLeft
		fmt.Fprintf(&d.lines, `<path class="%s" d="M%d %d C%d %d %d %d %d %d"/>`+"\n", wire, x1, from, x1+45, from, x2-45, to, x2, to)
	}
	return max(bottom, wayTop+height)
}

func (d *drawing) guest(g Guest, top int) (bottom int) {
	dot := "good"
	class := "box"
	if len(g.Wrong) > 0 || g.Down {
		dot, class = "bad", "box broken"
	}
	lines := []line{{"name", g.Name}, {"faint", g.Mode + " · " + g.ports()}}
	if len(g.Addresses) > 0 {
		lines = append(lines, cut("", strings.Join(g.Addresses, ", "), guestWidth)...)
	}
	for _, t := range g.Translated {
		lines = append(lines, cut("public", t, guestWidth)...)
	}
	for _, w := range g.Wrong {
		lines = append(lines, cut("bad", w, guestWidth)...)
	}
	height := boxHeight(lines)
	d.box(guestLeft, top, guestWidth, height, class)
	fmt.Fprintf(&d.boxes, `<circle class="%s" cx="%d" cy="%d" r="5"/>`+"\n", dot, guestLeft+pad+6, top+pad+6)
	d.text(guestLeft+pad+20, top+pad+11, "name", g.Name)
	d.fill(guestLeft, top+lineHeight, lines[1:])
	return top + height
}

func (d *drawing) fill(x, y int, lines []line) {
	for i, l := range lines {
		d.text(x+pad, y+pad+11+i*lineHeight, l.class, l.text)
	}
}

func boxHeight(lines []line) int { return 2*pad + len(lines)*lineHeight - 4 }

// cut makes lines of a text that fit into a box.
func cut(class, text string, width int) (lines []line) {
	for _, part := range wrap(text, letters(width-2*pad)) {
		lines = append(lines, line{class, part})
	}
	return lines
}

// wrap breaks a text between words into lines of at most width letters.
func wrap(text string, width int) (lines []string) {
	current := ""
	for _, word := range strings.Fields(text) {
		if current != "" && utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width {
			lines, current = append(lines, current), ""
		}
		if current != "" {
			current += " "
		}
		current += word
	}
	return append(lines, current)
}

// letters is how many of them fit into a width.
func letters(width int) int { return int(float64(width) / charWidth) }
