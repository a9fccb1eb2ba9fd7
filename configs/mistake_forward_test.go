package configs_test

import "testing"

// What is wrong with one forward.
func TestMistakesForwards(t *testing.T) {
	t.Parallel()
	sentences{
		"without a port": {
			forward(`listen = "192.0.2.1"`),
			`x:4:10: listen cannot be "192.0.2.1": it has no port; write listen = "11.22.33.40:3389", listen = "[2001:db8::1]:3389", or listen = ":3389" for the uplink's own first IPv4 address`,
		},
		"without anything": {
			guest(`[[guest.forward]]`),
			`x:3:9: a forward needs an address and a port to listen on: write listen = "11.22.33.40:3389", listen = "[2001:db8::1]:3389", or listen = ":3389" for the uplink's own first IPv4 address`,
		},
		"a port alone": {
			forward(`listen = "3389"`),
			`x:4:10: listen cannot be "3389": write ":3389" for that port of the uplink's own first IPv4 address`,
		},
		"IPv6 without brackets": {
			forward(`listen = "2001:db8::1:80"`),
			`x:4:10: listen cannot be "2001:db8::1:80": an IPv6 address needs brackets before its port; write listen = "11.22.33.40:3389", listen = "[2001:db8::1]:3389", or listen = ":3389" for the uplink's own first IPv4 address`,
		},
		"every address": {
			forward(`listen = "0.0.0.0:80"`),
			`x:4:10: listen cannot be "0.0.0.0:80": a forward has one address; write listen = "11.22.33.40:3389", listen = "[2001:db8::1]:3389", or listen = ":3389" for the uplink's own first IPv4 address`,
		},
		"a name": {
			forward(`listen = "www:80"`),
			`x:4:10: listen cannot be "www:80": "www" is not an address; write listen = "11.22.33.40:3389", listen = "[2001:db8::1]:3389", or listen = ":3389" for the uplink's own first IPv4 address`,
		},
		"port 0": {
			forward(`listen = ":0"`),
			`x:4:10: listen cannot be ":0": a port is a number from 1 to 65535, and several are FIRST-LAST`,
		},
		"port 65536": {
			forward(`listen = ":65536"`),
			`x:4:10: listen cannot be ":65536": a port is a number from 1 to 65535, and several are FIRST-LAST`,
		},
		"backwards": {
			forward(`listen = ":90-80"`),
			`x:4:10: listen cannot be ":90-80": the ports end before they begin; did you mean 80-90?`,
		},
		"too many ports": {
			forward(`listen = ":1000-2024"`),
			`x:4:10: listen cannot be ":1000-2024": those are 1025 ports, and a forward has at most 1024; a guest that needs more gets an address of its own, by public`,
		},
		"protocol": {
			forward(`listen = ":80"
proto = "icmp"`),
			`x:5:9: proto cannot be "icmp": write "tcp", "udp" or "both"`,
		},
		"to an address": {
			forward(`listen = ":80"
to = "10.0.0.1:80"`),
			`x:5:6: to cannot be "10.0.0.1:80": it is a port of the guest's own address, as in to = 3389`,
		},
		"to port 0": {
			forward(`listen = ":80"
to = 0`),
			`x:5:6: to cannot be "0": a port is a number from 1 to 65535, and several are FIRST-LAST`,
		},
		"a range to one port": {
			forward(`listen = ":80-89"
to = 8080`),
			`x:5:6: 10 ports cannot lead to one port: write to = "8080-8089"`,
		},
		"a range to a shorter one": {
			forward(`listen = ":80-89"
to = "8080-8088"`),
			`x:5:6: 10 ports cannot lead to 9 ports: write to = "8080-8089"`,
		},
		"one port to a range": {
			forward(`listen = ":80"
to = "8080-8088"`),
			`x:5:6: one port cannot lead to 9 ports: write to = 8080`,
		},
		"a range that would not fit": {
			forward(`listen = ":80-89"
to = 65530`),
			`x:5:6: 10 ports cannot lead to one port: write to = "80-89"`,
		},
		"from no network": {
			forward(`listen = ":80"
from = []`),
			`x:5:8: from is an empty list: fill it, as in from = ["198.51.100.0/24"], or leave from out`,
		},
		"from a host in its network": {
			forward(`listen = ":80"
from = "192.0.2.7/24"`),
			`x:5:8: from cannot be "192.0.2.7/24", an address and its network in one: write "192.0.2.7" for the address alone, or "192.0.2.0/24" for the whole network`,
		},
		"from the other family": {
			forward(`listen = "[2001:db8::1]:80"
from = ["2001:db8::/32", "192.0.2.0/24"]`),
			`x:5:26: 192.0.2.0/24 is IPv4, and the forward listens on IPv6: no host can connect there from 192.0.2.0/24`,
		},
		"to a guest without such an address": {
			guest(`address = "2001:db8::2"
[[guest.forward]]
listen = ":80"`),
			`x:5:10: the forward listens on IPv4, and guest "a" has no IPv4 address for it to lead to: add one to address`,
		},
	}.check(t)
}
