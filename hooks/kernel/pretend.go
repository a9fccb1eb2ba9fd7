package kernel

import "vifctl/hooks/plan"

// firstPretended is an ifindex that no interface of a real host comes to.
const firstPretended = 1 << 30

// Pretend makes the reader answer as if there were new interfaces of these
// names, beside all that is there: down, without an address, with the MTU and
// the hardware address that netback gives them, and the settings that the
// kernel keeps for new ones.
func (k *Kernel) Pretend(names ...string) {
	k.pretended = map[int]plan.Link{}
	for i, name := range names {
		index := firstPretended + i
		k.pretended[index] = plan.Link{Dev: plan.Dev{Name: name, Index: index}, MAC: "fe:ff:ff:ff:ff:ff", MTU: 1500}
	}
}

// StandardSysctl is what a new interface's setting begins with. A network
// namespace of its own does not show its neighbour tables' defaults, but lo has
// them, as no program changes them there.
func StandardSysctl(key plan.SysctlKey) (value string, ok bool, err error) {
	for _, name := range []string{"default", "lo"} {
		if value, ok, err = readSysctl(key.Table, name, key.Name); ok || err != nil {
			break
		}
	}
	return value, ok, err
}
