// Command watcher measures `vifctl watch` in a pretend dom0: how long after its creation a late tap has all that its mode
// gives it, alone and when a thousand come at once; what the daemon costs when nothing happens; and whether it holds more
// after thousands of taps have come and gone than after a few.
//
// It needs root, lives in namespaces of its own, and leaves nothing behind. It fails when a tap is lost, or stays without
// what it needs, never because something was slow.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

func main() {
	guests := flag.Int("guests", 1000, "guests whose taps come at once")
	alone := flag.Int("alone", 300, "taps that come one by one")
	idle := flag.Duration("idle", time.Minute, "how long it is watched doing nothing")
	cycles := flag.Int("cycles", 10000, "taps that come and go")
	flag.Parse()
	b := &bench{}
	err := b.run(*guests, *alone, *idle, *cycles)
	if b.d != nil {
		b.d.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "watcher:", err)
		os.Exit(1)
	}
}

type bench struct {
	d     *dom0.Dom0
	w     *dom0.Watcher
	steps <-chan string
}

func (b *bench) run(guests, alone int, idle time.Duration, cycles int) (err error) {
	if b.d, err = dom0.Start(dom0.Options{Router: true, OneRoom: true}); err != nil {
		return err
	}
	if err := b.d.WriteFile(dom0.ConfigFile, "[host]\nantispoof = \"strict\"\n", 0o644); err != nil {
		return err
	}
	ports, err := b.attach(0, 1)
	if err != nil {
		return err
	}
	if b.w, err = b.d.Watch(); err != nil {
		return err
	}
	if b.steps, err = lastSteps(b.d); err != nil {
		return err
	}
	for _, part := range []func() error{
		b.settle,
		func() error { return b.alone("a tap alone", ports[0], alone) },
		func() error {
			others, err := b.attach(1, guests)
			ports = append(ports, others...)
			return err
		},
		b.settle,
		func() error { return b.atRest(len(ports), idle) },
		func() error { return b.alone(fmt.Sprintf("a tap beside %d", guests-1), ports[0], alone) },
		func() error { return b.comeAndGo(ports[0], cycles) },
		func() error { return b.burst(ports) },
	} {
		if err := part(); err != nil {
			return fmt.Errorf("%w\n%s", err, tail(b.w.Log()))
		}
	}
	exit, err := b.w.End(unix.SIGTERM)
	if err == nil && exit != 0 {
		err = fmt.Errorf("the watcher ended with exit code %d", exit)
	}
	return err
}

// attach makes the guests after the first ones that there are, up to n, with an emulated NIC each, whose vif is up and whose tap has not come.
func (b *bench) attach(have, n int) (ports []*dom0.Port, err error) {
	for domid := have + 1; domid <= n; domid++ {
		p, err := b.d.Attach(dom0.NIC{
			Domid: domid, Guest: fmt.Sprintf("win%d", domid), HVM: true, TapDevice: true, Unplugged: true, MAC: fmt.Sprintf("00:16:3e:01:%02x:%02x", domid/256, domid%256),
			IP: fmt.Sprintf("10.1.%d.%d 2001:db8:1::%x", domid/256, domid%256, domid),
		})
		if err == nil {
			err = p.PlugVif()
		}
		if err != nil {
			return nil, err
		}
		if r := p.Call("vif-route", "online", "type_if=vif"); r.Exit != 0 {
			return nil, errors.New(r.Stderr)
		}
		ports = append(ports, p)
		if domid%100 == 0 {
			fmt.Fprintf(os.Stderr, "watcher: %d of %d guests\n", domid, n)
		}
	}
	return ports, nil
}

// settle waits until the watcher has looked at all there is: until it has been at rest for a while.
func (b *bench) settle() error {
	const pause, rests = 2 * time.Second, 5
	before, rested := -1, 0
	for rested < rests {
		time.Sleep(pause)
		now, err := b.cpu()
		if err != nil {
			return err
		}
		if rested++; now-before > 2 || !strings.Contains(b.w.Log(), "watching") {
			rested = 0
		}
		before = now
	}
	return nil
}

// atRest is what it costs when nothing happens.
func (b *bench) atRest(ports int, idle time.Duration) error {
	before, err := b.cpu()
	if err != nil {
		return err
	}
	time.Sleep(idle)
	after, err := b.cpu()
	if err != nil {
		return err
	}
	const hertz = 100 // USER_HZ
	share := float64(after-before) / hertz / idle.Seconds() * 100
	fmt.Printf("idle, %d ports      %.3f %% of a processor over %s (at most 0.1), %.1f MB (at most 40)\n", ports, share, idle, float64(b.memory())/1024)
	return nil
}

