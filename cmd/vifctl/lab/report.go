package lab

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Report tells a person what was done and what was found. Every line of it is something that happened or was measured.
type Report struct {
	out   io.Writer
	quiet bool
	color bool
	began time.Time

	scenes, checks, failed int
}

// Deed is one call of a hotplug script, after it was made.
type Deed struct {
	// Call is the script with its arguments, For what it is about and the settings that count. A Remark is what there
	// is to say beside.
	Call, For, Remark string
	// Steps are the commands that come to the same: what a dry run printed just before.
	Steps []string
	// Said is what the script wrote, a line each.
	Said []string
	Took time.Duration
}

// Check is one thing that was looked at.
type Check struct {
	// What should be so, and what was Found, such as a time.
	What, Found string
	// Err says why it is not so.
	Err error
}

func newReport(out io.Writer, o orders) *Report {
	return &Report{out: out, quiet: o.Quiet, color: o.Color, began: time.Now()}
}

// Paint, as a terminal understands it.
const (
	bold  = "1"
	faint = "2"
	green = "32"
	red   = "1;31"
)

func (r *Report) paint(how, text string) string {
	if !r.color || text == "" {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

func (r *Report) line(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// column is where the measured values stand, counted from the end of a line's mark.
const column = 70

// right puts a value at the end of a line that says what it belongs to.
func right(what, value string) string {
	if value == "" {
		return what
	}
	return fmt.Sprintf("%-*s  %s", column, what, value)
}

// milliseconds is how times are written all over the report.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%6.2f ms", d.Seconds()*1000) }

// Scene begins a scene.
func (r *Report) Scene(name, about string) {
	r.scenes++
	if !r.quiet {
		r.line("\n%s", r.paint(bold, fmt.Sprintf("%d  %s: %s", r.scenes, name, about)))
	}
}

// NotHere says, also in a report that is quiet, that a scene is not played for want of something on this machine.
func (r *Report) NotHere(name string, why error) {
	r.scenes++
	r.line("\n%s", r.paint(bold, fmt.Sprintf("%d  %s: not here: %v", r.scenes, name, why)))
}

// Note says something that was done beside the calls.
func (r *Report) Note(format string, args ...any) {
	if !r.quiet {
		r.line("   %s", fmt.Sprintf(format, args...))
	}
}

// Steps lists commands.
func (r *Report) Steps(commands ...string) {
	if r.quiet {
		return
	}
	for _, c := range commands {
		r.line("%s", strings.TrimRight("      "+r.paint(faint, c), " "))
	}
}

// Gap leaves a line empty.
func (r *Report) Gap() {
	if !r.quiet {
		r.line("")
	}
}

// Deed reports a call.
func (r *Report) Deed(d Deed) {
	if r.quiet {
		return
	}
	r.line("\n   %s  %s", r.paint(bold, fmt.Sprintf("%-*s", column+5, d.Call)), milliseconds(d.Took))
	r.line("      %s", d.For)
	if d.Remark != "" {
		r.line("      %s", d.Remark)
	}
	r.Steps(d.Steps...)
	for _, line := range d.Said {
		r.line("      it said: %s", line)
	}
}

// Check reports a check and counts it.
func (r *Report) Check(c Check) {
	r.checks++
	if c.Err == nil {
		r.line("   %s   %s", r.paint(green, "ok"), right(c.What, c.Found))
		return
	}
	r.failed++
	r.line("   %s %s: %s", r.paint(red, "FAIL"), c.What, strings.ReplaceAll(c.Err.Error(), "\n", "; "))
}

// stopped reports a scene that could not go on.
func (r *Report) stopped(err error) {
	if err != nil {
		r.Check(Check{What: "the scene goes to its end", Err: err})
	}
}

// summary ends the report, and says whether all is well.
func (r *Report) summary() bool {
	took := time.Since(r.began).Round(10 * time.Millisecond)
	if r.failed > 0 {
		r.line("\n%s", r.paint(red, fmt.Sprintf("%d of %d checks failed, in %s.", r.failed, r.checks, took)))
		return false
	}
	r.line("\n%s", r.paint(green, fmt.Sprintf("All %d checks are well, in %s.", r.checks, took)))
	return true
}

// opening tells where we are.
func (r *Report) opening(d *Dom0, user bool) {
	who := "root"
	if user {
		who = "an ordinary user, in a user namespace"
	}
	r.Note("A pretend dom0 and its guests, in network namespaces of their own, made as %s.", who)
	r.Note("Below each call are the commands it comes to, from its --dry-run.")
	r.Gap()
	r.Note("client eth0 %s  ──  eth0 %s dom0", addressesOf(clientUplink), addressesOf(dom0Uplink))
	if !hasIPv6() {
		r.Note("This kernel has no IPv6: what would be tried with it is left out.")
	}
	if err := d.tapTrouble(); err != nil {
		r.Note("No taps here (%v): emulated NICs are veths.", err)
	}
}
