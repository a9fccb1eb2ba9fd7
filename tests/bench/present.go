package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
)

// journalDir is vifctl's own.
const journalDir = "/run/vifctl"

// spareFiles is how many files the bench has open beside the ports.
const spareFiles = 1024

// grow makes ports until there are size, as a call for each would have left the kernel, the store and vifctl's journal.
// Those that are there stay.
func (h *host) grow(ctx context.Context, size int) error {
	if err := allowFiles(uint64(size + spareFiles)); err != nil {
		return err
	}
	began, first := time.Now(), len(h.present)
	// Half of the time goes into the store: it has a processor of its own.
	keys := make(chan error, 1)
	go func() { keys <- h.writePresent(ctx, first, size) }()
	err := h.settleAll(ctx, size)
	if err = errors.Join(<-keys, err); err != nil {
		return err
	}
	if n := size - first; n > 0 {
		progress("%s: %d ports made in %.1f s", h.mode.name, n, time.Since(began).Seconds())
		// The kernel is still busy with what follows from so many interfaces.
		sleep(ctx, 3*time.Second)
	}
	return ctx.Err()
}

// inTheWay is the port that is made when there are n already. Bridges are filled one after the other.
func (h *host) inTheWay(n int) port { return h.port(n+1, n/h.perBridge) }

// writePresent writes the keys of all ports from the first up to size.
func (h *host) writePresent(ctx context.Context, first, size int) error {
	for n := first; n < size; n++ {
		p := h.inTheWay(n)
		if err := h.writeKeys(ctx, p); err != nil {
			return fmt.Errorf("the keys of %s: %w", p.name, err)
		}
		if err := h.store.Write(ctx, p.backend()+"/hotplug-status", "connected"); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) settleAll(ctx context.Context, size int) error {
	for len(h.present) < size {
		if ctx.Err() != nil {
			return errInterrupted
		}
		p := h.inTheWay(len(h.present))
		if err := h.Do(func() error { return h.settle(p) }); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if n := len(h.present); n%1000 == 0 {
			progress("%s: %d of %d ports made", h.mode.name, n, size)
		}
	}
	return nil
}

// settle gives a port its place. It runs inside.
func (h *host) settle(p port) error {
	fd, err := openTap(p.name)
	if err != nil {
		return err
	}
	h.present = append(h.present, fd)
	link, err := h.kernel.LinkByName(p.name)
	if err != nil {
		return err
	}
	if err := setting("ipv6/conf", p.name, "disable_ipv6"); err != nil {
		return err
	}
	if p.bridge != "" {
		err = h.enslave(link, p)
	} else {
		err = h.routeTo(link, p)
	}
	if err != nil {
		return err
	}
	return remember(p, link.Attrs().Index, h.mode.name)
}

func (h *host) enslave(link netlink.Link, p port) error {
	bridge, err := h.kernel.LinkByName(p.bridge)
	if err != nil {
		return err
	}
	if err := h.kernel.LinkSetHardwareAddr(link, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}); err != nil {
		return err
	}
	if err := h.kernel.LinkSetMaster(link, bridge); err != nil {
		return err
	}
	return h.kernel.LinkSetUp(link)
}

func (h *host) routeTo(link netlink.Link, p port) error {
	if err := setting("ipv4/conf", p.name, "proxy_arp"); err != nil {
		return err
	}
	if err := h.kernel.LinkSetUp(link); err != nil {
		return err
	}
	address, err := netlink.ParseAddr(dom0.HostAddress + "/32")
	if err != nil {
		return err
	}
	if err := h.kernel.AddrAdd(link, address); err != nil {
		return err
	}
	return h.kernel.RouteAdd(&netlink.Route{
		LinkIndex: link.Attrs().Index,
		Dst:       netlink.NewIPNet(p.ip.AsSlice()),
		Src:       address.IP,
		Priority:  2,
		Protocol:  netlink.RouteProtocol(plan.RouteProtocol),
		Scope:     netlink.SCOPE_LINK,
	})
}

// remember writes a record into vifctl's journal. No call reads it: it is there to be one of many.
func remember(p port, index int, mode string) error {
	up := plan.Up{Dev: plan.Dev{Name: p.name, Index: index}, Want: true}
	return journal.Open(journalDir).Write(&journal.Record{
		Port: journal.Port{
			NIC: plan.NIC{Domid: p.domid}, Kind: plan.Vif, Index: index, Name: p.name, Device: p.name,
		},
		Mode: mode, Guest: p.guest(), Bridge: p.bridge,
		Entries: []journal.Entry{{Step: up}},
	})
}

// setting turns one of an interface's settings on.
func setting(table, name, key string) error {
	return os.WriteFile("/proc/sys/net/"+table+"/"+name+"/"+key, []byte("1"), 0)
}

// allowFiles makes room for a file per port.
func allowFiles(n uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur >= n {
		return nil
	}
	limit.Cur, limit.Max = n, max(limit.Max, n)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("open %d files at once: %w", n, err)
	}
	return nil
}

// sleep waits until d has passed or the context ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
