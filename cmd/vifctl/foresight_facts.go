package main

import (
	"fmt"
	"strings"

	"vifctl/configs"
	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
)

// fact is one thing that holds for an interface, and where it was said.
type fact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// facts lists what holds for an interface: the configuration's say first, then
// the guest's own file's, then what holds without either.
func (f *foresight) facts(i int) []fact {
	n := f.nics[i]
	var all []fact
	add := func(key, value, from string) { all = append(all, fact{key, value, from}) }
	said := map[string]configs.Origin{}
	for _, o := range f.origins[i] {
		said[o.Key] = o
	}
	place := func(o configs.Origin) string {
		where := fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
		if o.Host {
			where += " [host]"
		}
		return where
	}
	// The guest's file's keys by the configuration's names for them.
	xl := map[string]string{"address": "ip", "bridge": "bridge", "uplink": "gatewaydev", "mac": "mac", "vlan": "vlan"}
	take := func(key, standard, why string) {
		o, configured := said[key]
		own, written := n.Said.Said[xl[key]]
		if key == "uplink" && written {
			configured = false // gatewaydev= wins
		}
		switch {
		case configured && written && o.Value != own.Value && key != "mac":
			add(key, o.Value, place(o)+", instead of "+own.Value+" at "+f.from(own))
		case configured:
			add(key, o.Value, place(o))
		case written:
			add(key, own.Value, f.from(own))
		case standard != "":
			add(key, standard, why)
		}
	}
	script, written := n.Said.Said["script"]
	switch {
	case written:
		add("script", script.Value, f.from(script))
	default:
		add("script", "vif-bridge", "xl's own default")
	}
	if n.Foreign != "" {
		return all
	}
	mode, network := "", ""
	var asked plan.ForGuests
	for _, p := range n.Ports {
		if p.Decision != nil {
			mode, network, asked = p.Decision.Mode, "what the network "+p.Decision.Network.Name+" was started with", p.Decision.Network.ForGuests
		}
	}
	if o, ok := said["mode"]; ok {
		add("mode", o.Value, place(o))
	} else if mode != "" {
		add("mode", mode, "the script")
	}
	take("mac", engine.PretendMAC, "none is given: xl makes another up at every start")
	if v, ok := n.Said.Said["vifname"]; ok {
		add("vifname", v.Value, f.from(v))
	}
	take("address", "", "")
	take("public", "", "")
	if mode == "bridge" {
		take("bridge", "xenbr0", "xl's own default")
	} else {
		take("gateway", gatewayOf(n), "the mode's own rule")
		take("uplink", "the default route's device", "vifctl's own default")
		for _, key := range []string{"masquerade", "nat66", "open6", "forward"} {
			take(key, "", "")
		}
		if asked.DHCP {
			take("dhcp", string(configs.DHCPDnsmasq), network)
		} else {
			take("dhcp", "", "")
		}
	}
	if asked.Antispoof != "" {
		take("antispoof", string(asked.Antispoof), network)
	} else {
		take("antispoof", "off", "vifctl's own default")
	}
	take("link_local", "", "")
	take("vlan", "", "")
	for _, key := range []string{"mtu", "rate"} {
		if v, ok := n.Said.Said[key]; ok {
			add(key, v.Value, f.from(v))
		}
	}
	return all
}

// gatewayOf is the address that the host would have on an interface's port, as
// its plan has it.
func gatewayOf(n engine.Foreseen) string {
	var all []string
	for _, p := range n.Ports[:1] {
		if p.Decision == nil {
			continue
		}
		for _, a := range p.Decision.Actions {
			if s, ok := a.Step.(plan.Address); ok && !s.Absent && !s.NIC {
				all = append(all, s.Addr.Prefix.Addr().String())
			}
		}
	}
	return strings.Join(all, " ")
}
