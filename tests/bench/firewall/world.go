package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
)

// A world is a pretend dom0 of one way, with a guest behind it that is sent to and from.
type world struct {
	way    way
	d      *dom0.Dom0
	served *dom0.Port
	probe  *dom0.Port
	size   int
	lines  *lines
}

// A timing is what one process took.
type timing struct{ wall, cpu time.Duration }

func newWorld(y way) (*world, error) {
	d, err := dom0.Start(dom0.Options{Router: true, Scripts: y.scripts})
	if err != nil {
		return nil, err
	}
	w := &world{way: y, d: d}
	return w, w.furnish()
}

func (w *world) furnish() (err error) {
	if w.way.firewall != "" {
		if err := w.d.WriteFile(dom0.ConfigFile, configuration(w.way.firewall, "strict", "nat"), 0o644); err != nil {
			return err
		}
	}
	if w.way.variant != "" {
		// A host that has used this iptables before.
		if err := w.run(w.d.Namespace, "iptables-"+w.way.variant, "-w", "-A", "INPUT", "-i", "none0", "-j", "RETURN"); err != nil {
			return err
		}
	}
	if w.served, err = w.d.Attach(guest(served).nic("vif-nat")); err != nil {
		return err
	}
	if w.probe, err = w.d.Attach(guest(probe).nic("vif-nat")); err != nil {
		return err
	}
	if _, err := w.call(w.served, "online"); err != nil {
		return err
	}
	if w.way.lines != nil {
		if _, err := w.enter("-A", served); err != nil {
			return err
		}
	}
	return w.join()
}

// join gives the guest its address and everybody the ways to each other.
func (w *world) join() error {
	inside, err := w.d.Guest(served)
	if err != nil {
		return err
	}
	gateway := w.way.gatewayOf(served).String()
	for _, c := range []struct {
		where *dom0.Namespace
		ip    string
	}{
		{inside, "address add " + guest(served).private().String() + "/32 dev eth0"},
		{inside, "route add " + gateway + " dev eth0"},
		{inside, "route add default via " + gateway},
		{w.d.Client, "route add 100.64.0.0/10 via " + dom0.HostAddress},
		{w.d.Client, "route add 192.168.0.0/16 via " + dom0.HostAddress},
	} {
		if err := w.run(c.where, "ip", strings.Fields(c.ip)...); err != nil {
			return err
		}
	}
	w.d.Settle()
	w.lines, err = newLines(w.d, inside, w.target())
	return err
}

// target is the address that the guest is called by.
func (w *world) target() netip.Addr {
	if w.way.publicly {
		return guest(served).public()
	}
	return guest(served).private()
}

func (w *world) close() {
	if w.lines != nil {
		w.lines.close()
	}
	w.d.Close()
	for _, dir := range scratch {
		_ = os.RemoveAll(dir)
	}
	scratch = nil
}

// run runs a program in one place, and wants it to succeed.
func (w *world) run(where *dom0.Namespace, name string, args ...string) error {
	if r := where.Run(name, args...); r.Exit != 0 {
		return fmt.Errorf("%s %s: exit %d: %s", name, strings.Join(args, " "), r.Exit, strings.TrimSpace(r.Stderr))
	}
	return nil
}

// feed runs a program in the dom0 with something to read.
func (w *world) feed(text, name string, args ...string) error {
	_, err := w.time(text, nil, name, args...)
	return err
}

// time runs a program in the dom0 and times it.
func (w *world) time(text string, env []string, name string, args ...string) (timing, error) {
	said, err := os.CreateTemp("", "firewall")
	if err != nil {
		return timing{}, err
	}
	defer func() { _ = os.Remove(said.Name()) }()
	defer said.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", env, said, said
	if text != "" {
		cmd.Stdin = strings.NewReader(text)
	}
	began := time.Now()
	if err := w.d.Start(cmd); err != nil {
		return timing{}, err
	}
	err = cmd.Wait()
	t := timing{time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if err != nil {
		words, _ := os.ReadFile(said.Name())
		return t, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, words)
	}
	return t, nil
}

// call calls vif-nat for a port.
func (w *world) call(p *dom0.Port, command string) (timing, error) {
	c := dom0.Call{Script: "vif-nat", Port: p}
	t, err := w.time("", c.Environment(), dom0.ScriptsDir+"/vif-nat", command, "type_if=vif")
	if err != nil || command != "online" {
		return t, err
	}
	if status, _ := w.d.Read(p.Backend + "/hotplug-status"); status != "connected" {
		log, _ := w.d.ReadFile("/var/log/xen/xen-hotplug.log")
		return t, fmt.Errorf("hotplug-status is %q: %s", status, log)
	}
	return t, nil
}

