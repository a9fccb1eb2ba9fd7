package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vifctl/tests/speed"
)

// rounds lets vifctl and Debian's scripts take a fresh port up and down, in turns, and times in each round the two
// programs that calibrate, too: whatever else the machine does then hits all alike.
func (h *host) rounds(ctx context.Context, size, rounds int, r *report) (err error) {
	if r.slowness[row{mode: h.mode.name, size: size}], err = speed.Slowness(); err != nil {
		return err
	}
	calibration := h.port(prototypeDomid, 0)
	if err := h.plug(ctx, calibration); err != nil {
		return fmt.Errorf("a port for the prototype: %w", err)
	}
	for i := range rounds + 1 {
		turns := []func() error{func() error { return h.calibrate(ctx, calibration, size, i, r) }}
		for _, who := range h.callers() {
			turns = append(turns, func() error { return h.round(ctx, who, size, i, r) })
		}
		if i%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			if ctx.Err() != nil {
				return errInterrupted
			}
			if err := turn(); err != nil {
				return err
			}
		}
	}
	return h.unplug(ctx, calibration)
}

// round is one port's life. The very first one only fills the caches.
func (h *host) round(ctx context.Context, who string, size, i int, r *report) error {
	p := h.probe(0)
	if err := h.plug(ctx, p); err != nil {
		return fmt.Errorf("make %s: %w", p.name, err)
	}
	for _, command := range []string{online, offline} {
		t, err := h.call(h.command(who, command), h.environment(p))
		if err == nil {
			err = h.check(ctx, p, command)
		}
		if err == nil && i == 0 && h.mode.strict {
			err = h.checked(p, command == online)
		}
		if err != nil {
			err = h.failed(ctx, fmt.Sprintf("%s's %s with %d ports present", who, command, size), err)
			return errors.Join(err, h.unplug(ctx, p))
		}
		if i > 0 {
			r.add(row{h.mode.name, command, size, who}, t)
		}
	}
	return h.unplug(ctx, p)
}

// calibrate times the empty program and the prototype, which brings a port up.
func (h *host) calibrate(ctx context.Context, p port, size, i int, r *report) error {
	for _, program := range []struct{ name, path string }{{empty, h.made.empty}, {prototype, h.made.prototype}} {
		if err := h.down(p); err != nil {
			return err
		}
		t, err := h.call([]string{program.path, p.backend(), p.name}, h.environment(p))
		if err != nil {
			return h.failed(ctx, program.name, err)
		}
		if i > 0 {
			r.add(row{h.mode.name, "", size, program.name}, t)
		}
	}
	return nil
}

// checked makes sure that the port is filtered and translated for, or is no more: nothing costs little.
func (h *host) checked(p port, want bool) error {
	rules := h.Run("nft", "list", "ruleset").Stdout
	for _, word := range []string{p.name, p.public().String()} {
		if there := strings.Contains(rules, word); there && !want {
			return fmt.Errorf("a rule is about %s still", word)
		} else if want && !there {
			return fmt.Errorf("no rule is about %s", word)
		}
	}
	return nil
}

// down takes a port down, for the prototype to bring it up again.
func (h *host) down(p port) error {
	err := h.Do(func() error {
		link, err := h.kernel.LinkByName(p.name)
		if err != nil {
			return err
		}
		return h.kernel.LinkSetDown(link)
	})
	time.Sleep(settleTime)
	return err
}
