package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// helpCommand prints the help of all commands, of one, or the manual page.
func helpCommand(ctx context.Context, inv invocation) int {
	words := slices.DeleteFunc(slices.Clone(inv.Args), isHelp)
	if len(words) == 1 && words[0] == "--man" {
		return written(inv, manPage())
	}
	if len(words) > 0 {
		for _, c := range commands() {
			if c.name == words[0] {
				return written(inv, c.help())
			}
		}
	}
	if len(words) > 0 && inv.Name == "vifctl" && !slices.ContainsFunc(inv.Args, isHelp) {
		inv.complain("there is no command %q%s; `vifctl help` lists them", words[0], suggestion(words[0], commands()))
		return usage
	}
	return generalHelp(ctx, inv)
}

func written(inv invocation, text string) int {
	if _, err := io.WriteString(inv.Stdout, text); err != nil {
		return failed
	}
	return done
}

// help is all there is to say of a command.
func (c command) help() string {
	var b strings.Builder
	m := manualOf(c.name)
	fmt.Fprintf(&b, "vifctl %s\n  %s\n", strings.TrimSpace(c.name+" "+c.args), c.about)
	if m.detail != "" {
		b.WriteString("\n")
		for _, line := range fold(m.detail, 78) {
			b.WriteString("  " + line + "\n")
		}
	}
	width := 0
	for _, o := range m.options {
		width = max(width, len(o.usage()))
	}
	for i, o := range m.options {
		if i == 0 {
			b.WriteString("\noptions\n")
		}
		fmt.Fprintf(&b, "  %-*s  %s\n", width, o.usage(), o.about)
	}
	for i, e := range m.examples {
		if i == 0 {
			b.WriteString("\nexamples\n")
		}
		if e.about != "" {
			fmt.Fprintf(&b, "  # %s\n", e.about)
		}
		fmt.Fprintf(&b, "  %s\n", e.line)
	}
	return b.String()
}

func (o option) usage() string { return strings.TrimSpace(o.name + " " + o.arg) }

// fold breaks a paragraph into lines of at most width letters.
func fold(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// manPage is vifctl(8), made of the table.
func manPage() string {
	var b strings.Builder
	roff := func(s string) string {
		s = strings.ReplaceAll(s, `\`, `\e`)
		s = strings.ReplaceAll(s, "-", `\-`)
		for _, p := range [][2]string{{"…", "..."}, {"⇄", "="}} {
			s = strings.ReplaceAll(s, p[0], p[1])
		}
		if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
			s = `\&` + s
		}
		return s
	}
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH VIFCTL 8 "" "vifctl %s" "System Administration"`, version)
	line(".SH NAME\nvifctl \\- bring the network interfaces of Xen guests up and down")
	line(".SH SYNOPSIS\n.B vifctl\n.I COMMAND\n[\n.I ARGUMENT\n]...")
	line(".SH DESCRIPTION")
	line("%s", roff("vifctl is what xl runs when a guest's network interface is plugged in: vif-bridge, vif-route, vif-nat and their kin. It is also what an administrator asks when a guest has no network."))
	line(".SH COMMANDS")
	for _, c := range commands() {
		m := manualOf(c.name)
		line(".SS %s", roff(strings.TrimSpace(c.name+" "+c.args)))
		line("%s.", roff(strings.ToUpper(c.about[:1])+c.about[1:]))
		if m.detail != "" {
			line("%s", roff(m.detail))
		}
		for _, o := range m.options {
			line(".TP\n.B %s\n%s", roff(o.usage()), roff(o.about))
		}
		for i, e := range m.examples {
			if i == 0 {
				line(".PP\nExamples:")
			}
			line(".PP\n.RS\n.nf")
			if e.about != "" {
				line("%s", roff("# "+e.about))
			}
			line("%s\n.fi\n.RE", roff(e.line))
		}
	}
	line(".SH EXIT STATUS\n0 done, 1 failed, 2 not understood.")
	line(".SH FILES")
	for _, f := range [][2]string{
		{"/etc/xen/vifctl.toml, /etc/xen/vifctl.d/*.toml", "the configuration; `vifctl config example` explains it"},
		{"/etc/xen/scripts", "the scripts' names, which lead to vifctl"},
		{"/run/vifctl", "what was done for each port"},
	} {
		line(".TP\n.I %s\n%s", roff(f[0]), roff(f[1]))
	}
	line(".SH SEE ALSO\n.BR xl (1),\n.BR xl.cfg (5),\n.BR xl\\-network\\-configuration (5)")
	return b.String()
}
