// Package snapshot reads what the kernel has now: the facts a plan.Query
// names, and no others, so that a call costs the same on a full host. It is
// the one place that reads links, addresses, routes, neighbours and sysctls,
// and it changes none of them.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
	"vifctl/hooks/rtnl"
)

// sysctls is where the kernel keeps the settings of the calling thread's
// network namespace.
const sysctls = "/proc/sys/net"

// Reader asks the kernel of the network namespace that its socket was opened in.
type Reader struct {
	// Rules answers for the firewall, Switch for Open vSwitch, Limits for
	// limits, DHCP for leases; nil where no query will ask.
	Rules  RuleReader
	Switch SwitchReader
	Limits LimitReader
	DHCP   DHCPReader

	kernel *rtnl.Conn
	// pretended are the links of Pretend.
	pretended map[int]plan.Link
}

// RuleReader tells which of rules are in force, by their keys.
type RuleReader interface {
	InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error)
	// Dropped reports whether somebody's filter drops what the host forwards,
	// unless a rule accepts it.
	Dropped() bool
}

// New returns a reader that asks by a socket of the caller's.
func New(kernel *rtnl.Conn) *Reader { return &Reader{kernel: kernel} }

// LimitReader tells of interfaces, by ifindex, which are limited.
type LimitReader interface {
	ReadLimits(indexes []int, s *plan.Snapshot) error
}

// DHCPReader tells what is leased to hosts.
type DHCPReader interface {
	ReadDHCP(hosts []plan.DHCPHost, s *plan.Snapshot) error
}

// Read adds the facts q names to s.
func (r *Reader) Read(ctx context.Context, q plan.Query, s *plan.Snapshot) error {
	for _, step := range []func(plan.Query, *plan.Snapshot) error{
		r.readLinks, r.readUplink, r.readAddresses, r.readRoutes, r.readNeighbours, r.readSysctls, r.readHost, r.readVLANs,
	} {
		if err := step(q, s); err != nil {
			return err
		}
	}
	if err := r.readSwitch(ctx, q, s); err != nil {
		return err
	}
	if len(q.DHCP) > 0 {
		if err := r.DHCP.ReadDHCP(q.DHCP, s); err != nil {
			return err
		}
	}
	if len(q.Limits) > 0 {
		if err := r.Limits.ReadLimits(q.Limits, s); err != nil {
			return err
		}
	}
	if q.Uplink != nil && q.Uplink.Filter && s.Uplink != nil && r.Rules != nil {
		s.Uplink.Filtered = r.Rules.Dropped()
	}
	if len(q.Rules) == 0 {
		return nil
	}
	inForce, err := r.Rules.InForce(ctx, q.Rules)
	if err != nil {
		return fmt.Errorf("read the firewall: %w", err)
	}
	maps.Copy(s.Rules, inForce)
	return nil
}

// Empty returns a snapshot without a fact in it.
func Empty() *plan.Snapshot {
	return &plan.Snapshot{
		Links:      map[int]plan.Link{},
		Addresses:  map[int][]plan.Addr{},
		Routes:     map[int][]plan.RouteEntry{},
		Neighbours: map[plan.NeighbourKey]bool{},
		Sysctls:    map[plan.SysctlKey]string{},
		Permanent:  map[plan.NeighbourKey]string{},
		Rules:      map[string]bool{},
		Known:      map[string]bool{},
		Settings:   map[string]string{},

		VLANs:        map[int][]plan.VLANRange{},
		Limits:       map[int]plan.Rate{},
		DHCP:         map[string]string{},
		Switches:     map[string]plan.Switch{},
		SwitchPorts:  map[string]plan.SwitchMember{},
		SwitchGuards: map[string]bool{},
	}
}

func (r *Reader) readSysctls(q plan.Query, s *plan.Snapshot) error {
	for _, key := range q.Sysctls {
		link, ok := s.Links[key.Index]
		if !ok {
			var err error
			if link, ok, err = r.LinkByIndex(key.Index); err != nil {
				return err
			} else if !ok {
				continue
			}
			s.Links[key.Index] = link
		}
		read := func(name string) (string, bool, error) { return readSysctl(key.Table, name, key.Name) }
		if _, pretended := r.pretended[key.Index]; pretended {
			read = func(string) (string, bool, error) { return standardSysctl(key) }
		}
		value, ok, err := read(link.Name)
		if err != nil {
			return err
		}
		if ok {
			s.Sysctls[key] = value
		}
	}
	return nil
}

// readSysctl reads one setting of the network's.
func readSysctl(parts ...string) (value string, ok bool, err error) {
	return Setting(filepath.Join(append([]string{sysctls}, parts...)...))
}

// Setting reads a file of /proc; ok is false where there is none.
func Setting(path string) (value string, ok bool, err error) {
	// Not os.ReadFile: its preparations for waiting, which a setting never
	// asks for, are most of the time this takes.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read the kernel setting %s: %w", path, err)
	}
	defer unix.Close(fd)
	var data [128]byte
	n, err := unix.Read(fd, data[:])
	if err != nil {
		return "", false, fmt.Errorf("read the kernel setting %s: %w", path, err)
	}
	return strings.TrimSpace(string(data[:n])), true, nil
}

// attr builds one attribute of a request.
func attr(kind int, data []byte) *nl.RtAttr { return nl.NewRtAttr(kind, data) }
