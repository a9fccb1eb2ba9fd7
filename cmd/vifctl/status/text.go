package status

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"vifctl/cmd/vifctl/terminal"
)

// column is one column of the table, with what it is worth: when the terminal is
// too narrow, the one that is worth least goes first.
type column struct {
	title string
	worth int
	right bool
	cells func(NIC) []string
}

func columns() []column {
	one := func(f func(NIC) string) func(NIC) []string { return func(n NIC) []string { return []string{f(n)} } }
	return []column{
		{"GUEST", 10, false, one(func(n NIC) string { return n.label() })},
		{"PORT", 9, false, func(n NIC) []string { return n.ports() }},
		{"MODE", 6, false, one(func(n NIC) string { return dash(n.Mode) })},
		{"AT", 5, false, one(func(n NIC) string { return dash(n.at()) })},
		{"ADDRESS", 8, false, func(n NIC) []string { return orDash(n.Addresses) }},
		{"PUBLIC", 4, false, func(n NIC) []string { return n.Public }},
		{"STATE", 10, false, one(func(n NIC) string { return n.State })},
		{"RECEIVED", 3, true, one(func(n NIC) string { return Size(n.Received.Bytes) })},
		{"PKTS", 1, true, one(func(n NIC) string { return Number(n.Received.Packets) })},
		{"SENT", 3, true, one(func(n NIC) string { return Size(n.Sent.Bytes) })},
		{"PKTS", 1, true, one(func(n NIC) string { return Number(n.Sent.Packets) })},
		{"SPOOFED", 6, true, one(func(n NIC) string { return n.dropped() })},
		{"DRIFT", 7, false, one(func(n NIC) string { return n.drift() })},
	}
}

// label is the guest, and the number of its NIC where it is not the only kind
// there can be.
func (n NIC) label() string {
	name := terminal.OneLine(n.Guest)
	if name == "" {
		name = fmt.Sprintf("(domain %d)", n.Domid)
	}
	if n.Devid > 0 {
		name += fmt.Sprintf(" #%d", n.Devid)
	}
	return name
}

func (n NIC) at() string {
	if n.Bridge != "" {
		return n.Bridge
	}
	return n.Uplink
}

// ports name the interfaces, the one that carries the traffic marked where there
// are two.
func (n NIC) ports() []string {
	var names []string
	for _, p := range n.Ports {
		name := p.Name
		if p.Carries && len(n.Ports) > 1 {
			name += " *"
		}
		names = append(names, name)
	}
	return orDash(names)
}

