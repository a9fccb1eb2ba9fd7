package plan

import (
	"net/netip"
	"slices"
	"strconv"
)

// RouteProtocol marks the routes that are ours (rtm_protocol). xenscripts
// installs its name, "vifctl", for ip(8).
const RouteProtocol = 118

// RouteEntry is one route through an interface.
type RouteEntry struct {
	Dst netip.Prefix `json:"dst"`
	// Source is the address the host itself uses towards Dst, zero for none.
	Source netip.Addr `json:"source,omitzero"`
	// Metric: the smaller one wins. The kernel gives IPv6 routes without one
	// 1024.
	Metric int `json:"metric"`
	// Protocol is the kernel's RTPROT_* number.
	Protocol int `json:"protocol"`
	// Way is zero for a direct route of the main table, as ports have them.
	Way Way `json:"way,omitzero"`
}

// Same reports whether two routes are one in all respects.
func (r RouteEntry) Same(o RouteEntry) bool {
	return r.Dst == o.Dst && r.Source == o.Source && r.Metric == o.Metric && r.Protocol == o.Protocol && r.Way.same(o.Way)
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
	r := s.Route
	what := "route " + r.Dst.String() + " metric " + strconv.Itoa(r.Metric)
	if !r.Way.Plain() {
		what += " table " + strconv.Itoa(r.Way.Table) + " tos " + strconv.Itoa(r.Way.TOS)
		if r.Way.Gateway.IsValid() {
			what += " via " + r.Way.Gateway.String()
		}
	}
	return key(what, s.Dev)
}

// Traits implements Step.
func (s Route) Traits() Traits {
	t := Traits{Kind: "route", Owner: OwnerPort, Dev: s.Dev, Absent: s.Absent, Passing: s.Route.Way.Lifetime != 0}
	if s.Route.Dst.IsSingleIP() {
		t.Addresses[0] = s.Route.Dst.Addr()
	}
	return t
}

// Needs implements Step.
func (s Route) Needs(q *Query) {
	switch {
	case s.Dev.Index == 0:
	case s.Route.Way.Plain():
		q.Routes = append(q.Routes, s.Dev.Index)
	default:
		q.AllRoutes = append(q.AllRoutes, s.Dev.Index)
	}
}

// Satisfied implements Step.
func (s Route) Satisfied(h *Snapshot) bool {
	i := s.find(h)
	if s.Absent {
		return i < 0
	}
	return i >= 0 && h.Routes[s.Dev.Index][i].Same(s.Route)
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
	words = append(append(words, "route", verb), r.Way.before()...)
	words = append(append(words, r.Dst.String()), r.Way.after(s.Dev, s.Absent)...)
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
// h, -1 where none does: that is what makes two routes one to the kernel. (Two
// gateways may have the same metric in IPv6.)
func (s Route) find(h *Snapshot) int {
	return slices.IndexFunc(h.Routes[s.Dev.Index], func(r RouteEntry) bool {
		return r.Dst == s.Route.Dst && r.Metric == s.Route.Metric && r.Way.Table == s.Route.Way.Table &&
			r.Way.TOS == s.Route.Way.TOS && r.Way.Gateway == s.Route.Way.Gateway
	})
}
