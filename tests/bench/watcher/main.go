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
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/bench/figures"
	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

func main() {
	guests := flag.Int("guests", 1000, "guests whose taps come at once")
	alone := flag.Int("alone", 300, "taps that come one by one")
	idle := flag.Duration("idle", time.Minute, "how long it is watched doing nothing")
	cycles := flag.Int("cycles", 3000, "taps that come and go")
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

// What the watcher has to be.
const (
	mostLate   = 10 * time.Millisecond
	mostAtOnce = 1500 * time.Millisecond
	mostIdle   = 0.1 // % of a processor
)

// patience is how long a tap's last step is waited for after the one before it.
const patience = 30 * time.Second

type bench struct {
	d        *dom0.Dom0
	w        *dom0.Watcher
	steps    <-chan step
	verdicts []figures.Verdict
}

const explanation = `A tap has come when its file is opened (TUNSETIFF), and is configured when the kernel tells of the last of what its mode gives
it: the permanent neighbour entry of its guest's IPv6 address (mode route, strict antispoofing, two addresses a guest). The
time runs from just before the one to the other, by the clock. slow: how many times slower than a good machine this one was
just before (tests/speed).
`

func (b *bench) run(guests, alone int, idle time.Duration, cycles int) (err error) {
	fmt.Printf("%s\n\n%s\n", figures.Machine(), explanation)
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
	fmt.Println()
	for _, v := range b.verdicts {
		fmt.Println(v)
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
	before, rested := time.Duration(-1), 0
	for rested < rests {
		time.Sleep(pause)
		now := b.cpu()
		if rested++; now-before > 20*time.Millisecond || !strings.Contains(b.w.Log(), "watching") {
			rested = 0
		}
		before = now
	}
	return nil
}

// atRest is what it costs when nothing happens.
func (b *bench) atRest(ports int, idle time.Duration) error {
	slow, err := speed.Slowness()
	if err != nil {
		return err
	}
	before := b.cpu()
	time.Sleep(idle)
	share := (b.cpu() - before).Seconds() / idle.Seconds() * 100
	megabytes := float64(b.memory()) / 1024
	b.tell(slow, "idle, %d ports      %.3f %% of a processor over %s, %.1f MB", ports, share, idle, megabytes)
	b.judge(share < mostIdle, "idle beside %d ports: below %.1f %% of a processor (%.3f)", ports, mostIdle, share)
	return nil
}

// alone is from just before a tap is made till the kernel tells of its last step, tap after tap.
func (b *bench) alone(what string, p *dom0.Port, n int) error {
	slow, err := speed.Slowness()
	if err != nil {
		return err
	}
	var all []time.Duration
	for range n {
		took, err := b.come(p)
		if err != nil {
			return err
		}
		all = append(all, took)
		if err := b.unplug(p); err != nil {
			return err
		}
	}
	slices.Sort(all)
	p99 := all[len(all)*99/100]
	b.tell(slow, "%-20s median %.1f ms, p90 %.1f ms, p99 %.1f ms, of %d", what, ms(all[len(all)/2]), ms(all[len(all)*9/10]), ms(p99), n)
	b.judge(p99 < mostLate, "%s: p99 below %.0f ms (%.1f)", what, ms(mostLate), ms(p99))
	return nil
}

// come plugs a tap in and waits for its last step.
func (b *bench) come(p *dom0.Port) (took time.Duration, err error) {
	began := time.Now()
	if err := p.PlugTap(); err != nil {
		return 0, err
	}
	indexes, err := b.indexes(p)
	if err != nil {
		return 0, err
	}
	ends, err := b.configured(indexes)
	return ends.Sub(began), err
}

// indexes are the ports' taps, by ifindex.
func (b *bench) indexes(ports ...*dom0.Port) (map[int]string, error) {
	indexes := map[int]string{}
	err := b.d.Do(func() error {
		for _, p := range ports {
			i, err := net.InterfaceByName(p.Tap)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Tap, err)
			}
			indexes[i.Index] = p.Tap
		}
		return nil
	})
	return indexes, err
}

// configured waits for the last steps of all taps, and returns when the last of them was told of.
func (b *bench) configured(waiting map[int]string) (last time.Time, err error) {
	n := len(waiting)
	for len(waiting) > 0 {
		select {
		case s := <-b.steps:
			if waiting[s.index] != "" {
				last = s.at
				delete(waiting, s.index)
			}
		case <-time.After(patience):
			return last, fmt.Errorf("%d of %d taps did not get all of theirs: nothing has come for %s", len(waiting), n, patience)
		}
	}
	return last, nil
}

// unplug takes back what was done for it, as xl's call does, and unplugs it: the next one finds nothing of it.
func (b *bench) unplug(p *dom0.Port) error {
	if r := p.Call("vif-route", "remove", "type_if=tap"); r.Exit != 0 {
		return errors.New(r.Stderr)
	}
	return p.UnplugTap()
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

// burst is from just before the first tap is made till the kernel tells of the last one's last step.
func (b *bench) burst(ports []*dom0.Port) error {
	slow, err := speed.Slowness()
	if err != nil {
		return err
	}
	began, before := time.Now(), b.cpu()
	for _, p := range ports {
		if err := p.PlugTap(); err != nil {
			return err
		}
	}
	made := time.Since(began)
	indexes, err := b.indexes(ports...)
	if err != nil {
		return err
	}
	ends, err := b.configured(indexes)
	if err != nil {
		return err
	}
	all, used := ends.Sub(began), b.cpu()-before
	b.tell(slow, "%d taps at once    made in %.1f s, all configured after %.2f s, of which the watcher used %.2f s of CPU; %.1f MB", len(ports), made.Seconds(), all.Seconds(), used.Seconds(), float64(b.memory())/1024)
	b.judge(all <= mostAtOnce, "%d taps at once within %.1f s, none lost (%.2f)", len(ports), mostAtOnce.Seconds(), all.Seconds())
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

// cpu is what it has used of the processors, to the tick (proc_pid_stat(5): utime and stime); 0 where it has ended.
func (b *bench) cpu() time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ is 100
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.w.Pid()))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// tell prints one figure, and how slow the machine was just before.
func (b *bench) tell(slow float64, format string, args ...any) {
	fmt.Printf(format+fmt.Sprintf("; slow: %.1f\n", slow), args...)
}

func (b *bench) judge(kept bool, format string, args ...any) {
	b.verdicts = append(b.verdicts, figures.Judge(kept, format, args...))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// tail is the end of a log.
func tail(log string) string {
	lines := strings.Split(log, "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
