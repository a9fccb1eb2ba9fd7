package configs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What people write who know other formats, or who mistype: one sentence each,
// and what to write instead.
func TestMistakesSyntax(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, says string }{
		{"[guest]\nname = \"a\"", `x:1:2: [guest] has one bracket on each side: write [[guest]], with two`},
		{"[[guests]]\nname = \"a\"", `x:1:3: guests is not a heading: write [[guest]]`},
		{"[guests]\nname = \"a\"", `x:1:2: guests is not a heading: write [[guest]]`},
		{"[hosts]\nuplink = \"eth0\"", `x:1:2: hosts is not a heading: write [host]`},
		{"[Host]\nuplink = \"eth0\"", `x:1:2: Host is not a heading: write [host]`},
		{"[GUEST]\nname = \"eth0\"", `x:1:2: GUEST is not a heading: write [[guest]]`},
		{"[[host]]\nuplink = \"eth0\"", `x:1:3: [[host]] has two brackets on each side: write [host], with one`},
		{"[host\nuplink = \"eth0\"", `x:1:1: the brackets do not match: write [host]`},
		{"[[guest]\nname = \"a\"", `x:1:1: the brackets do not match: write [[guest]]`},
		{"[guest]]\nname = \"a\"", `x:1:1: the brackets do not match: write [[guest]]`},
		{"[host] uplink = \"eth0\"", `x:1:1: [host] stands on a line of its own: write what follows it in the next line`},
		{"[host]\nuplink = \"eth0\ngateway = \"10.0.0.1\"", `x:2:10: the text has no closing quotation mark: write uplink = "eth0"`},
		{"[host]\nuplink = eth0\"", `x:2:10: a text stands in quotes: write uplink = "eth0"`},
		{"[host]\nuplink = 'eth0\"", `x:2:10: the text has no closing quotation mark: write uplink = "eth0"`},
		{"[host]\nuplink = 'eth0", `x:2:10: the text has no closing quotation mark: write uplink = "eth0"`},
		{"[host]\nuplink: eth0", `x:2:7: an equals sign stands between a setting and its value: write uplink = "eth0"`},
		{"[host]\nuplink: \"eth0\"", `x:2:7: an equals sign stands between a setting and its value: write uplink = "eth0"`},
		{"host:\n  uplink: eth0\n", `x:1:1: this is no heading: write [host] on a line of its own and the settings below it`},
		{"{ \"host\": {} }", `x:1:1: this is no setting: write one a line, as in uplink = "eth0", below [host] or [[guest]]`},
		{"[host]\nuplink \"eth0\"", `x:2:8: an equals sign stands between a setting and its value: write uplink = "eth0"`},
		{"[host]\nuplink", `x:2:1: uplink has no value: write uplink = "eth0"`},
		{"[host]\nuplink =", `x:2:9: uplink has no value: write uplink = "eth0"`},
		{"[host]\nuplink == \"eth0\"", `x:2:9: one equals sign stands between a setting and its value: write uplink = "eth0"`},
		{"[host]\nuplink = \"eth0\";", `x:2:16: leave out the ";" at the end of the line: write uplink = "eth0"`},
		{"[host]\n; comment\nuplink = \"eth0\"", `x:2:1: a comment begins with #: write # instead of ;`},
		{"[host]\n// comment\nuplink = \"eth0\"", `x:2:1: a comment begins with #: write # instead of //`},
		{"[host]\n/* comment */\nuplink = \"eth0\"", `x:2:1: a comment begins with #: write # instead of /*`},
		{"[host]\nuplink = \"eth0\" // c", `x:2:17: a comment begins with #: write # instead of //`},
		{"[host]\nuplink = \"eth0\" ; c", `x:2:17: a comment begins with #: write # instead of ;`},
		{"[host]\nuplink = \"eth0\" gateway = \"10.0.0.1\"", `x:2:17: one setting a line: write what follows "eth0" in the next line`},
		{"[host]\nuplink = \"eth0\", gateway = \"10.0.0.1\"", `x:2:16: one setting a line: write what follows "eth0" in the next line`},
		{"[host]\nuplink = \"eth0\",", `x:2:16: leave out the "," at the end of the line: write uplink = "eth0"`},
		{"-- c\n[host]", `x:1:1: a comment begins with #: write # instead of --`},
		{"[host]\nantispoof = strict", `x:2:13: a text stands in quotes: write antispoof = "strict"`},
		{"[host]\nantispoof = mac", `x:2:13: a text stands in quotes: write antispoof = "mac"`},
		{"[[guest]]\nname = web", `x:2:8: a text stands in quotes: write name = "web"`},
		{"[[guest]]\nname = win2008-1", `x:2:8: a text stands in quotes: write name = "win2008-1"`},
		{"[[guest]]\nname = 2web", `x:2:8: a text stands in quotes: write name = "2web"`},
		{"[[guest]]\nname = 5", `x:2:8: name cannot be a number: write name = "5"`},
		{"[[guest]]\nname = null", `x:2:8: a text stands in quotes: write name = "null"`},
		{"[[guest]]\nname = nat", `x:2:8: a text stands in quotes: write name = "nat"`},
		{"[[guest]]\nname = info", `x:2:8: a text stands in quotes: write name = "info"`},
		{"[[guest]]\nname = \"a\"\naddress = 10.0.0.1", `x:3:11: a text stands in quotes: write address = "10.0.0.1"`},
		{"[[guest]]\nname = \"a\"\naddress = [10.0.0.1]", `x:3:12: each text of a list stands in quotes: write address = ["10.0.0.1"]`},
		{"[[guest]]\nname = \"a\"\naddress = [\"10.0.0.1\" \"10.0.0.2\"]", `x:3:23: a comma stands between two values of a list: write address = ["10.0.0.1", "10.0.0.2"]`},
		{"[[guest]]\nname = \"a\"\naddress = [\"10.0.0.1\", \"10.0.0.2\"", `x:3:11: the list has no ] at its end: write address = ["10.0.0.1", "10.0.0.2"]`},
		{"[[guest]]\nname = \"a\"\naddress = [\"10.0.0.1\", \"10.0.0.2\"\nmode = \"nat\"", `x:3:11: the list has no ] at its end: write address = ["10.0.0.1", "10.0.0.2"]`},
		{"[[guest]]\nname = \"a\"\naddress = \"10.0.0.1\", \"10.0.0.2\"", `x:3:21: several values stand in [ ]: write address = ["10.0.0.1", "10.0.0.2"]`},
		{"[[guest]]\nname = \"a\"\naddress = {\"10.0.0.1\", \"10.0.0.2\"}", `x:3:11: several values stand in [ ]: write address = ["10.0.0.1", "10.0.0.2"]`},
		{"[[guest]]\nname = \"a\"\naddress = (\"10.0.0.1\")", `x:3:11: several values stand in [ ]: write address = "10.0.0.1"`},
		{"[[guest]]\nname = \"a\"\naddress = 2001:db8::1", `x:3:11: a text stands in quotes: write address = "2001:db8::1"`},
		{"[[guest]]\nname = \"a\"\naddress = fe80::1", `x:3:11: a text stands in quotes: write address = ["192.168.1.2", "2001:db8:1::2"]`},
		{"[[guest]]\nname = \"a\"\naddress = ::1", `x:3:11: a text stands in quotes: write address = ["192.168.1.2", "2001:db8:1::2"]`},
		{"[[guest]]\nname = \"a\"\naddress = 10.0.0.0/24", `x:3:11: a text stands in quotes: write address = "10.0.0.0/24"`},
		{"[[guest]]\nmac = aa:bb:cc:dd:ee:ff", `x:2:7: a text stands in quotes: write mac = "aa:bb:cc:dd:ee:ff"`},
		{"[[guest]]\nmac = 00:16:3e:00:00:01", `x:2:7: a text stands in quotes: write mac = "00:16:3e:00:00:01"`},
		{"[[guest]]\nname = \"a\"\nnat66 = yes", `x:3:9: nat66 takes true or false, in small letters: write nat66 = true`},
		{"[[guest]]\nname = \"a\"\nnat66 = on", `x:3:9: nat66 takes true or false, in small letters: write nat66 = true`},
		{"[[guest]]\nname = \"a\"\nnat66 = True", `x:3:9: nat66 takes true or false, in small letters: write nat66 = true`},
		{"[[guest]]\nname = \"a\"\nnat66 = TRUE", `x:3:9: nat66 takes true or false, in small letters: write nat66 = true`},
		{"[[guest]]\nname = \"a\"\nnat66 = False", `x:3:9: nat66 takes true or false, in small letters: write nat66 = false`},
		{"[[guest]]\nname = \"a\"\nnat66 = no", `x:3:9: nat66 takes true or false, in small letters: write nat66 = false`},
		{"[[guest]]\nname = \"a\"\nnat66 = off", `x:3:9: nat66 takes true or false, in small letters: write nat66 = false`},
		{"[[guest]]\nname = \"a\"\nnat66 = \"true\"", `x:3:9: nat66 cannot be a text: write nat66 = true`},
		{"[[guest]]\nname = \"a\"\nnat66 = 1", `x:3:9: nat66 cannot be a number: write nat66 = true`},
		{"[[guest]]\nname = \"a\"\nnic = \"0\"", `x:3:7: nic cannot be a text: write nic = 0`},
		{"[[guest]]\nname = \"a\"\nnic = 00", `x:3:7: nic takes a whole number: write nic = 0`},
		{"[[guest]]\nname = \"a\"\nnic = eth0", `x:3:7: nic takes a whole number: write nic = 0`},
		{"[host]\nmark = 0xZZ", `x:2:8: mark takes a whole number: write mark = 0x10000000`},
		{"[host]\nmark = 10000000h", `x:2:8: mark takes a whole number: write mark = 0x10000000`},
		{"[host]\nmark = 0X10000000", `x:2:8: mark takes a whole number: write mark = 0x10000000`},
		{"[[forward]]\nlisten = \":80\"", `x:1:3: forward is not a heading: write [[guest.forward]] below the guest it is for`},
		{"[forward]\nlisten = \":80\"", `x:1:2: forward is not a heading: write [[guest.forward]] below the guest it is for`},
		{"[[guest.forward]]\nlisten = \":80\"", `x:1:3: no [[guest]] is above this [[guest.forward]]: write [[guest]] and the guest's name above it`},
		{"[guest.forward]\nlisten = \":80\"", `x:1:2: no [[guest]] is above this [[guest.forward]]: write [[guest]] and the guest's name above it`},
		{"[[guest.forwards]]\nlisten = \":80\"", `x:1:3: no [[guest]] is above this [[guest.forward]]: write [[guest]] and the guest's name above it`},
		{"[[guest]]\nname=\"a\"\n[[guest.forwards]]\nlisten = \":80\"", `x:3:9: guest.forwards is not a setting: did you mean forward?`},
		{"[[guest]]\nname=\"a\"\n[guest.forward]\nlisten = \":80\"", `x:3:8: [guest.forward] has one bracket on each side: write [[guest.forward]], with two`},
		{"[[guest]]\nname=\"a\"\n[[forward]]\nlisten = \":80\"", `x:3:3: forward is not a heading: write [[guest.forward]] below the guest it is for`},
		{"[[guest]]\nname=\"a\"\n[[guest.forward]]\nlisten = 192.0.2.1:80", `x:4:10: a text stands in quotes: write listen = "192.0.2.1:80"`},
		{"[[guest]]\nname=\"a\"\n[[guest.forward]]\nlisten = :80", `x:4:10: a text stands in quotes: write listen = ":80"`},
		{"[[guest]]\nname=\"a\"\n[[guest.forward]]\nlisten = 80", `x:4:10: listen cannot be a number: write listen = "11.22.33.40:3389"`},
		{"\ufeff[host]\nuplink = eth0", `x:2:10: a text stands in quotes: write uplink = "eth0"`},
		{"[host]\r\nuplink = eth0\r\n", `x:2:10: a text stands in quotes: write uplink = "eth0"`},
		{"[host]\ruplink = \"eth0\"\r", `x:1:6: the line ends in a carriage return alone: save the file with the line ends of Unix (\n)`},
		{"[host]\nuplink = “eth0”", `x:2:10: “ is not the plain quotation mark: write uplink = "eth0"`},
		{"[host]\nuplink = „eth0“", `x:2:10: „ is not the plain quotation mark: write uplink = "eth0"`},
		{"[host]\nuplink = ‘eth0’", `x:2:10: ‘ is not the plain quotation mark: write uplink = "eth0"`},
		{"[host]\nuplink = «eth0»", `x:2:10: « is not the plain quotation mark: write uplink = "eth0"`},
		{"[host]\nuplink = `eth0`", "x:2:10: ` is not the plain quotation mark: write uplink = \"eth0\""},
		{"[host]\nuplink\u00a0= \"eth0\"", `x:2:7: a no-break space is here, as web pages have it: write a plain space`},
		{"[host]\n\u00a0uplink = \"eth0\"", `x:2:1: a no-break space is here, as web pages have it: write a plain space`},
		{"[host]\nuplink = \"eth0\"\u00a0", `x:2:16: a no-break space is here, as web pages have it: write a plain space`},
		{"[host]\nuplink = \u00a0\"eth0\"", `x:2:10: a no-break space is here, as web pages have it: write a plain space`},
		{"[host]\nuplink = \"eth\x000\"", `x:2:13: a character that cannot be printed is in the text: take it out`},
		{"[host]\nuplink = \"eth\xff0\"", `x:2:11: the file is not plain text in UTF-8: save it as UTF-8`},
		{"\xff\xfe[\x00h\x00", `x:1:2: the file is not plain text in UTF-8: save it as UTF-8`},
		{"[host]\nuplink = \"eth0\"\nuplink = \"eth1\"", `x:3:1: uplink is written already, in line 2: keep one of the two`},
		{"[host]\nuplink = \"eth0\"\n[host]\ngateway = \"10.0.0.1\"", `x:3:2: [host] is written already, in line 1: move these settings there`},
		{"[[guest]]\nname = \"a\"\nname = \"b\"", `x:3:1: name is written already, in line 2: keep one of the two`},
		{"[[guest]]\nname = \"a\"\n[guest]\nname = \"b\"", `x:3:2: a guest's heading here or above has the wrong number of brackets: write [[guest]] at each of them`},
		{"[guest]\nname = \"a\"\n[[guest]]\nname = \"b\"", `x:3:3: a guest's heading here or above has the wrong number of brackets: write [[guest]] at each of them`},
		{"uplink = \"eth0\"", `x:1:1: uplink is not a setting: it belongs below [host]`},
		{"gateway = \"10.0.0.1\"", `x:1:1: gateway is not a setting: it belongs below [host]`},
		{"antispoof = \"strict\"", `x:1:1: antispoof is not a setting: it belongs below [host]`},
		{"foo = 1", `x:1:1: foo is not a setting: settings stand below [host] or [[guest]]`},
		{"[host]\nantispoof = true", `x:2:13: antispoof cannot be true: write antispoof = "strict"`},
		{"[host]\nantispoof = false", `x:2:13: antispoof cannot be false: write antispoof = "off"`},
		{"[host]\nantispoof = on", `x:2:13: a text stands in quotes: write antispoof = "strict"`},
		{"[host]\nantispoof = off", `x:2:13: a text stands in quotes: write antispoof = "off"`},
		{"[host]\nantispoof = \"on\"", `x:2:13: antispoof cannot be "on": write "strict", "mac" or "off"`},
		{"[host]\nantispoof = \"yes\"", `x:2:13: antispoof cannot be "yes": write "strict", "mac" or "off"`},
		{"[host]\nantispoof = \"Strict\"", `x:2:13: antispoof cannot be "Strict": did you mean strict?`},
		{"[host]\nantispoof = \"true\"", `x:2:13: antispoof cannot be "true": write "strict", "mac" or "off"`},
		{"[host]\nantispoof = \"no\"", `x:2:13: antispoof cannot be "no": write "off"`},
		{"[host]\nfirewall = true", `x:2:12: firewall cannot be true: write firewall = "auto"`},
		{"[host]\nfirewall = \"nft\"", `x:2:12: firewall cannot be "nft": write "auto", "nftables" or "iptables"`},
		{"[host]\nfirewall = \"off\"", `x:2:12: firewall cannot be "off": write "auto", "nftables" or "iptables"`},
		{"[host]\ndhcp = true", `x:2:8: dhcp cannot be true: write dhcp = "dnsmasq"`},
		{"[host]\ndhcp = false", `x:2:8: dhcp cannot be false: write dhcp = "off"`},
		{"[host]\nmasquerade = true", `x:2:14: masquerade cannot be true: write masquerade = "11.22.33.40"`},
		{"[[guest]]\nname = \"a\"\nmasquerade = yes", `x:3:14: masquerade takes true or false, in small letters: write masquerade = true`},
		{"[[guest]]\nname = \"a\"\nmasquerade = \"yes\"", `x:3:14: masquerade cannot be "yes": it is not an address; write masquerade = "11.22.33.40"`},
		{"[[guest]]\nname = \"a\"\nmode = [\"nat\"]", `x:3:8: mode cannot be a list: write mode = "nat"`},
		{"[[guest]]\nname = [\"a\", \"b\"]", `x:2:8: name cannot be a list: write name = "win2008-1"`},
		{"[[guest]]\nname = \"a\"\nmode = \"NAT\"", `x:3:8: mode cannot be "NAT": did you mean nat?`},
		{"[[guest]]\nname = \"a\"\nmode = \"vif-nat\"", `x:3:8: mode cannot be "vif-nat": did you mean nat?`},
		{"[[guest]]\nname = \"a\"\nmode = \"routed\"", `x:3:8: mode cannot be "routed": did you mean route?`},
		{"[[guest]]\nname = \"a\"\nmode = \"bridged\"", `x:3:8: mode cannot be "bridged": did you mean bridge?`},
		{"[[guest]]\nname = \"a\"\nvlan = [10]", `x:3:8: vlan cannot be a list: write vlan = "10p/20-29"`},
		{"[[guest]]\nname = \"a\"\nvlan = 10,20", `x:3:8: a text stands in quotes: write vlan = "10p/20-29"`},
		{"[host]\nuplink = \"C:\\eth\"", `x:2:10: uplink cannot be "C:\x1bth": an interface's name starts with a letter or a digit and goes on with letters, digits, '_', '.' or '-'`},
		{"[host]\nuplink = \"eth0\\\"", `x:2:10: the text has no closing quotation mark: write uplink = "eth0"`},
		{"[host]\nup link = \"eth0\"", `x:2:1: a setting's name has no space in it: write it as in uplink = "eth0", or take "up link" out`},
		{"[host]\n\"uplink = \"eth0\"", `x:2:17: nothing but a comment may follow the closing quotation mark: write uplink = "eth0"`},
		{"[host]\n= \"eth0\"", `x:2:1: this is no setting: write one a line, as in uplink = "eth0", below [host] or [[guest]]`},
		{"[[guest]]\n- name: a", `x:2:1: this is no setting: write one a line, as in uplink = "eth0", below [host] or [[guest]]`},
		{"[guest \"a\"]\nmode = \"nat\"", `x:1:1: a guest's name stands below its heading: write [[guest]] and below it name = "a"`},
		{"[guest.web]\nmode = \"nat\"", `x:1:2: a guest's name stands below its heading: write [[guest]] and below it name = "web"`},
		{"[[guest.web]]\nmode = \"nat\"", `x:1:3: a guest's name stands below its heading: write [[guest]] and below it name = "web"`},
		{"[web]\nmode = \"nat\"", `x:1:2: web is not a heading: write [host], or [[guest]] and below it name = "web"`},
		{"[ [guest] ]\nname = \"a\"", `x:1:1: the brackets do not match: write [[guest]]`},
		{"guest web\n", `x:1:1: this is no heading: write [[guest]] on a line of its own and the settings below it`},
		{"vif = ['mac=..']\n", `x:1:1: vif is not a setting: settings stand below [host] or [[guest]]`},
		{"[host]\nnetwork = bridge", `x:2:11: a text stands in quotes: write network = "bridge"`},
		{"[]\n", `x:1:1: the brackets are empty: write [host] or [[guest]]`},
		{"[host]\nuplink = \"eth0\n", `x:2:10: the text has no closing quotation mark: write uplink = "eth0"`},
		{"[host]\nuplink = \"\"\"eth0\n", `x:2:10: the text has no closing quotation mark: write uplink = "eth0"`},
		{"[host]\ngateway = 192.168.1.1", `x:2:11: a text stands in quotes: write gateway = "192.168.1.1"`},
		{"[host]\ngateway = 192.168", `x:2:11: gateway cannot be a number with a point: write gateway = "192.168.1.1"`},
		{"[host]\nguests = 1,000", `x:2:10: guests takes a whole number: write guests = 200`},
		{"[host]\nguests = 1e3", `x:2:10: guests cannot be a number with a point: write guests = 200`},
		{"[host]\nguests = 200 guests", `x:2:10: guests takes a whole number: write guests = 200`},
		{"[host]\nmark = -1", `x:2:8: mark cannot be -1: it is one bit, or more, of 32, as in mark = 0x10000000; other firewalls' marks must not have it`},
		{"[host]\nuuid = 1979-13-01", `x:2:8: a text stands in quotes: write uuid = "1979-13-01"`},
		{"[[guest]]\nuuid = 6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f", `x:2:8: a text stands in quotes: write uuid = "6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f"`},
	} {
		t.Run(tc.text, func(t *testing.T) {
			t.Parallel()
			told := mistaken(t, tc.text)
			require.Equal(t, []string{tc.says}, told)
			for _, jargon := range []string{"expected", "but got", "EOF", "delimiter", "float", "datetime"} {
				require.NotContains(t, told[0], jargon)
			}
		})
	}
}

