// Package inventory reads, once, all that the answers to a person's questions are
// made of: the guests' interfaces as the xenstore, the journal and the kernel
// have them, and the host around them. It changes nothing. What follows from the
// facts is for others to say: vifctl status, doctor and map.
package inventory

import (
	"cmp"
	"net/netip"
	"slices"

	"vifctl/configs"
	"vifctl/configs/handmade"
	"vifctl/hooks/engine"
	"vifctl/hooks/firewall"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/network"
	"vifctl/hooks/plan"
)

// Facts are what there was when it was looked at.
type Facts struct {
	// Boot identifies this run of the kernel.
	Boot string
	Host *kernel.Host
	// Config is nil where the configuration cannot be used; ConfigErr says why.
	Config    *configs.Config
	ConfigErr error
	// XenstoreErr says why the xenstore could not be asked.
	XenstoreErr error
	// NICs in the order of their domids and devids.
	NICs []NIC
	// Stale are records of another run of the kernel, or of domains that have
	// gone.
	Stale []*journal.Record
	// JournalErr tells of records that cannot be read.
	JournalErr error
	// Interrupted are the NICs of which a call was killed half-way.
	Interrupted []plan.NIC

	// Sides are the networks that are started, and what of them is there.
	Sides []network.Side

	// Settings are the kernel's, by their path below /proc/sys/net.
	Settings map[string]string
	// Foreign are other programs' chains that drop what guests send or receive.
	Foreign []ForeignHook
	// Variants of iptables that hold rules.
	Variants []firewall.Variant
	// Drops are how many packets antispoofing has dropped, by the reason.
	Drops map[string]uint64
	// DropsElsewhere are those from interfaces that are no guest's, by name:
	// a sender there used a guest's address.
	DropsElsewhere map[string]uint64
	// Tables of ours that the kernel has, by family.
	Tables []string
	// Tampered are the chains of ours that another program has changed, as `nft
	// list chain` takes them.
	Tampered []string
	// Leftovers are rules of ours that no port wants, and SavedRules the files from which
	// iptables-persistent restores such at boot. Ahead are rules of other programs' that come before
	// ours in iptables.
	Leftovers, SavedRules, Ahead []string
	// Translations are the rules of iptables' tables nat, in both variants, that are not vifctl's.
	Translations []handmade.Translation
	// Iptables: vifctl's own rules are iptables'.
	Iptables bool
	// VLANs are the VLANs that bridges' ports are in, by ifindex; empty where the
	// kernel filters none.
	VLANs map[int][]int
	// Managed are the links that a network manager manages, by name: which
	// manager.
	Managed map[string]string
	// Watcher: vifctl watch is running.
	Watcher bool
	// Scripts are those of Xen's scripts' names that are not vifctl, and what
	// they are instead.
	Scripts map[string]string
	// Tracked and TrackedMost are the connections that the kernel tracks, and how
	// many it can; 0 where it tracks none.
	Tracked, TrackedMost int
	// Flows are the connections of guests' addresses that a router has to lead here.
	Flows map[netip.Addr]FlowCount
	// Reaches4 and Reaches6: the kernel has a route to the world, in whatever table.
	Reaches4, Reaches6 bool

	ports map[int]portAt // by ifindex
}

// portAt is where a port stands among the facts.
type portAt struct {
	nic  int
	port *Port
}

// NIC is one interface of one guest.
type NIC struct {
	plan.NIC
	// Guest's name, "" where it is not known.
	Guest, UUID string
	MAC         string
	// Alive: the domain exists. It is true where the xenstore cannot be asked.
	Alive bool
	// Backend holds its keys; it is nil where there is none.
	Backend map[string]string
	// Script is the path of the script that xl calls, "" where none is known.
	Script string
	// Mode by name, "" where the script is not ours.
	Mode string
	// Entry is what the configuration says of it.
	Entry configs.Guest
	// Addresses are the guest's own, and Public those that stand for them.
	Addresses []netip.Prefix
	Public    []netip.Addr
	// Back are the routes that the kernel takes to the guest's addresses, and Out those
	// that it takes for what the guest sends to the world, as far as it told them.
	Back, Out []Way
	// Vif and Tap are nil where there is none.
	Vif, Tap *Port
	// Stub is the NIC of the guest's stub domain, whose vif stands for the tap; nil
	// without one.
	Stub *NIC

	target string // the domid of the guest that this one's domain works for
}

// Way is the kernel's answer for one address: the route that it takes, rules included.
type Way struct {
	To netip.Addr
	kernel.Route
	// Dev is the name of the interface that it leads through.
	Dev string
}

// Port is an interface of this host that leads to a guest.
type Port struct {
	Kind plan.Kind
	// Name it goes by.
	Name string
	// Link is nil where the interface is not there.
	Link *kernel.Link
	// Record is nil where no call of ours brought it up.
	Record *journal.Record
	// NotItsOwn says what the guest has that is the host's, a router's or another guest's,
	// and Doubts what does not do what it seems to: a sentence each.
	NotItsOwn, Doubts []string
	// Work is what it lacks; nil where that cannot be told, and WorkErr says
	// why.
	Work    *engine.Decision
	WorkErr error
	// Dropped are the packets from here that antispoofing has dropped since the
	// port was brought up; nil where it is not checked or not counted.
	Dropped *uint64
}

