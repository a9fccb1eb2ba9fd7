package configs_test

import (
	"strings"
	"testing"

	"vifctl/modes"
)

// What is of the right type and nothing of the right kind.
func TestMistakesValues(t *testing.T) {
	t.Parallel()
	sentences{
		"firewall": {
			`[host]
firewall = "nft"`,
			`x:2:12: firewall cannot be "nft": write "auto", "nftables" or "iptables"`,
		},
		"firewall, mistyped": {
			`[host]
firewall = "nftable"`,
			`x:2:12: firewall cannot be "nftable": did you mean nftables?`,
		},
		"antispoof": {
			`[host]
antispoof = "yes"`,
			`x:2:13: antispoof cannot be "yes": write "strict", "mac" or "off"`,
		},
		"mark of nothing": {
			`[host]
mark = 0`,
			`x:2:8: mark cannot be 0: it is one bit, or more, of 32, as in mark = 0x10000000; other firewalls' marks must not have it`,
		},
		"mark too large": {
			`[host]
mark = 0x100000000`,
			`x:2:8: mark cannot be 4294967296: it is one bit, or more, of 32, as in mark = 0x10000000; other firewalls' marks must not have it`,
		},
		"uplink, too long": {
			`[host]
uplink = "abcdefghijklmnop"`,
			`x:2:10: uplink cannot be "abcdefghijklmnop": an interface's name may have 15 characters`,
		},
		"uplink, a command": {
			`[host]
uplink = "$(id)"`,
			`x:2:10: uplink cannot be "$(id)": an interface's name starts with a letter or a digit and goes on with letters, digits, '_', '.' or '-'`,
		},
		"uplink, the kernel's own": {
			`[host]
uplink = "all"`,
			`x:2:10: uplink cannot be "all": the kernel keeps that name for itself`,
		},
		"gateways of one family": {
			`[host]
gateway = ["10.0.0.1", "fe80::1", "10.0.0.2"]`,
			`x:2:35: gateway has a second IPv4 address, 10.0.0.2, beside 10.0.0.1: keep one of the two`,
		},
		"gateway with a length": {
			`[host]
gateway = "10.0.0.1/24"`,
			`x:2:11: gateway cannot be "10.0.0.1/24": it takes an address without a prefix length; write "10.0.0.1"`,
		},
		"mode": {
			guest(`mode = "natt"`),
			`x:3:8: mode cannot be "natt": did you mean nat?`,
		},
		"mode, unknown": {
			guest(`mode = "vlan"`),
			`x:3:8: mode cannot be "vlan": write ` + allModes(),
		},
		"vlan": {
			guest(`vlan = "ten"`),
			`x:3:8: vlan cannot be "ten": "ten" is no VLAN: it is a number from 1 to 4094, a range (20-29) or a row (20+2x5), with p or u behind it`,
		},
		"vlan, too large": {
			guest(`vlan = 4095`),
			`x:3:8: vlan cannot be "4095": "4095" is no VLAN: it is a number from 1 to 4094, a range (20-29) or a row (20+2x5), with p or u behind it`,
		},
		"vlan, several and none of untagged frames": {
			guest(`vlan = "10/20"`),
			`x:3:8: vlan cannot be "10/20": of several VLANs one must be that of untagged frames: write a p behind it, as in 10p/20-29`,
		},
		"vlan, a list": {
			guest(`vlan = [10, 20]`),
			`x:3:8: vlan cannot be a list: write vlan = "10p/20-29"`,
		},
		"name, empty": {
			`[[guest]]
name = ""`,
			"x:2:8: name is empty: write the guest's name as `xl list` shows it, or leave it out and write uuid or mac",
		},
		"name, with spaces around": {
			`[[guest]]
name = " a"`,
			`x:2:8: name cannot be " a": it begins or ends with a space; did you mean "a"?`,
		},
		"name, of two lines": {
			`[[guest]]
name = "a\nb"`,
			`x:2:8: name cannot be "a\nb": a guest's name has 255 bytes at most, no '/' and nothing that cannot be printed`,
		},
		"uuid": {
			guest(`uuid = "6f0c0e8e"`),
			"x:3:8: uuid cannot be \"6f0c0e8e\": it is 32 hexadecimal digits in five groups, as in uuid = \"6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f\"; `xl vm-list` shows it",
		},
		"mac": {
			guest(`mac = "00:16:3e"`),
			`x:3:7: mac cannot be "00:16:3e": it is six bytes in hexadecimal, as in mac = "00:16:3e:00:00:01"`,
		},
		"mac, multicast": {
			guest(`mac = "01:00:5e:00:00:01"`),
			`x:3:7: mac cannot be "01:00:5e:00:00:01": that is a multicast address, because its first byte is odd; Xen's own begin with 00:16:3e`,
		},
		"mac, zero": {
			guest(`mac = "00:00:00:00:00:00"`),
			`x:3:7: mac cannot be "00:00:00:00:00:00": that is no address at all; Xen's own begin with 00:16:3e`,
		},
		"nic": {
			guest(`nic = -1`),
			`x:3:7: nic cannot be -1: it counts a guest's NICs from 0; leave it out for all of them`,
		},
		"no guest": {
			`[[guest]]
mode = "nat"`,
			`x:1:3: a guest needs a name, a uuid or a mac for vifctl to know it by: write name = "win2008-1"`,
		},
		"address": {
			guest(`address = "10.0.0"`),
			`x:3:11: address cannot be "10.0.0": it is not an address or a network; write address = ["192.168.1.2", "2001:db8:1::2"]`,
		},
		"address and network in one": {
			guest(`address = ["10.0.0.5/24"]`),
			`x:3:12: address cannot be "10.0.0.5/24", an address and its network in one: write "10.0.0.5" for the address alone, or "10.0.0.0/24" for the whole network`,
		},
		"address and network in one, IPv6": {
			guest(`address = ["2001:db8::5/64"]`),
			`x:3:12: address cannot be "2001:db8::5/64", an address and its network in one: write "2001:db8::5" for the address alone, or "2001:db8::/64" for the whole network`,
		},
		"addresses in one text": {
			guest(`address = "10.0.0.1 10.0.0.2"`),
			`x:3:11: address cannot be "10.0.0.1 10.0.0.2": write a list of several, as in ["192.0.2.1", "192.0.2.2"]`,
		},
		"address, multicast": {
			guest(`address = "224.0.0.1"`),
			`x:3:11: address cannot be "224.0.0.1": it is a multicast or broadcast address, and not of one machine`,
		},
		"address, loopback": {
			guest(`address = "127.0.0.1"`),
			`x:3:11: address cannot be "127.0.0.1": it is a loopback address, which stays in one machine`,
		},
		"address, link-local": {
			guest(`address = "fe80::1"`),
			`x:3:11: address cannot be "fe80::1": it is a link-local address, which belongs in link_local`,
		},
		"address, mapped": {
			guest(`address = "::ffff:10.0.0.1"`),
			`x:3:11: address cannot be "::ffff:10.0.0.1": it is an IPv4 address written as an IPv6 one; write "10.0.0.1"`,
		},
		"public, a network": {
			guest(`public = "192.0.2.0/29"`),
			`x:3:10: public cannot be "192.0.2.0/29": it takes an address without a prefix length; write "192.0.2.0"`,
		},
		"allow": {
			guest(`allow = ["vrrp", "vrpp"]`),
			`x:3:18: allow cannot be "vrpp": did you mean vrrp?`,
		},
		"allow, twice": {
			guest(`allow = ["ospf", "ospf"]`),
			`x:3:18: allow has "ospf" twice: take one out`,
		},
		"link_local": {
			guest(`link_local = "yes"`),
			`x:3:14: link_local cannot be "yes": write "auto", "any" or a list of addresses`,
		},
		"link_local, another address": {
			guest(`link_local = ["fe80::1", "2001:db8::1"]`),
			`x:3:26: link_local cannot be "2001:db8::1": link-local addresses begin with fe80; write link_local = ["fe80::1"]`,
		},
	}.check(t)
}

// allModes are those of the table, as a sentence lists them.
func allModes() string {
	var names []string
	for _, e := range modes.Table() {
		names = append(names, e.Name)
	}
	last := len(names) - 1
	return `"` + strings.Join(names[:last], `", "`) + `" or "` + names[last] + `"`
}
