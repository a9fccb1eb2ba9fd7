package watch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

const (
	// pollEvery is how often all ports are polled, if that is cheap.
	pollEvery = 800 * time.Millisecond
	// pollShare is how many times longer than a poll takes of a processor the
	// pause after it is: 0.03 %.
	pollShare = 3000
	// pollDeadline bounds the wait for the kernel's answer.
	pollDeadline = 5 * time.Second
)

// poll looks at what the kernel sends no event for, of all ports at once: most
// settings of interfaces, and proxy entries. Whatever it sees is only a hint.
// Asking for all of it costs some microseconds a port, reading one file a
// setting ten times that.
type poll struct {
	tell func(hint)
	log  *slog.Logger

	mu    sync.Mutex
	ports map[portKey]*quietPort
	// settings are what the ports want of interfaces, by ifindex.
	settings map[int][]wantedSetting

	// asked counts the questions.
	asked  uint32
	buffer []byte
}

// quietPort is one port's part of that.
type quietPort struct {
	index   int
	devs    []int // of settings
	proxies []proxyEntry
	// lacks is what it lacked when it was last told of, as a sum.
	lacks uint64
}

type wantedSetting struct {
	port  portKey
	what  setting
	value uint32
}

// setting is a table's number and one in it.
type setting uint16

const (
	conf4  setting = iota << 8 // and one of linux/ip.h, less one
	conf6                      // and one of linux/ipv6.h
	neigh4                     // and one of linux/neighbour.h
	neigh6
	tableOf setting = 0xff00
)

type proxyEntry struct {
	index   int
	address netip.Addr
}

func newPoll(tell func(hint), log *slog.Logger) *poll {
	return &poll{tell: tell, log: log, ports: map[portKey]*quietPort{}, settings: map[int][]wantedSetting{}, buffer: make([]byte, 64<<10)}
}

// settingOf is where the kernel's listings have a setting, for those that ports
// are given; value is what it then is there.
func settingOf(s plan.Sysctl) (what setting, value uint32, ok bool) {
	n, err := strconv.ParseUint(s.Want, 10, 31)
	if err != nil {
		return 0, 0, false
	}
	switch s.Table + "/" + s.Name {
	case "ipv4/conf/proxy_arp":
		what = conf4 + 2
	case "ipv4/conf/send_redirects":
		what = conf4 + 5
	case "ipv4/conf/rp_filter":
		what = conf4 + 7
	case "ipv6/conf/accept_ra":
		what = conf6 + 3
	case "ipv6/conf/proxy_ndp":
		what = conf6 + 22
	case "ipv6/conf/disable_ipv6":
		what = conf6 + 26
	case "ipv6/conf/addr_gen_mode":
		what = conf6 + 47
	case "ipv4/neigh/proxy_delay", "ipv6/neigh/proxy_delay":
		what = neigh4 + ndtpaProxyDelay
		if s.Table == "ipv6/neigh" {
			what = neigh6 + ndtpaProxyDelay
		}
		n *= 10 // ticks of USER_HZ, in milliseconds
	default:
		return 0, 0, false
	}
	return what, uint32(n), true
}

// Of linux/neighbour.h, linux/if_link.h and linux/rtnetlink.h.
const (
	ndtaParms        = 6
	ndtpaIfindex     = 1
	ndtpaProxyDelay  = 13
	iflaInetConf     = 1
	iflaInet6Conf    = 2
	sizeofNeighTable = 4
)

// want takes in what a port needs; nil is nothing any more.
func (g *poll) want(key portKey, s *journal.Stored) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if old := g.ports[key]; old != nil {
		delete(g.ports, key)
		for _, dev := range old.devs {
			g.forget(dev, key)
		}
	}
	if s == nil || len(s.Quiet) == 0 {
		return
	}
	p := &quietPort{index: s.Index}
	for _, step := range s.Quiet {
		switch step := step.(type) {
		case plan.Sysctl:
			if what, value, ok := settingOf(step); ok {
				g.settings[step.Dev.Index] = append(g.settings[step.Dev.Index], wantedSetting{key, what, value})
				p.devs = append(p.devs, step.Dev.Index)
			}
		case plan.ProxyNeighbour:
			if !step.Absent {
				p.proxies = append(p.proxies, proxyEntry{step.Dev.Index, step.IP})
			}
		default: // nothing else is unannounced
		}
	}
	g.ports[key] = p
}

func (g *poll) forget(dev int, key portKey) {
	var left []wantedSetting
	for _, w := range g.settings[dev] {
		if w.port != key {
			left = append(left, w)
		}
	}
	if g.settings[dev] = left; len(left) == 0 {
		delete(g.settings, dev)
	}
}

// clear forgets all ports.
func (g *poll) clear() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.ports)
	clear(g.settings)
}

// run polls until ctx ends, through a socket of the network namespace that the
// watcher was started in.
func (g *poll) run(ctx context.Context, socket int) {
	defer unix.Close(socket)
	// What a thread has used of a processor is known.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	told := false
	for {
		before := threadTime()
		err := g.look(socket)
		if err != nil && !told && !errors.Is(err, errInterrupted) {
			g.log.Warn("settings and proxy entries cannot be looked at all at once", "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(pollEvery, pollShare*(threadTime()-before))):
		}
	}
}

// threadTime is what the calling thread has used of a processor.
func threadTime() time.Duration {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// openPoll opens a socket for the questions.
func openPoll() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, fmt.Errorf("open a netlink socket: %w", err)
	}
	wait := unix.NsecToTimeval(pollDeadline.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("open a netlink socket: %w", err)
	}
	return fd, nil
}

