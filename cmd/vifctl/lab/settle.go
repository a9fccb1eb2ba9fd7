package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// settling bounds the wait for what a kernel does by itself after an interface came up.
const settling = 10 * time.Second

// settle waits until the machine's interfaces that are up have the link-local addresses that the kernel makes them, a
// moment after their carrier, and answer for all their IPv6 addresses: the kernel joins an address's multicast group,
// and then calls it no longer tentative, when it finds the time.
func (m *Machine) settle(ctx context.Context) error {
	if !hasIPv6() {
		return nil
	}
	return until(ctx, func() error {
		waiting, err := m.unsettled()
		if err == nil && waiting != "" {
			err = fmt.Errorf("%s: %s is not ready for IPv6: %w", m.Name, waiting, errNotYet)
		}
		return err
	})
}

// carrier waits until the kernel has taken note of an interface's carrier. What is sent before that is lost, and an
// ARP or neighbour request that is lost is repeated only after a second.
func (m *Machine) carrier(ctx context.Context, name string) error {
	err := until(ctx, func() error {
		link, err := m.kernel.LinkByName(name)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", m.Name, name, err)
		}
		// A tap need not know.
		if state := link.Attrs().OperState; state != netlink.OperUp && state != netlink.OperUnknown {
			return fmt.Errorf("%s: %s is %s: %w", m.Name, name, state, errNotYet)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// The state is set before the rest is done, all under one lock, for which this, which changes nothing, waits as well.
	return m.up(name)
}

// errNotYet: it may still come.
var errNotYet = errors.New("not yet")

// until asks again as long as the answer is errNotYet and there is time.
func until(ctx context.Context, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	for {
		err := ready()
		if !errors.Is(err, errNotYet) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w, after %s", err, settling)
		case <-time.After(time.Millisecond):
		}
	}
}

// unsettled names an interface that is not ready for IPv6.
func (m *Machine) unsettled() (string, error) {
	links, err := again(m.kernel.LinkList)
	if err != nil {
		return "", fmt.Errorf("%s: list the links: %w", m.Name, err)
	}
	for _, l := range links {
		a := l.Attrs()
		if a.Flags&net.FlagUp == 0 || a.Flags&net.FlagLoopback != 0 || !m.makesLinkLocal(a.Name) {
			continue
		}
		addresses, err := again(func() ([]netlink.Addr, error) { return m.kernel.AddrList(l, unix.AF_INET6) })
		if err != nil {
			return "", fmt.Errorf("%s: list the addresses of %s: %w", m.Name, a.Name, err)
		}
		linkLocal, tentative := false, false
		for _, address := range addresses {
			linkLocal = linkLocal || address.IP.IsLinkLocalUnicast()
			tentative = tentative || address.Flags&unix.IFA_F_TENTATIVE != 0
		}
		if !linkLocal || tentative {
			return a.Name, nil
		}
	}
	return "", nil
}

func (m *Machine) makesLinkLocal(dev string) bool {
	yes := true
	_ = m.Do(func() error {
		for _, name := range []string{"disable_ipv6", "addr_gen_mode"} {
			value, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + dev + "/" + name)
			yes = yes && err == nil && strings.TrimSpace(string(value)) == "0"
		}
		return nil
	})
	return yes
}
