package apply

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// Times of asking a neighbour. The kernel itself asks three times, a second
// apart, and then gives up for a while.
const (
	// answerWithin is how long a gateway may take: a switch may hold back what
	// arrives at a port that has just lost and found its link.
	answerWithin = 6 * time.Second
	answerPoll   = 5 * time.Millisecond
	askAgain     = time.Second
)

// answers waits for a neighbour to answer.
func (x *Executor) answers(ctx context.Context, s plan.Answers) error {
	ok, err := x.Answers(ctx, s.Dev, s.IP, answerWithin)
	if err == nil && !ok {
		err = errors.New("it answered before")
	}
	return say(s.Dev, fmt.Sprintf("reach the gateway %s: no answer within %s", s.IP, answerWithin), err)
}

// Answers lets the kernel ask for a neighbour's hardware address through an
// interface, by ARP or neighbour discovery, and reports whether it got an answer
// to this question within the time. An entry that somebody wrote down for good
// counts as one: nobody asks then.
func (x *Executor) Answers(ctx context.Context, dev plan.Dev, ip netip.Addr, within time.Duration) (bool, error) {
	end := time.Now().Add(within)
	for asked := (time.Time{}); time.Now().Before(end); {
		if time.Since(asked) > askAgain {
			if err := x.askNeighbour(dev, ip); err != nil {
				return false, err
			}
			asked = time.Now()
		}
		state, err := x.neighbourState(dev, ip)
		if err != nil || state&(unix.NUD_REACHABLE|unix.NUD_PERMANENT|unix.NUD_NOARP) != 0 {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(answerPoll):
		}
	}
	return false, nil
}

// askNeighbour makes the kernel ask now: for what it knows it probes, whatever
// it knows; for what it does not know it behaves as if there were a packet.
func (x *Executor) askNeighbour(dev plan.Dev, ip netip.Addr) error {
	state, err := x.neighbourState(dev, ip)
	if err != nil || state&(unix.NUD_PERMANENT|unix.NUD_NOARP|unix.NUD_INCOMPLETE|unix.NUD_PROBE) != 0 {
		return err
	}
	msg := netlink.Ndmsg{Flags: unix.NTF_USE}
	if state != 0 && state&unix.NUD_FAILED == 0 {
		msg = netlink.Ndmsg{State: unix.NUD_PROBE}
	}
	return x.neighbourEntry(dev, ip.AsSlice(), nil, msg, false)
}

// neighbourState is the state (NUD_*) of the kernel's entry, 0 without one.
func (x *Executor) neighbourState(dev plan.Dev, ip netip.Addr) (state int, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_ACK)
	req.AddData(&netlink.Ndmsg{Family: uint8(family(ip)), Index: uint32(dev.Index)})
	req.AddData(nl.NewRtAttr(unix.NDA_DST, ip.AsSlice()))
	err = x.kernel.Ask(req, unix.RTM_NEWNEIGH, func(m []byte) error {
		n, err := netlink.NeighDeserialize(m)
		if err == nil {
			state = n.State
		}
		return err
	})
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	return state, err
}
