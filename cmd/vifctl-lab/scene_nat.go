package main

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// natConfig is the administrator's whole work.
const natConfig = `[host]
antispoof = "strict"          # a guest sends with its own addresses, or is not heard
gateway   = "192.168.1.1"     # what stands in all guests

[[guest]]
name    = "win2008-1"
mode    = "nat"
address = "192.168.1.2"
public  = "203.0.113.42"

  [[guest.forward]]
  listen = "10.0.0.2:3389"    # of dom0's own address, this port
  from   = ["203.0.113.1"]    # for this caller and no other

[[guest]]
name    = "win2008-2"
mode    = "nat"
address = "192.168.1.3"
public  = "203.0.113.43"

[[guest]]
name    = "win2008-3"
mode    = "nat"
address = "192.168.1.4"
public  = "203.0.113.44"
`

// What natConfig says, and the client's second address: one in the public addresses' network, which are on its wire.
const (
	natGateway = "192.168.1.1"
	natListen  = dom0.HostAddress
	clientToo  = "203.0.113.1"
)

// natScene: vif-nat. Private guests behind the host's one MAC, with a public address each.
var natScene = scene{
	name:    "nat",
	about:   "private guests behind dom0, with a public address each, reached and seen by nothing else",
	filters: true,
	host:    dom0.Options{Router: true},
	admin: func(s *stage) error {
		// A caller, and a neighbour who knows where the private network is.
		r := s.Client.Run("ip", "route", "add", "192.168.1.0/24", "via", dom0.HostAddress)
		return errors.Join(s.Client.Configure("eth0", clientToo+"/24"), unless(r.Exit == 0, "%s", r.Stderr),
			s.WriteFile(dom0.ConfigFile, natConfig, 0o644))
	},
	guests: []guest{natGuest(1), natGuest(2), natGuest(3)},
	acts: func(s *stage) error {
		s.report.note("client eth0 also has %s. %s, which is all there is to do:", clientToo, dom0.ConfigFile)
		s.report.steps(strings.Split(strings.TrimSpace(natConfig), "\n")...)
		r := s.Run(dom0.ScriptsDir+"/vifctl", "config", "check")
		found := strings.TrimPrefix(strings.TrimSpace(r.Stdout), dom0.ConfigFile+": ")
		s.report.check(check{what: "vifctl config check", found: found, err: unless(r.Exit == 0, "%s", r.Stderr)})

		watcher, err := s.Watch("--without-hooks")
		if err != nil {
			return err
		}
		if _, ok := watcher.Says(regexp.MustCompile("watching")); !ok {
			return fmt.Errorf("vifctl watch does not begin: %s", watcher.Log())
		}
		s.report.note("vifctl watch is at work: the guests' emulated NICs come when xl has called everything")
		err = s.private(watcher)
		exit, endErr := watcher.End(unix.SIGTERM)
		return errors.Join(err, endErr, unless(exit == 0, "vifctl watch ended with %d: %s", exit, watcher.Log()))
	},
}

// natGuest is one of natConfig's.
func natGuest(i int) guest {
	return guest{
		entry: dom0.NIC{Domid: 4 + i, Guest: fmt.Sprintf("win2008-%d", i), HVM: true, Script: "vif-nat"},
		late:  true, brief: i > 1,
		addresses: []string{fmt.Sprintf("192.168.1.%d/24", 1+i)}, gateways: []string{natGateway},
		public: fmt.Sprintf("203.0.113.%d", 41+i),
	}
}

func (s *stage) private(watcher *dom0.Watcher) error {
	for _, g := range s.guests {
		if err := errors.Join(s.online(g), s.serve(g.inside)); err != nil {
			return err
		}
	}
	s.report.note("")
	for _, g := range s.guests {
		if err := s.comesLate(g, watcher); err != nil {
			return err
		}
	}
	if err := s.serve(s.Client); err != nil {
		return err
	}
	s.report.note("")
	s.report.note("all three by their emulated NICs:")
	s.translates()
	for _, g := range s.guests {
		if err := s.switchToPV(g); err != nil {
			return err
		}
	}
	s.report.note("")
	s.report.note("all three by their PV NICs:")
	s.translates()
	return nil
}

// comesLate plugs a guest's emulated NIC in when xl has called everything, and checks that it gets what a call would have given
// it.
func (s *stage) comesLate(g *guest, watcher *dom0.Watcher) error {
	if err := g.PlugTap(); err != nil {
		return err
	}
	g.hasTap = true
	line, ok := watcher.Says(regexp.MustCompile(regexp.QuoteMeta(g.Tap) + " came late and is up"))
	_, did, _ := strings.Cut(line, ", did ")
	_, after, _ := strings.Cut(strings.TrimSuffix(did, ")"), "after ")
	s.report.check(check{
		what: g.Tap + " comes without a call: vifctl watch brings it up", found: after,
		err: unless(ok, "it has said: %s", watcher.Log()),
	})
	return s.use(g)
}

// translates looks at all that natConfig promises, by whichever NIC the guests use.
func (s *stage) translates() {
	client, g := s.Client, s.guests
	for _, to := range g {
		s.connects(client, to.inside, connection{to: to.public}, clientToo)
	}
	s.oneMAC()
	for _, from := range g {
		s.connects(from.inside, client, connection{to: dom0.ClientAddress}, from.public)
	}
	for i, from := range g {
		to := g[(i+1)%len(g)]
		s.connects(from.inside, to.inside, connection{to: to.public}, from.public)
	}
	s.connects(g[0].inside, g[0].inside, connection{to: g[0].public}, g[0].public)
	s.connects(s.Namespace, g[0].inside, connection{to: g[0].public}, "")

	s.connects(client, g[0].inside, connection{from: clientToo, to: natListen}, clientToo)
	s.refused(client, connection{from: dom0.ClientAddress, to: natListen})
	s.unreachable()
	s.spoofs(g[0], g[1].plain()[0], "its neighbour's",
		listener{client, dom0.ClientAddress}, listener{s.Namespace, natGateway}, listener{g[1].inside, g[1].public},
		listener{g[2].inside, g[2].public}, listener{g[2].inside, g[2].plain()[0]})
}

// unreachable checks that the client, which has a route, does not reach the guests by their private addresses.
func (s *stage) unreachable() {
	var failed []error
	var private []string
	from := netip.MustParseAddr(dom0.ClientAddress)
	for _, g := range s.guests {
		own := g.plain()[0]
		private = append(private, own)
		failed = append(failed, hearsOnly(g.inside,
			word{"to " + own, s.Client, from, netip.MustParseAddr(own)},
			word{"to " + g.public, s.Client, from, netip.MustParseAddr(g.public)}))
	}
	s.report.check(check{
		what: fmt.Sprintf("client, with a route, → %s: not heard", strings.Join(private, " ")), err: errors.Join(failed...),
	})
}

// oneMAC checks where the client found the public addresses.
func (s *stage) oneMAC() {
	const mac = "00:16:3e:00:00:02"
	var err error
	for _, g := range s.guests {
		if entry := s.Client.Run("ip", "neigh", "show", g.public).Stdout; !strings.Contains(entry, " lladdr "+mac+" ") {
			err = fmt.Errorf("it is %q", entry)
		}
	}
	s.report.check(check{what: "client found all three public addresses at dom0's eth0", found: mac, err: err})
}
