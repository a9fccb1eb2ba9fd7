package doctor_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/firewall"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/network"
	"vifctl/hooks/plan"
)

// A check has a code of its own, says what it looks for, and stands behind those
// that explain it.
func TestTable(t *testing.T) {
	t.Parallel()
	var seen []string
	for _, c := range doctor.Checks() {
		require.NotContains(t, seen, c.Code)
		require.NotEmpty(t, c.About, c.Code)
		require.NotNil(t, c.Find, c.Code)
		require.Contains(t, []doctor.Severity{doctor.Error, doctor.Warning, doctor.Note}, c.Severity, c.Code)
		for _, cause := range c.After {
			require.Contains(t, seen, cause, "%s comes after it", c.Code)
		}
		seen = append(seen, c.Code)
	}
}

// host is a host with a bridged and a routed guest, on which all is well.
func host() *inventory.Facts {
	links := map[int]kernel.Link{}
	link := func(index, master int, name string) *kernel.Link {
		l := kernel.Link{
			Link:    plan.Link{Dev: plan.Dev{Name: name, Index: index}, MTU: 1500, Master: master, Up: true, Bridge: name == "xenbr0"},
			Carrier: true,
		}
		links[index] = l
		return &l
	}
	link(1, 0, "eth0")
	link(2, 3, "eth1")
	link(3, 0, "xenbr0")
	up := map[string]string{"hotplug-status": "connected", "state": "4", "script": "/etc/xen/scripts/vif-bridge"}
	f := &inventory.Facts{
		Host: &kernel.Host{
			Links:     links,
			Addresses: map[int][]plan.Addr{1: {{Prefix: netip.MustParsePrefix("192.0.2.2/24")}}},
			Routes: []kernel.Route{
				{RouteEntry: plan.RouteEntry{Dst: netip.MustParsePrefix("0.0.0.0/0")}, Through: []int{1}},
				{RouteEntry: plan.RouteEntry{Dst: netip.MustParsePrefix("192.0.2.10/32")}, Through: []int{5}},
			},
		},
		Settings: map[string]string{"ipv4/ip_forward": "1"},
		NICs: []inventory.NIC{
			{
				NIC: plan.NIC{Domid: 1}, Guest: "web", Alive: true, Mode: "bridge", Backend: up,
				Vif: &inventory.Port{Kind: plan.Vif, Name: "vif1.0", Link: link(4, 3, "vif1.0"), Record: &journal.Record{}},
			},
			{
				NIC: plan.NIC{Domid: 2}, Guest: "db", Alive: true, Mode: "route", Backend: up,
				Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/32")},
				Vif:       &inventory.Port{Kind: plan.Vif, Name: "vif2.0", Link: link(5, 0, "vif2.0"), Record: &journal.Record{}},
			},
		},
	}
	return f
}

func codes(all []doctor.Finding) (list []string) {
	for _, f := range all {
		list = append(list, f.Code)
		list = append(list, codes(f.Consequences)...)
	}
	return list
}

func TestNothingIsWrong(t *testing.T) {
	t.Parallel()
	require.Empty(t, doctor.Diagnose(host()))
	require.Empty(t, doctor.Diagnose(&inventory.Facts{Host: &kernel.Host{}}))
}

