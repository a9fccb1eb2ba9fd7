package main

import "vifctl/hooks/engine"

// fileJSON is the stable form of `vifctl plan FILE --json`.
type fileJSON struct {
	File    string    `json:"file"`
	Guest   string    `json:"guest"`
	UUID    string    `json:"uuid,omitempty"`
	Type    string    `json:"type"`
	Domid   int       `json:"domid"`
	Running int       `json:"running,omitempty"`
	Odd     []string  `json:"odd,omitempty"`
	NICs    []nicJSON `json:"nics"`
}

type nicJSON struct {
	Devid   int        `json:"devid"`
	Facts   []fact     `json:"facts"`
	Foreign string     `json:"foreign,omitempty"`
	Ports   []portJSON `json:"ports"`
}

type portJSON struct {
	Device  string           `json:"device"`
	Refusal string           `json:"refusal,omitempty"`
	Plan    *engine.Decision `json:"plan,omitempty"`
}

// document is it for programs.
func (f *filePlan) document() fileJSON {
	doc := fileJSON{
		File: f.file.Name, Guest: f.guest.Name, UUID: f.guest.UUID, Type: f.guest.Type, Domid: f.domid, Running: f.running,
		NICs: []nicJSON{},
	}
	for _, odd := range f.file.Odd {
		doc.Odd = append(doc.Odd, odd.Error())
	}
	for i, n := range f.nics {
		nic := nicJSON{Devid: n.Said.Devid, Facts: f.facts(i), Foreign: n.Foreign, Ports: []portJSON{}}
		for _, p := range n.Ports {
			port := portJSON{Device: p.Device, Plan: p.Decision}
			if p.Refusal != nil {
				port.Refusal = p.Refusal.Error()
			}
			nic.Ports = append(nic.Ports, port)
		}
		doc.NICs = append(doc.NICs, nic)
	}
	return doc
}
