package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
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

// WaitReachable waits for a neighbour to answer.
func (k *Kernel) WaitReachable(ctx context.Context, s plan.Answers) error {
	ok, err := k.Reachable(ctx, s.Dev, s.IP, answerWithin)
	if err == nil && !ok {
		err = errors.New("it answered before")
	}
	return say(s.Dev, fmt.Sprintf("reach the gateway %s: no answer within %s", s.IP, answerWithin), err)
}

// Reachable lets the kernel ask for a neighbour's hardware address through an
// interface, by ARP or neighbour discovery, and reports whether it got an answer
// to this question within the time. A permanent entry counts as one: the kernel
// does not ask then.
func (k *Kernel) Reachable(ctx context.Context, dev plan.Dev, ip netip.Addr, within time.Duration) (bool, error) {
	end := time.Now().Add(within)
	for asked := (time.Time{}); time.Now().Before(end); {
		if time.Since(asked) > askAgain {
			if err := k.askNeighbour(dev, ip); err != nil {
				return false, err
			}
			asked = time.Now()
		}
		state, err := k.neighbourState(dev, ip)
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
func (k *Kernel) askNeighbour(dev plan.Dev, ip netip.Addr) error {
	state, err := k.neighbourState(dev, ip)
	if err != nil || state&(unix.NUD_PERMANENT|unix.NUD_NOARP|unix.NUD_INCOMPLETE|unix.NUD_PROBE) != 0 {
		return err
	}
	msg := netlink.Ndmsg{Flags: unix.NTF_USE}
	if state != 0 && state&unix.NUD_FAILED == 0 {
		msg = netlink.Ndmsg{State: unix.NUD_PROBE}
	}
	return k.setNeighbour(dev, ip, nil, msg, false)
}

// neighbourState is the state (NUD_*) of the kernel's entry, 0 without one.
func (k *Kernel) neighbourState(dev plan.Dev, ip netip.Addr) (state int, err error) {
	n, _, err := k.neighbour(plan.NeighbourKey{Index: dev.Index, IP: ip}, 0)
	return n.State, err
}