// Ports are the vif and the tap, as far as there are any.
func (n *NIC) Ports() []*Port {
	return slices.DeleteFunc([]*Port{n.Vif, n.Tap}, func(p *Port) bool { return p == nil })
}

// Label is what a person calls the interface: its guest's name, and its number
// where the guest has several.
func (n *NIC) Label() string {
	if n.Guest == "" {
		return "domain " + n.NIC.String()
	}
	return n.Guest
}

// Port is its name for a person: that of the port that carries its traffic.
func (n *NIC) Port() string {
	if p := n.Carrier(); p != nil {
		return p.Name
	}
	return "vif" + n.NIC.String()
}

// Missing are the steps that the port's plan wants and the host does not have.
func (p *Port) Missing() []plan.Action {
	if p.Work == nil {
		return nil
	}
	return p.Work.Missing()
}

// Right reports whether a port lacks nothing, as far as that can be told.
func (p *Port) Right() bool { return p.Work == nil || p.Work.Right() }

// Late is the tap of the emulated NIC for which no call came although a call of ours brought
// its vif up, nil where there is none.
func (n *NIC) Late() *Port {
	if n.Stub != nil || n.Tap == nil || n.Tap.Link == nil || n.Tap.Record != nil || n.Vif == nil || n.Vif.Record == nil {
		return nil
	}
	return n.Tap
}

// Driven reports whether the guest's PV driver has connected, as the backend has it.
func (n *NIC) Driven() bool { return n.Backend["state"] == "4" }

// Carrier is the port through which the guest's traffic goes, nil where there is
// none: the tap as long as the emulated NIC is there, unless the PV driver has
// connected and the tap is down.
func (n *NIC) Carrier() *Port {
	up := func(p *Port) bool { return p != nil && p.Link != nil && p.Link.Up }
	switch {
	case n.Late() != nil && !up(n.Tap) && !n.Driven():
		return n.Tap
	case up(n.Tap) && n.Tap.Link.Carrier, up(n.Tap) && !up(n.Vif):
		return n.Tap
	case up(n.Vif):
		return n.Vif
	case n.Tap != nil && n.Tap.Link != nil && (n.Vif == nil || n.Vif.Link == nil):
		return n.Tap
	}
	return n.Vif
}

// Status is what the toolstack was told of the vif.
func (n *NIC) Status() string { return n.Backend["hotplug-status"] }

// Up reports whether the NIC is up: the port that carries its traffic is, and
// has a carrier.
func (n *NIC) Up() bool {
	p := n.Carrier()
	return p != nil && p.Link != nil && p.Link.Up && p.Link.Carrier
}

// Bridge is the name of the bridge that the carrying port is in, "" for none.
func (f *Facts) Bridge(n *NIC) string {
	p := n.Carrier()
	if p == nil || p.Link == nil {
		return ""
	}
	if p.Record != nil && slices.ContainsFunc(p.Record.Entries, inSwitch) {
		// The kernel does not say in which of Open vSwitch's bridges it is.
		return p.Record.Bridge
	}
	return f.Host.Links[p.Link.Master].Name
}

func inSwitch(e journal.Entry) bool {
	_, ok := e.Step.(plan.SwitchPort)
	return ok
}

// WantedBridge is the bridge that a port is to be in, "" where it is to be in
// none or where vifctl takes the first there is.
func (n *NIC) WantedBridge() string {
	if n.Mode != "bridge" {
		return ""
	}
	for _, p := range n.Ports() {
		if p.Record != nil && p.Record.Bridge != "" {
			return p.Record.Bridge
		}
	}
	return cmp.Or(n.Entry.Bridge, n.Backend["bridge"])
}

// Uplink is the name of the host's way out for a NIC, as a call finds it; for nil the default
// route's device.
func (f *Facts) Uplink(n *NIC) string {
	if n == nil {
		return f.Host.DefaultDevice()
	}
	return cmp.Or(engine.UplinkOf(n.Backend["gatewaydev"], n.Entry), f.Host.Uplink())
}

// Mark is what packets of routed guests carry.
func (f *Facts) Mark() uint32 {
	if f.Config != nil && f.Config.Host.Mark != 0 {
		return f.Config.Host.Mark
	}
	return firewall.DefaultMark
}

// Traffic is what the guest has received and sent, by both its ports: what the
// host sends to a port the guest receives.
func (n *NIC) Traffic() (received, sent kernel.Count) {
	for _, p := range n.Ports() {
		if p.Link == nil {
			continue
		}
		received.Bytes += p.Link.Sent.Bytes
		received.Packets += p.Link.Sent.Packets
		received.Dropped += p.Link.Sent.Dropped
		sent.Bytes += p.Link.Received.Bytes
		sent.Packets += p.Link.Received.Packets
		sent.Dropped += p.Link.Received.Dropped
	}
	return received, sent
}

// BestRoute is the route that the host takes to an address: the longest prefix,
// then the smallest metric.
func BestRoute(f *Facts, to netip.Addr) (best kernel.Route, ok bool) {
	for _, r := range f.Host.Routes {
		if !r.Dst.Contains(to) {
			continue
		}
		if !ok || r.Dst.Bits() > best.Dst.Bits() || r.Dst.Bits() == best.Dst.Bits() && r.Metric < best.Metric {
			best, ok = r, true
		}
	}
	return best, ok
}
