package firewall

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// entry names one element of one set by its key.
type entry struct {
	table *nftables.Table
	set   string
	key   string
}

// atOnce is how many elements are asked for in one go: their answers fit into
// the room that the kernel gives a socket by default.
const atOnce = 100

// lookup asks for single elements, never for a whole set: it takes as long with
// 5,000 guests there. The answer has those that are there, with a map's value.
func (n *NFTables) lookup(entries []entry) (map[entry]string, error) {
	there := make(map[entry]string, len(entries))
	for len(entries) > 0 {
		some := entries[:min(atOnce, len(entries))]
		entries = entries[len(some):]
		asked := make([]netlink.Message, len(some))
		for i, e := range some {
			var err error
			if asked[i], err = question(e.table.Family, unix.NFT_MSG_GETSETELEM, 0, e.ask); err != nil {
				return nil, err
			}
		}
		asked, err := n.socket.SendMessages(asked)
		if err != nil {
			return nil, fmt.Errorf("ask for elements: %w", err)
		}
		err = n.receive(asked, func(i int, m netlink.Message) error {
			value, err := elementIn(m)
			there[some[i]] = value
			return err
		})
		if err != nil {
			n.drain()
			return nil, fmt.Errorf("look for elements: %w", err)
		}
	}
	return there, nil
}

func (e entry) ask(a *netlink.AttributeEncoder) {
	a.String(unix.NFTA_SET_ELEM_LIST_TABLE, e.table.Name)
	a.String(unix.NFTA_SET_ELEM_LIST_SET, e.set)
	nest(a, unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(list *netlink.AttributeEncoder) {
		nest(list, unix.NFTA_LIST_ELEM, func(item *netlink.AttributeEncoder) {
			nest(item, unix.NFTA_SET_ELEM_KEY, func(key *netlink.AttributeEncoder) {
				key.Bytes(unix.NFTA_DATA_VALUE, []byte(e.key))
			})
		})
	})
}

// elementIn reads an element's value out of an answer.
func elementIn(m netlink.Message) (value string, err error) {
	err = answer(m, func(d *netlink.AttributeDecoder) {
		if d.Type() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return
		}
		within(d, unix.NFTA_LIST_ELEM, func(item *netlink.AttributeDecoder) {
			within(item, unix.NFTA_SET_ELEM_DATA, func(data *netlink.AttributeDecoder) {
				within(data, unix.NFTA_DATA_VALUE, func(v *netlink.AttributeDecoder) { value = string(v.Bytes()) })
			})
		})
	})
	return value, err
}
