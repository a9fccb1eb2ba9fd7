package lab

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// fact is one thing a kernel holds, about one interface or, with dev "", about none.
type fact struct{ dev, text string }

func (f fact) compare(g fact) int {
	return cmp.Or(cmp.Compare(f.dev, g.dev), cmp.Compare(f.text, g.text))
}

func (f fact) String() string { return strings.TrimSpace(f.dev + " " + f.text) }

// state is all that is compared, sorted: what a person or a program has set up, and nothing that comes and goes by
// itself (carriers, lifetimes, neighbours that were learnt).
type state []fact

// of is what concerns one interface.
func (s state) of(dev string) state {
	var list state
	for _, f := range s {
		if f.dev == dev {
			list = append(list, f)
		}
	}
	return list
}

// diff lists what has gone (-) and what has come (+).
func (s state) diff(after state) []string {
	var list []string
	for _, f := range s {
		if !slices.Contains(after, f) {
			list = append(list, "- "+f.String())
		}
	}
	for _, f := range after {
		if !slices.Contains(s, f) {
			list = append(list, "+ "+f.String())
		}
	}
	return list
}

// same is an error that says what is different.
func (s state) same(after state) error {
	if changed := s.diff(after); len(changed) > 0 {
		return errors.New(strings.Join(changed, "; "))
	}
	return nil
}

// state is all of a machine's.
func (m *Machine) state() (state, error) {
	s, err := m.network()
	if err != nil {
		return nil, err
	}
	neighbours, err := m.neighbours()
	if err != nil {
		return nil, err
	}
	err = m.Do(func() error {
		s = append(s, settings()...)
		return nil
	})
	s = append(s, neighbours...)
	slices.SortFunc(s, fact.compare)
	return s, err
}

// network is the links, addresses and routes.
func (m *Machine) network() (state, error) {
	links, err := again(m.kernel.LinkList)
	if err != nil {
		return nil, fmt.Errorf("%s: list the links: %w", m.Name, err)
	}
	var s state
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	for _, l := range links {
		a := l.Attrs()
		s = append(s, fact{a.Name, fmt.Sprintf("link %s mac=%s mtu=%d up=%t master=%s",
			l.Type(), a.HardwareAddr, a.MTU, a.Flags&net.FlagUp != 0, names[a.MasterIndex])})
	}
	addresses, err := again(func() ([]netlink.Addr, error) { return m.kernel.AddrList(nil, unix.AF_UNSPEC) })
	if err != nil {
		return nil, fmt.Errorf("%s: list the addresses: %w", m.Name, err)
	}
	for _, a := range addresses {
		peer := ""
		if a.Peer != nil && a.Peer.String() != a.IPNet.String() {
			peer = " peer " + a.Peer.String()
		}
		s = append(s, fact{names[a.LinkIndex], fmt.Sprintf("address %s%s scope=%d", a.IPNet, peer, a.Scope)})
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		routes, err := again(func() ([]netlink.Route, error) {
			// With a table of 0 as the filter, all tables are listed.
			return m.kernel.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: list the routes: %w", m.Name, err)
		}
		for _, r := range routes {
			s = append(s, fact{names[r.LinkIndex], fmt.Sprintf("route %s via=%s src=%s metric=%d protocol=%d table=%d type=%d",
				r.Dst, r.Gw, r.Src, r.Priority, r.Protocol, r.Table, r.Type)})
		}
	}
	slices.SortFunc(s, fact.compare)
	return s, nil
}

// neighbours are those somebody entered: permanent ones and those that are answered for.
func (m *Machine) neighbours() (state, error) {
	var s state
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		entered, err := again(func() ([]netlink.Neigh, error) { return m.kernel.NeighList(0, family) })
		if err != nil {
			return nil, fmt.Errorf("%s: list the neighbours: %w", m.Name, err)
		}
		answered, err := again(func() ([]netlink.Neigh, error) { return m.kernel.NeighProxyList(0, family) })
		if err != nil {
			return nil, fmt.Errorf("%s: list the proxied neighbours: %w", m.Name, err)
		}
		for _, n := range append(entered, answered...) {
			if n.State&unix.NUD_PERMANENT == 0 && n.Flags&unix.NTF_PROXY == 0 {
				continue
			}
			link, err := m.kernel.LinkByIndex(n.LinkIndex)
			if err != nil {
				return nil, fmt.Errorf("%s: the neighbour %s: %w", m.Name, n.IP, err)
			}
			s = append(s, fact{link.Attrs().Name, fmt.Sprintf("neighbour %s %s flags=%d", n.IP, n.HardwareAddr, n.Flags)})
		}
	}
	return s, nil
}

// settings are the per-interface ones below /proc/sys/net, and whether packets are forwarded.
func settings() state {
	s := state{}
	for _, table := range []string{"ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"} {
		// The error is that of a malformed pattern.
		files, _ := filepath.Glob("/proc/sys/net/" + table + "/*/*")
		for _, file := range files {
			// Some cannot be read (stable_secret, when it was never set).
			if value, err := os.ReadFile(file); err == nil {
				dev := filepath.Base(filepath.Dir(file))
				s = append(s, fact{dev, table + "/" + filepath.Base(file) + "=" + strings.TrimSpace(string(value))})
			}
		}
	}
	return s
}

// again asks once more when the kernel had to interrupt its answer, which then may lack what was there all along.
func again[T any](list func() ([]T, error)) ([]T, error) {
	for range 10 {
		if l, err := list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return l, err
		}
	}
	return list()
}
