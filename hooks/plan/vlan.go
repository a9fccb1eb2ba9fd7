package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// VLANRange is one VLAN of a bridge's port, or several in a row that are alike.
type VLANRange struct {
	First int `json:"first"`
	Last  int `json:"last"`
	// Untagged: frames of it leave without a tag. PVID: frames that arrive
	// without one are of it; then First is Last.
	Untagged bool `json:"untagged,omitempty"`
	PVID     bool `json:"pvid,omitempty"`
}

// The VLANs there are (IEEE 802.1Q).
const (
	MinVLAN = 1
	MaxVLAN = 4094
)

// ParseVLANs reads what xl's vlan= says (xl-network-configuration(5)): terms
// with a '/' between them, each VID, FIRST-LAST, or FIRST+STEPxCOUNT; tagged,
// or untagged with a 'u' behind it. One VID, with a 'p' behind it, is that of
// untagged frames; a single VLAN needs no 'p'. The error
// ends a sentence about the value.
func ParseVLANs(s string) ([]VLANRange, error) {
	var all vlanSet
	pvid, last, count := 0, 0, 0
	for _, term := range strings.Split(s, "/") {
		ids, kind, err := parseTerm(term)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if all[id] != 0 {
				return nil, fmt.Errorf("VLAN %d is there twice", id)
			}
			all[id] = kind
			last, count = id, count+1
		}
		switch {
		case kind&vlanPVID != 0 && pvid != 0:
			return nil, fmt.Errorf("one VLAN can be that of untagged frames, and %d and %d are to be", pvid, last)
		case kind&vlanPVID != 0:
			pvid = last
		}
	}
	switch {
	case pvid != 0:
	case count == 1:
		all[last] = vlanThere | vlanUntagged | vlanPVID
	default:
		return nil, errors.New("of several VLANs one must be that of untagged frames: write a p behind it, as in 10p/20-29")
	}
	return all.ranges(), nil
}

// vlanSet tells of each VLAN what a port has of it.
type vlanSet [MaxVLAN + 1]byte

const (
	vlanThere = 1 << iota
	vlanUntagged
	vlanPVID
)

// parseTerm reads one term: its VLANs, and what the port is to have of them.
func parseTerm(term string) (ids []int, kind byte, err error) {
	wrong := fmt.Errorf("%q is no VLAN: it is a number from %d to %d, a range (20-29) or a row (20+2x5), with p or u behind it", term, MinVLAN, MaxVLAN)
	kind = vlanThere
	if rest, ok := strings.CutSuffix(term, "p"); ok {
		term, kind = rest, vlanThere|vlanUntagged|vlanPVID
	} else if rest, ok := strings.CutSuffix(term, "u"); ok {
		term, kind = rest, vlanThere|vlanUntagged
	}
	first, last, isRange := strings.Cut(term, "-")
	from, row, isRow := strings.Cut(term, "+")
	step, many := 1, 1
	switch {
	case (isRange || isRow) && kind&vlanPVID != 0:
		return nil, 0, wrong
	case isRange:
		from = first
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		if errA != nil || errB != nil || b < a {
			return nil, 0, wrong
		}
		many = b - a + 1
	case isRow:
		by, times, _ := strings.Cut(row, "x")
		var errA, errB error
		step, errA = strconv.Atoi(by)
		many, errB = strconv.Atoi(times)
		if errA != nil || errB != nil || step < 1 || many < 1 {
			return nil, 0, wrong
		}
	}
	id, err := strconv.Atoi(from)
	if err != nil || from[0] < '0' || from[0] > '9' || id < MinVLAN || many > MaxVLAN || step > MaxVLAN || id+(many-1)*step > MaxVLAN {
		return nil, 0, wrong
	}
	for range many {
		ids = append(ids, id)
		id += step
	}
	return ids, kind, nil
}

// ranges puts VLANs in a row together that are alike.
func (all *vlanSet) ranges() (ranges []VLANRange) {
	for id, kind := range all {
		if kind == 0 {
			continue
		}
		r := VLANRange{First: id, Last: id, Untagged: kind&vlanUntagged != 0, PVID: kind&vlanPVID != 0}
		if n := len(ranges); n > 0 && !r.PVID && !ranges[n-1].PVID && ranges[n-1].Last == id-1 && ranges[n-1].Untagged == r.Untagged {
			ranges[n-1].Last = id
			continue
		}
		ranges = append(ranges, r)
	}
	return ranges
}

// JoinVLANs sorts VLANs as ParseVLANs would have them.
func JoinVLANs(list []VLANRange) []VLANRange {
	var all vlanSet
	for _, r := range list {
		for id := max(r.First, MinVLAN); id <= min(r.Last, MaxVLAN); id++ {
			all[id] = vlanThere
			if r.Untagged {
				all[id] |= vlanUntagged
			}
			if r.PVID {
				all[id] |= vlanPVID
			}
		}
	}
	return all.ranges()
}

// BridgeVLAN wants a bridge's port to be in these VLANs, ascending, and in no
// others.
type BridgeVLAN struct {
	Dev   Dev         `json:"dev"`
	VLANs []VLANRange `json:"vlans"`
}

// Key implements Step.
func (s BridgeVLAN) Key() string { return key("vlan", s.Dev) }

// Traits implements Step.
func (s BridgeVLAN) Traits() Traits {
	return Traits{Kind: "bridge_vlan", Owner: OwnerPort, Dev: s.Dev}
}

// Needs implements Step.
func (s BridgeVLAN) Needs(q *Query) {
	q.needLink(s.Dev)
	if s.Dev.Index != 0 {
		q.VLANs = append(q.VLANs, s.Dev.Index)
	}
}

// Satisfied implements Step.
func (s BridgeVLAN) Satisfied(h *Snapshot) bool {
	now, ok := h.VLANs[s.Dev.Index]
	return ok && slices.Equal(now, s.VLANs)
}

// Inverse implements Step. A port that has just joined has what its bridge
// gives every port.
func (s BridgeVLAN) Inverse(h *Snapshot) []Step {
	now, ok := h.VLANs[s.Dev.Index]
	if !ok {
		return nil
	}
	return []Step{BridgeVLAN{Dev: s.Dev, VLANs: now}}
}

// Commands implements Step.
func (s BridgeVLAN) Commands() []string {
	lines := []string{Command("bridge", "vlan", "del", "dev", s.Dev.Name, "vid", fmt.Sprintf("%d-%d", MinVLAN, MaxVLAN))}
	for _, r := range s.VLANs {
		vid := strconv.Itoa(r.First)
		if r.Last > r.First {
			vid += "-" + strconv.Itoa(r.Last)
		}
		words := []string{"bridge", "vlan", "add", "dev", s.Dev.Name, "vid", vid}
		if r.PVID {
			words = append(words, "pvid")
		}
		if r.Untagged {
			words = append(words, "untagged")
		}
		lines = append(lines, Command(words...))
	}
	return lines
}

func (s BridgeVLAN) pretend(h *Snapshot) { h.VLANs[s.Dev.Index] = s.VLANs }

// VLANFiltering is whether a bridge keeps VLANs apart.
type VLANFiltering string

// A kernel may be built without.
const (
	NoVLANs    VLANFiltering = ""
	VLANsOff   VLANFiltering = "off"
	VLANsApart VLANFiltering = "on"
)

// vlansOfMember is what a bridge gives every port that joins it.
func (l Link) vlansOfMember() []VLANRange {
	if l.VLANs != VLANsApart || l.DefaultPVID == 0 {
		return nil
	}
	return []VLANRange{{First: l.DefaultPVID, Last: l.DefaultPVID, Untagged: true, PVID: true}}
}
