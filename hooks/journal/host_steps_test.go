package journal_test

import (
	"pgregory.net/rapid"

	"vifctl/hooks/plan"
)

// hostGenerators draw the steps of the host's side.
var hostGenerators = []*rapid.Generator[plan.Step]{
	custom(func(t *rapid.T) plan.Step { return plan.Bridge{Dev: dev(t), MAC: text(t), Absent: yes(t)} }),
	custom(func(t *rapid.T) plan.Step { return plan.Setting{Path: text(t), Want: text(t), Tolerant: yes(t)} }),
	custom(func(t *rapid.T) plan.Step { return plan.Forwarding{Family: number(t)} }),
	custom(func(t *rapid.T) plan.Step { return plan.Reachable{Dev: dev(t), IP: prefix(t).Addr()} }),
	custom(func(t *rapid.T) plan.Step {
		s := plan.Route{Dev: dev(t), Absent: yes(t), Route: plan.RouteEntry{Dst: prefix(t), Metric: number(t), Protocol: number(t) % 256}}
		s.Route.Attrs = plan.RouteAttrs{Table: number(t), Type: number(t) % 12, Scope: number(t) % 256, TOS: number(t) % 256, OnLink: yes(t), Preference: number(t) % 4}
		if yes(t) {
			s.Route.Attrs.Gateway = prefix(t).Addr()
			s.Route.Attrs.Lifetime = rapid.Uint32().Draw(t, "lifetime")
		}
		if yes(t) {
			s.Route.Attrs.Metrics = []plan.RouteMetric{{Kind: number(t), Value: rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "value")}}
			s.Route.Attrs.Hops = []plan.Hop{{Dev: dev(t), Gateway: prefix(t).Addr(), OnLink: yes(t), Weight: number(t)}, {Dev: dev(t), Weight: 1}}
		}
		return s
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.Address{Dev: dev(t), Addr: plan.Addr{
			Prefix: prefix(t), Metric: number(t), Valid: rapid.Uint32().Draw(t, "valid"), Preferred: rapid.Uint32().Draw(t, "preferred"),
			ManageTemporary: yes(t), Origin: number(t) % 256, Proven: yes(t),
		}}
	}),
}