// What no test can break for real in a network namespace of its own, or not with
// every kernel; the others are broken in tests/stories.
func TestChecks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		breaks   func(*inventory.Facts)
		code     string
		severity doctor.Severity
		says     string
		evidence string
	}{
		"conntrack nearly full": {
			func(f *inventory.Facts) { f.Tracked, f.TrackedMost = 950, 1000 },
			"conntrack-full", doctor.Warning, "nearly full", "nf_conntrack_count is 950 of nf_conntrack_max 1000",
		},
		"conntrack full": {
			func(f *inventory.Facts) { f.Tracked, f.TrackedMost = 1000, 1000 },
			"conntrack-full", doctor.Error, "is full", "1000 of",
		},
		"both variants of iptables": {
			func(f *inventory.Facts) { f.Variants = []firewall.Variant{firewall.VariantLegacy, firewall.VariantNFT} },
			"two-iptables", doctor.Warning, "Both variants", "iptables-legacy holds a rule",
		},
		"a drop of iptables-legacy": {
			func(f *inventory.Facts) {
				f.Foreign = []inventory.ForeignHook{{Owner: "ufw", Family: "ip", Hook: "forward", Chain: "ip filter FORWARD", Variant: "legacy", Marked: true}}
			},
			"foreign-drop", doctor.Error, "The rules of ufw drop", "FORWARD has the policy drop",
		},
		"firewalld": {
			func(f *inventory.Facts) {
				f.Foreign = []inventory.ForeignHook{{Owner: "firewalld", Family: "inet", Hook: "forward", Chain: "inet firewalld filter_FORWARD", Marked: true}}
			},
			"foreign-drop", doctor.Error, "The rules of firewalld drop", "filter_FORWARD decides",
		},
		"rules that are restored at boot": {
			func(f *inventory.Facts) {
				f.Leftovers, f.SavedRules = []string{"element of vif9.0 in the set gports"}, []string{"/etc/iptables/rules.v4"}
			},
			"leftover-rules", doctor.Warning, "for guests that have gone", "/etc/iptables/rules.v4 has chains called VIFCTL-",
		},
		"bridged packets through iptables": {
			func(f *inventory.Facts) {
				f.Settings["bridge/bridge-nf-call-iptables"] = "1"
				f.Foreign = []inventory.ForeignHook{{Owner: "docker", Family: "ip", Hook: "forward", Chain: "ip filter FORWARD", Accepts: true}}
			},
			"bridge-through-iptables", doctor.Error, "Bridged packets go through iptables, where the rules of docker", "bridge-nf-call-iptables is 1",
		},
		"a VLAN that ends at the bridge": {
			func(f *inventory.Facts) { f.VLANs = map[int][]int{4: {7}, 2: {1, 8}} },
			"vlan-not-on-uplink", doctor.Error, "No way out of xenbr0 is in the VLAN of vif1.0", "eth1 is in [1 8]",
		},
		"an uplink without a carrier": {
			func(f *inventory.Facts) {
				l := f.Host.Links[1]
				l.Carrier = false
				f.Host.Links[1] = l
			},
			"uplink-down", doctor.Error, "eth0 of db has no carrier", "without LOWER_UP",
		},
		"an uplink without an address": {
			func(f *inventory.Facts) { f.Host.Addresses = nil },
			"uplink-without-address", doctor.Error, "eth0 has no IPv4 address to share with db", "0 addresses",
		},
		"the host has the guest's address": {
			func(f *inventory.Facts) {
				f.NICs[1].Vif.NotItsOwn = []string{"192.0.2.10 is the host's own address on eth0: a guest cannot have it"}
			},
			"not-its-own", doctor.Error, "db has what is not its own: 192.0.2.10 is the host's own address on eth0", "/run/vifctl/2.0.vif.json",
		},
		"a forward that hears nothing": {
			func(f *inventory.Facts) {
				f.NICs[1].Vif.Doubts = []string{"192.0.2.99 is on no interface of this host"}
			},
			"does-not-arrive", doctor.Warning, "192.0.2.99 is on no interface of this host.", "/run/vifctl/2.0.vif.json",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := host()
			tc.breaks(f)
			found := doctor.Diagnose(f)
			i := slices.IndexFunc(found, func(f doctor.Finding) bool { return f.Code == tc.code })
			require.GreaterOrEqual(t, i, 0, "%v", codes(found))
			require.Equal(t, tc.severity, found[i].Severity)
			require.Contains(t, found[i].Sentence, tc.says)
			require.Contains(t, found[i].Evidence[0]+found[i].Evidence[len(found[i].Evidence)-1], tc.evidence)
		})
	}
}

