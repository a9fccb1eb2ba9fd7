package hooks

import (
	"context"
	"fmt"

	"vifctl/hooks/plan"
	"vifctl/hooks/snapshot"
	"vifctl/modes"
)

// QemuIfup works out what QEMU's network script does: the tap joins the bridge
// and comes up. It is no call of Xen's: nobody will take the tap down but QEMU, who
// destroys it, so there is nothing to remember.
func (r *Runtime) QemuIfup(ctx context.Context, tap, bridge string) ([]plan.Action, error) {
	mode, err := modes.Find("bridge")
	if err != nil {
		return nil, err
	}
	link, ok, err := r.Reader.LinkByName(tap)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s: no such interface", tap)
	}
	req := plan.Request{Kind: plan.Tap, Port: link.Dev, Bridge: bridge, Emulated: true}
	s := snapshot.Empty()
	q := mode.Needs(req)
	q.Indexes = append(q.Indexes, link.Index)
	if err := r.Reader.Read(ctx, q, s); err != nil {
		return nil, err
	}
	p, err := mode.Plan(req, s)
	if err != nil {
		return nil, err
	}
	if err := r.Reader.Read(ctx, plan.Needs(p.Steps), s); err != nil {
		return nil, err
	}
	return plan.Resolve(p.Steps, s), nil
}
