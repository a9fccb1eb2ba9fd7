package configs_test

import "testing"

// Each value is a mistake: it is found however the file is laid out.
func TestPositions(t *testing.T) {
	t.Parallel()
	sentences{
		"dotted":                  {"host.uplink = 5", "x:1:15: uplink cannot be a number: write uplink = \"eth0\""},
		"inline":                  {"\nhost = { firewall = \"auto\", uplink = 5 }", "x:2:38: uplink cannot be a number: write uplink = \"eth0\""},
		"quoted":                  {"[\"host\"]\n'uplink' = 5", "x:2:12: uplink cannot be a number: write uplink = \"eth0\""},
		"in a table with spaces":  {"[ host ] # x = [\n\tuplink\t=\t5", "x:2:11: uplink cannot be a number: write uplink = \"eth0\""},
		"after DOS newlines":      {"[host]\r\n\r\nuplink = 5\r\n", "x:3:10: uplink cannot be a number: write uplink = \"eth0\""},
		"after a byte order mark": {"\ufeffhost.uplink = 5", "x:1:15: uplink cannot be a number: write uplink = \"eth0\""},
		"after what looks like a table": {
			"[host]\nfirewall = \"\"\"\nauto\"\"\" # [[guest]]\n# [[guest]]\nuplink = 5", "x:5:10: uplink cannot be a number: write uplink = \"eth0\"",
		},
		"after quotes in quotes": {
			"[[guest]]\nname = '''a \"'\"'''\n[[guest]]\nname = \"b\\\"]\"\nnic = \"5\"", "x:5:7: nic cannot be a text: write nic = 5",
		},
		"in the third guest": {
			"[[guest]]\nname = \"a\"\n[[guest]]\nname = \"b\"\n[[guest]]\nname = \"c\"\nnic = \"5\"", "x:7:7: nic cannot be a text: write nic = 5",
		},
		"in the second forward of the second guest": {
			guest("[[guest.forward]]\nlisten = \":1\"\n[[guest]]\nname = \"b\"\n[[guest.forward]]\nlisten = \":2\"\n[[guest.forward]]\nlisten = \":3\"\nto = true"),
			"x:11:6: to cannot be true: write to = 3389",
		},
		"in a list of lines": {
			guest("address = [\n  \"10.0.0.1\", # one, ]\n\n  \"10.0.0.2\", 3,\n]"),
			"x:6:15: address cannot hold a number: write address = [\"192.168.1.2\", \"2001:db8:1::2\"]",
		},
		"in inline guests": {
			"guest = [{name = \"a\"},\n {name = \"b\", forward = [{listen = \":1\"}, {listen = \":2\", to = true}]}]",
			"x:2:64: to cannot be true: write to = 3389",
		},
		"in a list in a list": {
			guest("address = [[\"]\", '['], \"10.0.0.1\"]"),
			"x:3:12: address cannot hold a list: write address = [\"192.168.1.2\", \"2001:db8:1::2\"]",
		},
		"behind a mistake of another kind in one list": {
			"[[guest]]\nname = \"a\"\naddress = \"10.0.0.9\"\n[[guest]]\nname = \"b\"\naddress = [\"10.0.0.8\", \"10.0.0.9\"]",
			"x:6:24: 10.0.0.9 is an address of guest \"a\" already, at x:3:11: every guest needs its own",
		},
		"of nothing TOML knows": {"[host]\nuplink = eth0", "x:2:10: a text stands in quotes: write uplink = \"eth0\""},
	}.check(t)
}
