package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/configs"
)

// natScene: vif-nat. Private guests behind the host's one MAC, with a public address each.
var natScene = Scene{
	Name:  "nat",
	About: "private guests behind dom0, with a public address each, reached and seen by nothing else",
	Host:  natHost,
	Play:  playNAT,
}

// natConfig is the administrator's whole work.
const natConfig = `[host]
antispoof = "strict"          # a guest sends with its own addresses, or is not heard
gateway   = "192.168.1.1"     # what stands in all guests

[[guest]]
name    = "win2008-1"
mode    = "nat"
address = "192.168.1.2"
public  = "203.0.113.42"

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

  [[guest.forward]]
  listen = "198.51.100.2:3389" # of dom0's own address, this port
  from   = ["203.0.113.1"]     # for this caller and no other
`

// What natConfig says, and the client's second address: one in the public addresses' network, which are on its wire.
var (
	natGateway = netip.MustParseAddr("192.168.1.1")
	natPrivate = prefixes("192.168.1.2/24", "192.168.1.3/24", "192.168.1.4/24")
	natPublic  = prefixes("203.0.113.42/32", "203.0.113.43/32", "203.0.113.44/32")
	clientToo  = prefixes("203.0.113.1/24")
)

// natHost sees that the kernel translates, and prepares the client: a caller, and a neighbour who knows where the private
// network is.
func natHost(d *Dom0) error {
	if err := d.Do(natTrouble); err != nil {
		return notHere{fmt.Errorf("this kernel has no nf_tables that translates addresses (%w)", err)}
	}
	d.translates = true
	if err := d.Client.configure("eth0", clientToo...); err != nil {
		return err
	}
	eth0, err := d.Client.kernel.LinkByName("eth0")
	if err != nil {
		return err
	}
	err = d.Client.kernel.RouteAdd(&netlink.Route{
		LinkIndex: eth0.Attrs().Index, Dst: ipNet(natPrivate[0].Masked()), Gw: dom0Uplink[0].Addr().AsSlice(),
	})
	return errors.Join(err, d.Do(func() error { return setting("ipv4/ip_forward", "1") }))
}

func playNAT(ctx context.Context, d *Dom0) error {
	if err := d.configured(ctx); err != nil {
		return err
	}
	var err error
	if d.Watcher, err = d.watch(ctx); err != nil {
		return err
	}
	d.Report.Note("vifctl watch is at work: the guests' emulated NICs come when xl has long called everything")
	return errors.Join(playPrivate(ctx, d), d.Watcher.end())
}

func playPrivate(ctx context.Context, d *Dom0) error {
	n := natPlay{Dom0: d}
	for i, private := range natPrivate {
		up, err := d.Start(ctx, Guest{
			Name: fmt.Sprintf("win2008-%d", i+1), Domid: 5 + i, HVM: true, Late: true, Script: "vif-nat", Bridge: "xenbr0",
			Addresses: []netip.Prefix{private}, Gateways: []netip.Addr{natGateway},
			Public: natPublic[i].Addr(), Group: "nat",
		})
		if err != nil {
			return err
		}
		n.guests = append(n.guests, up)
		if err := up.serve(); err != nil {
			return err
		}
	}
	if err := d.comeLate(ctx, n.guests); err != nil {
		return err
	}
	if err := d.Client.serve(); err != nil {
		return err
	}
	d.Report.Gap()
	d.Report.Note("all three by their emulated NICs:")
	n.check(ctx)
	for _, g := range n.guests {
		if err := d.SwitchToPV(ctx, g); err != nil {
			return err
		}
	}
	d.Report.Gap()
	d.Report.Note("all three by their PV NICs:")
	n.check(ctx)
	return nil
}

// configured writes the configuration and has it checked.
func (d *Dom0) configured(ctx context.Context) error {
	if err := os.WriteFile(configs.Default, []byte(natConfig), 0o644); err != nil {
		return err
	}
	d.Report.Note("client eth0 also has %s. %s, which is all there is to do:", addressesOf(clientToo), configs.Default)
	d.Report.Steps(strings.Split(strings.TrimSpace(natConfig), "\n")...)
	said, err := exec.CommandContext(ctx, program, "config", "check").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, strings.Join(lines(string(said)), "; "))
	}
	found := strings.TrimPrefix(strings.TrimSpace(string(said)), configs.Default+": ")
	d.Report.Check(Check{What: "vifctl config check", Found: found, Err: err})
	return nil
}

// natPlay is the scene once its guests are up.
type natPlay struct {
	*Dom0
	guests []*Domain
}

func (n *natPlay) public(i int) netip.Addr { return natPublic[i%len(natPublic)].Addr() }