// dropped is how many packets of the guest's antispoofing has dropped, "" where
// no rule checks it.
func (n NIC) dropped() string {
	if n.Dropped == nil {
		return ""
	}
	return Number(*n.Dropped)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func orDash(list []string) []string {
	if len(list) == 0 {
		return []string{"-"}
	}
	return list
}

// Write prints the table for a person. width is the terminal's, 0 where there is
// none: then nothing is left out.
func (r Report) Write(out io.Writer, width int) error {
	var b strings.Builder
	shown := r.fitting(width)
	widths := r.widths(shown)
	line := func(cells []string, dress func(title, cell string) string) {
		var words []string
		for i, c := range shown {
			words = append(words, pad(dress(c.title, cells[i]), widths[i]-utf8.RuneCountInString(cells[i]), c.right))
		}
		b.WriteString(strings.TrimRight(strings.Join(words, "  "), " ") + "\n")
	}
	if len(r.NICs) == 0 {
		b.WriteString("no guest has a network interface here\n")
	} else {
		titles := make([]string, len(shown))
		for i, c := range shown {
			titles[i] = c.title
		}
		line(titles, func(_, title string) string { return terminal.Faint(title) })
	}
	marked := false
	for _, n := range r.NICs {
		marked = marked || len(n.Ports) > 1
		for _, cells := range rows(n, shown) {
			line(cells, dress)
		}
	}
	r.footer(&b, marked, shown)
	_, err := io.WriteString(out, b.String())
	return err
}

// rows are the lines of a NIC: as many as it has addresses, or ports.
func rows(n NIC, shown []column) (all [][]string) {
	most := 1
	cells := make([][]string, len(shown))
	for i, c := range shown {
		cells[i] = c.cells(n)
		most = max(most, len(cells[i]))
	}
	for k := range most {
		row := make([]string, len(shown))
		for i := range shown {
			if k < len(cells[i]) {
				row[i] = cells[i][k]
			}
		}
		all = append(all, row)
	}
	return all
}

// dress colours a cell by the column it is in.
func dress(title, cell string) string {
	switch {
	case title == "STATE" && cell == "up":
		return terminal.Good(cell)
	case title == "STATE" && cell != "", title == "DRIFT" && cell != "" && cell != "unknown":
		return terminal.Bad(cell)
	case title == "DRIFT", title == "SPOOFED" && cell != "" && cell != "0":
		return terminal.Warn(cell)
	case title == "GUEST":
		return terminal.Bold(cell)
	case title == "PORT" && strings.HasSuffix(cell, " *"):
		return terminal.Bold(cell)
	}
	return cell
}

// fitting are the columns that there is room for.
func (r Report) fitting(width int) []column {
	shown := columns()
	// A column that is empty on every line is none.
	shown = slices.DeleteFunc(shown, func(c column) bool {
		return slices.Contains([]string{"PUBLIC", "SPOOFED", "DRIFT"}, c.title) && !slices.ContainsFunc(r.NICs, func(n NIC) bool {
			return strings.Join(c.cells(n), "") != ""
		})
	})
	for width > 0 {
		total := 2 * (len(shown) - 1)
		for _, w := range r.widths(shown) {
			total += w
		}
		if total <= width || len(shown) <= 3 {
			break
		}
		least := slices.MinFunc(shown, func(a, b column) int { return a.worth - b.worth })
		shown = slices.DeleteFunc(shown, func(c column) bool { return c.worth == least.worth })
	}
	return shown
}

func (r Report) widths(shown []column) []int {
	widths := make([]int, len(shown))
	for i, c := range shown {
		widths[i] = utf8.RuneCountInString(c.title)
		for _, n := range r.NICs {
			for _, cell := range c.cells(n) {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	return widths
}

// pad puts spaces behind a cell, or, where it stands at the right, before it.
func pad(s string, spaces int, right bool) string {
	space := strings.Repeat(" ", max(0, spaces))
	if right {
		return space + s
	}
	return s + space
}

// footer says what the table's words mean, and what is not about one line.
func (r Report) footer(b *strings.Builder, marked bool, shown []column) {
	var notes []string
	if marked {
		notes = append(notes, "* carries the traffic")
	}
	if slices.ContainsFunc(shown, func(c column) bool { return c.title == "SENT" }) && len(r.NICs) > 0 {
		notes = append(notes, "received and sent: by the guest")
	}
	if slices.ContainsFunc(shown, func(c column) bool { return c.title == "SPOOFED" }) {
		notes = append(notes, "spoofed: packets of the guest that antispoofing dropped")
	}
	if len(notes) > 0 {
		fmt.Fprintln(b, terminal.Faint(strings.Join(notes, "; ")))
	}
	var drops []string
	for _, reason := range slices.Sorted(maps.Keys(r.Drops)) {
		if n := r.Drops[reason]; n > 0 {
			drops = append(drops, fmt.Sprintf("%s %s", Number(n), strings.ReplaceAll(reason, "_", " ")))
		}
	}
	if len(drops) > 0 {
		fmt.Fprintln(b, terminal.Warn("dropped by antispoofing, whoever sent it: "+strings.Join(drops, ", ")))
	}
	for _, p := range r.Problems {
		fmt.Fprintln(b, terminal.Bad("this may not be all: "+strings.Join(strings.Fields(p), " ")))
	}
	for _, n := range r.NICs {
		if n.drift() != "" && n.drift() != "unknown" {
			fmt.Fprintln(b, terminal.Faint("things to repair: `vifctl plan PORT` lists them, `vifctl doctor` says what they do to the guest, `vifctl repair` puts them right"))
			break
		}
	}
}

// Size writes bytes for a person: 999B, 1.2kB, 34MB.
func Size(n uint64) string { return short(n, "B") }

// Number writes a count for a person: 999, 1.2k, 34M.
func Number(n uint64) string { return short(n, "") }

func short(n uint64, unit string) string {
	if n < 1000 {
		return fmt.Sprintf("%d%s", n, unit)
	}
	v := float64(n)
	for _, prefix := range []string{"k", "M", "G", "T", "P"} {
		if v /= 1000; v < 999.5 || prefix == "P" {
			if v < 9.95 {
				return fmt.Sprintf("%.1f%s%s", v, prefix, unit)
			}
			return fmt.Sprintf("%.0f%s%s", v, prefix, unit)
		}
	}
	return ""
}
