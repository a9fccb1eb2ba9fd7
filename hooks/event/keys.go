package event

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"vifctl/hooks/plan"
)

// Limits of the kernel and of netback.
const (
	maxName = 15 // IFNAMSIZ without its final NUL
	emu     = "-emu"
	minMTU  = 68    // IPv4's smallest, and netback's (ETH_MIN_MTU)
	maxMTU  = 65517 // netback's largest: 65535 less an Ethernet header with a VLAN tag
)

// Event completes a call by the backend's keys (see BackendKeys), read
// relative to Backend; a key that does not exist is not in the map. The
// backend's word is the last: it overrides argv, which overrides the
// environment.
func (c Call) Event(keys map[string]string) (Event, error) {
	e := Event{Call: c, Name: c.Device}
	value := func(name string) string {
		if v := keys[parameters[name].key]; v != "" {
			return v
		}
		return c.params[name]
	}
	var err error
	if v := value("vifname"); v != "" {
		// libxl names the emulated NIC's tap in the vif's call, too.
		emulated := c.Kind == plan.Tap || c.params["INTERFACE"] != "" || value("type") == "vif_ioemu"
		if e.Name, err = c.portName(v, emulated); err != nil {
			return e, err
		}
	}
	if e.Bridge = value("bridge"); e.Bridge != "" {
		if err = checkBridge(e.Bridge); err != nil {
			return e, err
		}
	}
	if e.Uplink = value("netdev"); e.Uplink != "" {
		key := "netdev"
		if keys["gatewaydev"] != "" {
			key = "gatewaydev"
		}
		if err = checkName(key, e.Uplink, maxName); err != nil {
			return e, err
		}
	}
	if e.IPs, err = Addresses(value("ip")); err != nil {
		return e, err
	}
	if v := value("mac"); v != "" {
		hw, err := net.ParseMAC(v)
		if err != nil || len(hw) != 6 || hw[0]&1 != 0 || hw.String() == "00:00:00:00:00:00" {
			return e, bad("mac", v, "a guest's hardware address is six bytes and not a multicast one, as in 00:16:3e:00:00:01")
		}
		e.MAC = hw.String()
	}
	if v := value("mtu"); v != "" {
		var ok bool
		if e.MTU, ok = parseNumber(v); !ok || e.MTU < minMTU || e.MTU > maxMTU {
			return e, bad("mtu", v, "it is a number of bytes from %d to %d", minMTU, maxMTU)
		}
	}
	if v := value("rate"); v != "" {
		if e.Rate, err = rate(v); err != nil {
			return e, err
		}
	}
	if v := value("vlan"); v != "" {
		if e.VLANs, err = plan.ParseVLANs(v); err != nil {
			return e, bad("vlan", v, "%v", err)
		}
	}
	return e, nil
}

// portName makes a port's name of a configured vifname. SUSE's form
// `vifname=alice.0=emu` means the same as alice.0.
func (c Call) portName(vifname string, emulated bool) (string, error) {
	name := strings.TrimSuffix(vifname, "=emu")
	most := maxName
	if emulated {
		most -= len(emu)
	}
	if err := checkName("vifname", name, most); err != nil {
		return "", withValue(err, vifname)
	}
	if nic, ok := parseDevice(name); ok && nic != c.NIC {
		return "", bad("vifname", vifname, "it is the name that Xen gives to another interface")
	}
	if c.Kind == plan.Tap {
		name += emu
	}
	return name, nil
}

// rate reads what libxl makes of rate=: so many bytes in so many microseconds
// (libxl__set_xenstore_nic of tools/libs/light/libxl_nic.c); no microseconds
// is no limit, as to netback.
func rate(s string) (plan.Rate, error) {
	bytes, usecs, both := strings.Cut(s, ",")
	b, errB := strconv.ParseUint(bytes, 10, 64)
	u, errU := strconv.ParseUint(usecs, 10, 32)
	if !both || errB != nil || errU != nil || b > 1<<40 {
		return plan.Rate{}, bad("rate", s, "it is a number of bytes and one of microseconds, as in 62500,50000")
	}
	if u == 0 || b == 0 {
		return plan.Rate{}, nil
	}
	return plan.Rate{BytesPerSecond: max(b*1e6/u, 1), Interval: uint32(min(b, 1<<31))}, nil
}

// checkBridge takes a bridge's name, behind which there may be VLANs of Open
// vSwitch's, xenbr0.10:20:30, whose numbers the mode looks at.
func checkBridge(bridge string) error {
	name, vlans, tagged := strings.Cut(bridge, ":")
	for _, v := range strings.Split(vlans, ":") {
		if _, ok := parseNumber(v); tagged && !ok {
			return bad("bridge", bridge, "behind a ':' there is the number of a VLAN, as in xenbr0.10:20:30")
		}
	}
	if dot := strings.LastIndexByte(name, '.'); len(name) > maxName && dot > 0 {
		name = name[:dot]
	}
	return withValue(checkName("bridge", name, maxName), bridge)
}

// withValue has a refusal show the whole of a value that it is about a part of.
func withValue(err error, value string) error {
	var b *BadInput
	if errors.As(err, &b) {
		b.Value = value
	}
	return err
}

// isInterfaceName is narrower than the kernel, which would take "-x", "$(id)"
// and "a;b".
func isInterfaceName(name string) bool {
	for i, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '_' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return name != ""
}

func checkName(key, name string, most int) error {
	switch {
	case !isInterfaceName(name):
		return bad(key, name, "an interface's name starts with a letter or a digit and goes on with letters, digits, '_', '.' or '-'")
	case len(name) > most && most < maxName:
		return bad(key, name, "it may have %d characters, because the emulated NIC's tap gets %q behind it", most, emu)
	case len(name) > most:
		return bad(key, name, "an interface's name may have %d characters", most)
	case name == "all" || name == "default":
		// They would be the folders of that name in /proc/sys/net.
		return bad(key, name, "the kernel keeps that name for itself")
	}
	return nil
}

// notUnicast is where no guest's address can be.
var notUnicast = sync.OnceValue(func() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("224.0.0.0/4"),
		netip.MustParsePrefix("255.255.255.255/32"),
		netip.MustParsePrefix("::/127"),
		netip.MustParsePrefix("fe80::/10"),
		netip.MustParsePrefix("ff00::/8"),
	}
})

// Addresses reads the `ip` key: addresses of either family and prefixes,
// separated by spaces. An address inside a prefix (192.0.2.5/24) is the
// guest's own address, not a claim to the whole prefix.
func Addresses(list string) ([]netip.Prefix, error) {
	const valid = "it is a list of IPv4 and IPv6 addresses, each with or without a prefix length, separated by spaces"
	var ips []netip.Prefix
	seen := map[netip.Prefix]bool{}
	for _, word := range strings.Fields(list) {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			a, err := netip.ParseAddr(word)
			if err != nil || a.Zone() != "" {
				return nil, bad("ip", word, valid)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Masked() != p {
			p = netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		}
		if p.Addr().Is4In6() || slices.ContainsFunc(notUnicast(), p.Overlaps) {
			return nil, bad("ip", word, "a guest's address is a unicast address that can be routed")
		}
		if !seen[p] {
			seen[p] = true
			ips = append(ips, p)
		}
	}
	return ips, nil
}
