package main

import (
	"regexp"
	"slices"
	"strings"

	"vifctl/configs"
)

// manual is what help and the manual page say of a command besides its line in
// the table: a paragraph, its options, and examples, which a test runs.
type manual struct {
	detail   string
	options  []option
	examples []example
}

// example is a command line and what it is for.
type example struct{ line, about string }

// callOptions are those of every call of a script's.
func callOptions() []option {
	return []option{
		{"--dry-run", "", "print the steps as commands, and change nothing"},
		{"--json", "", "with --dry-run: print them for programs"},
	}
}

// manualOf is the manual of a command; of one that has none it is empty.
func manualOf(name string) manual {
	switch name {
	case "online", "add":
		m := manual{
			detail:  "It takes a call's arguments and environment as xl gives them to the script, and does all of it or nothing. Calling it again repairs what is missing.",
			options: callOptions(),
		}
		m.examples = []example{{"vifctl online --dry-run type_if=vif XENBUS_PATH=backend/vif/1/0", "what xl's call for the first guest would do"}}
		if name == "add" {
			m.examples = []example{{"vifctl add --dry-run type_if=tap INTERFACE=vif2.0-emu XENBUS_PATH=backend/vif/2/0", "what xl's call for an emulated NIC's tap would do"}}
		}
		return m
	case "offline", "remove":
		return manual{
			detail:   "It undoes what was done, from what was written down then. Undoing what was never done is no error.",
			options:  callOptions(),
			examples: []example{{"vifctl " + name + " --dry-run type_if=" + kindOfCall(name) + " XENBUS_PATH=backend/vif/1/0" + tapOfCall(name), "what would be undone"}},
		}
	case "plan":
		return manual{
			detail: "Of a call it prints the steps. Of a guest's file it prints what each of its interfaces would get if the guest were started now, " +
				"and in which file and line each value was said. Of a port that is up it prints what it lacks. Nothing is changed.",
			options: []option{
				{"--json", "", "print it for programs; --schema describes it"},
				{"--schema", "", "print the JSON Schema of --json"},
				{"--shell", "", "print a script to paste"},
			},
			examples: []example{
				{"vifctl plan web.cfg", "what a guest would get, before it is started"},
				{"vifctl plan vif1.0", "what a port lacks"},
				{"vifctl plan vif-bridge online vif=vif1.0 XENBUS_PATH=backend/vif/1/0", "what a call would do"},
			},
		}
	case "repair":
		return manual{
			detail: "A port is held against the plan that a call would make today, and gets back what it lost; hooks are not called again.",
			options: []option{
				{"--dry-run", "", "only tell"},
				{"--garbage", "", "instead, remove what nobody will come for any more"},
			},
			examples: []example{
				{"vifctl repair --dry-run", "what all ports lack"},
				{"vifctl repair web", "put back what one guest's ports lack"},
				{"vifctl repair --garbage", "after xl was killed together with a guest"},
			},
		}
	case "status":
		return manual{
			detail: "A line a network interface: the guest, its vif and tap (* carries the traffic), the mode, the bridge or uplink, its addresses, " +
				"whether it is up, what the guest has received and sent, how many packets of it antispoofing has dropped (spoofed), and how many things are not " +
				"as they should be (drift).",
			options: statusOptions(),
			examples: []example{
				{"vifctl status", "all of them"},
				{"vifctl status web vif1.0", "some of them"},
				{"vifctl status --json", "for programs"},
			},
		}
	case "doctor":
		return manual{
			detail: "It looks for everything that is known to keep guests from the network, and tells for each thing it finds what was read and what to do. " +
				"What follows from something else stands below it (so). The exit code is 1 where guests have no network.",
			options: doctorOptions(),
			examples: []example{
				{"vifctl doctor", "the whole host"},
				{"vifctl doctor --probe web", "one guest, asked itself"},
				{"vifctl doctor --report report.txt", "a file to send to somebody who can help"},
				{"vifctl doctor --checks", "what is looked for"},
			},
		}
	case "map":
		return manual{
			detail:  "From the ways out over the bridges to the guests, with their addresses and translations; what is broken is marked.",
			options: mapOptions(),
			examples: []example{
				{"vifctl map", "a tree"},
				{"vifctl map --svg > map.svg", "a picture"},
			},
		}
	case "watch":
		return manual{
			detail: "It stays in the foreground, as whoever supervises it wants it. It brings up taps that nobody calls a script for, puts back what goes missing " +
				"of a port that is up, removes what nobody will come for any more, and applies a changed configuration to the ports that are up.",
			options: []option{
				{"--once", "", "do what there is to do, and end"},
				{"--metrics", "SOCKET", "answer Prometheus at this Unix socket"},
				{"--hooks-apart", "", "run each hook of vif-post.d in a unit of systemd's own"},
				{"--without-hooks", "", "run no hook of vif-post.d for a late tap"},
				{"--buffer", "BYTES", "room for the kernel's events"},
			},
			examples: []example{{"vifctl watch --once", "bring up what was missed"}},
		}
	case "config":
		return manual{
			detail: "check [FILE] finds mistakes and says where they are; example prints every setting with its reason, and dnsmasq the " +
				"configuration of the guests' dnsmasq. import reads xend-config.sxp and xl.conf and prints what in vifctl's configuration comes to the same; with --write FILE it writes that.",
			options: []option{
				{"--xend", "FILE", "with import: xend's configuration, not /etc/xen/xend-config.sxp"},
				{"--xl", "FILE", "with import: xl's, not /etc/xen/xl.conf"},
				{"--write", "FILE", "with import: a file that is not there yet"},
			},
			examples: []example{
				{"vifctl config check", "find mistakes"},
				{"vifctl config example > vifctl.toml", "a configuration to start from"},
				{"vifctl config dnsmasq > /etc/xen/vifctl-dnsmasq.conf", "for vifctl-dnsmasq.service"},
			},
		}
	case "network":
		return manual{
			detail: "start MODE makes the host's side of a mode, with the words that xend gave its scripts: bridge makes netdev= a port of bridge=, which takes over " +
				"the host's addresses and routes (without bridge= it takes the uplink's name; netdev=none makes one for guests alone); route and nat make the host a router. " +
				"A start is undone as a whole when a step fails, when a gateway that answered before stops answering, and when the process dies. " +
				"stop gives back what was. status exits with 3 where nothing is started. Without a mode it is about all that network in the configuration lists.",
			options: []option{
				{"--confirm", "SECONDS", "undo a start unless `vifctl network confirm` is said in time"},
				{"--force", "", "stop although guests are on the bridge, and forget what cannot be undone"},
				{"--dry-run", "", "print the steps of a start as commands, and change nothing"},
				{"--json", "", "print a dry run or the status for programs"},
			},
			examples: []example{
				{"vifctl network start bridge bridge=inside netdev=none --dry-run", "how a bridge for guests alone would be made"},
				{"vifctl network start route", "make the host a router for its guests"},
				{"vifctl network status", "what is started, and what of it is missing"},
				{"vifctl network stop route", "give back what was"},
			},
		}
	case "install":
		return manual{
			detail: "Where systemd or OpenRC looks after the host, what can run by itself is put beside, and what starts it is printed.",
			options: []option{
				{"--dir", "DIR", "the folder of Xen's scripts"},
				{"--without-units", "", "put the scripts there, and no units of systemd's"},
			},
			examples: []example{
				{"mkdir /etc/xen/try && vifctl install --dir /etc/xen/try --without-units", "to try it with one guest: script=/etc/xen/try/vif-bridge"},
			},
		}
	case "uninstall":
		return manual{
			options:  []option{{"--dir", "DIR", "the folder of Xen's scripts"}},
			examples: []example{{"vifctl uninstall --dir /etc/xen/try", "go back to what was there"}},
		}
	case "xenstore":
		return manual{examples: []example{{"vifctl xenstore read backend/vif/1/0/mac", "a guest's hardware address"}}}
	case "version":
		return manual{examples: []example{{"vifctl version", ""}}}
	case "help":
		return manual{
			detail:  "Of a command it prints all there is to say.",
			options: []option{{"--man", "", "print the manual page: vifctl help --man > vifctl.8"}},
			examples: []example{
				{"vifctl help doctor", "about one command"},
				{"vifctl help --man > vifctl.8", "the manual page"},
			},
		}
	case "completion":
		return manual{examples: []example{
			{"vifctl completion bash > vifctl.bash", "for /etc/bash_completion.d"},
			{"vifctl completion zsh > _vifctl", "for a folder of fpath"},
			{"vifctl completion fish > vifctl.fish", "for /etc/fish/completions"},
		}}
	}
	return manual{}
}

func kindOfCall(name string) string {
	if name == "remove" {
		return "tap"
	}
	return "vif"
}

func tapOfCall(name string) string {
	if name == "remove" {
		return " INTERFACE=vif1.0-emu"
	}
	return ""
}

// flags are the names of a command's options: the manual's, and those that its
// line in the table shows.
func (c command) flags() []string {
	var names []string
	for _, o := range manualOf(c.name).options {
		names = append(names, o.name)
	}
	for _, name := range regexp.MustCompile(`--[a-z-]+`).FindAllString(c.args, -1) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// mistyped finds the option of a command's that a word was meant to be, "" where
// none is near.
func (c command) mistyped(word string) string {
	name, _, _ := strings.Cut(word, "=")
	known := c.flags()
	if slices.Contains(known, name) {
		return ""
	}
	return configs.DidYouMean(name, known)
}
