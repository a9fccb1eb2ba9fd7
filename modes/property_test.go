package modes_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// What is done for any guest on any host is undone to the last bit, through
// any number of calls with changing configurations in between.
func TestOfflineUndoesOnline(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := drawHost(t)
		now := before
		var entries []journal.Entry
		name := rapid.SampledFrom([]string{"vif1.0", "web0"}).Draw(t, "name")
		modeName := rapid.SampledFrom(modes.Names()).Draw(t, "mode")
		mode, err := modes.Find(modeName)
		require.NoError(t, err)
		for range rapid.IntRange(1, 4).Draw(t, "calls") {
			r := drawRequest(t, name)
			p, err := mode.Plan(r, now)
			if err != nil {
				continue
			}
			actions := plan.Resolve(p.Steps, now)
			var stale []journal.Entry
			entries, stale = journal.Merge(entries, actions)
			now = now.After(steps(actions))
			for _, e := range stale {
				now = now.After(e.Undo)
			}
			if rapid.Bool().Draw(t, "twice") {
				// The same call again has nothing to do and nothing to undo.
				now.Known = map[string]bool{}
				for _, e := range entries {
					now.Known[e.Step.Key()] = true
				}
				again, err := mode.Plan(r, now)
				require.NoError(t, err)
				for _, a := range plan.Resolve(again.Steps, now) {
					_, told := a.Step.(plan.XenstoreWrite)
					require.True(t, a.Satisfied || told || announces(a.Step), a.Step.Key())
				}
				merged, stale := journal.Merge(entries, plan.Resolve(again.Steps, now))
				for _, e := range stale {
					// An address that was made, removed by another program and made again can be in the journal twice.
					require.Equal(t, show(now), show(now.After(e.Undo)), "%s is to be undone, and is not undone already", e.Step.Key())
				}
				if len(stale) == 0 {
					require.Equal(t, undos(entries), undos(merged))
				}
			}
			if len(entries) > 0 && rapid.Bool().Draw(t, "drift") {
				// Another program takes away what we made.
				e := entries[rapid.IntRange(0, len(entries)-1).Draw(t, "what drifts")]
				now = now.After(e.Undo)
			}
		}
		for _, e := range slices.Backward(entries) {
			now = now.After(e.Undo)
		}
		require.Equal(t, show(before), show(now))
	})
}

func undos(entries []journal.Entry) (all []plan.Step) {
	for _, e := range entries {
		all = append(all, e.Undo...)
	}
	return all
}

func steps(actions []plan.Action) []plan.Step {
	var out []plan.Step
	for _, a := range actions {
		if !a.Satisfied {
			out = append(out, a.Step)
		}
	}
	return out
}

func drawHost(t *rapid.T) *plan.Snapshot {
	s := host()
	l := s.Links[portIndex]
	l.Up = rapid.Bool().Draw(t, "up")
	l.MTU = rapid.SampledFrom([]int{1400, 1500, 9000}).Draw(t, "port mtu")
	l.MAC = rapid.SampledFrom([]string{"fe:ff:ff:ff:ff:ff", "02:00:00:00:00:09"}).Draw(t, "port mac")
	if rapid.Bool().Draw(t, "another program's port") {
		s.SwitchPorts["vif1.0"] = plan.SwitchMember{Bridge: "ovs0", Tag: 3, IDs: map[string]string{}}
	}
	l.Master = rapid.SampledFrom([]int{0, bridgeIndex}).Draw(t, "master")
	s.Links[portIndex] = l
	if rapid.Bool().Draw(t, "vlans apart") {
		apart(s)
		if l.Master != 0 {
			s.VLANs = map[int][]plan.VLANRange{portIndex: vlans("1")}
		}
	}
	for _, a := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"10.0.0.1/24", "198.51.100.5/32", "2001:db8:5::1/64"}), 0, 2, rapid.ID[string]).Draw(t, "addresses") {
		s.Addresses[portIndex] = append(s.Addresses[portIndex], plan.Addr{Prefix: netip.MustParsePrefix(a)})
	}
	byName := func(a, b plan.SysctlKey) int { return strings.Compare(a.Table+a.Name, b.Table+b.Name) }
	for _, key := range slices.SortedFunc(maps.Keys(s.Sysctls), byName) {
		s.Sysctls[key] = rapid.SampledFrom([]string{"0", "1"}).Draw(t, key.Name)
	}
	return s
}

func drawRequest(t *rapid.T, name string) plan.Request {
	return request(func(r *plan.Request) {
		r.Port.Name = name
		r.MTU = rapid.SampledFrom([]int{0, 1400, 1500}).Draw(t, "mtu")
		r.Antispoof = rapid.SampledFrom([]plan.Antispoof{plan.AntispoofOff, plan.AntispoofMAC, plan.AntispoofStrict}).Draw(t, "antispoof")
		r.Public = rapid.SampledFrom([][]netip.Addr{nil, {netip.MustParseAddr("203.0.113.44")}}).Draw(t, "public")
		r.Rate.BytesPerSecond = rapid.SampledFrom([]uint64{0, 1e6, 2e6}).Draw(t, "rate")
		r.DHCP = rapid.Bool().Draw(t, "dhcp")
		r.VLANs = rapid.SampledFrom([][]plan.VLANRange{nil, vlans("10"), vlans("10p/20-29")}).Draw(t, "vlans")
		r.Bridge = rapid.SampledFrom([]string{"", "ovs0", "ovs0.10:20:30", "xenbr0"}).Draw(t, "bridge")
		r.Kind = rapid.SampledFrom([]plan.Kind{plan.Vif, plan.Tap}).Draw(t, "kind")
		r.Emulated = r.Kind == plan.Tap
		r.IPs = prefixes(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"192.0.2.10/32", "192.0.2.11/32", "198.51.100.10/32", "203.0.113.0/28", "2001:db8::10/128", "2001:db8:1::/64",
		}), 0, 4, rapid.ID[string]).Draw(t, "ips")...)
	})
}

// show prints a pretend host, but for what belongs to the host and is never
// undone.
func show(s *plan.Snapshot) string {
	var lines []string
	for _, l := range s.Links {
		lines = append(lines, fmt.Sprintf("link %+v", l))
	}
	for i, list := range s.Addresses {
		for _, a := range list {
			lines = append(lines, fmt.Sprintf("address %d %+v", i, a))
		}
	}
	for i, list := range s.Routes {
		for _, r := range list {
			lines = append(lines, fmt.Sprintf("route %d %+v", i, r))
		}
	}
	for k, v := range s.Sysctls {
		if k.Name != "proxy_ndp" {
			lines = append(lines, fmt.Sprintf("sysctl %+v=%s", k, v))
		}
	}
	for k, v := range s.Rules {
		if v {
			lines = append(lines, k)
		}
	}
	for k, v := range s.DHCP {
		lines = append(lines, fmt.Sprintf("dhcp %s %s", k, v))
	}
	for k, v := range s.Limits {
		lines = append(lines, fmt.Sprintf("limit %d %+v", k, v))
	}
	for k, v := range s.VLANs {
		lines = append(lines, fmt.Sprintf("vlans %d %+v", k, v))
	}
	for k, v := range s.SwitchPorts {
		lines = append(lines, fmt.Sprintf("switch port %s %+v", k, v))
	}
	for k, v := range s.SwitchGuards {
		if v {
			lines = append(lines, k)
		}
	}
	for k, v := range s.Permanent {
		lines = append(lines, fmt.Sprintf("permanent %+v %s", k, v))
	}
	for k, v := range s.Neighbours {
		if v {
			lines = append(lines, fmt.Sprintf("neighbour %+v", k))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
