package firewall

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// What is dropped is counted twice: by the reason, in a named counter, and by
// the port it came from, in an element that the rule itself makes when it first
// drops something. So a port costs nothing before, and a call neither: only at
// its end its element goes with it.

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

// DropsByPort counts the packets that antispoofing has dropped, by the interface
// they came in by, since it was brought up. A port that has sent none is not in it.
func (n *NFTables) DropsByPort(ctx context.Context) (map[string]uint64, error) {
	release, err := n.hold(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	defer release()
	byPort := map[string]uint64{}
	for _, t := range []*nftables.Table{bridgeTable, inetTable, arpTable} {
		err := n.dump(t, unix.NFT_MSG_GETSETELEM, func(m netlink.Message) error { return countsIn(m, byPort) }, dropsSet)
		if err != nil {
			return nil, fmt.Errorf("read the counters of the table %s: %w", t.Name, err)
		}
	}
	return byPort, nil
}

// countsIn adds the counters of the elements in an answer.
func countsIn(m netlink.Message, byPort map[string]uint64) error {
	return answer(m, func(d *netlink.AttributeDecoder) {
		if d.Type() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return
		}
		within(d, unix.NFTA_LIST_ELEM, func(item *netlink.AttributeDecoder) {
			var port string
			var packets uint64
			item.Nested(func(field *netlink.AttributeDecoder) error {
				for field.Next() {
					switch field.Type() {
					case unix.NFTA_SET_ELEM_KEY:
						within(field, unix.NFTA_DATA_VALUE, func(v *netlink.AttributeDecoder) {
							port = name(v)
						})
					case unix.NFTA_SET_ELEM_EXPR:
						within(field, unix.NFTA_EXPR_DATA, func(c *netlink.AttributeDecoder) {
							within(c, unix.NFTA_COUNTER_PACKETS, func(v *netlink.AttributeDecoder) { packets = v.Uint64() })
						})
					}
				}
				return nil
			})
			byPort[port] += packets
		})
	})
}

// portDrops counts by the port. Its key is the name: a file of rules with the
// index of an interface in it loads only where there is such an interface. Past
// so many ports no more are counted.
func portDrops() setDef {
	return setDef{dropsSet, shape{key: []nftables.SetDatatype{ifname}, most: mostDrops}}
}

const (
	dropsSet  = "drops"
	mostDrops = 65535
)

// dropped is the chain that what is dropped ends in.
const dropped = "dropped"

// droppedChain counts in one rule and drops in another: where there is no room
// for one more element the kernel ends the rule, and the packet must not pass.
func droppedChain(name string) chain {
	update := &expr.Dynset{
		SrcRegKey: firstRegister, SetName: dropsSet, Operation: uint32(unix.NFT_DYNSET_OP_UPDATE),
		Exprs: []expr.Any{&expr.Counter{}},
	}
	return chain{name: name, rules: []rule{
		{clause{exprs: append(into([]field{iifname}), update)}},
		{verdict(expr.VerdictDrop, "")},
	}}
}

// counted are the elements that count what checked ports have sent and was
// dropped, for their removal.
func counted(rules []plan.Rule) (all []element) {
	for _, r := range rules {
		port, err := portKey(r.Dev.Name)
		if err != nil || r.Kind != plan.RuleStrict && r.Kind != plan.RuleMAC {
			continue
		}
		where := checkParts(r)
		if r.Bridged {
			where = append(where, belowPart, belowARPPart)
		}
		for _, p := range where {
			all = append(all, single(p, dropsSet, port, ""))
		}
	}
	return all
}
