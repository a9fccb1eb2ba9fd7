package engine

import (
	"context"
	"errors"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// While a guest migrates to the host it is on, the port of its new domain comes
// up before that of its old one goes: xl takes the old domain down last, or goes
// on with it if the new one fails. Both want the same routes, of which the kernel
// has one. The new port takes them over, and gives them back if it goes first.

// predecessor returns the port of the guest's old domain that has a route which
// w's port was refused.
func (r *Runtime) predecessor(w *Work, failure error) (old plan.Dev, found bool) {
	var taken *kernel.RouteTakenError
	if !errors.As(failure, &taken) || !w.after.IsZero() || w.record.UUID == "" {
		return plan.Dev{}, false
	}
	// Those that cannot be read are nobody's predecessors.
	all, _ := r.Journal.All()
	for _, port := range all {
		if port.Index == taken.Index && precedes(port.Port, w.record.Port) {
			return plan.Dev{Name: port.Name, Index: port.Index}, true
		}
	}
	return plan.Dev{}, false
}

// precedes reports whether a is the same port as b, of another domain of the
// guest.
func precedes(a, b journal.Port) bool {
	return a.Boot == b.Boot && a.UUID == b.UUID && a.Kind == b.Kind &&
		a.NIC.Devid == b.NIC.Devid && a.NIC.Domid != b.NIC.Domid
}

// succeed makes a call once more, which takes over the routes of the guest's old
// domain.
func (r *Runtime) succeed(ctx context.Context, call event.Call, old plan.Dev) error {
	w, err := r.prepare(ctx, call, manner{after: old})
	if err != nil {
		return err
	}
	r.Log.Info("takes over the routes of the guest's old domain", "port", w.Event.Name, "old", old.Name)
	return r.up(ctx, w)
}

// takeOver are the steps that clear the way for the routes among steps.
func takeOver(old plan.Dev, steps []plan.Step) []plan.Step {
	if old.IsZero() {
		return nil
	}
	var first []plan.Step
	for _, s := range steps {
		if route, ok := s.(plan.Route); ok && !route.Absent {
			route.Dev, route.Absent = old, true
			first = append(first, route)
		}
	}
	return first
}
