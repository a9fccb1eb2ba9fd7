package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A set whose keys end in bytes without a name has no type that nft could read
// again: it must be said to be of the same type as an expression (typeof), which
// nft keeps in a note beside the set. The library can write no such note, so these
// sets are made by messages of our own, in a transaction before the one that uses
// them.

// makeRaw makes those sets of a part that are not there.
func (n *NFTables) makeRaw(v view, p *part, inUse lengths) error {
	message := func(what int, fill func(*netlink.AttributeEncoder)) (netlink.Message, error) {
		return question(p.table.Family, what, netlink.Create|netlink.Acknowledge, fill)
	}
	table, err := message(unix.NFT_MSG_NEWTABLE, func(e *netlink.AttributeEncoder) { e.String(unix.NFTA_TABLE_NAME, p.table.Name) })
	if err != nil {
		return err
	}
	sent := []netlink.Message{batchMark(unix.NFNL_MSG_BATCH_BEGIN), table}
	for i, d := range p.allSets(inUse) {
		if !d.shape.raw() || v.tables[p.table].sets[d.name] {
			continue
		}
		kind, err := nftables.ConcatSetType(d.shape.key...)
		if err != nil {
			return err
		}
		set, err := message(unix.NFT_MSG_NEWSET, func(e *netlink.AttributeEncoder) {
			e.String(unix.NFTA_SET_TABLE, p.table.Name)
			e.String(unix.NFTA_SET_NAME, d.name)
			e.Uint32(unix.NFTA_SET_FLAGS, 0)
			e.Uint32(unix.NFTA_SET_KEY_TYPE, kind.GetNFTMagic())
			e.Uint32(unix.NFTA_SET_KEY_LEN, kind.Bytes)
			e.Uint32(unix.NFTA_SET_ID, uint32(i+1))
			e.Bytes(unix.NFTA_SET_USERDATA, typeofPortAnd(d.shape.key[1].Bytes))
		})
		if err != nil {
			return err
		}
		sent = append(sent, set)
	}
	if len(sent) == 2 {
		return nil
	}
	if _, err := n.socket.SendMessages(append(sent, batchMark(unix.NFNL_MSG_BATCH_END))); err != nil {
		return fmt.Errorf("make sets: %w", err)
	}
	var failed []error
	for range sent[1:] {
		if _, err := n.socket.Receive(); err != nil {
			failed = append(failed, fmt.Errorf("make sets: %w", err))
		}
	}
	return errors.Join(failed...)
}

// batchMark begins or ends a transaction: nfgenmsg's resource is the subsystem.
func batchMark(kind netlink.HeaderType) netlink.Message {
	data := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, unix.NFNL_SUBSYS_NFTABLES)
	return netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request}, Data: data}
}

// Of nft's note on a set (include/expression.h, src/meta.c and src/payload.c of
// nftables): kinds of expression, the key iifname, and the base of a payload that
// is the transport header.
const (
	noteMeta, notePayload, noteConcat = 9, 7, 13
	noteIifname                       = 6
	noteTransport                     = 3
)

// typeofPortAnd is nft's note for "typeof iifname . @th,64,N": where the bytes are
// does not count, so many does.
func typeofPortAnd(bytes uint32) []byte {
	numbers := func(all ...uint32) (data []byte) {
		for i, n := range all {
			data = userdata.AppendUint32(data, userdata.Type(i), n)
		}
		return data
	}
	expression := func(kind uint32, of []byte) []byte {
		return userdata.Append(numbers(kind), 1, of)
	}
	// No description and no field of nft's own, but base, offset and length in bits.
	payload := expression(notePayload, numbers(0, 0, noteTransport, 64, 8*bytes))
	fields := userdata.Append(nil, 0, expression(noteMeta, numbers(noteIifname)))
	fields = userdata.Append(fields, 1, payload)
	note := userdata.AppendUint32(nil, userdata.NFTNL_UDATA_SET_KEYBYTEORDER, 0)
	return userdata.Append(note, userdata.NFTNL_UDATA_SET_KEY_TYPEOF, expression(noteConcat, fields))
}
