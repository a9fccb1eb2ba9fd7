package dom0

import (
	"slices"
	"time"

	"vifctl/tests/speed"
)

// settle waits until the kernel has done what follows from an interface coming up: it hears of a carrier only after a
// moment, a second before Linux 6.5, and then lets a bridge's port forward and makes the link-local addresses.
func (n *Namespace) settle() ([]link, error) {
	deadline := time.Now().Add(speed.Patience)
	for {
		links, err := n.links()
		if err != nil || time.Now().After(deadline) || !slices.ContainsFunc(links, func(l link) bool { return l.unsettled(links) }) {
			return links, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (l link) unsettled(all []link) bool {
	if l.has("LOOPBACK") {
		return false
	}
	if l.arriving || !l.has("UP") {
		return l.arriving
	}
	if !l.has("LOWER_UP") {
		return l.Info.Kind == "bridge" && slices.ContainsFunc(all, func(port link) bool {
			return port.Master == l.Name && port.has("UP") && port.has("LOWER_UP")
		})
	}
	if l.has("NO-CARRIER") {
		return true
	}
	return l.linkLocal && !slices.ContainsFunc(l.Addresses, func(a map[string]any) bool {
		return a["family"] == "inet6" && a["scope"] == "link" && a["tentative"] == nil
	})
}
