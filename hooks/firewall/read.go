package firewall

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// present is what a table has, but for elements.
type present struct {
	sets map[string]bool
	// uses counts the rules of a chain and those that lead to it.
	uses map[string]int
}

// inUse tells for which prefix lengths a part has sets.
func (t present) inUse(p *part) lengths {
	found := lengths{}
	byLength := p.byLength()
	for set := range t.sets {
		for _, d := range byLength {
			stem := d.name
			if digits, ok := strings.CutPrefix(set, stem+"_"); ok {
				if n, err := strconv.Atoi(digits); err == nil {
					found.grow(lengths{stem: {n}})
				}
			}
		}
	}
	return found
}

// readTable lists a table's sets and chains: as many as the base has, whatever
// the number of guests. A table that is not there has none.
func (n *NFTables) readTable(t *nftables.Table) (present, error) {
	have := present{sets: map[string]bool{}, uses: map[string]int{}}
	err := n.dump(t, unix.NFT_MSG_GETSET, func(m netlink.Message) error {
		return answer(m, func(d *netlink.AttributeDecoder) {
			if d.Type() == unix.NFTA_SET_NAME {
				have.sets[name(d)] = true
			}
		})
	})
	if err != nil {
		return present{}, fmt.Errorf("list the sets of the table %s: %w", t.Name, err)
	}
	if len(have.sets) == 0 {
		return have, nil
	}
	chains, err := n.listChains(t.Family)
	if err != nil {
		return present{}, fmt.Errorf("list the chains of the table %s: %w", t.Name, err)
	}
	for _, c := range chains {
		if c.table == t.Name {
			have.uses[c.name] = c.uses
		}
	}
	return have, nil
}

// nftChain is a chain of any table.
type nftChain struct {
	table, name string
	// uses counts its rules and those that lead to it.
	uses int
	// drops: its policy is to drop.
	drops bool
	// devices are those at whose ingress or egress it is, in the family netdev.
	devices []string
}

// chainsOf lists the chains of a family: what a call needs of iptables-nft's it asks
// the kernel, without a process. Without nf_tables there are none.
func (n *NFTables) chainsOf(family nftables.TableFamily) (all []nftChain, err error) {
	release, err := n.holdFor(answerTimeout)
	if err != nil {
		return nil, err
	}
	defer release()
	all, err = n.listChains(family)
	if lacksNFTables(err) {
		return nil, nil
	}
	return all, err
}

// listChains lists them by the socket that is held: of chains the kernel tells all
// that a family has.
func (n *NFTables) listChains(family nftables.TableFamily) (all []nftChain, err error) {
	ask, err := question(family, unix.NFT_MSG_GETCHAIN, netlink.Dump, func(*netlink.AttributeEncoder) {})
	if err != nil {
		return nil, err
	}
	err = n.list(ask, func(m netlink.Message) error {
		c := nftChain{}
		err := answer(m, func(d *netlink.AttributeDecoder) {
			switch d.Type() {
			case unix.NFTA_CHAIN_TABLE:
				c.table = name(d)
			case unix.NFTA_CHAIN_NAME:
				c.name = name(d)
			case unix.NFTA_CHAIN_USE:
				c.uses = int(d.Uint32())
			case unix.NFTA_CHAIN_POLICY:
				c.drops = d.Uint32() == dropPolicy
			case unix.NFTA_CHAIN_HOOK:
				if family == nftables.TableFamilyNetdev {
					d.Nested(func(d *netlink.AttributeDecoder) error { return devicesIn(d, &c.devices) })
				}
			}
		})
		all = append(all, c)
		return err
	})
	return all, err
}

// hookDevices is NFTA_HOOK_DEVS (linux/netfilter/nf_tables.h).
const hookDevices = 4

// devicesIn reads where a chain is: at one device or several, of which the kernel may tell twice.
func devicesIn(d *netlink.AttributeDecoder, into *[]string) error {
	add := func(device string) {
		if !slices.Contains(*into, device) {
			*into = append(*into, device)
		}
	}
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_HOOK_DEV:
			add(name(d))
		case hookDevices:
			d.Nested(func(d *netlink.AttributeDecoder) error {
				for d.Next() {
					add(name(d))
				}
				return nil
			})
		}
	}
	return nil
}

// dropPolicy is NF_DROP (linux/netfilter.h).
const dropPolicy = 0

// dump lists what a table, or one of its sets, has of one kind. An answer that the kernel had to
// interrupt is asked for again: it may lack what was there all along.
func (n *NFTables) dump(t *nftables.Table, what int, take func(netlink.Message) error, set ...string) error {
	ask, err := question(t.Family, what, netlink.Dump, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_SET_TABLE, t.Name)
		for _, name := range set {
			e.String(unix.NFTA_SET_ELEM_LIST_SET, name)
		}
	})
	if err != nil {
		return err
	}
	return n.list(ask, take)
}

// list asks until the answer is whole. What is asked about and does not exist
// has nothing.
func (n *NFTables) list(ask netlink.Message, take func(netlink.Message) error) error {
	for range 10 {
		answers, err := n.dumped(ask)
		switch {
		case errors.Is(err, unix.ENOENT):
			return nil
		case errors.Is(err, errInterrupted):
			continue
		case err != nil:
			n.drain()
			return err
		}
		for _, m := range answers {
			if err := take(m); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("the kernel's answer was interrupted ten times")
}
