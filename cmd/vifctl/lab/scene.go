package lab

import (
	"context"
	"errors"
	"fmt"
)

// Scene is one mode shown at work. A new one is a file with its Scene and a line in scenes.
type Scene struct {
	// Name is the mode, About what is shown of it.
	Name, About string
	// Host does what the host's administrator would have done before the first guest. It is called for every scene
	// before any scene plays. An error that is a notHere leaves the scene out.
	Host func(*Dom0) error
	// Play starts guests and checks what they reach. They stay up, to the end of the lab. An error is that the scene
	// could not go on; that a check failed is none.
	Play func(context.Context, *Dom0) error
}

// scenes lists all there are, in the order they play.
func scenes() []Scene {
	return []Scene{networkScene, bridgeScene, routeScene, natScene, dhcpScene, rateScene, vlanScene, switchScene}
}

// notHere says what a scene needs and this machine has not.
type notHere struct{ error }

// Unwrap lets errors.Is see the cause.
func (n notHere) Unwrap() error { return n.error }

// prepare lets every scene's administrator work, and returns why which scenes cannot be played.
func (d *Dom0) prepare(all []Scene) (left map[string]error, err error) {
	left = map[string]error{}
	for _, s := range all {
		err := s.Host(d)
		var why notHere
		if errors.As(err, &why) {
			left[s.Name] = why
		} else if err != nil {
			return left, fmt.Errorf("prepare dom0 for the %s scene: %w", s.Name, err)
		}
	}
	return left, nil
}

// shutdown takes every guest down and looks at what is left. libxl takes the vif offline first; by the time the tap is
// to be removed, the device model and with it the tap are gone.
func (d *Dom0) shutdown(ctx context.Context) error {
	var failed []error
	held, heldErr := d.guarded()
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
	d.unguarded(held, heldErr)
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
