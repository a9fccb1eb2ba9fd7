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
	samples map[row]sample
	rushes  map[row]*rush
	// slowness is how slow the machine was, by mode and size, with no command and no program.
	slowness map[row]float64
	// failures are vifctl's own.
	failures []error
}

func newReport(s scope) *report {
	return &report{scope: s, samples: map[row]sample{}, rushes: map[row]*rush{}, slowness: map[row]float64{}}
}

func (r *report) add(k row, t timing) { r.samples[k] = append(r.samples[k], t) }

func (r *report) addRush(k row, calls int, took time.Duration, failures []error) {
	if r.rushes[k] == nil {
		r.rushes[k] = &rush{}
	}
	rush := r.rushes[k]
	rush.took = append(rush.took, took)
	rush.calls, rush.failures = rush.calls+calls, rush.failures+len(failures)
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
		for _, command := range []string{online, offline} {
			for _, size := range r.scope.sizes {
				all = append(all, row{mode: m.name, command: command, size: size})
			}
		}
	}
	return all
}

// of is the sample that who gave for k.
func (r *report) of(k row, who string) sample {
	k.who = who
	if who == empty || who == prototype {
		k.command = ""
	}
	return r.samples[k]
}

const explanation = `A call lasts from just before its fork to the end of the wait for its process: ms by the clock, median and 90th percentile,
and CPU, user and system, its children's included, which what else the machine does changes least; faults are the pages that
the kernel put in place for it. Each round makes all calls of a block, forwards or backwards; × is the median of the rounds'
own ratios. Calls of nat are of a guest with a public address where antispoofing is strict, the others without configuration.
slow: how many times slower than a good machine this one was just then (tests/speed).
`

func (r *report) print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "\n%s\n\n%s\n", r.machine(), explanation)
	fmt.Fprintf(t, "call\tports\tby\tms\tp90\tCPU ms\tfaults\t× empty\t× prototype\tCPU × prototype\tslow\t\n")
	line := func(k row, who string) {
		s := r.of(k, who)
		if len(s) == 0 {
			return
		}
		bare := r.of(k, prototype)
		fmt.Fprintf(t, "%s\t%d\t%s\t%.2f\t%.2f\t%.2f\t%.0f\t%.2f\t%.2f\t%.2f\t%.1f\t\n", k, k.size, who, s.ms(byClock), s.of(byClock, 0.9)*1000, s.ms(byCPU), s.of(byFaults, 0.5),
			times(s, r.of(k, empty), byClock), times(s, bare, byClock), times(s, bare, byCPU), r.slowness[row{mode: k.mode, size: k.size}])
	}
	for _, m := range modes {
		for _, size := range r.scope.sizes {
			k := row{mode: m.name, size: size}
			line(k, empty)
			line(k, prototype)
			for _, k.command = range []string{online, offline} {
				line(k, vifctl)
				line(k, debian)
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
	fmt.Fprintf(t, "\nat once, ms from the first's beginning till the last has ended\tports\tby\tms\tcalls\tfailures\tslow\t\n")
	for _, m := range modes {
		for _, command := range []string{online, offline, leaving(false), leaving(true)} {
			for _, size := range r.scope.sizes {
				for _, who := range []string{vifctl, debian} {
					k := row{mode: m.name, command: command, size: size, who: who}
					if a := r.rushes[k]; a != nil {
						fmt.Fprintf(t, "%s\t%d\t%s\t%.0f\t%d × %d\t%d\t%.1f\t\n", k, size, who, figures.MS(median(a.took)), len(a.took), a.calls/len(a.took), a.failures, r.slowness[row{mode: k.mode, size: size}])
					}
				}
			}
		}
	}
	_ = t.Flush()
}

// machine says on what was measured, and how often.
func (r *report) machine() string {
	return fmt.Sprintf("%s; %s; %d calls each", figures.Machine(), r.store, r.scope.rounds)
}
