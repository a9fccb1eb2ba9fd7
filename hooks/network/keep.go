package network

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// Side is what there is of a network that was started.
type Side struct {
	Mode, Name string
	// Uplink as it was called when it was started, "" for none.
	Uplink string
	// Command starts it again, which brings back all of it.
	Command string
	// Gone: the bridge that was made does not exist any more. Another: a bridge of its name
	// does, which vifctl did not make.
	Gone, Another bool
	// Missing is what of it is not there. Addresses and routes count where the bridge has
	// gone alone: a host's own come and go.
	Missing []plan.Step
	// Devs are the interfaces that it is made of, by ifindex.
	Devs []int

	actions []plan.Action
}

// Sides looks at every network that is started.
func (r *Networks) Sides(ctx context.Context) ([]Side, error) {
	all, err := r.records()
	if err != nil {
		return nil, err
	}
	var sides []Side
	for _, n := range all {
		if n.State != journal.Started {
			continue
		}
		s, err := r.side(ctx, n)
		if err != nil {
			return nil, err
		}
		sides = append(sides, s)
	}
	return sides, nil
}

func (r *Networks) side(ctx context.Context, n *journal.Network) (Side, error) {
	side := Side{Mode: n.Mode, Name: n.Name, Uplink: n.Uplink.Name, Command: plan.Command("vifctl", "network", "start", n.Mode, "netdev="+n.Uplink.Name)}
	if n.Mode == "bridge" {
		side.Command = plan.Command("vifctl", "network", "start", n.Mode, "bridge="+n.Name)
	}
	if !n.Uplink.IsZero() {
		side.Devs = append(side.Devs, n.Uplink.Index)
	}
	host, actions, err := r.held(ctx, n)
	if err != nil {
		return side, err
	}
	for _, a := range actions {
		if b, ok := a.Step.(plan.Bridge); ok {
			side.Devs = append(side.Devs, b.Dev.Index)
			_, there := host.Links[b.Dev.Index]
			_, named := host.LinkNamed(b.Dev.Name)
			side.Gone, side.Another = !there, !there && named
		}
	}
	side.actions = actions
	for _, a := range actions {
		_, address := a.Step.(plan.Address)
		_, route := a.Step.(plan.Route)
		if !a.Satisfied && (side.Gone || !address && !route) {
			side.Missing = append(side.Missing, a.Step)
		}
	}
	return side, nil
}

// Kept is what came of keeping the networks.
type Kept struct {
	// Done are the commands that put back what was missing, Wrong what only a start brings
	// back: a sentence each.
	Done, Wrong []string
	// Devs are the interfaces that they are made of, by ifindex.
	Devs []int
}

// keepLock is how long a start or stop that is under way is waited for.
const keepLock = 50 * time.Millisecond

// Keep puts back what connects guests with the world: a card into its bridge, a bridge or a card
// up, forwarding. What a host's administrator may have changed on purpose it leaves alone: its
// addresses, routes and other settings. It fails with engine.ErrBusy while a start or a
// stop is under way.
func (r *Networks) Keep(ctx context.Context) (Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var kept Kept
	if all, err := r.records(); err != nil || len(all) == 0 {
		return kept, err
	}
	brief, end := context.WithTimeout(ctx, keepLock)
	defer end()
	lock, err := r.Journal.LockNetworks(brief)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return kept, engine.ErrBusy
	}
	if err != nil {
		return kept, err
	}
	defer lock.Release()
	sides, err := r.Sides(ctx)
	if err != nil {
		return kept, err
	}
	var failed []error
	for _, s := range sides {
		kept.Devs = append(kept.Devs, s.Devs...)
		if s.Gone {
			kept.Wrong = append(kept.Wrong, fmt.Sprintf("the bridge %s that `vifctl network` made does not exist any more: `%s` brings it back, with the host's addresses", s.Name, s.Command))
			continue
		}
		var put []plan.Action
		for _, a := range s.actions {
			if !a.Satisfied && keeps(a.Step) {
				put = append(put, a)
				kept.Done = append(kept.Done, a.Step.Commands()...)
			}
		}
		if len(put) > 0 {
			failed = append(failed, r.Executor.Repair(ctx, put))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return kept, fmt.Errorf("put back what `vifctl network` made (%s): %w", strings.Join(kept.Done, "; "), err)
	}
	return kept, nil
}

func keeps(s plan.Step) bool {
	switch s.(type) {
	case plan.Master, plan.Up, plan.Forwarding:
		return true
	default:
		return false
	}
}