// check looks at all that natConfig promises, by whichever NIC the guests use.
func (n *natPlay) check(ctx context.Context) {
	client, first, last := n.Client, n.guests[0], len(n.guests)-1
	for i, g := range n.guests {
		n.connects(ctx, client, g.Machine, connection{to: n.public(i)}, clientToo[0].Addr())
	}
	n.oneMAC()
	for i, g := range n.guests {
		n.connects(ctx, g.Machine, client, connection{to: clientUplink[0].Addr()}, n.public(i))
	}
	for i, g := range n.guests {
		n.connects(ctx, g.Machine, n.guests[(i+1)%len(n.guests)].Machine, connection{to: n.public(i + 1)}, n.public(i))
	}
	n.connects(ctx, first.Machine, first.Machine, connection{to: n.public(0)}, n.public(0))
	n.connects(ctx, n.Machine, first.Machine, connection{to: n.public(0)}, netip.Addr{})

	listen := dom0Uplink[0].Addr()
	n.connects(ctx, client, n.guests[last].Machine, connection{from: clientToo[0].Addr(), to: listen}, clientToo[0].Addr())
	n.refused(ctx, client, connection{from: clientUplink[0].Addr(), to: listen})
	n.unreachable(ctx)
	n.spoofed(ctx, first, n.guests[1])
}

// connects checks that a machine reaches another one, and that it is seen there with an address, where that is given.
func (n *natPlay) connects(ctx context.Context, from, to *Machine, c connection, seen netip.Addr) {
	got, took, err := from.connect(ctx, c)
	what := fmt.Sprintf("%s → %s %s", from.Name, to.Name, c.to)
	if c.from.IsValid() {
		what += " from " + c.from.String()
	}
	if seen.IsValid() && seen != c.from {
		what += ", seen as " + seen.String()
	}
	switch {
	case err != nil:
	case got.name != to.Name:
		err = fmt.Errorf("it was %s who answered", got.name)
	case seen.IsValid() && got.seen != seen:
		err = fmt.Errorf("seen as %s", got.seen)
	}
	n.Report.Check(Check{What: what, Found: milliseconds(took), Err: err})
}

// refused checks that a connection that no forward is for ends at dom0.
func (n *natPlay) refused(ctx context.Context, from *Machine, c connection) {
	got, _, err := from.connect(ctx, c)
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		err = nil
	case err == nil:
		err = fmt.Errorf("%s answered", got.name)
	}
	n.Report.Check(Check{What: fmt.Sprintf("%s → %s from %s: refused", from.Name, c.to, c.from), Err: err})
}

// unreachable checks that the client, which has a route, does not reach the guests by their private addresses.
func (n *natPlay) unreachable(ctx context.Context) {
	var failed []error
	var private []string
	for i, g := range n.guests {
		own := natPrivate[i].Addr()
		private = append(private, own.String())
		failed = append(failed, n.Client.hearsOnly(ctx, g.Machine,
			word{"to " + own.String(), clientUplink[0].Addr(), own},
			word{"to " + n.public(i).String(), clientUplink[0].Addr(), n.public(i)}))
	}
	n.Report.Check(Check{
		What: fmt.Sprintf("client, with a route, → %s: not heard", strings.Join(private, " ")), Err: errors.Join(failed...),
	})
}

// spoofed checks that a guest that takes its neighbour's address is heard with it by nobody, and goes on being heard
// with its own.
func (n *natPlay) spoofed(ctx context.Context, g, neighbour *Domain) {
	own, taken := g.Addresses[0].Addr(), neighbour.Addresses[0].Addr()
	listeners := []struct {
		machine *Machine
		at      netip.Addr
	}{
		{n.Client, clientUplink[0].Addr()},
		{n.Machine, natGateway},
		{neighbour.Machine, n.public(1)},
		{n.guests[2].Machine, n.public(2)},
		{n.guests[2].Machine, natPrivate[2].Addr()},
	}
	failed := []error{g.configure(g.nic(), netip.PrefixFrom(taken, 32))}
	if failed[0] == nil {
		for _, l := range listeners {
			failed = append(failed, g.hearsOnly(ctx, l.machine,
				word{"I am " + taken.String(), taken, l.at}, word{"I am " + own.String(), own, l.at}))
		}
		failed = append(failed, g.forget(g.nic(), netip.PrefixFrom(taken, 32)))
	}
	n.Report.Check(Check{
		What: fmt.Sprintf("%s as %s, its neighbour: heard by nobody", g.Guest.Name, taken), Err: errors.Join(failed...),
	})
}

// oneMAC checks where the client found the public addresses.
func (n *natPlay) oneMAC() {
	uplink, err := n.kernel.LinkByName("eth0")
	if err != nil {
		n.Report.stopped(err)
		return
	}
	mac := uplink.Attrs().HardwareAddr.String()
	found, err := again(func() ([]netlink.Neigh, error) { return n.Client.kernel.NeighList(0, unix.AF_INET) })
	at := map[string]net.HardwareAddr{}
	for _, f := range found {
		at[f.IP.String()] = f.HardwareAddr
	}
	for i := range natPublic {
		if public := n.public(i).String(); err == nil && at[public].String() != mac {
			err = fmt.Errorf("%s is at %q", public, at[public])
		}
	}
	n.Report.Check(Check{What: "client found all three public addresses at dom0's eth0", Found: mac, Err: err})
}
