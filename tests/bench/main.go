// Command bench times vifctl beside the scripts it replaces: Debian's vif-bridge and vif-route and ours, called
// alternately in one run on one pretend dom0, with more and more ports present; vif-nat, strict and with public addresses,
// by ours alone; fifty calls at once, and the calls of 64 guests that leave at once. Beside them run an empty Go program
// and a bare prototype of a call, so that the figures of two machines can be compared.
//
// A call is timed from fork to the end of the wait for it, by the clock, and its CPU time is what the kernel says of the
// child and of all that it waited for. Between two calls the port is made anew, as netback would, outside the timing.
//
// It needs root and Debian's packages (make deps-test), lives in namespaces of its own, and leaves nothing behind, also
// when it is interrupted. It fails when a call fails, never because one was slow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// A scope is how much is measured.
type scope struct {
	// sizes are how many ports are present, ascending.
	sizes []int
	// rounds is how often, at each size, each program takes a port up and down.
	rounds int
	// crowds is how often, at the first and the last size, fifty ports go up and down at once.
	crowds int
	// perBridge is how many ports are on a bridge before there is another. The port that is measured joins the first,
	// and the kernel goes through a bridge's ports when one joins or leaves, for any program.
	perBridge int
	// beside: Debian's scripts are called beside vifctl.
	beside bool
}

// mostWatched is how many ports may be there for a watcher to be started beside the leaving guests: of those that the bench
// made itself most have no record that tells all, and the watcher would put them right first.
const mostWatched = 0

// bridges is how many it takes for the largest size.
func (s scope) bridges() int { return max(1, (s.sizes[len(s.sizes)-1]+s.perBridge-1)/s.perBridge) }

var (
	full  = scope{sizes: []int{0, 100, 1000, 5000}, rounds: 100, crowds: 3, perBridge: mostPerBridge, beside: true}
	quick = scope{sizes: []int{0, 1000}, rounds: 15, crowds: 1, perBridge: mostPerBridge, beside: true}
)

func main() {
	short := flag.Bool("short", false, "a quick look, in less than a minute: fewer sizes, fewer calls")
	rounds := flag.Int("rounds", 0, "take each port up and down that often instead")
	perBridge := flag.Int("per-bridge", mostPerBridge, "ports on a bridge before there is another; that many, the most there can be, is the worst case")
	alone := flag.Bool("alone", false, "leave out Debian's scripts, which take nine tenths of the time")
	flag.Parse()
	s := full
	if *short {
		s = quick
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	if *perBridge < 1 || *perBridge > mostPerBridge {
		fmt.Fprintf(os.Stderr, "bench: -per-bridge %d: it is 1 to %d\n", *perBridge, mostPerBridge)
		os.Exit(2)
	}
	s.perBridge, s.beside = *perBridge, !*alone
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	err := run(ctx, s)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted:
		fmt.Fprintln(os.Stderr, "bench: interrupted; everything it made is gone")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures everything and prints the report, also when calls failed: then it is an error all the same.
func run(ctx context.Context, s scope) error {
	began := time.Now()
	if err := need(); err != nil {
		return err
	}
	made, err := build(ctx)
	if err != nil {
		return err
	}
	defer made.remove()
	report := newReport(s)
	for _, m := range modes {
		if err := measure(ctx, s, m, made, report); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := report.print(os.Stdout); err != nil {
		return err
	}
	progress("took %.0f s", time.Since(began).Seconds())
	return report.failure()
}

// measure is all of one mode: a host that gets more and more ports.
func measure(ctx context.Context, s scope, m mode, made *programs, r *report) (err error) {
	h, err := newHost(m, s, made)
	if err != nil {
		return err
	}
	defer func() {
		progress("%s: taking it all down", m.name)
		err = errors.Join(err, h.close())
	}()
	r.store = h.storeName
	for i, size := range s.sizes {
		if err := h.grow(ctx, size); err != nil {
			return err
		}
		progress("%s: %d ports present: %d rounds", m.name, size, s.rounds)
		if err := h.rounds(ctx, size, s.rounds, r); err != nil {
			return err
		}
		if i > 0 && i < len(s.sizes)-1 {
			continue
		}
		progress("%s: %d ports present: many calls at once", m.name, size)
		for range s.crowds {
			if err := h.crowds(ctx, size, r); err != nil {
				return err
			}
			for _, watched := range []bool{false, true} {
				if !m.strict || watched && size > mostWatched {
					continue
				}
				if err := h.leave(ctx, watched, size, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// progress tells the user what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
