package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// crowd is how many calls are made at once: a host that boots its guests.
const crowd = 50

// barrier is a shell that waits for its descriptor 3 to end and then becomes the call.
const barrier = `read -r _ <&3; exec 3<&-; exec "$@"`

// crowds takes fifty ports up, all at once, and then down, first by vifctl and then by the scripts.
func (h *host) crowds(ctx context.Context, size int, r *report) error {
	for _, who := range []string{vifctl, debian} {
		if err := h.crowd(ctx, who, size, r); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) crowd(ctx context.Context, who string, size int, r *report) (err error) {
	var plugged []port
	defer func() {
		for _, p := range plugged {
			err = errors.Join(err, h.unplug(ctx, p))
		}
	}()
	for i := range crowd {
		p := h.probe(1 + i)
		if err := h.plug(ctx, p); err != nil {
			return fmt.Errorf("make %s: %w", p.name, err)
		}
		plugged = append(plugged, p)
	}
	for _, command := range []string{"online", "offline"} {
		if ctx.Err() != nil {
			return errInterrupted
		}
		took, failures, err := h.atOnce(ctx, who, command, plugged)
		if err != nil {
			return err
		}
		r.addCrowd(row{h.mode.name, command, size, who}, took, failures)
	}
	return nil
}

// atOnce makes a call for each port, all begun at one moment, and returns when the last one was through, and what went
// wrong with which.
func (h *host) atOnce(ctx context.Context, who, command string, ports []port) (took time.Duration, failures []error, err error) {
	gate, open, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	defer gate.Close()
	defer open.Close()
	argv := append([]string{"/bin/sh", "-c", barrier, "sh"}, h.command(who, command)...)
	pids := make([]int, 0, len(ports))
	err = h.Do(func() error {
		for _, p := range ports {
			pid, err := h.spawn(argv, h.environment(p), gate.Fd())
			if err != nil {
				return err
			}
			pids = append(pids, pid)
		}
		return nil
	})
	type end struct {
		port port
		err  error
	}
	ends := make(chan end, len(ports))
	sleep(ctx, 100*time.Millisecond)
	began := time.Now()
	for i, pid := range pids {
		go func() {
			_, err := wait(pid, began)
			ends <- end{ports[i], err}
		}()
	}
	_ = open.Close()
	ended := make([]end, 0, len(pids))
	for range pids {
		ended = append(ended, <-ends)
	}
	took = time.Since(began)
	if err != nil {
		return 0, nil, fmt.Errorf("start %d calls: %w", len(ports), err)
	}
	for _, e := range ended {
		if e.err == nil {
			e.err = h.check(ctx, e.port, command)
		}
		if e.err != nil {
			what := fmt.Sprintf("%s's %s of %s, one of %d at once", who, command, e.port.name, len(ports))
			failures = append(failures, h.failed(ctx, what, e.err))
		}
	}
	if ctx.Err() != nil {
		return 0, nil, errInterrupted
	}
	return took, failures, nil
}