// enter puts a guest's lines in place (-A) or away (-D) as a script does: by a process for each.
func (w *world) enter(change string, g guest) (timing, error) {
	script := "set -e\n"
	for _, line := range w.way.lines(g) {
		script += "iptables-" + w.way.variant + " -w " + strings.Replace(line, "CHANGE", change, 1) + "\n"
	}
	return w.time("", os.Environ(), "/bin/sh", "-c", script)
}

// grow puts other guests' rules in place until there are size.
func (w *world) grow(size int) error {
	if w.way.alone || size == w.size {
		return nil
	}
	fill := w.way.fill
	if fill == nil {
		fill = fillVifctl
	}
	began := time.Now()
	if err := fill(w, guest(w.size+1), guest(size+1)); err != nil {
		return err
	}
	progress("%s: the rules of %s guests in %.1f s", w.way.name, strconv.Itoa(size-w.size), time.Since(began).Seconds())
	w.size = size
	return nil
}

// measure is one round.
func (w *world) measure(size int, r *report) error {
	parts := []func(int, *report) error{w.traffic, w.calls}
	switch {
	case w.way.firewall != "":
		parts = append(parts, w.rules)
	case w.way.lines != nil:
		parts = []func(int, *report) error{w.traffic, w.typing}
	}
	if w.way.firewall == "iptables" {
		parts = append(parts, w.floor)
	}
	for _, part := range parts {
		if err := part(size, r); err != nil {
			return err
		}
	}
	return nil
}

// calls takes a port up and down by the script, whole calls.
func (w *world) calls(size int, r *report) error {
	for _, command := range []string{"online", "offline"} {
		t, err := w.call(w.probe, command)
		if err != nil {
			return err
		}
		r.add(key{w.way.name, command, size}, t)
	}
	// The next call finds the port as netback makes it.
	return errors.Join(w.probe.Unplug(), w.probe.Plug())
}

// tries is how often vifctl's backend puts a guest's rules in place and away in one round, of which the quickest counts:
// it is a few milliseconds, and whatever else the machine does in them only ever takes more.
const tries = 4

// rules puts one guest's rules in place and away, by vifctl's backend alone.
func (w *world) rules(size int, r *report) error {
	rules := guest(probe).rules()
	best := map[string]timing{}
	err := w.d.Do(func() error {
		for range tries {
			for _, c := range []struct {
				what        string
				add, remove []plan.Rule
			}{{add, rules, nil}, {remove, nil, rules}} {
				began, before := time.Now(), cpu()
				if err := w.way.change(c.add, c.remove); err != nil {
					return err
				}
				t := timing{time.Since(began), cpu() - before}
				if b, ok := best[c.what]; !ok || t.wall < b.wall {
					best[c.what] = t
				}
			}
		}
		return nil
	})
	for what, t := range best {
		r.add(key{w.way.name, what, size}, t)
	}
	return err
}

// cpu is what this thread has used until now, and the processes that it has waited for.
func cpu() (used time.Duration) {
	for _, who := range []int{unix.RUSAGE_THREAD, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		_ = unix.Getrusage(who, &u)
		used += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return used
}

// typing puts them in place and away as by hand.
func (w *world) typing(size int, r *report) error {
	for _, c := range []struct{ change, what string }{{"-A", add}, {"-D", remove}} {
		t, err := w.enter(c.change, probe)
		if err != nil {
			return err
		}
		r.add(key{w.way.name, c.what, size}, t)
	}
	return nil
}

// floor is what iptables takes to change one rule of a table of that size, with nothing of vifctl's.
func (w *world) floor(size int, r *report) error {
	var best timing
	for range tries {
		for _, change := range []string{"-A", "-D"} {
			text := "*nat\n" + change + " VIFCTL-SNAT -s 192.0.2.1/32 -j MASQUERADE\nCOMMIT\n"
			t, err := w.time(text, nil, "/usr/sbin/iptables-"+w.way.variant+"-restore", "--noflush", "-w")
			if err != nil {
				return err
			}
			if change == "-A" && (best.wall == 0 || t.wall < best.wall) {
				best = t
			}
		}
	}
	r.add(key{w.way.name, floor, size}, best)
	return nil
}