// What a sentence says to write is no mistake itself.
func TestMistakesSyntaxFollowed(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`antispoof = strict`, `antispoof = off`, `uplink: eth0`, `uplink "eth0"`, `uplink = "eth0`, `uplink = “eth0”`, `uplink == "eth0"`,
		`gateway = 192.168.1.1`, `gateway = [192.168.1.1 fe80::1]`, `gateway = "192.168.1.1", "fe80::1"`, `gateway = ("192.168.1.1")`,
		`antispoof = true`, `antispoof = false`, `dhcp = no`, `guests = "200"`, `mark = "0x20000000"`, `firewall = ["nftables"]`, `guests = 1,000`,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			told := mistaken(t, "[host]\n"+line)
			require.Len(t, told, 1)
			_, write, found := strings.Cut(told[0], ": write ")
			require.True(t, found, told)
			require.Empty(t, mistaken(t, "[host]\n"+write))
		})
	}
}

// Tabs, a byte order mark and the line ends of other systems are no mistake.
func TestMistakesSyntaxNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"[host]\n\tuplink\t=\t\"eth0\"\t",
		"\ufeff[host]\nuplink = \"eth0\"",
		"[host]\r\nuplink = \"eth0\"\r\n",
		"[[guest]]\nname = \"a\"\nvlan = 10",
		"[[guest]] # c\nname = \"a\" # c",
		"[[ guest ]]\nname = \"a\"",
	} {
		require.Empty(t, mistaken(t, text))
	}
}
