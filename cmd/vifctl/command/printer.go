package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"vifctl/cmd/vifctl/terminal"
)

// Printer is what a command says by: facts to standard output, for people or for
// programs, and what goes wrong to standard error. Nothing that guests or files say
// does anything to a terminal. After a write to standard output has failed nothing
// more is written, and the command fails.
type Printer struct {
	// Errors is standard error.
	Errors *terminal.Writer
	// out is for people, raw is the same output as it is.
	out *terminal.Writer
	raw io.Writer
	err error
}

func newPrinter(p Program) *Printer {
	return &Printer{
		Errors: terminal.NewWriter(p.Stderr, false),
		out:    terminal.NewWriter(p.Stdout, terminal.Colours(p.Stdout, p.Getenv)),
		raw:    p.Stdout,
	}
}

// Paper is a printer whose text for people goes to out, uncoloured.
func Paper(out io.Writer) *Printer {
	return &Printer{Errors: terminal.NewWriter(io.Discard, false), out: terminal.NewWriter(out, false), raw: out}
}

// Write lets a function write to people.
func (p *Printer) Write(text func(io.Writer) error) {
	if p.err == nil {
		p.err = text(p.out)
	}
}

// Line writes one line to people.
func (p *Printer) Line(format string, args ...any) {
	line := oneLine(fmt.Sprintf(format, args...))
	p.Write(func(out io.Writer) error { _, err := fmt.Fprintln(out, line); return err })
}

// Text writes lines to people.
func (p *Printer) Text(lines string) {
	p.Write(func(out io.Writer) error { _, err := io.WriteString(out, lines); return err })
}

// Err is why standard output cannot be written to, nil while it can.
func (p *Printer) Err() error {
	if p.err == nil {
		return nil
	}
	return Failed // the reader has gone
}

// oneLine makes one line of joined errors, and of a name with a line's end in it.
func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "; ") }

// Columns writes rows to people, with each column but the last as wide as what is
// in it. A cell that is wider than widest makes no column wider.
func (p *Printer) Columns(indent string, widest int, rows ...[]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if n := utf8.RuneCountInString(cell); n <= widest {
				widths[i] = max(widths[i], n)
			}
		}
	}
	for _, row := range rows {
		line := indent
		for i, cell := range row {
			if i == len(row)-1 {
				line += cell
			} else {
				line += fmt.Sprintf("%-*s  ", widths[i], cell)
			}
		}
		p.Line("%s", line)
	}
}

// Width is how many columns the terminal has, 0 for what is none.
func (p *Printer) Width() int { return p.out.Width() }

// Clear takes all off the terminal; what is none is left alone.
func (p *Printer) Clear() { p.out.Clear() }

// Raw writes text for programs as it is: a script, a picture, a schema.
func (p *Printer) Raw(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.raw, text)
	}
}

// Value writes one value and the end of a line: as it is for programs, and so that
// it does no harm to a terminal.
func (p *Printer) Value(value string) {
	if p.out.Is() {
		p.Line("%s", value)
		return
	}
	p.Raw(value + "\n")
}

// JSON writes a document for programs.
func (p *Printer) JSON(document any) {
	if p.err != nil {
		return
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	if p.err = enc.Encode(document); p.err == nil {
		p.Raw(printable(text.String()))
	}
}

// printable escapes what of a JSON document would do something to a terminal:
// encoding/json leaves much of it, and it can only be inside a string.
func printable(document string) string {
	harmless := func(r rune) bool { return r == '\n' || strconv.IsPrint(r) }
	if !strings.ContainsFunc(document, func(r rune) bool { return !harmless(r) }) {
		return document
	}
	var b strings.Builder
	for _, r := range document {
		if harmless(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// complain tells an error behind a name, unless all has been told, and returns the
// exit code that it stands for.
func (p *Printer) complain(name string, err error) Code {
	code, tell := codeOf(err)
	if tell {
		fmt.Fprintf(p.Errors, "%s: %s\n", name, oneLine(err.Error()))
	}
	return code
}