// A larger table of connections lasts, and has the buckets that it needs: it comes with the number of
// guests, where the host is their router.
func TestLargerTable(t *testing.T) {
	t.Parallel()
	f := host()
	f.Tracked, f.TrackedMost = 65536, 65536
	f.Config = &configs.Config{}
	require.Equal(t, []string{
		"set guests = 128 under [host] in /etc/xen/vifctl.toml",
		`set network = ["route"] there, and systemctl enable vifctl-network`,
		"vifctl network start route",
	}, doctor.Diagnose(f)[0].Fix)

	f.Sides = []network.Side{{Mode: "route", Name: "eth0", Command: "vifctl network start route netdev=eth0"}}
	f.Config.Host.Networks, f.Config.Host.Guests = "route netdev=eth0", 500
	require.Equal(t, []string{"vifctl network start route netdev=eth0"}, doctor.Diagnose(f)[0].Fix)

	f.NICs[1].Mode = "bridge"
	require.Equal(t, []string{
		"sysctl -w net.netfilter.nf_conntrack_buckets=262144", "echo net.netfilter.nf_conntrack_buckets=262144 >> /etc/sysctl.d/zz-vifctl.conf",
		"sysctl -w net.netfilter.nf_conntrack_max=262144", "echo net.netfilter.nf_conntrack_max=262144 >> /etc/sysctl.d/zz-vifctl.conf",
	}, doctor.Diagnose(f)[0].Fix)

	f.Tracked = 10000
	require.Empty(t, doctor.Diagnose(f))
}

// A guest that reboots or migrates has two domains for a moment: that is no
// fault, while two guests of one address are.
func TestMovingGuest(t *testing.T) {
	t.Parallel()
	f := host()
	again := f.NICs[1]
	again.NIC.Domid, again.UUID, again.MAC = 7, "5f2b7a00", "00:16:3e:00:00:07"
	f.NICs[1].UUID, f.NICs[1].MAC = again.UUID, again.MAC
	f.NICs = append(f.NICs, again)
	require.Empty(t, codes(doctor.Diagnose(f)))
	f.NICs[2].UUID = "another"
	require.Equal(t, []string{"duplicate-mac", "duplicate-address"}, codes(doctor.Diagnose(f)))
}

// Who asks about one guest is told what touches it, and nothing else.
func TestAbout(t *testing.T) {
	t.Parallel()
	f := host()
	f.Settings["ipv4/ip_forward"] = "0"
	l := f.Host.Links[1]
	l.Carrier = false
	f.Host.Links[1] = l
	found := doctor.Diagnose(f)
	require.Equal(t, []string{"uplink-down", "forwarding-off"}, codes(found))
	require.Equal(t, found, doctor.About(found, []string{"db"}))
	require.Equal(t, found, doctor.About(found, []string{"vif2.0"}))
	require.Len(t, doctor.About(found, []string{"eth0"}), 1)
	require.Empty(t, doctor.About(found, []string{"web"}))
	f.XenstoreErr = errors.New("no answer")
	require.Equal(t, []string{"xenstore"}, codes(doctor.About(doctor.Diagnose(f), []string{"web"})))
}

// The cause comes first, and what follows from it is under it, as severe as the
// worst of them.
func TestFold(t *testing.T) {
	t.Parallel()
	f := host()
	n := &f.NICs[0]
	n.Backend = map[string]string{"hotplug-status": "error", "hotplug-error": "no such bridge", "bridge": "xenbr7"}
	n.Vif.Link = nil
	found := doctor.Diagnose(f)
	require.Len(t, found, 1)
	require.Equal(t, []string{"bridge-missing", "hotplug-failed", "interface-missing"}, codes(found))
	require.Len(t, found[0].Consequences, 1)
	require.Equal(t, "web", found[0].Consequences[0].Guest)
	require.Equal(t, doctor.Error, doctor.Worst(found))

	require.Len(t, doctor.About(found, []string{"web"}), 1)
	require.Len(t, doctor.About(found, []string{"vif1.0"}), 1)
	require.Empty(t, doctor.About(found, []string{"db"}))
}