// alone is from a tap's creation to its last step, tap after tap.
func (b *bench) alone(what string, p *dom0.Port, n int) error {
	var took []time.Duration
	for range n {
		began, err := b.come(p)
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		if err := b.unplug(p); err != nil {
			return err
		}
	}
	slices.Sort(took)
	fmt.Printf("%-20s median %.1f ms, p99 %.1f ms (below 10), of %d\n", what, ms(took[len(took)/2]), ms(took[len(took)*99/100]), n)
	return nil
}

// come plugs a tap in and waits for its last step.
func (b *bench) come(p *dom0.Port) (began time.Time, err error) {
	began = time.Now()
	if err := p.PlugTap(); err != nil {
		return began, err
	}
	select {
	case <-b.steps:
		return began, nil
	case <-time.After(30 * time.Second):
		return began, fmt.Errorf("%s never got all of it", p.Tap)
	}
}

// unplug unplugs it, and takes what was done for it back, as xl does.
func (b *bench) unplug(p *dom0.Port) error {
	if err := p.UnplugTap(); err != nil {
		return err
	}
	for b.d.Run("ip", "link", "show", "dev", p.Tap).Exit == 0 {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// comeAndGo compares what it holds after a few taps with what it holds after many.
func (b *bench) comeAndGo(p *dom0.Port, n int) error {
	var first, last holding
	began := time.Now()
	for i := range n {
		if _, err := b.come(p); err != nil {
			return err
		}
		if err := b.unplug(p); err != nil {
			return err
		}
		if i == n/10 {
			first = b.holds()
		}
	}
	last = b.holds()
	fmt.Printf("%d taps came and went in %.0f s; after %d of them it held %s, after all %s\n", n, time.Since(began).Seconds(), n/10+1, first, last)
	if first.files != last.files || first.journal != last.journal || first.rules != last.rules {
		return errors.New("it holds more than it did")
	}
	return nil
}

// burst is when all taps come at once.
func (b *bench) burst(ports []*dom0.Port) error {
	began := time.Now()
	for _, p := range ports {
		if err := p.PlugTap(); err != nil {
			return err
		}
	}
	made := time.Since(began)
	up := map[string]bool{}
	for len(up) < len(ports) {
		select {
		case name := <-b.steps:
			up[name] = true
		case <-time.After(30 * time.Second):
			return fmt.Errorf("%d of %d taps got all of theirs", len(up), len(ports))
		}
	}
	all := time.Since(began)
	fmt.Printf("%d taps at once    made in %.1f s, all configured after %.1f s (below 30); %.1f MB\n", len(ports), made.Seconds(), all.Seconds(), float64(b.memory())/1024)
	return nil
}

// holding is what a process has.
type holding struct{ files, threads, kilobytes, journal, rules int }

func (h holding) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %.1f MB, %d files in the journal, %d lines of rules", h.files, h.threads, float64(h.kilobytes)/1024, h.journal, h.rules)
}

// holds is what it has at rest: what it holds for a moment, at work, is not meant.
func (b *bench) holds() holding {
	lines := func(name string, args ...string) int { return strings.Count(b.d.Run(name, args...).Stdout, "\n") }
	least := holding{files: 1 << 20, journal: 1 << 20}
	for range 50 {
		time.Sleep(50 * time.Millisecond)
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.w.Pid()))
		least.files, least.journal = min(least.files, len(entries)), min(least.journal, lines("ls", "-A", "/run/vifctl"))
	}
	least.threads, least.kilobytes, least.rules = b.status("Threads:"), b.memory(), lines("nft", "list", "ruleset")
	return least
}

// memory is what it has resident, in kilobytes.
func (b *bench) memory() int { return b.status("VmRSS:") }

func (b *bench) status(field string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.w.Pid()))
	_, rest, _ := strings.Cut(string(text), field)
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(words[0])
	return n
}

// cpu is the time it has used, in ticks (proc_pid_stat(5): utime and stime).
func (b *bench) cpu() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.w.Pid()))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return user + system, err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// tail is the end of a log.
func tail(log string) string {
	lines := strings.Split(log, "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
