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
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// answerTimeout bounds one question to the kernel; netlink's own is 60 s,
// longer than xl waits for us.
const answerTimeout = 5 * time.Second

// sysctls is where the kernel keeps the settings of the calling thread's
// network namespace.
const sysctls = "/proc/sys/net"

// Reader asks the kernel of the network namespace it was opened in.
type Reader struct {
	// Rules answers for the firewall; nil where no query will ask.
	Rules RuleReader

	socket *nl.SocketHandle
}

// RuleReader tells which of rules are in force, by their keys.
type RuleReader interface {
	InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error)
}

// Open opens a reader.
func Open() (*Reader, error) {
	s, err := openSocket()
	if err != nil {
		return nil, err
	}
	return &Reader{socket: &nl.SocketHandle{Socket: s}}, nil
}

// Close frees the reader's socket.
func (r *Reader) Close() { r.socket.Close() }

func openSocket() (*nl.NetlinkSocket, error) {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	timeout := unix.NsecToTimeval(int64(answerTimeout))
	err = errors.Join(
		s.SetSendTimeout(&timeout),
		s.SetReceiveTimeout(&timeout),
		// Without strict checking the kernel ignores a dump's filter and
		// tells all it has (Linux 4.20 and later know it).
		unix.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1),
	)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("prepare a netlink socket: %w", err)
	}
	return s, nil
}

// Read adds the facts q names to s.
func (r *Reader) Read(ctx context.Context, q plan.Query, s *plan.Snapshot) error {
	for _, step := range []func(plan.Query, *plan.Snapshot) error{
		r.readLinks, r.readUplink, r.readAddresses, r.readRoutes, r.readNeighbours, r.readSysctls,
	} {
		if err := step(q, s); err != nil {
			return err
		}
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

// New returns a snapshot without a fact in it.
func New() *plan.Snapshot {
	return &plan.Snapshot{
		Links:      map[int]plan.Link{},
		Addresses:  map[int][]plan.Addr{},
		Routes:     map[int][]plan.RouteEntry{},
		Neighbours: map[plan.NeighbourKey]bool{},
		Sysctls:    map[plan.SysctlKey]string{},
		Permanent:  map[plan.NeighbourKey]string{},
		Rules:      map[string]bool{},
		Known:      map[string]bool{},
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
		value, ok, err := readSysctl(key.Table, link.Name, key.Name)
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
	var data [4096]byte
	n, err := unix.Read(fd, data[:])
	if err != nil {
		return "", false, fmt.Errorf("read the kernel setting %s: %w", path, err)
	}
	return strings.TrimSpace(string(data[:n])), true, nil
}

// ask sends req and hands each answer to take. An answer the kernel had to
// interrupt is asked for again: it may lack what was there all along.
func (r *Reader) ask(req *nl.NetlinkRequest, answer uint16, take func(msg []byte) error) error {
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: r.socket}
	var msgs [][]byte
	for range 10 {
		msgs = msgs[:0]
		err := req.ExecuteIter(unix.NETLINK_ROUTE, answer, func(m []byte) bool {
			msgs = append(msgs, slices.Clone(m))
			return true
		})
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			continue
		}
		if err != nil {
			return err
		}
		for _, m := range msgs {
			if err := take(m); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("the kernel's answer was interrupted ten times: %w", netlink.ErrDumpInterrupted)
}

// attr builds one attribute of a request.
func attr(kind int, data []byte) *nl.RtAttr { return nl.NewRtAttr(kind, data) }
