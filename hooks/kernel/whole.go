package kernel

import (
	"maps"
	"path/filepath"
	"slices"

	"vifctl/hooks/plan"
)

// readWhole adds what the host's side of a mode asks besides a port's.
func (k *Kernel) readWhole(q plan.Query, s *plan.Snapshot) error {
	if q.AllLinks || len(q.Everywhere) > 0 {
		links, err := k.Links()
		if err != nil {
			return err
		}
		for _, l := range links {
			s.Links[l.Index] = l
		}
	}
	for _, path := range q.Settings {
		value, ok, err := Setting(filepath.Join(settings, path))
		if err != nil {
			return err
		}
		if ok {
			s.Settings[path] = value
		}
	}
	for _, name := range q.Everywhere {
		for _, index := range slices.Sorted(maps.Keys(s.Links)) {
			if err := k.readSysctls(plan.Query{Sysctls: []plan.SysctlKey{name.Of(index)}}, s); err != nil {
				return err
			}
		}
	}
	for _, index := range q.AllRoutes {
		list, err := k.AllRoutes(index)
		if err != nil {
			return err
		}
		s.Routes[index] = list
	}
	for _, index := range q.AllNeighbours {
		if err := k.neighboursOf(index, s); err != nil {
			return err
		}
	}
	if q.Uplink == nil || !q.Uplink.Whole || s.Uplink == nil {
		return nil
	}
	u := s.Uplink.Index
	more := plan.Query{AllRoutes: []int{u}, AllNeighbours: []int{u}, Addresses: []int{u}}
	for _, name := range q.Uplink.Sysctls {
		more.Settings = append(more.Settings, name.Default())
		more.Sysctls = append(more.Sysctls, name.Of(u))
	}
	for _, step := range []func(plan.Query, *plan.Snapshot) error{k.readAddresses, k.readSysctls, k.readWhole} {
		if err := step(more, s); err != nil {
			return err
		}
	}
	return nil
}
