// Package status writes what `vifctl status` prints: a line a NIC. It is given
// the facts and reads nothing itself.
package status

import (
	_ "embed" // the schema
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/plan"
)

// Report is the stable form of `vifctl status --json`; schema.json describes it.
type Report struct {
	NICs []NIC `json:"nics"`
	// Drops are the packets that antispoofing has dropped on this host, by the
	// reason; by the port they are in NICs.
	Drops map[string]uint64 `json:"antispoof_drops"`
	// Problems are why this may not be all.
	Problems []string `json:"problems"`
}

// NIC is one line.
type NIC struct {
	Guest     string   `json:"guest"`
	UUID      string   `json:"uuid,omitempty"`
	Domid     int      `json:"domid"`
	Devid     int      `json:"devid"`
	MAC       string   `json:"mac,omitempty"`
	Mode      string   `json:"mode,omitempty"`
	Bridge    string   `json:"bridge,omitempty"`
	Uplink    string   `json:"uplink,omitempty"`
	Addresses []string `json:"addresses"`
	Public    []string `json:"public"`
	// State is "up", "down", "gone" (no interface) or "dead" (no guest).
	State string `json:"state"`
	// Hotplug is what the toolstack was told.
	Hotplug string `json:"hotplug,omitempty"`
	// Received and Sent are the guest's.
	Received Traffic `json:"received"`
	Sent     Traffic `json:"sent"`
	// Dropped of what the guest sent, by antispoofing; nil where no rule checks
	// or counts it.
	Dropped *uint64 `json:"antispoof_drops,omitempty"`
	Ports   []Port  `json:"ports"`
}

// Port is an interface of the NIC's.
type Port struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Up   bool   `json:"up"`
	// Carries: the guest's traffic goes through this one.
	Carries bool `json:"carries"`
	// Ours: a call of ours brought it up.
	Ours bool `json:"ours"`
	// Dropped of what came from it, by antispoofing, since it was brought up; nil
	// where no rule checks or counts it.
	Dropped *uint64 `json:"antispoof_drops,omitempty"`
	// Drift are the commands that would put right what is not as it should be.
	Drift []string `json:"drift"`
	// Unknown says why drift cannot be told.
	Unknown string `json:"unknown,omitempty"`
}

// Traffic is an amount of it.
type Traffic struct {
	Bytes   uint64 `json:"bytes"`
	Packets uint64 `json:"packets"`
}

// Of makes a report of the facts.
func Of(f *inventory.Facts) Report {
	r := Report{NICs: []NIC{}, Drops: f.Drops, Problems: []string{}}
	if r.Drops == nil {
		r.Drops = map[string]uint64{}
	}
	for _, err := range []error{f.XenstoreErr, f.ConfigErr, f.JournalErr} {
		if err != nil {
			r.Problems = append(r.Problems, err.Error())
		}
	}
	for i := range f.NICs {
		r.NICs = append(r.NICs, nic(f, &f.NICs[i]))
	}
	return r
}

func nic(f *inventory.Facts, n *inventory.NIC) NIC {
	line := NIC{
		Guest: n.Guest, UUID: n.UUID, Domid: n.Domid, Devid: n.Devid, MAC: n.MAC, Mode: n.Mode, Bridge: f.Bridge(n),
		Addresses: []string{}, Public: []string{}, Ports: []Port{}, State: state(n), Hotplug: n.Status(),
	}
	if n.Mode == "route" || n.Mode == "nat" {
		line.Uplink = f.Uplink(n)
	}
	for _, a := range n.Addresses {
		line.Addresses = append(line.Addresses, plan.Bare(a))
	}
	for _, a := range n.Public {
		line.Public = append(line.Public, a.String())
	}
	in, out := n.Traffic()
	line.Received, line.Sent = Traffic{in.Bytes, in.Packets}, Traffic{out.Bytes, out.Packets}
	carrier := n.Carrier()
	for _, p := range n.Ports() {
		line.Ports = append(line.Ports, port(p, p == carrier))
		if p.Dropped != nil {
			sum := *p.Dropped
			if line.Dropped != nil {
				sum += *line.Dropped
			}
			line.Dropped = &sum
		}
	}
	return line
}

func port(p *inventory.Port, carries bool) Port {
	line := Port{Name: p.Name, Kind: string(p.Kind), Carries: carries, Ours: p.Record != nil, Dropped: p.Dropped, Drift: []string{}}
	line.Up = p.Link != nil && p.Link.Up
	if p.WorkErr != nil {
		line.Unknown = p.WorkErr.Error()
	}
	if p.Work == nil {
		return line
	}
	add := func(s plan.Step) {
		for _, c := range s.Commands() {
			line.Drift = append(line.Drift, strings.TrimPrefix(c, "# "))
		}
	}
	for _, a := range p.Work.Missing() {
		add(a.Step)
	}
	for _, e := range p.Work.Undo {
		for _, s := range e.Undo {
			add(s)
		}
	}
	return line
}

func state(n *inventory.NIC) string {
	p := n.Carrier()
	switch {
	case !n.Alive:
		return "dead"
	case p == nil || p.Link == nil:
		return "gone"
	case n.Up():
		return "up"
	}
	return "down"
}

// drift is what a line says of it: "" for none.
func (n NIC) drift() string {
	count, unknown := 0, false
	for _, p := range n.Ports {
		count += len(p.Drift)
		unknown = unknown || p.Unknown != ""
	}
	switch {
	case count == 1:
		return "1 thing to repair"
	case count > 1:
		return fmt.Sprintf("%d things to repair", count)
	case unknown:
		return "unknown"
	}
	return ""
}

// Only keeps the lines of some guests or ports; without any word it keeps all.
// unknown is the first word that names none of them.
func (r Report) Only(words []string) (kept Report, unknown string) {
	if len(words) == 0 {
		return r, ""
	}
	kept = r
	kept.NICs = []NIC{}
	known := map[string]bool{}
	for _, n := range r.NICs {
		names := []string{n.Guest, fmt.Sprintf("vif%d.%d", n.Domid, n.Devid)}
		for _, p := range n.Ports {
			names = append(names, p.Name)
		}
		wanted := false
		for _, w := range words {
			if slices.Contains(names, w) {
				known[w], wanted = true, true
			}
		}
		if wanted {
			kept.NICs = append(kept.NICs, n)
		}
	}
	for _, w := range words {
		if !known[w] {
			return kept, w
		}
	}
	return kept, ""
}

// Schema describes a Report: JSON Schema, draft 2020-12.
//
//go:embed schema.json
var Schema string
