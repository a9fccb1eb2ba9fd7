package configs_test

import "testing"

// What is in order alone and not beside something else.
func TestMistakesTogether(t *testing.T) {
	t.Parallel()
	sentences{
		"one MAC": {
			`[[guest]]
name = "a"
mac = "00:16:3e:00:00:01"
[[guest]]
name = "b"
mac = "00-16-3E-00-00-01"`,
			`x:6:7: 00:16:3e:00:00:01 is the hardware address of guest "a" already, at x:3:7: every NIC needs its own`,
		},
		"one address": {
			`[[guest]]
name = "a"
address = "10.0.0.2"
[[guest]]
name = "b"
address = ["10.0.0.3", "10.0.0.2"]`,
			`x:6:24: 10.0.0.2 is an address of guest "a" already, at x:3:11: every guest needs its own`,
		},
		"masqueraded as another's public address": {
			`[[guest]]
name = "a"
public = ["192.0.2.1", "192.0.2.7"]
[[guest]]
name = "b"
masquerade = "192.0.2.1"
[[guest]]
name = "c"
masquerade = "192.0.2.2"
[[guest]]
name = "d"
masquerade = "192.0.2.2"`,
			`x:6:14: 192.0.2.1 is a public address of guest "a", at x:3:11: what this guest sends cannot leave as it; take an address of the host's`,
		},
		"all masqueraded as one's public address": {
			`[host]
masquerade = "192.0.2.7"
[[guest]]
name = "a"
public = ["192.0.2.1", "192.0.2.7"]`,
			`x:2:14: 192.0.2.7 is a public address of guest "a", at x:5:24: what this guest sends cannot leave as it; take an address of the host's`,
		},
		"masqueraded as two": {
			`[[guest]]
name = "a"
masquerade = ["192.0.2.1", "2001:db8::1", "192.0.2.2"]`,
			`x:3:43: masquerade has a second IPv4 address, 192.0.2.2, beside 192.0.2.1: keep one of the two`,
		},
		"an address in a network": {
			`[[guest]]
name = "a"
address = "10.0.0.0/24"
[[guest]]
name = "b"
address = "10.0.0.2"`,
			`x:6:11: 10.0.0.2 is in 10.0.0.0/24 of guest "a" already, at x:3:11: every guest needs its own`,
		},
		"a network around an address": {
			`[[guest]]
name = "a"
address = "10.0.0.2"
[[guest]]
name = "b"
address = "10.0.0.0/24"`,
			`x:6:11: 10.0.0.0/24 is around 10.0.0.2, an address of guest "a" already, at x:3:11: every guest needs its own`,
		},
		"one public address": {
			`[[guest]]
name = "a"
public = ["192.0.2.1"]
[[guest]]
name = "b"
public = [
  "192.0.2.2",
  "192.0.2.1",
]`,
			`x:8:3: 192.0.2.1 is a public address of guest "a" already, at x:3:11: every guest needs its own`,
		},
		"one guest's address, another's public one": {
			`[[guest]]
name = "a"
address = "192.0.2.1"
[[guest]]
name = "b"
public = "192.0.2.1"`,
			`x:6:10: 192.0.2.1 is an address of guest "a" already, at x:3:11: every guest needs its own`,
		},
		"public and private in one": {
			guest(`address = "192.0.2.1"
public = "192.0.2.1"`),
			`x:4:10: 192.0.2.1 is both the guest's own, in address, and its public one, at x:3:11: a public address stands for another`,
		},
		"the same twice": {
			guest(`address = ["192.0.2.1", "192.0.2.1"]`),
			`x:3:25: 192.0.2.1 is written twice, first at x:3:12: take one out`,
		},
		"public of another family": {
			guest(`address = "10.0.0.1"
public = ["192.0.2.1", "2001:db8::1"]`),
			`x:4:24: 2001:db8::1 is IPv6, and guest "a" has no IPv6 address for it to stand for: add one to address`,
		},
		"more public ones than own": {
			guest(`address = "10.0.0.1"
public = ["192.0.2.1", "192.0.2.2"]`),
			`x:4:24: 192.0.2.2 has no address to stand for: guest "a" has more public IPv4 addresses than own ones; add one to address, or take this one out`,
		},
		"the gateway's address": {
			`[host]
gateway = "10.0.0.1"
[[guest]]
name = "a"
address = "10.0.0.1"`,
			`x:5:11: 10.0.0.1 is the gateway, at x:2:11, and cannot be the guest's too: give one of them another address`,
		},
		"its own gateway's address": {
			guest(`gateway = "10.0.0.1"
address = "10.0.0.1"`),
			`x:4:11: 10.0.0.1 is the gateway, at x:3:11, and cannot be the guest's too: give one of them another address`,
		},
		"one port": {
			`[[guest]]
name = "a"
[[guest.forward]]
listen = "192.0.2.1:80"
[[guest]]
name = "b"
[[guest.forward]]
listen = "192.0.2.1:80"`,
			`x:8:10: tcp port 80 of 192.0.2.1 leads to guest "a" already, at x:4:10: take another port, or let each be for other sources by from`,
		},
		"one port of the uplink's": {
			`[[guest]]
name = "a"
[[guest.forward]]
listen = ":80"
[[guest]]
name = "b"
[[guest.forward]]
listen = ":80"`,
			`x:8:10: tcp port 80 of the uplink leads to guest "a" already, at x:4:10: take another port, or let each be for other sources by from`,
		},
		"ranges that overlap": {
			`[[guest]]
name = "a"
[[guest.forward]]
listen = "192.0.2.1:80-90"
[[guest]]
name = "b"
[[guest.forward]]
listen = "192.0.2.1:85-95"
proto = "both"`,
			`x:8:10: tcp ports 85 to 90 of 192.0.2.1 lead to guest "a" already, at x:4:10: take another port, or let each be for other sources by from`,
		},
		"sources that overlap": {
			`[[guest]]
name = "a"
[[guest.forward]]
listen = "192.0.2.1:80"
from = "198.51.100.0/24"
[[guest]]
name = "b"
[[guest.forward]]
listen = "192.0.2.1:80"
from = "198.51.0.0/16"`,
			`x:9:10: tcp port 80 of 192.0.2.1 leads to guest "a" already, at x:4:10: take another port, or let each be for other sources by from`,
		},
		"a source and everybody": {
			`[[guest]]
name = "a"
[[guest.forward]]
listen = "192.0.2.1:80"
from = "198.51.100.0/24"
[[guest]]
name = "b"
[[guest.forward]]
listen = "192.0.2.1:80"`,
			`x:9:10: tcp port 80 of 192.0.2.1 leads to guest "a" already, at x:4:10: take another port, or let each be for other sources by from`,
		},
		"a port of another's public address": {
			`[[guest]]
name = "a"
public = "192.0.2.1"
[[guest]]
name = "b"
[[guest.forward]]
listen = "192.0.2.1:80"`,
			`x:7:10: 192.0.2.1 is a public address of guest "a", at x:3:10, which gets all of its ports: listen on an address that is no guest's`,
		},
		"a port of one's own address": {
			guest(`address = "10.0.0.1"
[[guest.forward]]
listen = "10.0.0.1:80"`),
			`x:5:10: 10.0.0.1 is an address of guest "a", at x:3:11, which gets all of its ports: listen on an address that is no guest's`,
		},
		"two entries for one guest": {
			`[[guest]]
name = "a"
[[guest]]
name = "a"`,
			`x:3:3: guest "a" has another entry, at x:1:3: move its settings there, or give the two entries different nic numbers`,
		},
		"one of them for one NIC": {
			`[[guest]]
name = "a"
[[guest]]
name = "a"
nic = 1`,
			`x:3:3: guest "a", nic 1 has another entry, at x:1:3: move its settings there, or give the two entries different nic numbers`,
		},
		"both for one NIC": {
			`[[guest]]
name = "a"
nic = 1
[[guest]]
name = "a"
nic = 1`,
			`x:4:3: guest "a", nic 1 has another entry, at x:1:3: move its settings there, or give the two entries different nic numbers`,
		},
		"public in mode bridge": {
			guest(`mode = "bridge"
public = "192.0.2.1"`),
			`x:4:1: public means nothing in mode bridge: leave it out, or write mode = "nat"`,
		},
		"bridge in mode nat": {
			guest(`mode = "nat"
bridge = "xenbr0"`),
			`x:4:1: bridge means nothing in mode nat: leave it out, or write mode = "bridge" or mode = "openvswitch"`,
		},
		"a VLAN where there is none": {
			guest(`mode = "route"
vlan = 10`),
			`x:4:1: vlan means nothing in mode route: leave it out, or write mode = "bridge" or mode = "openvswitch"`,
		},
		"VLANs in two places": {
			guest(`mode = "openvswitch"
bridge = "ovs0.10"
vlan = 20`),
			`x:5:8: the VLANs are named behind the bridge's name as well, at x:4:10: name them in one of the two`,
		},
		"gateway in mode bridge": {
			guest(`mode = "bridge"
gateway = "10.0.0.1"`),
			`x:4:1: gateway means nothing in mode bridge: leave it out, or write mode = "route" or mode = "nat"`,
		},
	}.check(t)
}
