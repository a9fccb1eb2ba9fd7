package firewall

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Drops counts the packets that were dropped on this host since its rules were
// made, by the reason: spoofed_mac, spoofed_address, spoofed_neighbour,
// server_role, other_protocol, not_public. What was never dropped for is 0.
func (n *NFTables) Drops(ctx context.Context) (map[string]uint64, error) {
	release, err := n.hold(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	defer release()
	drops := map[string]uint64{}
	for _, t := range []*nftables.Table{bridgeTable, inetTable, arpTable} {
		objects, err := n.batch.GetNamedObjects(t)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the counters of the table %s: %w", t.Name, err)
		}
		for _, o := range objects {
			named, ok := o.(*nftables.NamedObj)
			if !ok {
				continue
			}
			if c, ok := named.Obj.(*expr.Counter); ok {
				drops[named.Name] += c.Packets
			}
		}
	}
	return drops, nil
}
