package network

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// Stop undoes what a start did, and returns the name of the network that was
// stopped, "" where there was none. With force it is stopped although guests
// are on its bridge, and what cannot be undone is forgotten.
func (r *Networks) Stop(ctx context.Context, req Request, force bool) (name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	lock, err := r.Journal.LockNetworks(ctx)
	if err != nil {
		return "", err
	}
	defer lock.Release()
	if err := r.tidy(ctx, force); err != nil {
		return "", err
	}
	all, err := r.records()
	if err != nil {
		return "", err
	}
	n, err := find(req, all)
	if n == nil || err != nil {
		return "", err
	}
	if !force {
		if err := r.unused(n); err != nil {
			return "", err
		}
	}
	n.State = journal.Stopping
	if err := r.Journal.WriteNetwork(n); err != nil {
		return "", err
	}
	if r.Guard != nil && !n.Uplink.IsZero() && len(n.Topology) > 0 {
		release, err := r.Guard(n.Mode, n.Name, n.Token)
		if err != nil {
			return "", err
		}
		defer release()
	}
	// From here on a stop that dies is finished, not undone.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), undoDeadline)
	defer cancel()
	err = r.undo(ctx, n, all)
	if err != nil && force {
		err = errors.Join(err, r.Journal.DeleteNetwork(n.Mode, n.Name))
	}
	return n.Name, err
}

// Started are the requests that stop all there is: what stands on a bridge
// before the bridge.
func (r *Networks) Started() (list []Request, err error) {
	all, err := r.records()
	if err != nil {
		return nil, err
	}
	var bridges []Request
	for _, n := range all {
		if n.Mode == "bridge" {
			bridges = append(bridges, Request{Mode: n.Mode, Bridge: n.Name})
		} else {
			list = append(list, Request{Mode: n.Mode, Uplink: n.Uplink.Name, NoUplink: n.Uplink.IsZero()})
		}
	}
	return append(list, bridges...), nil
}

// isOn reports whether a network with an uplink is one that the request can mean.
func (r *Request) isOn(uplink plan.Dev) bool {
	if r.NoUplink && r.Bridge == "" {
		return uplink.IsZero()
	}
	return r.Uplink == "" || r.Uplink == uplink.Name
}

// find picks the network that a request means, nil where there is none.
func find(req Request, all []*journal.Network) (*journal.Network, error) {
	var found []*journal.Network
	var names []string
	for _, n := range all {
		if n.Mode != req.Mode || req.Bridge != "" && n.Name != req.Bridge || !req.isOn(n.Uplink) {
			continue
		}
		found, names = append(found, n), append(names, n.Name)
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("there are %d networks of mode %s: say which, by bridge= or netdev=: %s", len(found), req.Mode, strings.Join(names, ", "))
}

// unused: only the uplink is on the bridge that would go.
func (r *Networks) unused(n *journal.Network) error {
	links, err := r.Reader.Links()
	if err != nil {
		return err
	}
	var names []string
	for _, e := range n.Topology {
		b, ok := e.Step.(plan.Bridge)
		for _, l := range links {
			if ok && l.Master == b.Dev.Index && l.Index != n.Uplink.Index {
				names = append(names, l.Name)
			}
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("%s: take the bridge away: it still has the ports %s: stop their guests first, or say --force", n.Name, strings.Join(names, ", "))
	}
	return nil
}

// undo takes back all that was done for a network, newest first, and goes on after
// a failure; what another network wants as well is left to it. all are all
// records. Meanwhile no call puts anything on what is rewired.
func (r *Networks) undo(ctx context.Context, n *journal.Network, all []*journal.Network) error {
	if err := r.handOver(n, all); err != nil {
		return err
	}
	lock, err := r.Journal.LockHost(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	topology, err1 := r.Executor.Undo(ctx, reversed(n.Topology))
	settings, err2 := r.Executor.Undo(ctx, reversed(n.Settings))
	if len(topology)+len(settings) == 0 {
		return r.Journal.DeleteNetwork(n.Mode, n.Name)
	}
	n.Topology, n.Settings, n.State = topology, settings, journal.Stopping
	return errors.Join(err1, err2, r.Journal.WriteNetwork(n))
}

// handOver gives the undoing of settings to another network that wants them,
// too: the last one undoes them.
func (r *Networks) handOver(n *journal.Network, all []*journal.Network) error {
	for i, e := range n.Settings {
		if len(e.Undo) == 0 {
			continue
		}
		heir, at := heirOf(n, e, all)
		if heir == nil {
			continue
		}
		if len(heir.Settings[at].Undo) == 0 {
			heir.Settings[at].Undo = e.Undo
		}
		if err := r.Journal.WriteNetwork(heir); err != nil {
			return err
		}
		n.Settings[i].Undo = nil
	}
	return nil
}

func heirOf(n *journal.Network, e journal.Entry, all []*journal.Network) (*journal.Network, int) {
	for _, other := range all {
		if other.Mode == n.Mode && other.Name == n.Name || other.State != journal.Started {
			continue
		}
		for i, theirs := range other.Settings {
			if theirs.Step.Key() == e.Step.Key() {
				return other, i
			}
		}
	}
	return nil, 0
}

func reversed(list []journal.Entry) []journal.Entry {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}
