package engine

import (
	"context"
	"errors"
	"fmt"

	"vifctl/hooks/event"
	"vifctl/hooks/plan"
)

// Run does what a call asks for, and says what it came to, as far as it came. Its error is
// one sentence; where the call's backend is known, the sentence has been left there for xl
// to show, too.
func (e *Engine) Run(ctx context.Context, call event.Call) (*Decision, error) {
	p := e.port(call)
	if call.Ignored != "" {
		e.Log.Debug("nothing to do", "why", call.Ignored)
		return &p.Decision, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	err := e.run(ctx, p)
	if err != nil {
		e.Complain(ctx, call, err)
	}
	return &p.Decision, err
}

func (e *Engine) run(ctx context.Context, p *port) error {
	call := p.call
	lock, err := e.Journal.LockCall(ctx, call.NIC)
	if err != nil {
		return fmt.Errorf("%s: %w", call.Device, err)
	}
	defer lock.Release()
	p.wait = portWait
	defer p.unshare()
	err = Carry(ctx, p)
	if errors.Is(err, errAbsent) && call.Command == event.Add && e.works(call.NIC) {
		// A NIC attached to a running guest has none: Xen does not tell the device
		// model. An error would fail the whole NIC, whose vif works.
		e.Log.Warn("the emulated NIC has no tap, now: should one come, `vifctl watch` brings it up", "port", call.Device)
		return nil
	}
	return err
}

// Preview works out what a call would do. It does not change the kernel, the
// xenstore or the journal.
func (e *Engine) Preview(ctx context.Context, call event.Call) (*Decision, error) {
	if call.Ignored != "" {
		return &Decision{Event: event.Event{Call: call, Name: call.Device}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	p := e.port(call)
	p.preview = true
	if err := Preview(ctx, p); err != nil {
		return nil, err
	}
	return &p.Decision, nil
}

// works reports whether a NIC's vif is up by a call of ours.
func (e *Engine) works(nic plan.NIC) bool {
	vif, err := e.current(nic, plan.Vif)
	return err == nil && vif != nil
}
