package ownership

import (
	"cmp"
	"net/netip"
	"slices"
)

// forward judges ports that are to lead to the guest.
func (j *judge) forward(fw Forward) {
	listen, ok := j.resolve(fw, j.Uplink)
	if !ok {
		j.warn("a forward of %s names no address to listen on, and the uplink has no IPv4 address of its own: it hears nothing; name the address in `listen`", fw)
		return
	}
	var r reasons
	if why := notAHosts(listen); why != "" {
		r.add(bySelf, "%s", why)
	}
	j.routers(listen, &r)
	j.publicElsewhere(listen, &r)
	j.routedElsewhere(single(listen), &r)
	for _, o := range j.rest {
		for _, theirs := range o.Forwards {
			if at, ok := j.resolve(theirs, o.Uplink); ok && at == listen && fw.Meets(theirs) {
				r.add(ofGuest, "%s leads to %s with %s", listen, o.Who, theirs)
			}
		}
	}
	switch {
	case j.refuse(r, "this guest cannot have "+fw.String()+" of it; take other ports, or another address in `listen`"):
	case j.isOwn(listen) || slices.Contains(j.Public, listen):
		j.listeners(fw, listen)
	default:
		j.warn("%s is on no interface of this host: a forward of %s hears nothing there; take an address of the host's, or make it `public`", listen, fw)
	}
}

// resolve is the address that a forward listens on: without one, the first own IPv4 address
// of the guest's uplink.
func (j *judge) resolve(fw Forward, uplink string) (listen netip.Addr, ok bool) {
	if fw.Listen.IsValid() {
		return fw.Listen, true
	}
	for _, o := range j.Own {
		if o.Dev == uplink && o.First && o.Addr.Is4() {
			return o.Addr, true
		}
	}
	return netip.Addr{}, false
}

// listeners warns of programs on the host that a forward takes ports from. Those that listen
// on every address mean the host's own, not a guest's public one.
func (j *judge) listeners(fw Forward, listen netip.Addr) {
	var found []Listener
	for _, l := range j.Listeners {
		every := l.Addr.IsUnspecified() && (l.Addr.Is4() == listen.Is4() || listen.Is4() && !l.Only6) && j.isOwn(listen)
		if l.Protocol == fw.Protocol && fw.First <= l.Port && l.Port <= fw.Last && (every || l.Addr == listen) {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b Listener) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Program, b.Program))
	})
	for _, l := range found {
		program := l.Program
		if program == "" {
			program = "a program of this host"
		}
		from := "what connects"
		if fw.From.IsValid() {
			from += " from " + fw.From.String()
		}
		j.warn("%s listens on %s port %d of %s: %s there ends in the guest; take another port", program, l.Protocol, l.Port, listen, from)
	}
}
