package configs

import (
	"net/netip"
	"slices"
	"strings"

	"vifctl/modes"
)

// entry is a [[guest]] that is being read.
type entry struct {
	Guest
	at place
	// given is all that was written, known or not; nil where it is no table.
	given      map[string]any
	masquerade *bool
	forwards   []forward
}

// complete fills in what the entry does not say.
func (e *entry) complete(h Host) {
	if e.Uplink == "" {
		e.Uplink = h.Uplink
	}
	if !e.Gateway.IPv4.IsValid() {
		e.Gateway.IPv4 = h.Gateway.IPv4
	}
	if !e.Gateway.IPv6.IsValid() {
		e.Gateway.IPv6 = h.Gateway.IPv6
	}
	if e.Antispoof == "" {
		e.Antispoof = h.Antispoof
	}
	if e.DHCP == "" {
		e.DHCP = h.DHCP
	}
	e.Trusted = h.Firewalld == FirewalldTrust
	e.Masquerade = (e.Mode == "" || e.Mode == "nat") && len(e.Public) == 0
	if e.masquerade != nil {
		e.Masquerade = *e.masquerade
	}
	if e.Masquerade && !e.MasqueradeAs.IPv4.IsValid() {
		e.MasqueradeAs.IPv4 = h.MasqueradeAs.IPv4
	}
	if e.Masquerade && !e.MasqueradeAs.IPv6.IsValid() {
		e.MasqueradeAs.IPv6 = h.MasqueradeAs.IPv6
	}
	for _, f := range e.forwards {
		e.Forwards = append(e.Forwards, f.Forward)
	}
}

// check looks at each entry as a whole.
func (r *reader) check(h Host) {
	for _, e := range r.entries {
		if e.given == nil {
			continue
		}
		r.checkSelectors(e)
		r.checkMode(e)
		r.checkPublic(e)
		r.checkForwards(e)
		r.checkGateway(e, h)
		r.checkVLANs(e)
	}
	r.checkIdentities()
	r.checkClaims()
	r.checkListeners()
}

func (r *reader) checkSelectors(e *entry) {
	for _, key := range []string{"name", "uuid", "mac"} {
		if _, ok := e.given[key]; ok {
			return
		}
	}
	r.mistakes.add(e.at, "a guest needs a name, a uuid or a mac for vifctl to know it by: write name = \"win2008-1\"")
}

func (r *reader) checkMode(e *entry) {
	all := modes.Table()
	i := slices.IndexFunc(all, func(m modes.Entry) bool { return m.Name == e.Mode })
	if i < 0 {
		return
	}
	for _, key := range all[i].Without {
		if _, ok := e.given[key]; !ok {
			continue
		}
		var with []string
		for _, m := range all {
			if !slices.Contains(m.Without, key) {
				with = append(with, `mode = "`+m.Name+`"`)
			}
		}
		r.mistakes.add(e.at.named(key), "%s means nothing in mode %s: leave it out, or write %s", key, e.Mode, strings.Join(with, " or "))
	}
}

// own reports whether the guest has an address of a family of its own, and
// whether anything is known of its addresses at all: they may be the backend's.
func (e *entry) own(isIPv4 bool) (has, known bool) {
	for _, p := range e.Addresses {
		if p.IsSingleIP() && p.Addr().Is4() == isIPv4 {
			has = true
		}
	}
	return has, len(e.Addresses) > 0 && !slices.ContainsFunc(e.Addresses, func(p netip.Prefix) bool { return !p.IsValid() })
}

// checkPublic looks for public addresses that would stand for nothing.
func (r *reader) checkPublic(e *entry) {
	_, known := e.own(true)
	if !known {
		return
	}
	_, left := e.OneToOne(e.Addresses)
	for _, a := range left {
		if !a.IsValid() {
			continue
		}
		at := e.at.at("public").nth(slices.Index(e.Public, a))
		fam := family(a.Is4())
		if has, _ := e.own(a.Is4()); has {
			r.mistakes.add(at, "%s has no address to stand for: %s has more public %s addresses than own ones; add one to address, or take this one out", a, e.Guest, fam)
		} else {
			r.mistakes.add(at, "%s is %s, and %s has no %s address for it to stand for: add one to address", a, fam, e.Guest, fam)
		}
	}
}

func (r *reader) checkForwards(e *entry) {
	for i := range e.forwards {
		f := &e.forwards[i]
		if f.First == 0 {
			continue
		}
		if has, known := e.own(f.isIPv4()); known && !has {
			fam := family(f.isIPv4())
			r.mistakes.add(f.at.at("listen"), "the forward listens on %s, and %s has no %s address for it to lead to: add one to address", fam, e.Guest, fam)
		}
	}
}

// checkGateway looks for a guest that would be its own gateway.
func (r *reader) checkGateway(e *entry, h Host) {
	if e.Mode == "bridge" {
		return // the network's business
	}
	tell := func(a netip.Addr, key string, i int) {
		if !a.IsValid() || a != e.Gateway.For(a) {
			return
		}
		other := e.at.at("gateway")
		if a == h.Gateway.For(a) {
			if at, ok := r.hostAt["gateway"]; ok {
				other = at.at("gateway")
			}
		}
		r.mistakes.clash(e.at.at(key).nth(i), other, "%s is the gateway, at {other}, and cannot be the guest's too: give one of them another address", a)
	}
	for i, p := range e.Addresses {
		if p.IsValid() && p.IsSingleIP() {
			tell(p.Addr(), "address", i)
		}
	}
	for i, a := range e.Public {
		tell(a, "public", i)
	}
}
