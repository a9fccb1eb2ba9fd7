package plan

import "net/netip"

// Announce tells the network behind an interface that an address is reached
// through it from now on, by gratuitous ARP or an unsolicited neighbour
// advertisement: a guest that came from another host is reachable at once. It
// is an effect, and one that reaches no listener is no failure.
type Announce struct {
	Dev Dev        `json:"dev"`
	IP  netip.Addr `json:"ip"`
	// MAC is Dev's own hardware address.
	MAC string `json:"mac"`
	// Router: this host forwards the address's family (IPv6 only), as its
	// answers to solicitations say, too.
	Router bool `json:"router,omitempty"`
}

// Announce adds the announcements of those of ips that belong to a network the
// uplink is in: no host there asks for any other.
func (p *Plan) Announce(up *Uplink, ips []netip.Addr) {
	if up == nil || up.MAC == "" {
		return
	}
	for _, ip := range ips {
		if up.onLink(ip) {
			p.Steps = append(p.Steps, Announce{Dev: up.Dev, IP: ip, MAC: up.MAC, Router: ip.Is6() && up.Forwarding6})
		}
	}
}

// onLink reports whether an address is of a network that the uplink is in.
func (u *Uplink) onLink(ip netip.Addr) bool {
	for _, a := range u.Addresses {
		network := a.Prefix
		if a.Peer.IsValid() {
			network = a.Peer
		}
		if !network.IsSingleIP() && network.Contains(ip) {
			return true
		}
	}
	return false
}

// Key implements Step.
func (s Announce) Key() string { return key("announce "+s.IP.String(), s.Dev) }

// Traits implements Step. An announcement cannot be taken back.
func (Announce) Traits() Traits {
	return Traits{Kind: "announce", Owner: OwnerHost, Effect: true, Tolerant: true}
}

// Needs implements Step.
func (Announce) Needs(*Query) {}

// Satisfied implements Step.
func (Announce) Satisfied(*Snapshot) bool { return false }

// Inverse implements Step.
func (Announce) Inverse(*Snapshot) []Step { return nil }

// Commands implements Step. There is no program that every host has for it: for
// an address of another machine's, arping -U wants ip_nonlocal_bind.
func (s Announce) Commands() []string {
	how := "gratuitous ARP"
	if s.IP.Is6() {
		how = "an unsolicited neighbour advertisement"
	}
	return []string{"# announce " + s.IP.String() + " on " + s.Dev.Name + " by " + how}
}

func (Announce) pretend(*Snapshot) {}
