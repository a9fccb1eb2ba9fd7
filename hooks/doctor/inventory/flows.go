package inventory

import (
	"net/netip"
	"slices"

	"vifctl/hooks/engine"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// FlowCount is how many connections with hosts outside an address has, as far as the kernel tracks
// them: those that were answered, and those of its own that were not.
type FlowCount struct{ Answered, Unanswered int }

// Beyond are the single addresses of a NIC that are in no network of its uplink, and not translated:
// a router has to lead them to this host.
func (f *Facts) Beyond(n *NIC) (all []netip.Addr) {
	l, ok := f.Host.Named(f.Uplink(n))
	if !ok || !n.Alive || n.Mode != "route" && n.Mode != "nat" {
		return nil
	}
	for _, a := range n.Addresses {
		ip := a.Addr()
		near := slices.ContainsFunc(f.Host.Addresses[l.Index], func(own plan.Addr) bool { return own.Prefix.Contains(ip) })
		translated := n.Mode == "nat" && (ip.Is4() || n.Entry.NAT66)
		if a.IsSingleIP() && !near && !translated && !ip.IsLinkLocalUnicast() {
			all = append(all, ip)
		}
	}
	return all
}

// mostFlows is how large a table of connections may be to be gone through: a quarter of a million
// take a second.
const mostFlows = 1 << 18

// readFlows counts the connections of addresses that a router has to lead here.
func (f *Facts) readFlows(e *engine.Engine) {
	f.Flows = map[netip.Addr]FlowCount{}
	here := map[netip.Addr]bool{}
	for _, list := range f.Host.Addresses {
		for _, a := range list {
			here[a.Prefix.Addr()] = true
		}
	}
	for i := range f.NICs {
		for _, a := range f.NICs[i].Addresses {
			here[a.Addr()] = true
		}
		for _, a := range f.Beyond(&f.NICs[i]) {
			f.Flows[a] = FlowCount{}
		}
	}
	if len(f.Flows) == 0 || f.Tracked > mostFlows {
		return
	}
	_ = e.Reader.Flows(func(flow kernel.Flow) {
		own, other := flow.From, flow.To
		if _, ours := f.Flows[own]; !ours {
			own, other = other, own
		}
		count, ours := f.Flows[own]
		switch {
		case !ours || here[other] || other.IsMulticast():
			return
		case flow.Answered:
			count.Answered++
		case own == flow.From:
			count.Unanswered++
		}
		f.Flows[own] = count
	})
}
