package configs

import (
	"strconv"
	"strings"

	"vifctl/hooks/plan"
)

// readVLANs reads what xl's vlan= may say, too; a single one may be a number.
func readVLANs(r *reader, v any, at place, e *entry) bool {
	s, ok := v.(string)
	if n, isNumber := v.(int64); isNumber {
		s, ok = strconv.FormatInt(n, 10), true
	}
	if !ok {
		return false
	}
	var err error
	if e.VLANs, err = plan.ParseVLANs(s); err != nil {
		r.mistakes.add(at, "vlan cannot be %s: %v", show(s), err)
	}
	return true
}

// checkVLANs looks for VLANs that are named twice: behind a bridge of Open
// vSwitch's, and by themselves.
func (r *reader) checkVLANs(e *entry) {
	if len(e.VLANs) > 0 && e.Mode == "openvswitch" && strings.ContainsAny(e.Bridge, ".:") {
		r.mistakes.clash(e.at.at("vlan"), e.at.at("bridge"), "the VLANs are named behind the bridge's name as well, at {other}: name them in one of the two")
	}
}
