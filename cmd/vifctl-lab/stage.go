package main

import (
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"

	"vifctl/tests/dom0"
)

// stage is the dom0 of one scene, with the guests that were plugged in.
type stage struct {
	*dom0.Dom0
	report *report
	guests []*guest
	// before is what the host was before the first guest came up.
	before string
	// services are closed with the stage.
	services []io.Closer
}

// guest is what a guest's vif line says, and what its own system makes of the interface.
type guest struct {
	entry dom0.NIC
	// public is what the configuration gives it.
	public string
	// addresses and gateways are what the guest's administrator configured inside. None: something else, such as DHCP, is to.
	addresses, gateways []string
	// late: the emulated NIC comes when xl has long called everything, and without a call of its own.
	late bool
	// brief: its calls come to the same as those of the guest before, and the report does not repeat their steps.
	brief bool

	// Port and inside are there once the guest is plugged in.
	*dom0.Port
	inside *dom0.Namespace
	hasTap bool
}

// Interfaces inside a guest.
const (
	pvNIC       = "eth0"
	emulatedNIC = "emu0"
)

// nic is the one the guest uses: the emulated one as long as there is one.
func (g *guest) nic() string {
	if g.hasTap {
		return emulatedNIC
	}
	return pvNIC
}

// plain are the addresses without their prefix lengths.
func (g *guest) plain() []string {
	var list []string
	for _, a := range g.addresses {
		list = append(list, netip.MustParsePrefix(a).Addr().String())
	}
	return list
}

// noFilters says why nothing can be filtered here; nil where it can.
func noFilters() error {
	c, err := nftables.New()
	if err == nil {
		_, err = c.ListTables()
	}
	return err
}

// plug writes a guest's keys and makes what netback and the device model make before libxl calls the script.
func (s *stage) plug(g guest) error {
	g.entry.Unplugged = g.late
	var err error
	if g.Port, err = s.Attach(g.entry); err != nil {
		return err
	}
	if g.late {
		if err := g.PlugVif(); err != nil {
			return err
		}
	}
	if g.inside, err = s.Guest(g.Domid); err != nil {
		return err
	}
	g.hasTap = g.HVM && !g.late
	s.guests = append(s.guests, &g)
	if !g.HVM {
		return nil
	}
	// A BIOS knows the emulated NIC alone.
	return g.command("ip", "link", "set", pvNIC, "down")
}

// command runs a program in the guest.
func (g *guest) command(name string, args ...string) error {
	if r := g.inside.Run(name, args...); r.Exit != 0 {
		return fmt.Errorf("%s: %s %s: %s", g.inside.Name, name, strings.Join(args, " "), strings.TrimSpace(r.Stdout+r.Stderr))
	}
	return nil
}

// online makes the calls that xl makes before a guest runs, and lets it run: its own system configures the NIC it finds.
func (s *stage) online(g *guest) error {
	if err := s.call(g, "online", "vif"); err != nil {
		return err
	}
	if status := s.Key(g.Backend + "/hotplug-status"); status != "connected" {
		return fmt.Errorf("%s/hotplug-status is %q", g.Backend, status)
	}
	if g.late {
		return nil
	}
	if g.hasTap {
		if err := s.call(g, "add", "tap"); err != nil {
			return err
		}
	}
	return s.use(g)
}

// use configures the guest's NIC, as its system does at boot or when its driver changes, and waits until dom0 has noticed.
func (s *stage) use(g *guest) error {
	if err := g.inside.Configure(g.nic(), g.addresses...); err != nil {
		return err
	}
	for _, gateway := range g.gateways {
		if err := g.inside.DefaultRoute(gateway, g.nic()); err != nil {
			return err
		}
	}
	s.Settle()
	if g.hasTap {
		return nil
	}
	return s.Write(g.Backend+"/state", "4") // as netback does when the driver has connected
}

// switchToPV lets an HVM guest's PV driver take over, and the emulated NIC go.
func (s *stage) switchToPV(g *guest) error {
	if err := g.UnplugTap(); err != nil {
		return err
	}
	g.hasTap = false
	s.report.note("")
	s.report.note("%s's PV driver takes over: the emulated NIC is unplugged, and %s is gone", g.inside.Name, g.Tap)
	return s.use(g)
}

// offline makes the calls that xl makes when a guest is destroyed: the vif goes offline first; by the time the tap is to be
// removed, the device model and with it the tap are gone.
func (s *stage) offline(g *guest) error {
	if err := g.UnplugTap(); err != nil {
		return err
	}
	g.hasTap = false
	err := s.call(g, "offline", "vif")
	if err == nil && g.HVM {
		err = s.call(g, "remove", "tap")
	}
	return err
}

