package configs

// setting is one key of a table.
type setting[T any] struct {
	key string
	// example is what a mistake in it suggests to write.
	example string
	// read takes the value over; false is a type it cannot be of. Whatever else
	// is wrong it tells itself.
	read func(r *reader, v any, at place, into *T) bool
}

func hostSettings() []setting[Host] {
	return []setting[Host]{
		{"uplink", `"eth0"`, text(func(r *reader, s string, at place, h *Host) { h.Uplink = r.device(s, at) })},
		{"firewall", `"auto"`, text(func(r *reader, s string, at place, h *Host) {
			h.Firewall = oneOf(r, s, at, FirewallAuto, FirewallNftables, FirewallIptables)
		})},
		{"antispoof", `"strict"`, text(func(r *reader, s string, at place, h *Host) {
			h.Antispoof = oneOf(r, s, at, AntispoofStrict, AntispoofMAC, AntispoofOff)
		})},
		{"gateway", `"192.168.1.1"`, list(func(r *reader, s string, at place, h *Host) { r.gateway(s, at, &h.Gateway) })},
		{"dhcp", `"dnsmasq"`, text(func(r *reader, s string, at place, h *Host) { h.DHCP = oneOf(r, s, at, DHCPDnsmasq, DHCPOff) })},
		{"masquerade", `"11.22.33.40"`, list(func(r *reader, s string, at place, h *Host) {
			if s == "guests" {
				h.MasqueradeGuests = true
				return
			}
			r.masqueradeAs(s, at, &h.MasqueradeAs)
		})},
		{"mark", "0x10000000", number(func(r *reader, n int64, at place, h *Host) { h.Mark = r.mark(n, at) })},
		{"firewalld", `"trust"`, text(func(r *reader, s string, at place, h *Host) {
			h.Firewalld = oneOf(r, s, at, FirewalldTrust, FirewalldIgnore)
		})},
		{"guests", "200", number(func(r *reader, n int64, at place, h *Host) { h.Guests = r.guests(n, at) })},
		{"network", `["bridge bridge=xenbr0 netdev=eth0"]`, list(func(r *reader, s string, at place, h *Host) { r.network(s, at, &h.Networks) })},
	}
}

func guestSettings() []setting[entry] {
	return []setting[entry]{
		{"name", `"win2008-1"`, text(func(r *reader, s string, at place, e *entry) { e.Name = r.name(s, at) })},
		{"uuid", `"6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f"`, text(func(r *reader, s string, at place, e *entry) { e.UUID = r.uuid(s, at) })},
		{"mac", `"00:16:3e:00:00:01"`, text(func(r *reader, s string, at place, e *entry) { e.MAC = r.mac(s, at) })},
		{"nic", "0", number(func(r *reader, n int64, at place, e *entry) { e.NIC = r.nic(n, at) })},
		{"mode", `"nat"`, text(func(r *reader, s string, at place, e *entry) { e.Mode = r.mode(s, at) })},
		{"bridge", `"xenbr0"`, text(func(r *reader, s string, at place, e *entry) { e.Bridge = r.bridge(s, at) })},
		{"vlan", `"10p/20-29"`, readVLANs},
		{"uplink", `"eth0"`, text(func(r *reader, s string, at place, e *entry) { e.Uplink = r.device(s, at) })},
		{"address", `["192.168.1.2", "2001:db8:1::2"]`, list(func(r *reader, s string, at place, e *entry) {
			e.Addresses = append(e.Addresses, r.ownAddress(s, at))
		})},
		{"public", `["11.22.33.44"]`, list(func(r *reader, s string, at place, e *entry) { e.Public = append(e.Public, r.publicAddress(s, at)) })},
		{"gateway", `"192.168.1.1"`, list(func(r *reader, s string, at place, e *entry) { r.gateway(s, at, &e.Gateway) })},
		{"antispoof", `"strict"`, text(func(r *reader, s string, at place, e *entry) {
			e.Antispoof = oneOf(r, s, at, AntispoofStrict, AntispoofMAC, AntispoofOff)
		})},
		{"allow", `["vrrp"]`, list(func(r *reader, s string, at place, e *entry) { r.allow(s, at, e) })},
		{"dhcp", `"dnsmasq"`, text(func(r *reader, s string, at place, e *entry) { e.DHCP = oneOf(r, s, at, DHCPDnsmasq, DHCPOff) })},
		{"link_local", `"auto"`, readLinkLocal},
		{"nat66", "true", truth(func(b bool, e *entry) { e.NAT66 = b })},
		{"open6", "true", truth(func(b bool, e *entry) { e.Open6 = b })},
		{"masquerade", `"11.22.33.40"`, readMasquerade},
		{"forward", "", readForwards},
	}
}

func forwardSettings() []setting[forward] {
	return []setting[forward]{
		{"listen", `"11.22.33.40:3389"`, text(func(r *reader, s string, at place, f *forward) { f.listen(r, s, at) })},
		{"to", "3389", readTo},
		{"proto", `"tcp"`, text(func(r *reader, s string, at place, f *forward) { f.Protocols = r.protocols(s, at) })},
		{"from", `["198.51.100.0/24"]`, list(func(r *reader, s string, at place, f *forward) { f.From = append(f.From, r.source(s, at)) })},
	}
}
