package firewall

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// Prune removes the elements that none of the rules that keep returns comes to,
// and tells which they were. An element about a port stays as long as there is an
// interface of that name (there): to remove it might be to open it.
//
// A call must be known to keep before it puts rules in force: what keep returns
// afterwards, and was removed meanwhile, is put back.
func (n *NFTables) Prune(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) ([]string, error) {
	orphans, err := n.removeOrphans(ctx, keep, there)
	if err != nil {
		return nil, fmt.Errorf("prune the firewall: %w", err)
	}
	if len(orphans) == 0 {
		return nil, nil
	}
	wanted, err := keep()
	if err != nil {
		return nil, err
	}
	var again []plan.Rule
	for _, r := range wanted {
		needed, err := elementsOf(r)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(needed, func(e element) bool { _, gone := orphans[e.entry()]; return gone }) {
			again = append(again, r)
		}
	}
	if len(again) > 0 {
		err = n.Change(ctx, again, nil)
	}
	var removed []string
	for e := range orphans {
		removed = append(removed, e.String())
	}
	slices.Sort(removed)
	return removed, err
}

// removeOrphans lists first and asks then what is wanted: a rule is in the
// journal before it is here.
func (n *NFTables) removeOrphans(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) (map[entry]string, error) {
	release, err := n.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	orphans, err := n.orphans(keep, there)
	if err != nil || len(orphans) == 0 {
		return nil, err
	}
	t := &transaction{was: orphans, now: map[entry]string{}}
	if err := n.commit(view{}, t); err != nil {
		n.drain()
		return nil, err
	}
	return orphans, nil
}

// Leftovers tells what Prune would remove, and removes nothing.
func (n *NFTables) Leftovers(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) (all []string, err error) {
	release, err := n.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	orphans, err := n.orphans(keep, there)
	for e := range orphans {
		all = append(all, e.String())
	}
	slices.Sort(all)
	return all, err
}

// orphans are the elements that none of the rules that keep returns comes to, and that are about no
// port that is there. The socket is held.
func (n *NFTables) orphans(keep func() ([]plan.Rule, error), there func(port string) bool) (map[entry]string, error) {
	orphans, err := n.elements()
	if err != nil || len(orphans) == 0 {
		return nil, err
	}
	wanted, err := keep()
	if err != nil {
		return nil, err
	}
	for _, r := range wanted {
		needed, err := elementsOf(r)
		if err != nil {
			return nil, err
		}
		for _, e := range needed {
			delete(orphans, e.entry())
		}
	}
	maps.DeleteFunc(orphans, func(e entry, _ string) bool {
		shape, _ := shapeOf(e.set)
		r, _ := about(shape, e.key)
		return r.Port != "" && there(r.Port)
	})
	return orphans, nil
}

// String tells of an element, for a log.
func (e entry) String() string {
	shape, _ := shapeOf(e.set)
	subject := hex.EncodeToString([]byte(e.key))
	if r, ok := about(shape, e.key); ok && r.Port != "" {
		subject = r.Port
	} else if ok {
		subject = r.Address.String()
	}
	return fmt.Sprintf("element of %s in the set %s", subject, e.set)
}

// elements lists all guests' elements of all of our tables.
func (n *NFTables) elements() (map[entry]string, error) {
	all := map[entry]string{}
	for _, t := range []*nftables.Table{bridgeTable, inetTable, arpTable} {
		have, err := n.readTable(t)
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
			continue // this kernel has no such family
		}
		if err != nil {
			return nil, err
		}
		for set := range have.sets {
			if _, guests := shapeOf(set); !guests {
				continue
			}
			err := n.dump(t, unix.NFT_MSG_GETSETELEM, func(m netlink.Message) error { return elementsIn(m, t, set, all) }, set)
			if err != nil {
				return nil, fmt.Errorf("list the elements of %s: %w", set, err)
			}
		}
	}
	return all, nil
}

// elementsIn reads the elements of one answer.
func elementsIn(m netlink.Message, t *nftables.Table, set string, all map[entry]string) error {
	return answer(m, func(d *netlink.AttributeDecoder) {
		if d.Type() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return
		}
		within(d, unix.NFTA_LIST_ELEM, func(item *netlink.AttributeDecoder) {
			var key, value strings.Builder
			item.Nested(func(field *netlink.AttributeDecoder) error {
				for field.Next() {
					into := &key
					switch field.Type() {
					case unix.NFTA_SET_ELEM_KEY:
					case unix.NFTA_SET_ELEM_DATA:
						into = &value
					default:
						continue
					}
					within(field, unix.NFTA_DATA_VALUE, func(v *netlink.AttributeDecoder) { into.Write(v.Bytes()) })
				}
				return nil
			})
			all[entry{t, set, key.String()}] = value.String()
		})
	})
}
