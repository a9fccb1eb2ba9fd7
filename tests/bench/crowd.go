package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// crowd is how many calls are made at once: a host that boots its guests.
const crowd = 50

// leavers is how many guests, each with a vif and a tap, go at once: a host that is shut down.
const leavers = 64

// barrier is a shell that waits for its descriptor 3 to end and then becomes the call.
const barrier = `read -r _ <&3; exec 3<&-; exec "$@"`

// A call is what the toolstack asks for one port.
type call struct {
	port    port
	command string
}

// crowds takes fifty ports up, all at once, and then down, first by vifctl and then by the scripts.
func (h *host) crowds(ctx context.Context, size int, r *report) error {
	for _, who := range h.callers() {
		if err := h.crowd(ctx, who, size, r); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) crowd(ctx context.Context, who string, size int, r *report) (err error) {
	ports, err := h.plugAll(ctx, crowd, false)
	defer func() { err = errors.Join(err, h.unplugAll(ctx, ports, false)) }()
	if err != nil {
		return err
	}
	for _, command := range []string{online, offline} {
		took, failures, err := h.atOnce(ctx, who, each(ports, command))
		if err != nil {
			return err
		}
		r.addRush(row{h.mode.name, command, size, who}, crowd, took, failures)
	}
	return nil
}

// leave takes the ports of HVM guests up, and then all down at once, vifs and taps, without a watcher or beside one.
func (h *host) leave(ctx context.Context, watched bool, size int, r *report) (err error) {
	if watched {
		stop, err := h.watch(ctx)
		if err != nil {
			return err
		}
		defer stop()
	}
	ports, err := h.plugAll(ctx, leavers, true)
	defer func() { err = errors.Join(err, h.unplugAll(ctx, ports, true)) }()
	if err != nil {
		return err
	}
	// xl brings a guest's vif up, and then its tap.
	for _, command := range []string{online, add} {
		_, failures, err := h.atOnce(ctx, vifctl, each(ports, command))
		if err != nil {
			return err
		}
		r.failures = append(r.failures, failures...)
	}
	took, failures, err := h.atOnce(ctx, vifctl, append(each(ports, remove), each(ports, offline)...))
	if err != nil {
		return err
	}
	left, err := h.left(ports)
	if err != nil {
		return err
	}
	r.addRush(row{h.mode.name, leaving(watched), size, vifctl}, 2*leavers, took, append(failures, left...))
	return nil
}

// leaving names it.
func leaving(watched bool) string {
	if watched {
		return "leaving, watched"
	}
	return "leaving"
}

// plugAll makes so many ports to call for, with their taps where the guests are to be HVM.
func (h *host) plugAll(ctx context.Context, n int, taps bool) (ports []port, err error) {
	for i := range n {
		p := h.probe(1 + i)
		p.hvm = taps
		if err := h.plug(ctx, p); err != nil {
			return ports, fmt.Errorf("make %s: %w", p.name, err)
		}
		ports = append(ports, p)
	}
	return ports, nil
}

func (h *host) unplugAll(ctx context.Context, ports []port, taps bool) error {
	var failed []error
	for _, p := range ports {
		p.hvm = taps
		failed = append(failed, h.unplug(ctx, p))
	}
	return errors.Join(failed...)
}

// each is one command for all ports.
func each(ports []port, command string) (calls []call) {
	for _, p := range ports {
		calls = append(calls, call{p, command})
	}
	return calls
}

// atOnce makes calls, all begun at one moment, and returns when the last one was through, and what went wrong with which.
func (h *host) atOnce(ctx context.Context, who string, calls []call) (took time.Duration, failures []error, err error) {
	if ctx.Err() != nil {
		return 0, nil, errInterrupted
	}
	gate, open, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	defer gate.Close()
	defer open.Close()
	pids := make([]int, 0, len(calls))
	err = h.Do(func() error {
		for _, c := range calls {
			argv := append([]string{"/bin/sh", "-c", barrier, "sh"}, h.command(who, c.command)...)
			pid, err := h.spawn(argv, h.environment(c.port), gate.Fd())
			if err != nil {
				return err
			}
			pids = append(pids, pid)
		}
		return nil
	})
	type end struct {
		call call
		err  error
	}
	ends := make(chan end, len(calls))
	sleep(ctx, 100*time.Millisecond)
	began := time.Now()
	for i, pid := range pids {
		go func() {
			_, err := wait(pid, began)
			ends <- end{calls[i], err}
		}()
	}
	_ = open.Close()
	ended := make([]end, 0, len(pids))
	for range pids {
		ended = append(ended, <-ends)
	}
	took = time.Since(began)
	if err != nil {
		return 0, nil, fmt.Errorf("start %d calls: %w", len(calls), err)
	}
	for _, e := range ended {
		if e.err == nil {
			e.err = h.check(ctx, e.call.port, e.call.command)
		}
		if e.err != nil {
			what := fmt.Sprintf("%s's %s of %s, one of %d at once", who, e.call.command, e.call.port.name, len(calls))
			failures = append(failures, h.failed(ctx, what, e.err))
		}
	}
	if ctx.Err() != nil {
		return 0, nil, errInterrupted
	}
	return took, failures, nil
}

// left are the ports that vifctl's journal still knows, each an error.
func (h *host) left(ports []port) (failures []error, err error) {
	err = h.Do(func() error {
		for _, p := range ports {
			for _, kind := range []plan.Kind{plan.Vif, plan.Tap} {
				record, err := journal.Open(journalDir).Read(plan.NIC{Domid: p.domid}, kind)
				if err != nil {
					return err
				}
				if record != nil {
					failures = append(failures, fmt.Errorf("the %s of %s has gone, and its record is still there", kind, p.guest()))
				}
			}
		}
		return nil
	})
	return failures, err
}

// watching is what the watcher says when it has begun.
var watching = regexp.MustCompile("watching")

// watch starts vifctl's watcher in the dom0 and waits until it has begun.
func (h *host) watch(ctx context.Context) (stop func(), err error) {
	w, err := h.Watch()
	if err != nil {
		return nil, err
	}
	stop = func() {
		if _, err := w.End(unix.SIGTERM); err != nil {
			progress("the watcher's end: %v", err)
		}
	}
	if _, ok := w.Says(watching); !ok || ctx.Err() != nil {
		stop()
		return nil, errors.Join(ctx.Err(), fmt.Errorf("the watcher does not begin: %s", w.Log()))
	}
	return stop, nil
}
