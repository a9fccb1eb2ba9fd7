package engine

import (
	"cmp"
	"context"
	"fmt"

	"vifctl/hooks/event"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// QemuIfup works out what QEMU's network script does: the tap joins the bridge and comes
// up. It is no call of Xen's: QEMU destroys the tap, and takes nothing down before, so there
// is nothing to remember. Where the guest is to be held to its addresses, though, it is
// the call of Xen's that brings such a tap up, or it is refused.
func (e *Engine) QemuIfup(ctx context.Context, tap, bridge string) (*Decision, error) {
	call, checked, err := e.ofQEMU(ctx, tap, bridge)
	if err != nil {
		return nil, err
	}
	if checked {
		return e.Preview(ctx, call)
	}
	return e.unchecked(ctx, tap, bridge)
}

// RunQemuIfup does it.
func (e *Engine) RunQemuIfup(ctx context.Context, tap, bridge string) error {
	call, checked, err := e.ofQEMU(ctx, tap, bridge)
	if err != nil {
		return err
	}
	if checked {
		_, err := e.Run(ctx, call)
		return err
	}
	d, err := e.unchecked(ctx, tap, bridge)
	if err != nil {
		return err
	}
	_, err = e.Executor.TakeOrUndo(ctx, d.Actions)
	return err
}

// ofQEMU tells whether what comes from a tap is to be checked, and by which call it is
// then brought up. Whose a tap is its name says, as Xen has it.
func (e *Engine) ofQEMU(ctx context.Context, tap, bridge string) (call event.Call, checked bool, err error) {
	if _, ok, err := e.Reader.LinkByName(tap); err != nil {
		return call, false, err
	} else if !ok {
		return call, false, fmt.Errorf("%s: no such interface", tap)
	}
	args := []string{string(event.Add), "type_if=tap", "INTERFACE=" + tap, "bridge=" + bridge}
	call, unnamed := event.Parse("vif-bridge", args, func(string) string { return "" })
	level := plan.Antispoof(e.Config.Host.Antispoof)
	if unnamed == nil {
		if unnamed = e.hasBackend(ctx, call); unnamed == nil {
			keys, who, err := e.backend(ctx, call)
			if err != nil {
				return call, false, fmt.Errorf("%s: %w", tap, err)
			}
			level = plan.Antispoof(Entry(&e.Config, who, keys["mac"], call.NIC.Devid).Antispoof)
		}
	}
	if level == "" {
		boot, err := kernel.BootID()
		if err != nil {
			return call, false, err
		}
		guests, err := e.Journal.NetworkGuests("bridge", bridge, boot)
		if err != nil {
			return call, false, fmt.Errorf("%s: find out what the network bridge %s was started with: %w", tap, bridge, err)
		}
		level = cmp.Or(guests.Antispoof, plan.AntispoofOff)
	}
	switch {
	case level == plan.AntispoofOff:
		return call, false, nil
	case unnamed != nil:
		return call, false, fmt.Errorf("%s: antispoof is %q here, and whose tap this is cannot be told (%w), so it stays off %s: call it as Xen does, vifDOMID.DEVID-emu, or write antispoof = \"off\"",
			tap, level, unnamed, bridge)
	}
	return call, true, nil
}

// unchecked works out what the tap of a guest needs whose frames are not checked.
func (e *Engine) unchecked(ctx context.Context, tap, bridge string) (*Decision, error) {
	mode, err := modes.Find("bridge")
	if err != nil {
		return nil, err
	}
	link, ok, err := e.Reader.LinkByName(tap)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s: no such interface", tap)
	}
	req := plan.Request{Kind: plan.Tap, Port: link.Dev, Bridge: bridge, Emulated: true}
	s := plan.NewSnapshot()
	q := mode.Needs(req)
	q.Indexes = append(q.Indexes, link.Index)
	if err := e.Reader.Read(ctx, q, s); err != nil {
		return nil, err
	}
	p, err := mode.Plan(req, s)
	if err != nil {
		return nil, err
	}
	if err := e.Reader.Read(ctx, plan.Needs(p.Steps), s); err != nil {
		return nil, err
	}
	d := &Decision{Mode: "bridge", Bridge: bridge, Actions: plan.Resolve(p.Steps, s)}
	d.Event.Command, d.Event.Name = event.Add, tap
	return d, nil
}
