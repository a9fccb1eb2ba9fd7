package engine

import (
	"context"
	"fmt"

	"vifctl/hooks/event"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// QemuIfup works out what QEMU's network script does: the tap joins the bridge
// and comes up. It is no call of Xen's: QEMU destroys the tap, and takes nothing down
// before, so there is nothing to remember.
func (e *Engine) QemuIfup(ctx context.Context, tap, bridge string) (*Decision, error) {
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
