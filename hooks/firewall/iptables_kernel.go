package firewall

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What iptables-nft has is chains of nf_tables: what a call needs of them it asks
// the kernel, without a process.

// nftChain is a chain in any table.
type nftChain struct {
	table, name string
	// uses counts its rules and those that lead to it.
	uses int
	// drops: its policy is to drop.
	drops bool
}

// chainsOf lists the chains of a family; none where the kernel has no nf_tables.
func (n *NFTables) chainsOf(family nftables.TableFamily) (all []nftChain, err error) {
	release, err := n.holdFor(answerTimeout)
	if err != nil {
		return nil, err
	}
	defer release()
	ask, err := question(family, unix.NFT_MSG_GETCHAIN, netlink.Dump, func(*netlink.AttributeEncoder) {})
	if err != nil {
		return nil, err
	}
	err = n.list(ask, func(m netlink.Message) error {
		c, err := chainIn(m)
		all = append(all, c)
		return err
	})
	if lacksNFTables(err) {
		return nil, nil
	}
	return all, err
}

// chainIn reads a chain out of an answer.
func chainIn(m netlink.Message) (c nftChain, err error) {
	err = answer(m, func(d *netlink.AttributeDecoder) {
		switch d.Type() {
		case unix.NFTA_CHAIN_TABLE:
			c.table = name(d)
		case unix.NFTA_CHAIN_NAME:
			c.name = name(d)
		case unix.NFTA_CHAIN_USE:
			c.uses = int(d.Uint32())
		case unix.NFTA_CHAIN_POLICY:
			c.drops = d.Uint32() == dropPolicy
		}
	})
	return c, err
}

// dropPolicy is NF_DROP (linux/netfilter.h).
const dropPolicy = 0

// Supported reports whether the kernel has nf_tables.
func (n *NFTables) Supported() (bool, error) {
	release, err := n.holdFor(answerTimeout)
	if err != nil {
		return false, err
	}
	defer release()
	ask, err := question(0, unix.NFT_MSG_GETGEN, 0, func(*netlink.AttributeEncoder) {})
	if err != nil {
		return false, err
	}
	_, err = n.socket.Execute(ask)
	switch {
	case err == nil:
		return true, nil
	case lacksNFTables(err):
		return false, nil
	}
	n.drain()
	return false, fmt.Errorf("ask the kernel for nf_tables: %w", err)
}

// lacksNFTables: it is what a kernel without nf_tables answers.
func lacksNFTables(err error) bool {
	return slices.ContainsFunc([]error{unix.EPROTONOSUPPORT, unix.EOPNOTSUPP, unix.EINVAL, unix.ENOENT},
		func(e error) bool { return errors.Is(err, e) })
}
