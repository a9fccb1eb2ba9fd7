// Package firewall puts the rules of plans (plan.Rule) in force. It decides
// nothing: which rules a port needs is its mode's business.
//
// A guest is elements of sets and maps, never a rule or a chain of its own, so
// that neither a packet nor a call gets slower with the number of guests. What
// is not elements is fixed: the host's own, made when it is first needed, never
// undone by a port.
//
// The package touches nothing but tables called vifctl, and passes no name
// through text that a program would parse.
package firewall

import (
	"context"

	"vifctl/hooks/plan"
)

// Firewall is what taking and checking steps needs of the host's firewall.
type Firewall interface {
	// Change puts add in force and takes remove out of it, at once or not at
	// all. Adding what is there and removing what is not is no error, and what
	// is in both is added. A rule that says otherwise about the same traffic
	// (the same port of the same address forwarded to another guest) gives way
	// to the one that is added.
	Change(ctx context.Context, add, remove []plan.Rule) error
	// InForce tells which of rules are in force, by their keys.
	InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error)
	Close() error
}

// DefaultMark is the bit that forwarded packets of guests carry where the
// configuration names no other.
const DefaultMark = 0x10000000

// Options are the host's settings of the firewall.
type Options struct {
	// Mark is or'ed into the mark of what a routed port forwards, for other
	// people's firewalls to know it by. 0 is DefaultMark.
	Mark uint32
	// Uplinks are the interfaces a private guest's packets leave through with
	// a public address. Empty: all that are not ports of guests.
	Uplinks []string
	// Wanted lists the rules that the records of this boot want, for the iptables
	// backend. An error says that not all records can be read. nil is no record.
	Wanted func() ([]plan.Rule, error)
	// Lock keeps other calls on this host from changing iptables; nil where there
	// are none.
	Lock func(ctx context.Context) (release func(), err error)
}

func (o Options) wanted() ([]plan.Rule, error) {
	if o.Wanted == nil {
		return nil, nil
	}
	return o.Wanted()
}

func (o Options) lock(ctx context.Context) (release func(), err error) {
	if o.Lock == nil {
		return func() {}, nil
	}
	return o.Lock(ctx)
}
