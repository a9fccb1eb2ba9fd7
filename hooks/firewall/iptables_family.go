package firewall

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// xtFamily is what differs between iptables and ip6tables.
type xtFamily struct {
	version string // "4" or "6"
	program string
	is6     bool
	table   nftables.TableFamily
	legacy  legacyLayout
}

var (
	ipv4 = &xtFamily{
		version: "4", program: "iptables", table: nftables.TableFamilyIPv4,
		legacy: legacyLayout{
			names: "/proc/thread-self/net/ip_tables_names", domain: unix.AF_INET, level: unix.IPPROTO_IP,
			targetOffset: 88, entrySize: 112,
		},
	}
	ipv6 = &xtFamily{
		version: "6", program: "ip6tables", is6: true, table: nftables.TableFamilyIPv6,
		legacy: legacyLayout{
			names: "/proc/thread-self/net/ip6_tables_names", domain: unix.AF_INET6, level: unix.IPPROTO_IPV6,
			targetOffset: 140, entrySize: 168,
		},
	}
)

// of is the family of an address.
func (f *xtFamily) of(a netip.Addr) bool { return a.Is6() == f.is6 }

// lastByte matches the addresses that end in a bucket's byte.
func (f *xtFamily) lastByte(key string) string {
	if f.is6 {
		return "::" + key + "/::ff"
	}
	n, _ := strconv.ParseUint(key, 16, 8)
	return "0.0.0." + strconv.FormatUint(n, 10) + "/0.0.0.255"
}

// to is where DNAT leads: an address, or one of its ports.
func (f *xtFamily) to(a netip.Addr, port uint16) string {
	if port == 0 {
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}

// tellable: iptables reads its rules as words, and a + at the end of an
// interface's name as "whatever begins so". "" is no interface at all.
func tellable(name string) error {
	odd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-:@", c)
	}
	if strings.HasPrefix(name, "-") || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("iptables cannot be told the interface's name %q: give it letters, digits, dots and dashes (vifname=)", name)
	}
	return nil
}
