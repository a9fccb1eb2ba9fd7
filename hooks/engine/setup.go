package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"vifctl/configs"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// Setup decides what vif-setup stands for: the script that the toolstack names,
// else vif-bridge. It returns one of our own names, or the foreign script that
// is to take our place, which nobody but root can have put there.
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
// program at all: somebody's own vif-route elsewhere is somebody's own.
func isUs(script string) bool {
	there, err := os.Stat(script)
	if err != nil {
		return true
	}
	self, err := os.Stat("/proc/self/exe")
	return err == nil && os.SameFile(there, self)
}

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
	s := plan.NewSnapshot()
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
