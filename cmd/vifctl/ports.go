package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/hooks/session"
)

// unknownPort is a name that no port and no guest has.
type unknownPort struct{ name string }

func (u unknownPort) Error() string {
	return u.name + ": vifctl has brought up no port or guest of that name"
}

// upPort is a port that is up by a call of ours, or the tap beside one for which no call came.
type upPort struct {
	*journal.Stored
	late *engine.LateTap
}

// check works out what it lacks, and changes nothing.
func (p upPort) check(ctx context.Context, e *engine.Engine) (*engine.Decision, error) {
	if p.late != nil {
		return e.CheckLate(ctx, *p.late)
	}
	return e.Check(ctx, p.Port)
}

// repair puts back what it lacks. A Decision is what was missing.
func (p upPort) repair(ctx context.Context, e *engine.Engine) (*engine.Decision, error) {
	if p.late != nil {
		return e.AddLate(ctx, *p.late)
	}
	return e.RepairThoroughly(ctx, p.Port)
}

// portsNamed are the ports that are up by calls of ours and their late taps, in the order of
// their NICs, or those of them that words name: by port or by guest.
func portsNamed(s *session.Session, words []string) (ports []upPort, err error) {
	all, err := s.Journal.All()
	if err != nil {
		s.Log.Warn(err.Error())
	}
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	taps, err := s.LateTaps(all)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	add := func(p upPort, names ...string) {
		named := len(words) == 0
		for _, word := range words {
			if slices.Contains(names, word) {
				known[word], named = true, true
			}
		}
		if named {
			ports = append(ports, p)
		}
	}
	for _, p := range all {
		if p.Boot != boot {
			continue
		}
		add(upPort{Stored: p}, p.Name, p.Device, p.Guest)
		for _, tap := range taps {
			if p.Kind == plan.Vif && tap.NIC == p.NIC {
				add(upPort{Stored: p, late: &tap}, tap.Name, p.Guest)
			}
		}
	}
	for _, word := range words {
		if !known[word] {
			return nil, unknownPort{word}
		}
	}
	slices.SortStableFunc(ports, func(a, b upPort) int {
		return cmp.Or(cmp.Compare(a.NIC.Domid, b.NIC.Domid), cmp.Compare(a.NIC.Devid, b.NIC.Devid),
			cmp.Compare(b.Kind, a.Kind)) // the vif before its tap
	})
	return ports, nil
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
