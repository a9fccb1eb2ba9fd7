package apply

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// flows forgets what the kernel tracks of an address, as source or as
// destination, before or behind a translation. A kernel without connection
// tracking has nothing to forget.
func (x *Executor) flows(s plan.Flows) error {
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return flowsError(s, err)
	}
	defer h.Close()
	if err := h.SetSocketTimeout(answerTimeout); err != nil {
		return flowsError(s, err)
	}
	var filters []netlink.CustomConntrackFilter
	for _, side := range []netlink.ConntrackFilterType{
		netlink.ConntrackOrigSrcIP, netlink.ConntrackOrigDstIP, netlink.ConntrackReplySrcIP, netlink.ConntrackReplyDstIP,
	} {
		f := &netlink.ConntrackFilter{}
		if err := f.AddIP(side, s.IP.AsSlice()); err != nil {
			return flowsError(s, err)
		}
		filters = append(filters, f)
	}
	_, err = h.ConntrackDeleteFilters(netlink.ConntrackTable, netlink.InetFamily(family(s.IP)), filters...)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return flowsError(s, err)
}

func flowsError(s plan.Flows, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("forget the connections of %s: %w", s.IP, err)
}
