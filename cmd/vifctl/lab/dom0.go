package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"vifctl/hooks/xenstore"
	"vifctl/hooks/xenstore/embedded"
)

// The way out: dom0's uplink and the client behind it. All addresses of the lab are from the ranges for documentation
// (RFC 5737, RFC 3849).
var (
	clientUplink = prefixes("198.51.100.1/24", "2001:db8:100::1/64")
	dom0Uplink   = prefixes("198.51.100.2/24", "2001:db8:100::2/64")
)

// Dom0 is the pretend dom0 with all around it. Every thread of the process that belongs to no other machine is in it.
type Dom0 struct {
	*Machine
	// Client is a machine outside, at the other end of every cable that leaves dom0.
	Client *Machine
	Report *Report
	// Domains are the guests that are up, in the order they were started.
	Domains []*Domain

	// Watcher is at work while a scene needs it, else nil.
	Watcher *watcher

	store *xenstore.Client
	// routing is what made dom0 a router.
	routing []string
	// translates: nftables is here, and guests are elements of its sets.
	translates bool
	// listed are the calls whose commands the report has, by the group of guests they stand for.
	listed map[listKey]listedCall
	// before is what dom0 was before the first guest.
	before state
}

// newDom0 makes dom0, its client, the cable between them and the xenstore.
func newDom0(ctx context.Context, report *Report) (*Dom0, error) {
	d := &Dom0{Report: report, listed: map[listKey]listedCall{}}
	var err error
	if d.Machine, err = current("dom0"); err != nil {
		return nil, err
	}
	if err := d.boot(); err != nil {
		return nil, fmt.Errorf("dom0: %w", err)
	}
	if d.Client, err = newMachine("client"); err != nil {
		return nil, err
	}
	if err := cable(end{d.Machine, "eth0", "00:16:3e:00:00:02"}, end{d.Client, "eth0", "00:16:3e:00:00:01"}); err != nil {
		return nil, err
	}
	err = errors.Join(
		d.configure("eth0", dom0Uplink...),
		d.Client.configure("eth0", clientUplink...),
		d.gateways("eth0", clientUplink[0].Addr(), clientUplink[1].Addr()),
	)
	if err != nil {
		return nil, err
	}
	return d, d.startStore(ctx)
}

// startStore starts the xenstore, which the calls find by the environment.
func (d *Dom0) startStore(ctx context.Context) error {
	server, err := embedded.Start(storePath)
	if err != nil {
		return err
	}
	if d.store, err = xenstore.DialPath(ctx, server.Path()); err != nil {
		return err
	}
	if err := os.Setenv("XENSTORED_PATH", server.Path()); err != nil {
		return err
	}
	return d.write(ctx, "/local/domain/0/name", "Domain-0", "/local/domain/0/domid", "0")
}

// write writes pairs of keys and values.
func (d *Dom0) write(ctx context.Context, pairs ...string) error {
	for pair := range slices.Chunk(pairs, 2) {
		if err := d.store.Write(ctx, pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

// remember takes down what dom0 is before its first guest.
func (d *Dom0) remember(ctx context.Context) error {
	err := errors.Join(d.settle(ctx), d.Client.settle(ctx))
	if err != nil {
		return err
	}
	d.before, err = d.state()
	return err
}

// Pings checks that a machine reaches addresses of another. How says by which way, if that is worth a word.
func (d *Dom0) Pings(ctx context.Context, from, to *Machine, how string, addresses ...netip.Prefix) {
	for _, a := range speakable(addresses) {
		took, err := from.Ping(ctx, a.Addr())
		what := fmt.Sprintf("%s → %s %s%s", from.Name, to.Name, a.Addr(), how)
		d.Report.Check(Check{What: what, Found: milliseconds(took), Err: err})
	}
}

// addressesOf writes addresses one after the other.
func addressesOf(list []netip.Prefix) string {
	var words []string
	for _, a := range speakable(list) {
		words = append(words, a.Addr().String())
	}
	return strings.Join(words, " ")
}
