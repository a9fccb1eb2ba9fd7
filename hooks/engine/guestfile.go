package engine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"vifctl/configs/xlcfg"
	"vifctl/hooks/event"
	"vifctl/hooks/plan"
)

// Foreseen is what one interface of a guest that does not run would get, had xl
// started it now.
type Foreseen struct {
	Said xlcfg.NIC
	// Script that xl would call, without its folder.
	Script string
	// Ports are the vif and, of an emulated NIC, the tap.
	Ports []ForeseenPort
	// Foreign says why nothing is known: the script is not ours, or it runs in
	// another domain.
	Foreign string
}

// ForeseenPort is one call of the script's, and what it would come to.
type ForeseenPort struct {
	Device string
	// Decision is nil where the call would be refused; Refusal then says why.
	Decision *Decision
	Refusal  error
}

// PretendMAC stands for the hardware address that xl makes up anew at each
// start.
const PretendMAC = "00:16:3e:00:00:00"

// Foresee works out what xl's calls for a guest would come to: the very calls,
// by a pretended toolstack and for pretended interfaces. domid is the number
// the guest is given. The runtime is good for nothing else afterwards.
func (e *Engine) Foresee(ctx context.Context, g xlcfg.Guest, domid int) []Foreseen {
	stack := toolstack{}
	domain := "/local/domain/" + strconv.Itoa(domid)
	stack[domain+"/name"] = g.Name
	if g.UUID != "" {
		stack[domain+"/vm"] = "/vm/" + g.UUID
	}
	e.Xenstore = stack
	all := make([]Foreseen, len(g.NICs))
	var devices []string
	for i, n := range g.NICs {
		all[i] = e.foreseen(n, g, plan.NIC{Domid: domid, Devid: n.Devid})
		stack.attach(all[i], domid)
		for _, p := range all[i].Ports {
			devices = append(devices, p.Device)
		}
	}
	e.Reader.Pretend(devices...)
	for i := range all {
		for j := range all[i].Ports {
			p := &all[i].Ports[j]
			call, err := all[i].call(plan.NIC{Domid: domid, Devid: all[i].Said.Devid}, j)
			if err == nil {
				p.Decision, err = e.Preview(ctx, call)
			}
			if err != nil {
				p.Decision, p.Refusal = nil, err
			}
		}
	}
	return all
}

// Besides is what a port gets that the NIC does not have from another one: what
// serves the whole guest, as its public addresses do, is done with the first.
func (d *Decision) Besides(first *Decision) *Decision {
	shared := map[string]bool{}
	for _, a := range first.Actions {
		shared[a.Step.Key()] = a.Step.Traits().Owner != plan.OwnerPort
	}
	rest := *d
	rest.told = nil
	rest.Actions = slices.DeleteFunc(slices.Clone(d.Actions), func(a plan.Action) bool { return shared[a.Step.Key()] })
	rest.Warnings = slices.DeleteFunc(slices.Clone(d.Warnings), func(s string) bool { return slices.Contains(first.Warnings, s) })
	return &rest
}

// foreseen names the interfaces that libxl would make, and the script.
func (e *Engine) foreseen(n xlcfg.NIC, g xlcfg.Guest, nic plan.NIC) Foreseen {
	f := Foreseen{Said: n, Script: path.Base(n.Get("script"))}
	if n.Get("script") == "" {
		f.Script = "vif-bridge"
	}
	if f.Script == "vif-setup" {
		f.Script = "vif-bridge" // xl calls it by its own name
	}
	if !IsOurs(f.Script) {
		f.Foreign = fmt.Sprintf("its script is %s, which is not vifctl's: what it does is not known here", n.Get("script"))
		return f
	}
	if b := n.Get("backend"); b != "" && b != "0" && b != "Domain-0" {
		f.Foreign = fmt.Sprintf("its backend is in the domain %s, where the script runs: ask there", b)
		return f
	}
	f.Ports = []ForeseenPort{{Device: "vif" + nic.String()}}
	if n.Emulated && !g.Stubdom {
		f.Ports = append(f.Ports, ForeseenPort{Device: "vif" + nic.String() + "-emu"})
	}
	return f
}

// call is the call for the vif (0) or the tap (1), as libxl makes it.
func (f Foreseen) call(nic plan.NIC, port int) (event.Call, error) {
	env := map[string]string{
		"vif": f.Ports[0].Device, "XENBUS_TYPE": "vif", "XENBUS_BASE_PATH": "backend", "XENBUS_PATH": backendPath(nic),
		"netdev": f.Said.Get("gatewaydev"),
	}
	if len(f.Ports) > 1 {
		env["INTERFACE"] = f.Ports[1].Device
	}
	args := []string{"online", "type_if=vif"}
	if port == 1 {
		args = []string{"add", "type_if=tap"}
	}
	return event.Parse(f.Script, args, func(name string) string { return env[name] })
}

// toolstack stands for a xenstore in which libxl has written what it writes
// before it calls the script.
type toolstack map[string]string

// attach writes the keys of libxl__set_xenstore_nic (tools/libs/light).
func (t toolstack) attach(f Foreseen, domid int) {
	backend := backendPath(plan.NIC{Domid: domid, Devid: f.Said.Devid}) + "/"
	t[backend+"frontend-id"] = strconv.Itoa(domid)
	t[backend+"type"] = "vif"
	if f.Said.Emulated {
		t[backend+"type"] = "vif_ioemu"
	}
	for _, key := range []string{"vifname", "mac", "ip", "gatewaydev", "rate", "mtu", "vlan", "bridge"} {
		if v := f.Said.Get(key); v != "" {
			t[backend+key] = v
		}
	}
	if t[backend+"mac"] == "" {
		t[backend+"mac"] = PretendMAC
	}
	if t[backend+"bridge"] == "" {
		t[backend+"bridge"] = "xenbr0" // xl's own default, in every mode
	}
	if t[backend+"mtu"] == "1500" {
		delete(t, backend+"mtu")
	}
}

// ReadAll implements Xenstore.
func (t toolstack) ReadAll(_ context.Context, paths ...string) (map[string]string, error) {
	found := map[string]string{}
	for _, p := range paths {
		if v, ok := t[p]; ok {
			found[p] = v
		}
	}
	return found, nil
}

// Write implements Xenstore; nothing that is only foreseen is written.
func (toolstack) Write(context.Context, string, string) error {
	return errors.New("a pretended xenstore cannot be written to")
}
