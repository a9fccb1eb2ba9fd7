package firewall

import (
	"errors"
	"fmt"
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
	for set := range t.sets {
		for _, d := range p.byLength {
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
	err = n.dump(t, unix.NFT_MSG_GETCHAIN, func(m netlink.Message) error {
		var table, chain string
		var uses int
		err := answer(m, func(d *netlink.AttributeDecoder) {
			switch d.Type() {
			case unix.NFTA_CHAIN_TABLE:
				table = name(d)
			case unix.NFTA_CHAIN_NAME:
				chain = name(d)
			case unix.NFTA_CHAIN_USE:
				uses = int(d.Uint32())
			}
		})
		// Of chains the kernel tells all that the family has.
		if table == t.Name {
			have.uses[chain] = uses
		}
		return err
	})
	if err != nil {
		return present{}, fmt.Errorf("list the chains of the table %s: %w", t.Name, err)
	}
	return have, nil
}

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
		answers, err := n.socket.Execute(ask)
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err != nil {
			n.drain()
			return err
		}
		if interrupted(answers) {
			continue
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

func interrupted(answers []netlink.Message) bool {
	for _, m := range answers {
		if m.Header.Flags&unix.NLM_F_DUMP_INTR != 0 {
			return true
		}
	}
	return false
}
