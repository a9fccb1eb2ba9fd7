package main

import (
	"context"
	"errors"
	"fmt"

	"vifctl/tests/dom0"
)

// strict and off are what the configuration says of antispoofing.
const (
	strict = "strict"
	off    = "off"
)

// antispoofing takes a port of one mode up and down, with and without, in turn.
func antispoofing(ctx context.Context, mode string, calls int, r *report) (err error) {
	o := dom0.Options{Router: true}
	if mode == "bridge" {
		o = dom0.Options{Bridges: []dom0.Bridge{{Name: "xenbr0", Ports: []string{dom0.Uplink}}}}
	}
	d, err := dom0.Start(o)
	if err != nil {
		return err
	}
	w := &world{d: d}
	defer w.close()
	g := guest(probe)
	n := g.nic("vif-" + mode)
	n.IP += " " + g.private6().String()
	if w.probe, err = d.Attach(n); err != nil {
		return err
	}
	for _, how := range []string{strict, off} {
		if err := d.WriteFile("/etc/xen/"+how+".toml", configuration("auto", how, mode), 0o644); err != nil {
			return err
		}
	}
	for i := range calls + 1 {
		for _, how := range []string{strict, off} {
			for _, command := range []string{"online", "offline"} {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				c := dom0.Call{Script: "vif-" + mode, Port: w.probe, Env: map[string]string{"VIFCTL_CONFIG": "/etc/xen/" + how + ".toml"}}
				t, err := w.time("", c.Environment(), dom0.ScriptsDir+"/"+c.Script, command, "type_if=vif")
				if err != nil {
					return err
				}
				if i > 0 {
					r.add(key{how, mode + " " + command, 0}, t)
				}
				if i == 0 && how == strict {
					err = w.checked(command == "online")
				}
				if err != nil {
					return err
				}
			}
			if err := errors.Join(w.probe.Unplug(), w.probe.Plug()); err != nil {
				return err
			}
		}
	}
	return nil
}

// checked makes sure that the port is checked, or is no more: nothing costs little.
func (w *world) checked(want bool) error {
	for _, family := range []string{"bridge", "inet"} {
		if w.d.Run("nft", "get", "element", family, "vifctl", "strict_ports", fmt.Sprintf("{ %q }", w.probe.Vif)).Exit == 0 {
			if !want {
				return fmt.Errorf("%s is still checked", w.probe.Vif)
			}
			return nil
		}
	}
	if want {
		return fmt.Errorf("%s is not checked", w.probe.Vif)
	}
	return nil
}
