// Command firewall measures what filtering and translating for a guest costs where 0, 50, 500 and 5,000 other guests
// have their rules: to put one guest's rules in place and away, and for a packet, a new flow and a connection through the
// router. It compares both of vifctl's backends with Debian's vif-nat, its firewalling enabled, and with rules for each
// guest as they are written by hand. Besides, it tells what a call costs more where antispoofing is strict.
//
// Who is compared is measured in turn, in one run, each in a pretend dom0 of its own. One of nftables' stays without other
// guests: what the machine itself became slower by, its figures show.
//
// It needs root and Debian's packages (make deps-test), lives in namespaces of its own, and leaves nothing behind. It fails
// when a call fails or nothing gets through, never because something was slow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A scope is how much is measured.
type scope struct {
	// sizes are how many other guests have their rules, ascending.
	sizes []int
	// rounds is how often nftables is measured at each size; the others, which take seconds, are every third time.
	rounds int
	// calls is how often, with and without antispoofing, a port is taken up and down.
	calls int
}

var (
	full  = scope{sizes: []int{0, 50, 500, 5000}, rounds: 9, calls: 40}
	quick = scope{sizes: []int{0, 1000}, rounds: 5, calls: 20}
)

func main() {
	short := flag.Bool("short", false, "a quick look, in half a minute: fewer sizes, fewer rounds")
	sizes := flag.String("sizes", "", "measure with so many other guests instead, as in 0,100")
	rounds := flag.Int("rounds", 0, "measure vifctl that often instead")
	flag.Parse()
	s := full
	if *short {
		s = quick
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	var err error
	if *sizes != "" {
		s.sizes, err = parseSizes(*sizes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "firewall:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	err = run(ctx, s)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted:
		fmt.Fprintln(os.Stderr, "firewall: interrupted; everything it made is gone")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "firewall:", err)
		os.Exit(1)
	}
}

// parseSizes reads numbers of guests, ascending.
func parseSizes(words string) (sizes []int, err error) {
	for word := range strings.SplitSeq(words, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 0 || n > most || len(sizes) > 0 && n <= sizes[len(sizes)-1] {
			return nil, fmt.Errorf("-sizes %q: %q is not a number from 0 to %d above the one before it", words, word, most)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// run measures everything and prints the report.
func run(ctx context.Context, s scope) (err error) {
	began := time.Now()
	if os.Geteuid() != 0 {
		return errors.New("the benchmark makes network namespaces: run it as root")
	}
	r := newReport(s)
	var worlds []*world
	defer func() {
		progress("taking it all down")
		for _, w := range worlds {
			w.close()
		}
	}()
	for _, y := range ways {
		progress("%s: making a dom0", y.name)
		w, err := newWorld(y)
		if w != nil {
			worlds = append(worlds, w)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", y.name, err)
		}
	}
	for _, size := range s.sizes {
		for _, w := range worlds {
			if err := w.grow(size); err != nil {
				return fmt.Errorf("%s: the rules of %d guests: %w", w.way.name, size, err)
			}
		}
		progress("%d guests: %d rounds", size, s.rounds)
		if err := r.measureSpeed(size); err != nil {
			return err
		}
		for i := range s.rounds + 1 {
			for _, w := range worlds {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if w.way.firewall != nftables && i%3 != 0 {
					continue
				}
				// The first round fills caches.
				into := r
				if i == 0 && w.way.firewall == nftables {
					into = newReport(s)
				}
				if err := w.measure(size, into); err != nil {
					return fmt.Errorf("%s, %d guests: %w", w.way.name, size, err)
				}
			}
		}
	}
	if err := r.measureSpeed(whole); err != nil {
		return err
	}
	for _, mode := range []string{"bridge", "route", "nat"} {
		progress("antispoofing, %s: %d calls", mode, s.calls)
		if err := antispoofing(ctx, mode, s.calls, r); err != nil {
			return fmt.Errorf("antispoofing, %s: %w", mode, err)
		}
	}
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	progress("took %.0f s", time.Since(began).Seconds())
	return nil
}

// progress tells whoever waits what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "firewall: "+format+"\n", args...)
}
