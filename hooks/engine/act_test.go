package engine

import (
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
	"vifctl/tests/netns"
)

// What each kind of step does to the kernel is what its reading then sees, taking it twice
// is taking it once, and what undoes it brings back what was there before.
func TestStepsAgainstTheKernel(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "ip")
	const port, bridge, uplink = 11, 12, 13
	dev := plan.Dev{Name: "vif1.0", Index: port}
	br, up := plan.Dev{Name: "xenbr0", Index: bridge}, plan.Dev{Name: "eth0", Index: uplink}
	prefix, address := netip.MustParsePrefix, netip.MustParseAddr
	for _, c := range []struct {
		name string
		step plan.Step
	}{
		{"name", plan.Name{Dev: dev, Want: "web0"}},
		{"mac", plan.MAC{Dev: dev, Want: "fe:ff:ff:ff:ff:ff"}},
		{"mtu", plan.MTU{Dev: dev, Want: 1400}},
		{"master", plan.Master{Dev: dev, Bridge: br}},
		{"master, guarded", plan.Master{Dev: dev, Bridge: br, Guarded: true}},
		{"up", plan.Up{Dev: up, Want: false}},
		{"address", plan.Address{Dev: dev, Addr: plan.Addr{Prefix: prefix("192.0.2.1/32")}}},
		{"address with a peer", plan.Address{Dev: dev, Addr: plan.Addr{Prefix: prefix("192.0.2.1/32"), Peer: prefix("198.51.100.0/24")}}},
		{"address, IPv6", plan.Address{Dev: up, Addr: plan.Addr{Prefix: prefix("2001:db8::1/128"), NoDAD: true, Deprecated: true}}},
		{"no address", plan.Address{Dev: up, Addr: plan.Addr{Prefix: prefix("203.0.113.1/24")}, Absent: true}},
		{"route", plan.Route{Dev: up, Route: plan.RouteEntry{Dst: prefix("10.0.0.5/32"), Metric: 2, Protocol: plan.RouteProtocol, Source: address("203.0.113.1")}}},
		{"route, IPv6", plan.Route{Dev: up, Route: plan.RouteEntry{Dst: prefix("2001:db8:1::/64"), Metric: 2, Protocol: plan.RouteProtocol}}},
		{"route through a gateway", plan.Route{Dev: up, Route: plan.RouteEntry{
			Dst: prefix("0.0.0.0/0"), Metric: 7, Protocol: 3,
			Attrs: plan.RouteAttrs{Table: plan.MainTable, Type: unix.RTN_UNICAST, Gateway: address("203.0.113.254")},
		}}},
		{"proxy neighbour", plan.ProxyNeighbour{Dev: up, IP: address("2001:db8::5")}},
		{"neighbour", plan.Neighbour{Dev: up, IP: address("203.0.113.9"), MAC: "00:16:3e:00:00:09"}},
		{"neighbour, IPv6", plan.Neighbour{Dev: up, IP: address("2001:db8:f::9"), MAC: "00:16:3e:00:00:09"}},
		{"sysctl", plan.Sysctl{Dev: dev, Table: "ipv4/conf", Name: "proxy_arp", Want: "1"}},
		{"bridge", plan.Bridge{Dev: plan.Dev{Name: "br7", Index: 77}, MAC: "02:00:00:00:00:07"}},
		{"setting", plan.Setting{Path: "net/ipv4/conf/all/rp_filter", Want: "2"}},
		{"forwarding", plan.Forwarding{Family: 4}},
		{"forwarding, IPv6", plan.Forwarding{Family: 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			netns.Run(t, func(k *kernel.Kernel) {
				reader, executor := &Reader{Kernel: k}, &Executor{Kernel: k, Tools: Tools{Log: slog.New(slog.DiscardHandler)}}
				look := func() *plan.Snapshot {
					s := plan.NewSnapshot()
					if err := reader.Read(t.Context(), plan.Needs([]plan.Step{c.step}), s); err != nil {
						t.Error(err)
					}
					return s
				}
				before := look()
				actions := plan.Resolve([]plan.Step{c.step}, before)
				if actions[0].Satisfied || len(actions[0].Undo) == 0 {
					t.Errorf("the host is so already: %+v", actions[0])
				}
				for range 2 {
					if err := executor.Do(t.Context(), c.step); err != nil {
						t.Error(err)
					}
				}
				if after := look(); !c.step.Satisfied(after) {
					t.Errorf("taken, and not seen: %+v", after)
				}
				if _, err := executor.Undo(t.Context(), Taken(actions)); err != nil {
					t.Error(err)
				}
				if now := look(); !reflect.DeepEqual(before, now) {
					t.Errorf("undone, and not as before:\n%+v\n%+v", before, now)
				}
			},
				"link add vif1.0 index 11 type veth peer name peer1", "link add xenbr0 index 12 type bridge", "link add eth0 index 13 type veth peer name lan",
				"link set lan up", "link set eth0 up", "address add 203.0.113.1/24 dev eth0", "address add 2001:db8:f::1/64 dev eth0 nodad",
			)
		})
	}
}

// A step that fails undoes those before it, and says what it could not undo.
func TestTakeOrUndo(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "ip")
	dev := plan.Dev{Name: "vif1.0", Index: 11}
	netns.Run(t, func(k *kernel.Kernel) {
		reader, executor := &Reader{Kernel: k}, &Executor{Kernel: k, Tools: Tools{Log: slog.New(slog.DiscardHandler)}}
		steps := []plan.Step{
			plan.MTU{Dev: dev, Want: 1400},
			plan.Address{Dev: dev, Addr: plan.Addr{Prefix: netip.MustParsePrefix("192.0.2.1/32")}},
			plan.Master{Dev: dev, Bridge: plan.Dev{Name: "gone", Index: 99}},
			plan.Up{Dev: dev, Want: true},
		}
		s := plan.NewSnapshot()
		if err := reader.Read(t.Context(), plan.Needs(steps), s); err != nil {
			t.Error(err)
		}
		left, err := executor.TakeOrUndo(t.Context(), plan.Resolve(steps, s))
		if err == nil || !strings.Contains(err.Error(), "attach to gone") || len(left) > 0 {
			t.Errorf("%v, left %v", err, left)
		}
		now := plan.NewSnapshot()
		if err := reader.Read(t.Context(), plan.Needs(steps), now); err != nil || !reflect.DeepEqual(s, now) {
			t.Errorf("%v\n%+v\n%+v", err, s, now)
		}
	}, "link add vif1.0 index 11 type veth peer name peer1")
}
