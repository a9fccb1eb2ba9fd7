package engine

import (
	"context"
	"fmt"

	"vifctl/hooks/plan"
)

// Do takes one step, whatever the state it finds: taking it twice is taking it
// once. The error names the interface, what failed and why.
func (x *Executor) Do(ctx context.Context, step plan.Step) error {
	k := x.Kernel
	switch s := step.(type) {
	case plan.Name:
		return say(s.Dev, "rename to "+s.Want, k.Rename(s))
	case plan.MAC:
		return say(s.Dev, "set the hardware address "+s.Want, k.SetLink(s))
	case plan.MTU:
		return say(s.Dev, fmt.Sprintf("set the MTU %d", s.Want), k.SetLink(s))
	case plan.Master:
		if s.Bridge.IsZero() {
			return say(s.Dev, "take off its bridge", k.SetLink(s))
		}
		return say(s.Dev, "attach to "+s.Bridge.Name, k.SetMaster(s))
	case plan.Up:
		if s.Want {
			return say(s.Dev, "bring up", k.SetLink(s))
		}
		return say(s.Dev, "take down", k.SetLink(s))
	case plan.Address:
		return k.SetAddress(s)
	case plan.Route:
		return k.SetRoute(s)
	case plan.ProxyNeighbour:
		return k.SetProxyNeighbour(s)
	case plan.Neighbour:
		return k.SetNeighbour(s)
	case plan.Flows:
		return x.forgetFlows([]plan.Step{s})
	case plan.Sysctl:
		return k.SetSysctl(s)
	case plan.XenstoreWrite:
		if err := x.Xenstore.Write(ctx, s.Path, s.Value); err != nil {
			return fmt.Errorf("write %q to xenstore: %w", s.Value, err)
		}
		return nil
	case plan.Rule:
		return x.changeRules(ctx, []plan.Step{s})
	case plan.DHCPHost:
		return x.DHCP.SetDHCP(ctx, s)
	case plan.Limit:
		return x.Limits.SetLimit(ctx, s)
	case plan.BridgeVLAN:
		return say(s.Dev, "set its VLANs", k.SetBridgeVLAN(s))
	case plan.SwitchPort:
		return x.Switch.SetPort(ctx, s)
	case plan.SwitchGuard:
		return x.Switch.SetGuard(ctx, s)
	case plan.HookRun:
		return x.Hooks.Run(ctx, s)
	case plan.Announce:
		return k.Announce(s)
	case plan.Bridge:
		return k.SetBridge(s)
	case plan.Setting:
		return k.SetSetting(s)
	case plan.Forwarding:
		return k.SetSetting(plan.Setting{Path: s.Path(), Want: "1"})
	case plan.Reachable:
		return k.WaitReachable(ctx, s)
	}
	panic(fmt.Sprintf("engine: no way to take a step of type %T", step))
}

// say puts the subject and what was to be done in front of an error.
func say(d plan.Dev, change string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", d, change, err)
}

// forgetStrays has the kernel forget what passed without rules that are in force: for a
// call that is made again because something is wrong.
func (x *Executor) forgetStrays(actions []plan.Action) error {
	var steps []plan.Step
	for _, a := range actions {
		if f, ok := a.Step.(plan.Flows); ok && f.Without && a.Satisfied {
			steps = append(steps, f)
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return x.forgetFlows(steps)
}

func (x *Executor) forgetFlows(steps []plan.Step) error {
	flows := make([]plan.Flows, len(steps))
	for i, s := range steps {
		flows[i] = s.(plan.Flows)
	}
	return x.Kernel.ForgetFlows(flows)
}
