package engine

import (
	"fmt"

	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// While a guest migrates to the host it is on, the port of its new domain comes
// up before that of its old one goes: xl takes the old domain down last, or goes
// on with it if the new one fails. Both want the same routes, of which the kernel
// has one. The new port takes them over, and gives them back if it goes first.

// takeOver puts the steps in front that clear the way for the routes among steps, where the
// port of the guest's old domain has them.
func (p *port) takeOver(steps []plan.Step) ([]plan.Step, error) {
	if p.who.UUID == "" || p.old != nil {
		return steps, nil
	}
	var old plan.Dev
	for _, s := range steps {
		route, ok := s.(plan.Route)
		if !ok || route.Absent || !old.IsZero() {
			continue
		}
		at, err := p.Reader.LeadsElsewhere(route.Route.Dst, p.link.Index)
		if err == nil && at != 0 {
			old, err = p.predecessor(at)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Event.Name, err)
		}
	}
	if old.IsZero() {
		return steps, nil
	}
	p.Log.Info("takes over the routes of the guest's old domain", "port", p.Event.Name, "old", old.Name)
	var first []plan.Step
	for _, s := range steps {
		if route, ok := s.(plan.Route); ok && !route.Absent {
			route.Dev, route.Absent = old, true
			first = append(first, route)
		}
	}
	return append(first, steps...), nil
}

// leaveMoved leaves routes that the port of the guest's new domain has taken over with it:
// they count as there, and come back if the new one goes first.
func (p *port) leaveMoved() error {
	if p.old == nil || p.old.UUID != p.who.UUID || p.who.UUID == "" {
		return nil
	}
	for i, a := range p.Actions {
		route, ok := a.Step.(plan.Route)
		if !ok || a.Satisfied || route.Absent {
			continue
		}
		at := 0
		err := p.Reader.RoutesOf(route.Route.Dst.Addr().Is6(), 0, func(rt kernel.Route) {
			if rt.Dst == route.Route.Dst.Masked() && rt.Metric == route.Route.Metric && rt.Index() != p.link.Index {
				at = rt.Index()
			}
		})
		if err != nil {
			return err
		}
		if at == 0 {
			continue
		}
		other, err := p.predecessor(at)
		if err != nil {
			return err
		}
		p.Actions[i].Satisfied = !other.IsZero()
	}
	return nil
}

// predecessor is the port of the guest's other domain, where the NIC that a route leads to is
// that domain's; zero where it is not.
func (p *port) predecessor(at int) (plan.Dev, error) {
	there, ok, err := p.Reader.LinkByIndex(at)
	if err != nil || !ok {
		return plan.Dev{}, err
	}
	nic, ok := p.Journal.NICOf(there.Name)
	if !ok {
		return plan.Dev{}, nil
	}
	r, err := p.Journal.Read(nic, p.Event.Kind)
	if err != nil || r == nil || !precedes(r.Port, p.newRecord().Port) {
		return plan.Dev{}, nil //nolint:nilerr // a record that cannot be read is taken for none
	}
	l, ok, err := p.Reader.LinkByIndex(r.Index)
	if err != nil || !ok {
		return plan.Dev{}, err
	}
	return l.Dev, nil
}

// precedes reports whether a is the same port as b, of another domain of the
// guest.
func precedes(a, b journal.Port) bool {
	return a.Boot == b.Boot && a.UUID == b.UUID && a.Kind == b.Kind &&
		a.NIC.Devid == b.NIC.Devid && a.NIC.Domid != b.NIC.Domid
}
