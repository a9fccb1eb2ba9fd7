package plan

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
)

// RouteAttrs is what a route of the host's own may have beside a port's: which table
// it stands in and how the packets get there. The zero RouteAttrs is that of a port's
// routes: the main table, and directly.
type RouteAttrs struct {
	// Table is the kernel's number of it; 254 is main.
	Table int `json:"table,omitempty"`
	// Type, Scope and TOS are the kernel's numbers (RTN_*, RT_SCOPE_*).
	Type  int `json:"type,omitempty"`
	Scope int `json:"scope,omitempty"`
	TOS   int `json:"tos,omitempty"`
	// Gateway, zero for none; of either family. OnLink: it is reached directly
	// whatever the other routes say.
	Gateway netip.Addr `json:"gateway,omitzero"`
	OnLink  bool       `json:"onlink,omitempty"`
	// Preference of a router (RFC 4191), as the kernel counts it (IPv6 only).
	Preference int `json:"preference,omitempty"`
	// Lifetime in seconds, 0 for ever (IPv6 only).
	Lifetime uint32 `json:"lifetime,omitempty"`
	// Metrics are what the kernel takes a path for (RTAX_*: MTU, …).
	Metrics []RouteMetric `json:"metrics,omitempty"`
	// Hops, where there are several; Gateway is zero then.
	Hops []Hop `json:"hops,omitempty"`

	// Strange, told by the kernel and never wanted: what it is that cannot be
	// put back.
	Strange string `json:"-"`
}

// RouteMetric is one of a route's metrics, by the kernel's number of it.
type RouteMetric struct {
	Kind  int    `json:"kind"`
	Value []byte `json:"value"`
}

// Hop is one of the next hops of a route that has several.
type Hop struct {
	Dev     Dev        `json:"dev"`
	Gateway netip.Addr `json:"gateway,omitzero"`
	OnLink  bool       `json:"onlink,omitempty"`
	// Weight is 1 and more.
	Weight int `json:"weight"`
}

// MainTable is the kernel's number of the table that ip(8) calls main, and
// LocalTable of the one the kernel keeps its own addresses in.
const (
	MainTable  = 254
	LocalTable = 255
)

// Plain reports whether it is that of a port's routes.
func (w RouteAttrs) Plain() bool { return w.Table == 0 }

func (w RouteAttrs) same(o RouteAttrs) bool {
	return w.Table == o.Table && w.Type == o.Type && w.Scope == o.Scope && w.TOS == o.TOS && w.Gateway == o.Gateway &&
		w.OnLink == o.OnLink && w.Preference == o.Preference && (w.Lifetime == 0) == (o.Lifetime == 0) &&
		slices.EqualFunc(w.Metrics, o.Metrics, func(a, b RouteMetric) bool { return a.Kind == b.Kind && slices.Equal(a.Value, b.Value) }) &&
		slices.EqualFunc(w.Hops, o.Hops, func(a, b Hop) bool {
			return a.Dev.Index == b.Dev.Index && a.Gateway == b.Gateway && a.OnLink == b.OnLink && a.Weight == b.Weight
		})
}

// typeNames are ip(8)'s words for the kernel's RTN_* numbers.
var typeNames = [...]string{2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}

// metricNames are ip(8)'s words for the kernel's RTAX_* numbers.
var metricNames = [...]string{
	2: "mtu", 3: "window", 4: "rtt", 5: "rttvar", 6: "ssthresh", 7: "cwnd", 8: "advmss", 9: "reordering", 10: "hoplimit",
	11: "initcwnd", 12: "features", 13: "rto_min", 14: "initrwnd", 15: "quickack", 16: "congctl",
}

// before are the words of an ip(8) command in front of the destination.
func (w RouteAttrs) before() (words []string) {
	if w.Type < len(typeNames) && typeNames[w.Type] != "" {
		words = append(words, typeNames[w.Type])
	}
	return words
}

// after are those behind it. absent: only what tells routes apart.
func (w RouteAttrs) after(dev Dev, absent bool) (words []string) {
	if len(w.Hops) == 0 {
		words = append(hopWords(w.Gateway), "dev", dev.Name)
	}
	if w.Table != 0 && w.Table != MainTable {
		words = append(words, "table", strconv.Itoa(w.Table))
	}
	if w.TOS != 0 {
		words = append(words, "tos", strconv.Itoa(w.TOS))
	}
	if absent {
		return words
	}
	if w.OnLink {
		words = append(words, "onlink")
	}
	if w.Lifetime != 0 {
		words = append(words, "expires", strconv.FormatUint(uint64(w.Lifetime), 10))
	}
	for _, m := range w.Metrics {
		if m.Kind < len(metricNames) && metricNames[m.Kind] != "" {
			words = append(words, metricNames[m.Kind], m.text())
		}
	}
	for _, h := range w.Hops {
		words = append(append(append(words, "nexthop"), hopWords(h.Gateway)...), "dev", h.Dev.Name, "weight", strconv.Itoa(h.Weight))
	}
	return words
}

func hopWords(gateway netip.Addr) []string {
	if !gateway.IsValid() {
		return nil
	}
	return []string{"via", gateway.String()}
}

// text is a metric as ip(8) writes it: a number, but for the name of a
// congestion control.
func (m RouteMetric) text() string {
	if len(m.Value) == 4 {
		return strconv.FormatUint(uint64(binary.NativeEndian.Uint32(m.Value)), 10)
	}
	return string(slices.DeleteFunc(slices.Clone(m.Value), func(b byte) bool { return b == 0 }))
}
