package plan

import (
	"net/netip"
	"slices"
	"strconv"
)

// RouteProtocol marks the routes that are ours (rtm_protocol). xenscripts
// installs its name, "vifctl", for ip(8).
const RouteProtocol = 118

// RouteEntry is one route of the main table through an interface.
type RouteEntry struct {
	Dst netip.Prefix `json:"dst"`
	// Source is the address the host itself uses towards Dst, zero for none.
	Source netip.Addr `json:"source,omitzero"`
	// Metric: the smaller one wins. The kernel gives IPv6 routes without one
	// 1024.
	Metric int `json:"metric"`
	// Protocol is the kernel's RTPROT_* number.
	Protocol int `json:"protocol"`
}

// Route wants a prefix to be reached directly through an interface, or not to
// be.
type Route struct {
	Dev    Dev        `json:"dev"`
	Route  RouteEntry `json:"route"`
	Absent bool       `json:"absent,omitempty"`
}

// Key implements Step.
func (s Route) Key() string {
	return key("route "+s.Route.Dst.String()+" metric "+strconv.Itoa(s.Route.Metric), s.Dev)
}

// Owner implements Step.
func (Route) Owner() Owner { return OwnerPort }

// Needs implements Step.
func (s Route) Needs(q *Query) {
	if s.Dev.Index != 0 {
		q.Routes = append(q.Routes, s.Dev.Index)
	}
}

// Satisfied implements Step.
func (s Route) Satisfied(h *Snapshot) bool {
	i := s.find(h)
	if s.Absent {
		return i < 0
	}
	return i >= 0 && h.Routes[s.Dev.Index][i] == s.Route
}

// Inverse implements Step.
func (s Route) Inverse(h *Snapshot) []Step {
	undo := Route{Dev: s.Dev, Route: s.Route, Absent: !s.Absent}
	if i := s.find(h); i >= 0 {
		undo.Route, undo.Absent = h.Routes[s.Dev.Index][i], false
	}
	return []Step{undo}
}

// Commands implements Step.
func (s Route) Commands() []string {
	r := s.Route
	words := []string{"ip"}
	if r.Dst.Addr().Is6() {
		words = append(words, "-6")
	}
	verb := "replace"
	if s.Absent {
		verb = "del"
	}
	words = append(words, "route", verb, r.Dst.String(), "dev", s.Dev.Name)
	if !s.Absent && r.Source.IsValid() {
		words = append(words, "src", r.Source.String())
	}
	words = append(words, "metric", strconv.Itoa(r.Metric))
	if !s.Absent {
		words = append(words, "proto", strconv.Itoa(r.Protocol))
	}
	return []string{Command(words...)}
}

func (s Route) pretend(h *Snapshot) {
	list := h.Routes[s.Dev.Index]
	if i := s.find(h); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if !s.Absent {
		list = append(list, s.Route)
	}
	h.Routes[s.Dev.Index] = list
}

// find returns where a route to the same place with the same metric stands in
// h, -1 where none does: that is what makes two routes one to the kernel.
func (s Route) find(h *Snapshot) int {
	return slices.IndexFunc(h.Routes[s.Dev.Index], func(r RouteEntry) bool {
		return r.Dst == s.Route.Dst && r.Metric == s.Route.Metric
	})
}