// call calls a guest's script as libxl does, and reports it. A script that fails is an error.
func (s *stage) call(g *guest, word, kind string) error {
	d := deed{call: fmt.Sprintf("%s %s type_if=%s", g.Script, word, kind), of: g.about(word, kind)}
	if g.brief && word == "online" {
		d.steps = []string{"# the same for it"}
	} else if !s.report.quiet {
		dry := g.Call(g.Script, word, "type_if="+kind, "--dry-run")
		if dry.Exit != 0 {
			return fmt.Errorf("%s --dry-run: %s", d.call, dry.Stderr)
		}
		d.steps = commands(dry.Stderr)
	}
	began := time.Now()
	r := g.Call(g.Script, word, "type_if="+kind)
	d.took, d.said = time.Since(began), lines(r.Stderr)
	s.report.deed(d)
	if r.Exit != 0 {
		return fmt.Errorf("%s for %s: exit %d", d.call, g.inside.Name, r.Exit)
	}
	return nil
}

// about says whose interface a call is for and what the guest's vif line says of it.
func (g *guest) about(word, kind string) string {
	port := g.Vif
	if kind == "tap" {
		port = g.Tap
	}
	words := []string{g.inside.Name + "'s " + port}
	if word == "offline" || word == "remove" {
		return words[0]
	}
	bridge := g.Bridge
	if g.Script == "vif-route" || g.Script == "vif-nat" {
		bridge = ""
	}
	for _, setting := range [][2]string{
		{"ip", g.IP},
		{"vifname", g.Vifname},
		{"mtu", strconv.Itoa(g.MTU)},
		{"bridge", bridge},
		{"vlan", g.Keys["vlan"]},
		{"rate", g.Rate},
	} {
		if value := setting[1]; value != "" && value != "0" {
			if strings.Contains(value, " ") {
				value = strconv.Quote(value)
			}
			words = append(words, setting[0]+"="+value)
		}
	}
	return strings.Join(words, " ")
}

// commands are what a dry run says would be run; of the firewall, what it is to achieve.
func commands(dry string) []string {
	var list []string
	end := "" // of what a command reads from the script
	for _, line := range lines(dry) {
		switch _, word, reads := strings.Cut(line, " <<"); {
		case end != "":
			if line == end {
				end = ""
			}
		case reads:
			end = strings.Trim(word, "'")
		case strings.HasPrefix(line, "nft 'add element "), strings.HasPrefix(line, "nft 'delete element "), strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# firewall:") && !strings.HasPrefix(line, "# openflow"):
		default:
			list = append(list, strings.TrimSuffix(line, " || true"))
		}
	}
	return list
}

// script calls one of the host's scripts, as at boot, and reports it. A script that fails is an error.
func (s *stage) script(name string, args ...string) error {
	d := deed{call: name + " " + strings.Join(args, " "), of: "dom0 itself"}
	path := dom0.ScriptsDir + "/" + name
	dry := s.Run(path, append([]string{"--dry-run"}, args...)...)
	if dry.Exit == 0 {
		d.steps = commands(dry.Stdout)
	}
	began := time.Now()
	r := s.Run(path, args...)
	d.took, d.said = time.Since(began), lines(r.Stderr)
	s.report.deed(d)
	if r.Exit != 0 {
		return fmt.Errorf("%s: exit %d", d.call, r.Exit)
	}
	return nil
}

// pingTime is the first figure of ping's last line: the shortest of one.
var pingTime = regexp.MustCompile(`= ([0-9.]+)/`)

// patience is how long the lab waits for what takes a moment, before it takes it for lost.
const patience = 10 * time.Second

// pings checks that one reaches addresses of another. How says by which way, if that is worth a word.
func (s *stage) pings(from, to *dom0.Namespace, how string, addresses ...string) {
	for _, a := range addresses {
		if strings.Contains(a, ":") && !dom0.HasIPv6() {
			continue
		}
		c := check{what: fmt.Sprintf("%s → %s %s%s", from.Name, to.Name, a, how)}
		r := from.Ping(a, patience)
		if figure := pingTime.FindStringSubmatch(r.Stdout); r.Exit == 0 && figure != nil {
			took, _ := strconv.ParseFloat(figure[1], 64)
			c.found = milliseconds(took)
		} else {
			c.err = fmt.Errorf("no answer: %s", strings.TrimSpace(r.Stderr))
		}
		s.report.check(c)
	}
}

// serve has a guest or the client answer all callers, until the scene is over.
func (s *stage) serve(n *dom0.Namespace) error {
	service, err := n.Answer(":" + servicePort)
	if err == nil {
		s.services = append(s.services, service)
	}
	return err
}

func (s *stage) close() {
	for _, service := range s.services {
		_ = service.Close()
	}
}
