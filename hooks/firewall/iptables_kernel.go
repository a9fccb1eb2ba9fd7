package firewall

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// tally is what the kernel counts of one table of iptables.
type tally struct {
	// uses counts the rules of a chain and those that lead to it, of all chains
	// but the kernel's own.
	uses map[string]int
	// drops are the kernel's own chains whose policy is to drop.
	drops map[string]bool
	// rules counts a chain's rules alone.
	rules func(chain string) (int, error)
	// head is the table's, of iptables-legacy; nil where there is no table.
	head legacyHead
}

// drops and accepts are NF_DROP and NF_ACCEPT (linux/netfilter.h).
const drops, accepts = 0, 1

// count asks the kernel about a table, without any process: a call would have
// to run one for each chain.
func (x *IPTables) count(f *xtFamily, table string, known *chainList) (tally, error) {
	if x.variant == VariantLegacy {
		return f.legacy.count(table)
	}
	return x.chains.countXT(f, table, known)
}

// chainList are the chains of whole families, by their tables: the kernel tells
// no fewer.
type chainList map[*xtFamily]map[string]tally

// countXT counts a table of iptables-nft's.
func (n *NFTables) countXT(f *xtFamily, table string, known *chainList) (tally, error) {
	if *known == nil {
		*known = chainList{}
	}
	if (*known)[f] == nil {
		all, err := n.listChains(f)
		if err != nil {
			return tally{}, fmt.Errorf("list the chains of %s: %w", f.program, err)
		}
		(*known)[f] = all
	}
	c, ok := (*known)[f][table]
	if !ok {
		c = tally{uses: map[string]int{}, drops: map[string]bool{}}
	}
	t := &nftables.Table{Name: table, Family: f.table}
	c.rules = func(chain string) (int, error) { return n.countRules(t, chain) }
	return c, nil
}

// someChains asks for some chains by their names.
func (n *NFTables) someChains(t *nftables.Table, chains ...string) (tally, error) {
	c := emptyTally()
	c.rules = func(chain string) (int, error) { return n.countRules(t, chain) }
	release, err := n.holdFor(answerTimeout)
	if err != nil {
		return c, err
	}
	defer release()
	for some := range slices.Chunk(chains, atOnce) {
		asked := make([]netlink.Message, len(some))
		for i, chain := range some {
			asked[i], err = question(t.Family, unix.NFT_MSG_GETCHAIN, 0, func(e *netlink.AttributeEncoder) {
				e.String(unix.NFTA_CHAIN_TABLE, t.Name)
				e.String(unix.NFTA_CHAIN_NAME, chain)
			})
			if err != nil {
				return c, err
			}
		}
		if asked, err = n.socket.SendMessages(asked); err == nil {
			err = n.receive(asked, func(_ int, m netlink.Message) error {
				_, chain, uses, policy, err := chainIn(m)
				c.uses[chain], c.drops[chain] = uses, policy == drops
				return err
			})
		}
		if err != nil {
			n.drain()
			return c, fmt.Errorf("look for chains of the table %s: %w", t.Name, err)
		}
	}
	return c, nil
}

// chainIn reads a chain out of an answer.
func chainIn(m netlink.Message) (table, chain string, uses int, policy uint32, err error) {
	policy = accepts
	err = answer(m, func(d *netlink.AttributeDecoder) {
		switch d.Type() {
		case unix.NFTA_CHAIN_TABLE:
			table = name(d)
		case unix.NFTA_CHAIN_NAME:
			chain = name(d)
		case unix.NFTA_CHAIN_USE:
			uses = int(d.Uint32())
		case unix.NFTA_CHAIN_POLICY:
			policy = d.Uint32()
		}
	})
	return table, chain, uses, policy, err
}

func (n *NFTables) listChains(f *xtFamily) (map[string]tally, error) {
	release, err := n.holdFor(answerTimeout)
	if err != nil {
		return nil, err
	}
	defer release()
	ask, err := question(f.table, unix.NFT_MSG_GETCHAIN, netlink.Dump, func(*netlink.AttributeEncoder) {})
	if err != nil {
		return nil, err
	}
	all := map[string]tally{}
	err = n.list(ask, func(m netlink.Message) error {
		in, chain, uses, policy, err := chainIn(m)
		if all[in].uses == nil {
			all[in] = tally{uses: map[string]int{}, drops: map[string]bool{}}
		}
		all[in].uses[chain] = uses
		all[in].drops[chain] = policy == drops
		return err
	})
	return all, err
}

// countRules counts the rules of one chain.
func (n *NFTables) countRules(t *nftables.Table, chain string) (rules int, err error) {
	release, err := n.holdFor(answerTimeout)
	if err != nil {
		return 0, err
	}
	defer release()
	ask, err := question(t.Family, unix.NFT_MSG_GETRULE, netlink.Dump, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_RULE_TABLE, t.Name)
		e.String(unix.NFTA_RULE_CHAIN, chain)
	})
	if err != nil {
		return 0, err
	}
	err = n.list(ask, func(netlink.Message) error { rules++; return nil })
	if err != nil {
		return 0, fmt.Errorf("list the rules of the chain %s: %w", chain, err)
	}
	return rules, nil
}

// generation is the number of the kernel's last transaction.
func (n *NFTables) generation() (id uint32, err error) {
	release, err := n.holdFor(answerTimeout)
	if err != nil {
		return 0, err
	}
	defer release()
	ask, err := question(0, unix.NFT_MSG_GETGEN, 0, func(*netlink.AttributeEncoder) {})
	if err != nil {
		return 0, err
	}
	answers, err := n.socket.Execute(ask)
	if err != nil {
		n.drain()
		return 0, err
	}
	for _, m := range answers {
		err = answer(m, func(d *netlink.AttributeDecoder) {
			if d.Type() == unix.NFTA_GEN_ID {
				id = d.Uint32()
			}
		})
	}
	return id, err
}
