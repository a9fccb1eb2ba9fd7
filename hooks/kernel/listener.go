package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Listener is a socket of this network namespace that takes connections or datagrams.
type Listener struct {
	// Addr is unspecified for every address of the host.
	Addr netip.Addr
	Port uint16
	// Only6: a socket on :: takes no IPv4.
	Only6 bool

	inode uint32
}

// Facts of linux/inet_diag.h and linux/sock_diag.h.
const (
	sockDiagByFamily = 20
	// diagOnly6 is INET_DIAG_SKV6ONLY.
	diagOnly6 = 11
	// tcpListen and tcpClose are socket states (net/tcp_states.h); an unconnected UDP
	// socket is in the latter.
	tcpListen, tcpClose = 10, 7
	// diagMessage is the length of struct inet_diag_msg.
	diagMessage = 72
)

// Listeners lists the sockets that listen for "tcp" or "udp", on any port. The kernel
// walks those alone, however many connections there are. A kernel that cannot tell has
// none.
func Listeners(protocol string) ([]Listener, error) {
	c, err := dialTo(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer c.close()
	number, state := byte(unix.IPPROTO_TCP), uint32(1<<tcpListen)
	if protocol == "udp" {
		number, state = unix.IPPROTO_UDP, 1<<tcpClose
	}
	var list []Listener
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		req := nl.NewNetlinkRequest(sockDiagByFamily, unix.NLM_F_DUMP)
		req.AddData(diagRequest{family, number, state})
		err := c.ask(req, sockDiagByFamily, func(m []byte) error {
			l, ok, err := parseListener(m)
			if ok {
				list = append(list, l)
			}
			return err
		})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return list, fmt.Errorf("list what listens for %s: %w", protocol, err)
		}
	}
	return list, nil
}

// diagRequest is a struct inet_diag_req_v2 that asks for all sockets in some states.
type diagRequest struct {
	family, protocol byte
	states           uint32
}

func (diagRequest) Len() int { return 56 }

func (r diagRequest) Serialize() []byte {
	b := make([]byte, r.Len())
	b[0], b[1] = r.family, r.protocol
	binary.NativeEndian.PutUint32(b[4:], r.states)
	return b
}

// parseListener reads a struct inet_diag_msg; ok is false for a socket that is connected.
func parseListener(m []byte) (l Listener, ok bool, err error) {
	if len(m) < diagMessage {
		return l, false, errors.New("a socket that the kernel reported is cut off")
	}
	length := 4
	if m[0] == unix.AF_INET6 {
		length = 16
	}
	l.Port = binary.BigEndian.Uint16(m[4:])
	l.Addr, _ = netip.AddrFromSlice(m[8 : 8+length])
	l.Addr = l.Addr.Unmap()
	l.inode = binary.NativeEndian.Uint32(m[68:])
	err = Attributes(m[diagMessage:], func(kind uint16, value []byte) error {
		if kind == diagOnly6 && len(value) > 0 {
			l.Only6 = value[0] != 0
		}
		return nil
	})
	return l, binary.BigEndian.Uint16(m[6:]) == 0, err
}

// Program is the name of a program that holds the socket, "" where that cannot be told. It
// looks through the open files of all processes.
func (l Listener) Program() string {
	socket := "socket:[" + strconv.FormatUint(uint64(l.inode), 10) + "]"
	folders, _ := filepath.Glob("/proc/[0-9]*/fd")
	for _, folder := range folders {
		files, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, f := range files {
			if to, _ := os.Readlink(filepath.Join(folder, f.Name())); to == socket {
				name, _ := os.ReadFile(filepath.Join(filepath.Dir(folder), "comm"))
				return strings.TrimSpace(string(name))
			}
		}
	}
	return ""
}
