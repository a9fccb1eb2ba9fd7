package engine

import (
	"fmt"

	"vifctl/configs"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// ofNetwork completes a request by what the network that the port is to be part
// of was started with, where the configuration leaves that open; asked tells
// whether there was anything, so that the mode has to decide anew. The network
// is known by what the mode has decided: its name is the bridge's, or the
// uplink's. Where vifctl has started none, nothing is read.
func (r *Runtime) ofNetwork(w *Work, entry configs.Guest, boot string, p plan.Plan, s *plan.Snapshot, req *plan.Request) (asked bool, err error) {
	if _, err := modes.FindNetwork(w.Mode); err != nil || entry.Antispoof != "" && (entry.DHCP != "" || w.Mode == "bridge") {
		return false, nil //nolint:nilerr // a mode without a host's side
	}
	name := p.Bridge
	if w.Mode != "bridge" && s.Uplink != nil {
		name = s.Uplink.Name
	}
	if name == "" {
		return false, nil
	}
	guests, err := r.Journal.NetworkGuests(w.Mode, name, boot)
	if err != nil {
		// It may ask for protection.
		return false, fmt.Errorf("%s: find out what the network %s %s was started with: %w", w.Event.Name, w.Mode, name, err)
	}
	if entry.Antispoof != "" {
		guests.Antispoof = ""
	}
	guests.DHCP = guests.DHCP && entry.DHCP == ""
	if guests == (plan.ForGuests{}) {
		return false, nil
	}
	w.Network, w.Asked = w.Mode+" "+name, guests
	if guests.Antispoof != "" {
		req.Antispoof = guests.Antispoof
	}
	req.DHCP = req.DHCP || guests.DHCP
	return true, nil
}
