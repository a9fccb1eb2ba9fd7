package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
)

// repairCommand holds ports that are up against what they need, and puts back
// what is missing. Without a name it is about all of them.
func repairCommand(ctx context.Context, inv invocation) int {
	args, flags := takeFlags(inv.Args)
	if slices.Equal(args, []string{"--garbage"}) && flags == (hookFlags{}) {
		return collectGarbage(ctx, inv)
	}
	if flags.json || slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") }) {
		inv.complain("repair takes the names of ports or guests, and --dry-run; or --garbage alone")
		return usage
	}
	s := dial(ctx, inv)
	defer s.close()
	if err := s.open(inv, true, flags.dryRun); err != nil {
		inv.complain("%v", err)
		return failed
	}
	ports, err := s.portsNamed(args)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	step, told := progress(inv, "looking at the ports")
	defer told()
	end, wrong := done, 0
	for i, p := range ports {
		step(i, len(ports))
		look := s.Repair
		if flags.dryRun {
			look = s.Check
		}
		w, err := look(ctx, p.Port)
		if w != nil && !w.Right() {
			wrong++
			if err := w.WriteRepair(inv.Stdout); err != nil {
				return failed
			}
		}
		if err != nil && !errors.Is(err, engine.ErrGone) {
			inv.complain("%v", err)
			end = failed
		}
	}
	if wrong == 0 && end == done {
		fmt.Fprintf(inv.Stdout, "nothing to repair: %s should be\n", count(len(ports), "port is as it", "ports are as they"))
	}
	return end
}

// collectGarbage removes what nobody will come for any more.
func collectGarbage(ctx context.Context, inv invocation) int {
	s := dial(ctx, inv)
	defer s.close()
	err := s.open(inv, false, false)
	var removed []string
	if err == nil {
		removed, err = s.CollectGarbage(ctx)
	}
	for _, what := range removed {
		fmt.Fprintln(inv.Stdout, "removed "+what)
	}
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	if len(removed) == 0 {
		fmt.Fprintln(inv.Stdout, "nothing to remove")
	}
	return done
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// portsNamed are the ports that are up by calls of ours, in the order of their
// NICs, or those of them that words name: by port or by guest.
func (s *session) portsNamed(words []string) ([]*journal.Stored, error) {
	all, err := s.Journal.All()
	if err != nil {
		s.Log.Warn(err.Error())
	}
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	ports := slices.DeleteFunc(all, func(p *journal.Stored) bool {
		if p.Boot != boot {
			return true
		}
		named := len(words) == 0
		for _, word := range words {
			if word == p.Name || word == p.Device || word == p.Guest {
				known[word], named = true, true
			}
		}
		return !named
	})
	for _, word := range words {
		if !known[word] {
			return nil, fmt.Errorf("%s: no port or guest of that name is up by a call of ours", word)
		}
	}
	slices.SortFunc(ports, func(a, b *journal.Stored) int {
		return cmp.Or(cmp.Compare(a.NIC.Domid, b.NIC.Domid), cmp.Compare(a.NIC.Devid, b.NIC.Devid),
			cmp.Compare(b.Kind, a.Kind)) // the vif before its tap
	})
	return ports, nil
}
