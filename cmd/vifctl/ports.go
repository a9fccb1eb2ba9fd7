package main

import (
	"cmp"
	"fmt"
	"slices"

	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/session"
)

// unknownPort is a name that no port and no guest has.
type unknownPort struct{ name string }

func (u unknownPort) Error() string {
	return u.name + ": no port or guest of that name is up by a call of ours"
}

// portsNamed are the ports that are up by calls of ours, in the order of their
// NICs, or those of them that words name: by port or by guest.
func portsNamed(s *session.Session, words []string) ([]*journal.Stored, error) {
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
			return nil, unknownPort{word}
		}
	}
	slices.SortFunc(ports, func(a, b *journal.Stored) int {
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
