package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"vifctl/tests/bench/figures"
)

// A row is what is measured, and of whom. The programs that calibrate have no command.
type row struct {
	mode, command string
	size          int
	who           string
}

// A rush is what came of calls at once.
type rush struct {
	took            []time.Duration
	calls, failures int
}

// A report is all that was measured.
type report struct {
	scope   scope
	store   string
	samples map[row]*sample
	rushes  map[row]*rush
	// failures are vifctl's own.
	failures []error
}

func newReport(s scope) *report {
	return &report{scope: s, samples: map[row]*sample{}, rushes: map[row]*rush{}}
}

func (r *report) add(k row, t timing) {
	if r.samples[k] == nil {
		r.samples[k] = &sample{}
	}
	r.samples[k].add(t)
}

func (r *report) addCrowd(k row, took time.Duration, failures []error) {
	if r.rushes[k] == nil {
		r.rushes[k] = &rush{}
	}
	rush := r.rushes[k]
	rush.took = append(rush.took, took)
	rush.calls, rush.failures = rush.calls+crowd, rush.failures+len(failures)
	if k.who == vifctl {
		r.failures = append(r.failures, failures...)
	}
}

// failure is what makes the benchmark fail.
func (r *report) failure() error { return errors.Join(r.failures...) }

// lines are the modes' commands in the order of the table.
func (r *report) lines() []row {
	var all []row
	for _, m := range modes {
		for _, command := range []string{"online", "offline"} {
			for _, size := range r.scope.sizes {
				all = append(all, row{mode: m.name, command: command, size: size})
			}
		}
	}
	return all
}

// of is the sample that who gave for k; never nil.
func (r *report) of(k row, who string) *sample {
	k.who = who
	if who == empty || who == prototype {
		k.command = ""
	}
	if s := r.samples[k]; s != nil {
		return s
	}
	return &sample{}
}

func (r *report) print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "\n%s\n\n", r.machine())
	fmt.Fprintf(t, "ms\tports\tvifctl\tp90\tmin\tCPU\t%s\tp90\tmin\tCPU\tvifctl/empty\t%s/vifctl\t\n", debian, debian)
	for _, k := range r.lines() {
		mine, theirs := r.of(k, vifctl), r.of(k, debian)
		fmt.Fprintf(t, "%s %s\t%d\t%s\t%s\t%.1f\t%.1f\t\n", k.mode, k.command, k.size, mine, theirs,
			ratio(mine, r.of(k, empty)), ratio(theirs, mine))
	}
	for _, who := range []string{empty, prototype} {
		for _, m := range modes {
			for _, size := range r.scope.sizes {
				k := row{mode: m.name, size: size}
				s := r.of(k, who)
				fmt.Fprintf(t, "%s (%s)\t%d\t%s\t\t\t\t\t%.1f\t\t\n", who, m.name, k.size, s, ratio(s, r.of(k, empty)))
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	r.printRushes(out)
	fmt.Fprintln(out)
	for _, v := range r.verdicts() {
		fmt.Fprintln(out, v)
	}
	return nil
}

func (r *report) printRushes(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\n%d at once, ms till the last\tports\tvifctl\tfailures\t%s\tfailures\t\n", crowd, debian)
	for _, k := range r.lines() {
		mine, theirs := k, k
		mine.who, theirs.who = vifctl, debian
		if a, b := r.rushes[mine], r.rushes[theirs]; a != nil && b != nil {
			fmt.Fprintf(t, "%s %s\t%d\t%.0f\t%d of %d\t%.0f\t%d of %d\t\n", k.mode, k.command, k.size,
				figures.MS(median(a.took)), a.failures, a.calls, figures.MS(median(b.took)), b.failures, b.calls)
		}
	}
	_ = t.Flush()
}

// machine says on what was measured, and how often.
func (r *report) machine() string {
	return fmt.Sprintf("%s; %s; %d calls each, medians unless it says otherwise",
		figures.Machine(), r.store, r.scope.rounds)
}

// String is the four columns of the table: median, p90, least, and the median of the CPU time, in ms.
func (s *sample) String() string {
	return fmt.Sprintf("%.2f\t%.2f\t%.2f\t%.2f", figures.MS(median(s.wall)), figures.MS(quantile(s.wall, 0.9)), figures.MS(quantile(s.wall, 0)), figures.MS(median(s.cpu)))
}
