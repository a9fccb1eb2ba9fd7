package stories

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"vifctl/tests/dom0"
)

// A story is a testscript that tells what happens in one dom0.
type story struct {
	dom0  *dom0.Dom0
	last  *dom0.Port // of the guest that was last spoken of
	guest map[string]*dom0.Namespace
	// connected is the connection that was opened last.
	connected net.Conn
	// watcher is at work, or nil.
	watcher *dom0.Watcher
}

type storyKey struct{}

// params are what testscript needs to run the stories in a folder.
func params(t testing.TB, dir string) testscript.Params {
	dom0.Need(t, "busybox", "dhcp_release", "dnsmasq", "ip", "bridge", "nft", "ping", "tc", "xenstore-ls", "xenstore-read", "xenstore-rm", "xenstore-write")
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                commands(),
		Setup: func(env *testscript.Env) error {
			s := &story{guest: map[string]*dom0.Namespace{}}
			env.Values[storyKey{}] = s
			// For what is shipped and is to be tried as it is.
			tree, err := dom0.Root()
			if err != nil {
				return err
			}
			env.Setenv("TREE", tree)
			env.Defer(func() {
				if s.dom0 != nil {
					s.dom0.Close()
				}
			})
			return nil
		},
	}
}

// A telling is one line of a story being carried out. What it gets wrong ends the story there.
type telling struct {
	*story
	ts  *testscript.TestScript
	neg bool
}

func commands() map[string]func(*testscript.TestScript, bool, []string) {
	words := map[string]func(*telling, []string){
		"dom0":           (*telling).makeDom0,
		"guest":          (*telling).makeGuest,
		"address":        (*telling).address,
		"plug":           (*telling).plug,
		"unplug":         (*telling).unplug,
		"call":           (*telling).call,
		"at-once":        (*telling).atOnce,
		"in":             (*telling).in,
		"ping":           (*telling).ping,
		"tcp":            (*telling).tcp,
		"udp":            (*telling).udp,
		"connection":     (*telling).connection,
		"install":        (*telling).install,
		"hotplug":        (*telling).hotplug,
		"state":          (*telling).state,
		"cmpstate":       (*telling).compareState,
		"json":           (*telling).json,
		"xenstored-dies": (*telling).xenstoredDies,
		"watch":          (*telling).watch,
		"watcher-says":   (*telling).watcherSays,
		"until":          (*telling).until,
		"advertise":      (*telling).advertise,
		"valid":          (*telling).valid,
		"finds":          (*telling).finds,
		"quiet":          (*telling).quiet,
	}
	for _, tool := range []string{"xenstore-read", "xenstore-ls", "xenstore-write", "xenstore-rm"} {
		words[tool] = func(t *telling, args []string) { t.run(t.dom0.Namespace, append([]string{tool}, args...)) }
	}
	words["vifctl"] = func(t *telling, args []string) {
		t.run(t.dom0.Namespace, append([]string{dom0.ScriptsDir + "/vifctl"}, args...))
	}
	commands := map[string]func(*testscript.TestScript, bool, []string){}
	for word, do := range words {
		commands[word] = func(ts *testscript.TestScript, neg bool, args []string) {
			t := &telling{story: ts.Value(storyKey{}).(*story), ts: ts, neg: neg}
			if t.dom0 == nil && word != "dom0" {
				ts.Fatalf("a story begins with its dom0: `dom0 bridge xenbr0` or `dom0 router`")
			}
			do(t, args)
		}
	}
	return commands
}

// makeDom0 is `dom0 [router] [switch NAME] [bridge NAME [mtu=N]]…`. The first bridge has the uplink as its port, or the
// switch, which is Open vSwitch's.
func (t *telling) makeDom0(args []string) {
	o := dom0.Options{}
	for len(args) > 0 {
		switch {
		case args[0] == "router":
			o.Router, args = true, args[1:]
		case args[0] == "switch" && len(args) > 1:
			o.Switch, args = args[1], args[2:]
		case args[0] == "bridge" && len(args) > 1:
			b := dom0.Bridge{Name: args[1]}
			if len(o.Bridges) == 0 && o.Switch == "" {
				b.Ports = []string{dom0.Uplink}
			}
			args = args[2:]
			if len(args) > 0 && strings.HasPrefix(args[0], "mtu=") {
				_, err := fmt.Sscanf(args[0], "mtu=%d", &b.MTU)
				t.ts.Check(err)
				args = args[1:]
			}
			o.Bridges = append(o.Bridges, b)
		default:
			t.ts.Fatalf("usage: dom0 [router] [switch NAME] [bridge NAME [mtu=N]]…")
		}
	}
	var err error
	t.story.dom0, err = dom0.Start(o)
	t.ts.Check(err)
}

// makeGuest is `guest DOMID NAME [hvm] [unplugged] [key=value]… [-key]…`: the guest's vif line in its xl.cfg, and what
// libxl made of it. A key that xl.cfg does not have is written to the backend as it is, and -key takes one away.
func (t *telling) makeGuest(args []string) {
	if len(args) < 2 {
		t.ts.Fatalf("usage: guest DOMID NAME [hvm] [unplugged] [key=value]… [-key]…")
	}
	nic := dom0.NIC{Guest: args[1], Keys: map[string]string{}}
	_, err := fmt.Sscan(args[0], &nic.Domid)
	t.ts.Check(err)
	texts := map[string]*string{
		"ip": &nic.IP, "bridge": &nic.Bridge, "vifname": &nic.Vifname, "mac": &nic.MAC, "gatewaydev": &nic.Gatewaydev,
		"rate": &nic.Rate, "script": &nic.Script,
	}
	numbers := map[string]*int{"mtu": &nic.MTU, "nic": &nic.Devid}
	for _, arg := range args[2:] {
		key, value, assigned := strings.Cut(arg, "=")
		switch {
		case arg == "hvm":
			nic.HVM = true
		case arg == "unplugged":
			nic.Unplugged = true
		case strings.HasPrefix(arg, "-"):
			nic.Absent = append(nic.Absent, arg[1:])
		case assigned && texts[key] != nil:
			*texts[key] = value
		case assigned && numbers[key] != nil:
			_, err := fmt.Sscan(value, numbers[key])
			t.ts.Check(err)
		case assigned:
			nic.Keys[key] = value
		default:
			t.ts.Fatalf("guest: what is %q?", arg)
		}
	}
	port, err := t.dom0.Attach(nic)
	t.ts.Check(err)
	t.last = port
	t.guest[nic.Guest], err = t.dom0.Guest(nic.Domid)
	t.ts.Check(err)
}

var portWord = regexp.MustCompile(`^vif\d+\.\d+$`)

// about takes a leading port's name off the arguments; without one it is about the guest last made or spoken of.
func (t *telling) about(args []string) (*dom0.Port, []string) {
	if len(args) > 0 && portWord.MatchString(args[0]) {
		port := t.dom0.Port(args[0])
		if port == nil {
			t.ts.Fatalf("%s: no guest has it", args[0])
		}
		t.last, args = port, args[1:]
	}
	return t.last, args
}

// place is a namespace that a story can speak of.
func (t *telling) place(name string) *dom0.Namespace {
	places := map[string]*dom0.Namespace{"dom0": t.dom0.Namespace, "client": t.dom0.Client}
	maps.Copy(places, t.guest)
	if places[name] == nil {
		t.ts.Fatalf("%s: neither dom0, nor client, nor a guest of this story", name)
	}
	return places[name]
}
