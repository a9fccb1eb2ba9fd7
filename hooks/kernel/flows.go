package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Flow is a connection that the kernel tracks, as its first packet had it.
type Flow struct {
	From, To netip.Addr
	// Answered: packets went both ways.
	Answered bool
}

// Attributes of linux/netfilter/nfnetlink_conntrack.h, and a bit of nf_conntrack_common.h.
const (
	ctaTupleOrig = 1
	ctaTupleIP   = 1
	ctaStatus    = 3
	seenReply    = 1 << 1
)

// Flows tells take of each connection that is tracked, of both families: the whole table, which is
// worth its time only to a person who asks. Where none is tracked there are none.
func (k *Kernel) Flows(take func(Flow)) error {
	if n, ok, err := Setting(tracked); err != nil || !ok || n == "0" {
		return err
	}
	for _, fam := range []int{unix.AF_INET, unix.AF_INET6} {
		req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_CTNETLINK<<8|nl.IPCTNL_MSG_CT_GET, unix.NLM_F_DUMP)
		req.AddData(&nl.Nfgenmsg{NfgenFamily: uint8(fam), Version: nl.NFNETLINK_V0})
		all, err := req.Execute(unix.NETLINK_NETFILTER, 0)
		if err != nil {
			return fmt.Errorf("list the connections: %w", err)
		}
		for _, m := range all {
			if flow, err := flowOf(m); err != nil {
				return fmt.Errorf("list the connections: %w", err)
			} else if flow.From.IsValid() && flow.To.IsValid() {
				take(flow)
			}
		}
	}
	return nil
}

func flowOf(m []byte) (flow Flow, err error) {
	if len(m) < nl.SizeofNfgenmsg {
		return flow, ErrCutOff
	}
	return flow, Attributes(m[nl.SizeofNfgenmsg:], func(kind uint16, value []byte) error {
		switch kind {
		case ctaStatus:
			flow.Answered = len(value) == 4 && binary.BigEndian.Uint32(value)&seenReply != 0
		case ctaTupleOrig:
			return Attributes(value, func(kind uint16, value []byte) error {
				if kind != ctaTupleIP {
					return nil
				}
				return Attributes(value, func(kind uint16, value []byte) error {
					address, _ := netip.AddrFromSlice(value)
					switch kind { // IPv4's source and destination, then IPv6's
					case 1, 3:
						flow.From = address
					case 2, 4:
						flow.To = address
					}
					return nil
				})
			})
		}
		return nil
	})
}
