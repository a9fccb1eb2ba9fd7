package firewall

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Removal is what an event of the kernel's (the group NFNLGRP_NFTABLES) says
// has been taken out of the host's tables. It is a hint about whom to look at.
type Removal struct {
	// Port or Address is what the element was about; without both it is all of
	// the fixed base, or a part of it.
	Port    string
	Address netip.Addr
	// Foreign: it was in another program's table.
	Foreign bool
}

// Removals reads one event: none where nothing was removed.
func Removals(event netlink.Message) []Removal {
	if event.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES {
		return nil
	}
	switch event.Header.Type & 0xff {
	case unix.NFT_MSG_DELTABLE, unix.NFT_MSG_DELCHAIN, unix.NFT_MSG_DELRULE, unix.NFT_MSG_DELSET, unix.NFT_MSG_DELSETELEM:
	default:
		return nil
	}
	var table, set string
	var keys []string
	err := answer(event, func(d *netlink.AttributeDecoder) {
		switch d.Type() {
		case unix.NFTA_TABLE_NAME: // the same number in all of these messages
			table = name(d)
		case unix.NFTA_SET_ELEM_LIST_SET:
			if event.Header.Type&0xff == unix.NFT_MSG_DELSETELEM {
				set = name(d)
			}
		case unix.NFTA_SET_ELEM_LIST_ELEMENTS:
			if event.Header.Type&0xff == unix.NFT_MSG_DELSETELEM {
				keys = elementKeys(d)
			}
		}
	})
	switch {
	case err != nil || table != TableName:
		return []Removal{{Foreign: table != TableName}}
	case set == "":
		return []Removal{{}}
	}
	shape, ok := shapeOf(set)
	if !ok {
		return nil // a marker, or an uplink: of the base, or no port's
	}
	var list []Removal
	for _, key := range keys {
		if r, ok := about(shape, key); ok && !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list
}

// elementKeys are the keys in a message that lists elements.
func elementKeys(list *netlink.AttributeDecoder) (keys []string) {
	within(list, unix.NFTA_LIST_ELEM, func(item *netlink.AttributeDecoder) {
		within(item, unix.NFTA_SET_ELEM_KEY, func(key *netlink.AttributeDecoder) {
			within(key, unix.NFTA_DATA_VALUE, func(v *netlink.AttributeDecoder) { keys = append(keys, string(v.Bytes())) })
		})
	})
	return keys
}

// about reads the port or the address that a key begins with, behind the source of
// a forward's packets.
func about(s shape, key string) (Removal, bool) {
	first := s.key[0]
	if len(s.key) > 1 && s.key[1] == first {
		key = key[min(len(key), int(first.Bytes)):]
	}
	if len(key) < int(first.Bytes) {
		return Removal{}, false
	}
	field := key[:first.Bytes]
	switch first {
	case ifname:
		return Removal{Port: strings.TrimRight(field, "\x00")}, true
	case addr4, addr6:
		a, ok := netip.AddrFromSlice([]byte(field))
		return Removal{Address: a}, ok
	}
	return Removal{}, false
}

// shapeOf finds what a guest's set of ours holds, by its name.
func shapeOf(set string) (shape, bool) {
	stem, _, _ := strings.Cut(set, "_")
	if s, ok := shapes()[set]; ok {
		return s, true
	}
	s, ok := shapes()[stem+"_"]
	return s, ok
}

// shapes are those of all guests' sets, by their names, or by their stems and a "_" where
// there is one for each prefix length.
var shapes = sync.OnceValue(func() map[string]shape {
	all := map[string]shape{}
	for _, p := range parts {
		sets, byLength := p.define()
		for _, d := range sets {
			if d.name != "uplinks" && d.name != dropsSet {
				all[d.name] = d.shape
			}
		}
		for _, d := range byLength {
			all[d.name+"_"] = d.shape
		}
	}
	return all
})
