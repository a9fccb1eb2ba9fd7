package plan

import (
	"fmt"
	"net/netip"
	"strings"
)

// Where dnsmasq finds what it is to lease to guests: a folder that it can
// read as its own user, and where it says which process it is and what it has
// leased.
const (
	DHCPDir    = "/run/vifctl-dhcp"
	DHCPHosts  = DHCPDir + "/hosts"
	DHCPPid    = DHCPDir + "/dnsmasq.pid"
	DHCPLeases = DHCPDir + "/leases"
)

// DHCPHost wants a DHCP server to lease one address to one hardware address,
// or no longer. A vif and its tap have one; so has the guest's next domain.
type DHCPHost struct {
	// Port is one through which the server can be reached.
	Port Dev        `json:"port"`
	MAC  string     `json:"mac"`
	IP   netip.Addr `json:"ip"`
	// Name is the guest's host name, "" for none.
	Name   string `json:"name,omitempty"`
	Absent bool   `json:"absent,omitempty"`
}

// LeaseTo adds to p that the guest gets the first of its IPv4 addresses by
// DHCP, where that is wanted. It comes behind all that makes the port work.
func (p *Plan) LeaseTo(r Request, ips []netip.Prefix) error {
	if !r.DHCP {
		return nil
	}
	if r.MAC == "" {
		return fmt.Errorf("%s: dhcp is on, but the guest's hardware address (mac) is not known", r.Port)
	}
	for _, ip := range ips {
		if ip.Addr().Is4() && ip.IsSingleIP() {
			p.Steps = append(p.Steps, DHCPHost{Port: r.Port, MAC: r.MAC, IP: ip.Addr(), Name: hostLabel(r.Guest, r.NIC.Devid)})
			return nil
		}
	}
	p.Warn("dhcp is on, and the guest has no IPv4 address that could be leased to it")
	return nil
}

// hostLabel makes a label of a host's name (RFC 1123, section 2.1) of what a
// guest is called, which may be anything; its other NICs get a number behind it.
func hostLabel(guest string, devid int) string {
	label := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, guest)
	behind := ""
	if devid > 0 {
		behind = fmt.Sprintf("-%d", devid)
	}
	const most = 63
	label = label[:min(len(label), most-len(behind))]
	if label = strings.Trim(label, "-"); label == "" {
		return ""
	}
	return label + behind
}

// Line is what dnsmasq reads (--dhcp-hostsdir).
func (s DHCPHost) Line() string {
	line := s.MAC + "," + s.IP.String()
	if s.Name != "" {
		line += "," + s.Name
	}
	return line
}

// File is where dnsmasq reads it.
func (s DHCPHost) File() string { return DHCPHosts + "/" + strings.ReplaceAll(s.MAC, ":", "-") }

// Key implements Step.
func (s DHCPHost) Key() string { return "dhcp " + s.MAC }

// Traits implements Step.
func (s DHCPHost) Traits() Traits {
	return Traits{Kind: "dhcp_host", Owner: OwnerNIC, Absent: s.Absent}
}

// Needs implements Step.
func (s DHCPHost) Needs(q *Query) { q.DHCP = append(q.DHCP, s) }

// Satisfied implements Step.
func (s DHCPHost) Satisfied(h *Snapshot) bool {
	line, ok := h.DHCP[s.MAC]
	return ok != s.Absent && (s.Absent || line == s.Line())
}

// Inverse implements Step. What was there before was our own, of a guest that
// has gone.
func (s DHCPHost) Inverse(*Snapshot) []Step {
	s.Absent = !s.Absent
	return []Step{s}
}

// Commands implements Step.
func (s DHCPHost) Commands() []string {
	if s.Absent {
		return []string{Command("rm", "-f", s.File()), `kill -HUP "$(cat ` + DHCPPid + `)" || true`}
	}
	return []string{Command("mkdir", "-p", DHCPHosts), Command("echo", s.Line()) + " > " + s.File()}
}

func (s DHCPHost) pretend(h *Snapshot) {
	if s.Absent {
		delete(h.DHCP, s.MAC)
	} else {
		h.DHCP[s.MAC] = s.Line()
	}
}
