package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vifctl/tests/dom0"
)

// report tells a person what was done and what was found. Every line of it is something that happened or was measured.
type report struct {
	out   io.Writer
	quiet bool
	color bool
	// numbered: there are several scenes.
	numbered bool
	// noted: the last line was a note, which the next call belongs to.
	noted bool

	scenes, checks, failed int
}

// deed is one call of a hotplug script, after it was made.
type deed struct {
	// call is the script with its arguments, of what it is about and the settings that count.
	call, of string
	// steps are the commands that come to the same: what a dry run printed just before.
	steps []string
	// said is what the script wrote, a line each.
	said []string
	took time.Duration
}

// check is one thing that was looked at.
type check struct {
	// what should be so, and what was found, such as a time.
	what, found string
	// err says why it is not so.
	err error
}

func newReport(out io.Writer, o orders) *report {
	return &report{out: out, quiet: o.Quiet, color: o.Color, numbered: len(o.Scenes) > 1}
}

// Paint, as a terminal understands it.
const (
	bold  = "1"
	faint = "2"
	green = "32"
	red   = "1;31"
)

func (r *report) paint(how, text string) string {
	if !r.color || text == "" {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

func (r *report) line(format string, args ...any) {
	fmt.Fprintf(r.out, format+"\n", args...)
	r.noted = false
}

// column is where the measured values stand.
const column = 69

// upTo fills a text, which is indented, up to the column.
func upTo(indent int, text string) string { return fmt.Sprintf("%-*s", column-indent, text) }

// milliseconds is how times are written all over the report.
func milliseconds(ms float64) string { return fmt.Sprintf("%6.2f ms", ms) }

// scene begins a scene.
func (r *report) scene(s scene) {
	r.scenes++
	if !r.quiet {
		r.line("\n%s", r.paint(bold, r.heading(s)+s.about))
	}
}

func (r *report) heading(s scene) string {
	if !r.numbered {
		return s.name + ": "
	}
	return fmt.Sprintf("%d  %s: ", r.scenes, s.name)
}

// notHere says, also in a report that is quiet, that a scene is not played for want of something on this machine.
func (r *report) notHere(s scene, why error) {
	r.scenes++
	r.line("\n%s", r.paint(bold, fmt.Sprintf("%snot here: %v", r.heading(s), why)))
}

// note says something that was done beside the calls; an empty one leaves a line empty.
func (r *report) note(format string, args ...any) {
	if !r.quiet {
		r.line("%s", strings.TrimRight("   "+fmt.Sprintf(format, args...), " "))
		r.noted = true
	}
}

// steps lists commands.
func (r *report) steps(commands ...string) {
	if r.quiet {
		return
	}
	for _, c := range commands {
		r.line("%s", strings.TrimRight("      "+r.paint(faint, c), " "))
	}
}

// deed reports a call.
func (r *report) deed(d deed) {
	if r.quiet {
		return
	}
	took := milliseconds(float64(d.took) / float64(time.Millisecond))
	if !r.noted {
		r.line("")
	}
	r.line("   %s %s", r.paint(bold, upTo(3, d.call)), took)
	r.line("      %s", d.of)
	r.steps(d.steps...)
	for _, line := range d.said {
		r.line("      it said: %s", line)
	}
}

// check reports a check and counts it.
func (r *report) check(c check) {
	r.checks++
	if c.err == nil {
		r.line("   %s   %s", r.paint(green, "ok"), strings.TrimRight(upTo(8, c.what)+" "+c.found, " "))
		return
	}
	r.failed++
	r.line("   %s %s: %s", r.paint(red, "FAIL"), c.what, strings.ReplaceAll(c.err.Error(), "\n", "; "))
}

// stopped reports a scene that could not go on.
func (r *report) stopped(err error) {
	if err != nil {
		r.check(check{what: "the scene goes to its end", err: err})
	}
}

// opening tells where we are.
func (r *report) opening(o orders) {
	who := "root"
	if o.User {
		who = "an ordinary user"
	}
	if !r.quiet {
		r.line("A pretend dom0 in namespaces of its own, made as %s.", who)
		r.line("Below each call stand its steps, from its --dry-run; the firewall's in words.")
	}
	if !dom0.HasIPv6() {
		r.note("This kernel has no IPv6: what would be tried with it is left out.")
	}
}

// summary ends the report, and says whether all is well.
func (r *report) summary(o orders) bool {
	if r.failed > 0 {
		r.line("\n%s", r.paint(red, fmt.Sprintf("%d of %d checks failed.", r.failed, r.checks)))
		return false
	}
	r.line("\n%s", r.paint(green, fmt.Sprintf("All %d checks are well.", r.checks)))
	if !r.numbered && !r.quiet && !o.Keep {
		r.line("More: vifctl-lab --keep (a shell in this dom0), vifctl-lab --all (every mode).")
	}
	return true
}