// look looks once, and tells of each port that lacks something else than it did.
func (g *poll) look(socket int) error {
	g.mu.Lock()
	tables, proxies := map[setting]bool{}, false
	for _, wanted := range g.settings {
		for _, w := range wanted {
			tables[w.what&tableOf] = true
		}
	}
	for _, p := range g.ports {
		proxies = proxies || len(p.proxies) > 0
	}
	g.mu.Unlock()
	lacks := map[portKey]uint64{}
	var failed error
	ask := func(kind uint16, body []byte, take func([]byte)) {
		if failed == nil {
			g.asked++
			failed = dump(socket, kind, g.asked, body, g.buffer, take)
		}
	}
	if tables[conf4] || tables[conf6] {
		ask(unix.RTM_GETLINK, allLinks(), func(body []byte) { g.takeLink(body, lacks) })
	}
	for table, family := range map[setting]byte{neigh4: unix.AF_INET, neigh6: unix.AF_INET6} {
		if tables[table] {
			ask(unix.RTM_GETNEIGHTBL, []byte{family, 0, 0, 0}, func(body []byte) { g.takeNeighTable(table, body, lacks) })
		}
	}
	have := map[proxyEntry]bool{}
	if proxies {
		request := make([]byte, unix.SizeofNdMsg)
		request[10] = unix.NTF_PROXY // struct ndmsg, ndm_flags
		ask(unix.RTM_GETNEIGH, request, func(body []byte) { takeProxy(body, have) })
	}
	if failed != nil {
		return failed // half of a listing is worth nothing
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, p := range g.ports {
		for i, e := range p.proxies {
			if !have[e] {
				lacks[key] += hash(1<<63 | uint64(i))
			}
		}
		if lacks[key] != p.lacks && lacks[key] != 0 {
			g.tell(hint{index: p.index})
		}
		p.lacks = lacks[key]
	}
	return nil
}

// hash spreads a word, so that a sum of such tells what was added up (the
// finaliser of SplitMix64).
func hash(word uint64) uint64 {
	word = (word ^ word>>30) * 0xbf58476d1ce4e5b9
	word = (word ^ word>>27) * 0x94d049bb133111eb
	return word ^ word>>31
}

// check holds one setting of an interface against what is wanted of it. The
// caller has the lock.
func (g *poll) check(index int, table setting, value func(setting) (uint32, bool), lacks map[portKey]uint64) {
	for _, w := range g.settings[index] {
		if w.what&tableOf != table {
			continue
		}
		if v, known := value(w.what &^ tableOf); known && v != w.value {
			lacks[w.port] += hash(uint64(w.what)<<32 | uint64(v))
		}
	}
}

// takeLink reads the settings in an interface's listing: per family an array.
func (g *poll) takeLink(body []byte, lacks map[portKey]uint64) {
	if len(body) < unix.SizeofIfInfomsg {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	index := int(int32(binary.NativeEndian.Uint32(body[4:])))
	if len(g.settings[index]) == 0 {
		return
	}
	array := func(table setting, data []byte) {
		g.check(index, table, func(i setting) (uint32, bool) {
			if at := 4 * int(i); at+4 <= len(data) {
				return binary.NativeEndian.Uint32(data[at:]), true
			}
			return 0, false
		}, lacks)
	}
	_ = kernel.Attributes(body[unix.SizeofIfInfomsg:], func(kind uint16, families []byte) error {
		if kind != unix.IFLA_AF_SPEC {
			return nil
		}
		return kernel.Attributes(families, func(family uint16, parts []byte) error {
			return kernel.Attributes(parts, func(part uint16, data []byte) error {
				switch {
				case family == unix.AF_INET && part == iflaInetConf:
					array(conf4, data)
				case family == unix.AF_INET6 && part == iflaInet6Conf:
					array(conf6, data)
				}
				return nil
			})
		})
	})
}

// takeNeighTable reads what a neighbour table does at one interface.
func (g *poll) takeNeighTable(table setting, body []byte, lacks map[portKey]uint64) {
	if len(body) < sizeofNeighTable {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = kernel.Attributes(body[sizeofNeighTable:], func(kind uint16, parms []byte) error {
		if kind != ndtaParms {
			return nil
		}
		index, delay := 0, uint64(0)
		err := kernel.Attributes(parms, func(kind uint16, value []byte) error {
			switch {
			case kind == ndtpaIfindex && len(value) >= 4:
				index = int(int32(binary.NativeEndian.Uint32(value)))
			case kind == ndtpaProxyDelay && len(value) >= 8:
				delay = binary.NativeEndian.Uint64(value)
			}
			return nil
		})
		g.check(index, table, func(i setting) (uint32, bool) { return uint32(delay), i == ndtpaProxyDelay }, lacks)
		return err
	})
}

func takeProxy(body []byte, have map[proxyEntry]bool) {
	if len(body) < unix.SizeofNdMsg {
		return
	}
	e := proxyEntry{index: int(int32(binary.NativeEndian.Uint32(body[4:])))}
	_ = kernel.Attributes(body[unix.SizeofNdMsg:], func(kind uint16, value []byte) error {
		if kind == ndaDst {
			e.address, _ = netip.AddrFromSlice(value)
		}
		return nil
	})
	have[e] = true
}
