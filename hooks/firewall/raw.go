package firewall

import (
	"encoding/binary"
	"strings"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Questions go to the kernel as raw messages: the library knows neither a single
// element nor how many rules a chain has.

// question builds a message of nf_tables with attributes.
func question(family nftables.TableFamily, what int, flags netlink.HeaderFlags, fill func(*netlink.AttributeEncoder)) (netlink.Message, error) {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	fill(e)
	data, err := e.Encode()
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | what), Flags: netlink.Request | flags},
		// nfgenmsg (linux/netfilter/nfnetlink.h): family, version 0, resource 0.
		Data: append([]byte{byte(family), unix.NFNETLINK_V0, 0, 0}, data...),
	}, err
}

// answer walks over the attributes of an answer.
func answer(m netlink.Message, take func(*netlink.AttributeDecoder)) error {
	d, err := netlink.NewAttributeDecoder(m.Data[min(4, len(m.Data)):])
	if err != nil {
		return err
	}
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		take(d)
	}
	return d.Err()
}

// nest and within write and read one attribute inside another.
func nest(e *netlink.AttributeEncoder, kind uint16, fill func(*netlink.AttributeEncoder)) {
	e.Nested(kind, func(inner *netlink.AttributeEncoder) error {
		fill(inner)
		return nil
	})
}

func within(d *netlink.AttributeDecoder, kind uint16, take func(*netlink.AttributeDecoder)) {
	d.Nested(func(inner *netlink.AttributeDecoder) error {
		for inner.Next() {
			if inner.Type() == kind {
				take(inner)
			}
		}
		return nil
	})
}

// name is a name as the kernel tells it.
func name(d *netlink.AttributeDecoder) string { return strings.TrimRight(string(d.Bytes()), "\x00") }
