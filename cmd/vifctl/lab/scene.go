package lab

import (
	"context"
	"errors"
)

// Scene is one mode shown at work. A new one is a file with its Scene and a line in scenes.
type Scene struct {
	// Name is the mode, About what is shown of it.
	Name, About string
	// Host does what the host's administrator would have done before the first guest. It is called for every scene
	// before any scene plays.
	Host func(*Dom0) error
	// Play starts guests and checks what they reach. They stay up, to the end of the lab. An error is that the scene
	// could not go on; that a check failed is none.
	Play func(context.Context, *Dom0) error
}

// scenes lists all there are, in the order they play.
func scenes() []Scene { return []Scene{bridgeScene, routeScene} }

// shutdown takes every guest down and looks at what is left. libxl takes the vif offline first; by the time the tap is
// to be removed, the device model and with it the tap are gone.
func (d *Dom0) shutdown(ctx context.Context) error {
	var failed []error
	for len(d.Domains) > 0 {
		last := len(d.Domains) - 1
		g := d.Domains[last]
		d.Domains = d.Domains[:last]
		failed = append(failed, d.destroy(ctx, g))
	}
	after, err := d.state()
	if err == nil {
		err = d.before.same(after)
	}
	d.Report.Check(Check{What: "dom0 is as before the first guest: links, addresses, routes, neighbours, settings", Err: err})
	return errors.Join(failed...)
}

func (d *Dom0) destroy(ctx context.Context, g *Domain) error {
	defer g.close()
	err := errors.Join(
		d.unplugEmulated(g),
		d.call(ctx, g, offline),
	)
	if g.HVM {
		err = errors.Join(err, d.call(ctx, g, remove))
	}
	all, stateErr := d.state()
	if stateErr == nil {
		stateErr = g.plugged.same(all.of(g.Vif()))
	}
	d.Report.Check(Check{What: g.Vif() + " is as netback made it", Err: stateErr})
	return errors.Join(err, g.remove(pvNIC), d.store.Remove(ctx, g.backend()))
}
