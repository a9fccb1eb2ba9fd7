package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"vifctl/configs"
	"vifctl/hooks/event"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// Setup decides what vif-setup stands for: the script that the toolstack names,
// else vif-bridge. It returns one of our own names, or the foreign script that
// is to take our place, which only root can have put there.
func Setup(script string, ours []string) (name, foreign string, err error) {
	name = filepath.Base(script)
	switch {
	case script == "" || name == "vif-setup":
		return "vif-bridge", "", nil
	case slices.Contains(ours, name) && isUs(script):
		return name, "", nil
	case !filepath.IsAbs(script):
		return "", "", fmt.Errorf("script=%q cannot be used: it must be an absolute path, or one of the scripts' names", script)
	}
	if err := configs.Trusted(script); err != nil {
		return "", "", fmt.Errorf("script=%q is not run: %w", script, err)
	}
	return "", script, nil
}

// isUs reports whether a script of one of our names is our own program, or no
// program at all: an administrator's own vif-route elsewhere is another program.
func isUs(script string) bool {
	there, err := os.Stat(script)
	if err != nil {
		return true
	}
	self, err := os.Stat("/proc/self/exe")
	return err == nil && os.SameFile(there, self)
}

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
