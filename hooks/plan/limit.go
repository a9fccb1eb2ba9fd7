package plan

import "fmt"

// Rate is how much a guest may send.
type Rate struct {
	// BytesPerSecond on the average, 0 for any number.
	BytesPerSecond uint64 `json:"bytes_per_second"`
	// Interval is how many bytes may come at once, as the toolstack says.
	Interval uint32 `json:"interval,omitempty"`
	// Burst is how many bytes may come at once besides those of a second.
	Burst uint32 `json:"burst,omitempty"`
}

// leastBucket is the least that a limit lets through at once, in bytes: a guest
// hands over up to 64 KiB as one packet, of which there must be two for TCP to
// get anywhere.
const leastBucket = 128 << 10

// Limit wants what a guest sends through a port to be no more than Rate: what
// is more, is dropped. netback limits what comes through a vif by itself, and
// holds it back; the kernel has no such limit for an emulated NIC's tap.
type Limit struct {
	Dev    Dev  `json:"dev"`
	Rate   Rate `json:"rate"`
	Absent bool `json:"absent,omitempty"`
}

// Limits returns the limit of a port that needs one.
func Limits(r Request) []Step {
	if r.Kind != Tap || r.Rate.BytesPerSecond == 0 {
		return nil
	}
	limit := Rate{BytesPerSecond: r.Rate.BytesPerSecond}
	// A bucket of nf_tables holds what may come in a second, at least.
	if bucket := max(uint64(r.Rate.Interval), leastBucket); bucket > limit.BytesPerSecond {
		limit.Burst = uint32(bucket - limit.BytesPerSecond)
	}
	return []Step{Limit{Dev: r.Port, Rate: limit}}
}

// Key implements Step.
func (s Limit) Key() string { return key("limit", s.Dev) }

// Traits implements Step. A kernel without nf_tables limits nothing, which is worth a
// warning: no script of Xen's has ever limited a tap.
func (s Limit) Traits() Traits {
	return Traits{Kind: "limit", Owner: OwnerPort, Absent: s.Absent, Tolerant: !s.Absent}
}

// Needs implements Step.
func (s Limit) Needs(q *Query) { q.Limits = append(q.Limits, s.Dev.Index) }

// Satisfied implements Step.
func (s Limit) Satisfied(h *Snapshot) bool {
	now, ok := h.Limits[s.Dev.Index]
	return ok != s.Absent && (s.Absent || now == s.Rate)
}

// Inverse implements Step.
func (s Limit) Inverse(h *Snapshot) []Step {
	undo := Limit{Dev: s.Dev, Rate: s.Rate, Absent: true}
	if now, ok := h.Limits[s.Dev.Index]; ok {
		undo.Rate, undo.Absent = now, false
	}
	return []Step{undo}
}

// Commands implements Step.
func (s Limit) Commands() []string {
	chain := LimitChain(s.Dev)
	if s.Absent {
		return []string{Command("nft", "delete", "chain", "netdev", LimitTable, chain)}
	}
	return []string{
		Command("nft", "add", "table", "netdev", LimitTable),
		Command("nft", fmt.Sprintf("add chain netdev %s %s { type filter hook ingress device %q priority -500; }", LimitTable, chain, s.Dev.Name)),
		Command("nft", fmt.Sprintf("add rule netdev %s %s limit rate over %d bytes/second burst %d bytes drop", LimitTable, chain, s.Rate.BytesPerSecond, s.Rate.Burst)),
	}
}

func (s Limit) pretend(h *Snapshot) {
	if s.Absent {
		delete(h.Limits, s.Dev.Index)
	} else {
		h.Limits[s.Dev.Index] = s.Rate
	}
}

// LimitTable is the table of nf_tables' netdev family that holds limits:
// besides the host's, it has a chain for each port that has one, which no
// other port's packets go through.
const LimitTable = "vifctl"

// LimitChain names a port's chain. A name that another interface gets is not
// the port.
func LimitChain(port Dev) string { return fmt.Sprintf("port_%d", port.Index) }
