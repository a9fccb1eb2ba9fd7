package configs_test

import "testing"

// What is written where no setting of that name is.
func TestMistakesKeys(t *testing.T) {
	t.Parallel()
	sentences{
		"mistyped": {
			`[host]
uplnik = "eth0"`,
			`x:2:1: host.uplnik is not a setting: did you mean uplink?`,
		},
		"in capitals": {
			`[host]
Uplink = "eth0"`,
			`x:2:1: host.Uplink is not a setting: did you mean uplink?`,
		},
		"of the guest, mistyped": {
			guest(`addrss = ["10.0.0.1"]`),
			`x:3:1: guest.addrss is not a setting: did you mean address?`,
		},
		"in the plural": {
			guest(`addresses = ["10.0.0.1"]`),
			`x:3:1: guest.addresses is not a setting: did you mean address?`,
		},
		"as xl calls it": {
			guest(`ip = "10.0.0.1"`),
			`x:3:1: guest.ip is not a setting: it is called address here`,
		},
		"of the host in a guest": {
			guest(`firewall = "auto"`),
			`x:3:1: guest.firewall is not a setting: it belongs below [host]`,
		},
		"of a guest in the host": {
			`[host]
mode = "nat"`,
			`x:2:1: host.mode is not a setting: it belongs below [[guest]]`,
		},
		"of a forward in a guest": {
			guest(`listen = ":80"`),
			`x:3:1: guest.listen is not a setting: it belongs below [[guest.forward]]`,
		},
		"like no other": {
			`[host]
banana = 1`,
			`x:2:1: host.banana is not a setting: there are uplink, firewall, antispoof, gateway, dhcp, masquerade, mark, firewalld, guests and network`,
		},
		"of a forward": {
			forward(`listen = ":80"
protocol = "tcp"`),
			`x:5:1: guest.forward.protocol is not a setting: it is called proto here`,
		},
		"at the top": {
			`uplink = "eth0"`,
			`x:1:1: uplink is not a setting: it belongs below [host]`,
		},
		"of no table": {
			`[gest]
name = "a"`,
			`x:1:2: gest is not a heading: write [[guest]]`,
		},
		"below a setting": {
			guest(`address.first = "10.0.0.1"`),
			`x:3:1: address cannot be a table: write address = ["192.168.1.2", "2001:db8:1::2"]`,
		},
		"a table in a table": {
			`[host]
[host.nat]
x = 1`,
			`x:2:7: host.nat is not a setting: there are uplink, firewall, antispoof, gateway, dhcp, masquerade, mark, firewalld, guests and network`,
		},
		"in quotes, with what would break a line": {
			`[host]
"a\nb" = 1`,
			`x:2:1: host."a\nb" is not a setting: there are uplink, firewall, antispoof, gateway, dhcp, masquerade, mark, firewalld, guests and network`,
		},
		"forward without guest": {
			`[[forward]]
listen = ":80"`,
			`x:1:3: forward is not a heading: write [[guest.forward]] below the guest it is for`,
		},
	}.check(t)
}

// What is a list where a text should be, and the like.
func TestMistakesTypes(t *testing.T) {
	t.Parallel()
	sentences{
		"a number for a name": {
			`[host]
uplink = 5`,
			`x:2:10: uplink cannot be a number: write uplink = "eth0"`,
		},
		"a list for a name": {
			`[host]
uplink = ["eth0"]`,
			`x:2:10: uplink cannot be a list: write uplink = "eth0"`,
		},
		"a text for a number": {
			guest(`nic = "0"`),
			`x:3:7: nic cannot be a text: write nic = 0`,
		},
		"a text for true": {
			guest(`nat66 = "yes"`),
			`x:3:9: nat66 cannot be a text: write nat66 = true`,
		},
		"a number in a list": {
			guest(`address = [
  "10.0.0.1",
  5, # five
]`),
			`x:5:3: address cannot hold a number: write address = ["192.168.1.2", "2001:db8:1::2"]`,
		},
		"a number for a list": {
			guest(`public = 5`),
			`x:3:10: public cannot be a number: write public = ["11.22.33.44"]`,
		},
		"a port without a colon": {
			forward(`listen = 3389`),
			`x:4:10: listen cannot be a number: write listen = "11.22.33.40:3389"`,
		},
		"a list of ports": {
			forward(`listen = ":80"
to = [80]`),
			`x:5:6: to cannot be a list: write to = 3389`,
		},
		"a date": {
			guest(`mode = 1979-05-27`),
			`x:3:8: mode cannot be a date or a time: write mode = "nat"`,
		},
		"one bracket for two": {
			`[guest]
name = "a"`,
			`x:1:2: [guest] has one bracket on each side: write [[guest]], with two`,
		},
		"one bracket for two, forward": {
			guest(`[guest.forward]
listen = ":80"`),
			`x:3:8: [guest.forward] has one bracket on each side: write [[guest.forward]], with two`,
		},
		"two brackets for one": {
			`[[host]]
uplink = "eth0"`,
			`x:1:3: [[host]] has two brackets on each side: write [host], with one`,
		},
		"a text for a guest": {
			`guest = ["a"]`,
			`x:1:10: guest cannot hold a text: write [[guest]] on a line of its own and the settings below it`,
		},
		"an empty list of addresses": {
			guest(`address = []`),
			`x:3:11: address is an empty list: fill it, as in address = ["192.168.1.2", "2001:db8:1::2"], or leave address out`,
		},
		"a number with a point": {
			`[host]
mark = 1.5`,
			`x:2:8: mark cannot be a number with a point: write mark = 0x10000000`,
		},
	}.check(t)
}
