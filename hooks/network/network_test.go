package network

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
	"vifctl/tests/netns"
)

// host is one in a network namespace of its own: eth0 has addresses of both families, and
// routes that a bridge has to take over. It has no default route, so no gateway is waited for.
type host struct {
	*testing.T
	*Networks
}

func onHost(t *testing.T, f func(host), lines ...string) {
	t.Helper()
	dom0.Need(t, "ip")
	netns.Run(t, func(k *kernel.Kernel) {
		log := slog.New(slog.DiscardHandler)
		f(host{t, &Networks{
			Reader:   &engine.Reader{Kernel: k},
			Executor: &engine.Executor{Kernel: k, Tools: engine.Tools{Log: log}},
			Journal:  journal.Open(t.TempDir()),
			Log:      log,
		}})
	}, append([]string{
		"link set lo up", "link add eth0 index 13 type veth peer name lan", "link set lan up", "link set eth0 up",
		"address add 203.0.113.1/24 dev eth0", "address add 203.0.113.2/24 dev eth0", "address add 2001:db8:f::1/64 dev eth0",
		"route add 198.51.100.0/24 via 203.0.113.254 metric 7", "-6 route add 2001:db8:7::/48 via 2001:db8:f::254",
	}, lines...)...)
}

// run is what a program prints.
func (h host) run(program string, args ...string) string {
	h.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	require.NoError(h, err, "%s %q: %s", program, args, out)
	return string(out)
}

// fleeting is what the kernel tells of a link and its addresses a moment after it is so.
var fleeting = regexp.MustCompile(` state [A-Z]+| tentative|LOWER_UP,?|NO-CARRIER,?`)

// state is the host as ip(8) and its settings show it, in no order.
func (h host) state() []string {
	h.Helper()
	var lines []string
	for _, look := range []string{"-o link", "-o address", "-4 route show table all", "-6 route show table all", "neighbour show proxy"} {
		for line := range strings.Lines(h.run("ip", strings.Fields(look)...)) {
			lines = append(lines, fleeting.ReplaceAllString(line, ""))
		}
	}
	for _, setting := range []string{
		"ipv4/ip_forward", "ipv4/conf/default/rp_filter", "ipv4/conf/eth0/proxy_arp", "ipv4/neigh/eth0/proxy_delay",
		"ipv6/conf/all/forwarding", "ipv6/conf/eth0/accept_ra", "ipv6/conf/eth0/proxy_ndp", "ipv6/conf/eth0/disable_ipv6", "ipv6/neigh/eth0/proxy_delay",
	} {
		value, err := os.ReadFile("/proc/sys/net/" + setting)
		require.NoError(h, err)
		lines = append(lines, setting+"="+string(value))
	}
	slices.Sort(lines)
	return lines
}

// is holds the host against a state of before.
func (h host) is(state []string) {
	h.Helper()
	now := h.state()
	lacks := slices.DeleteFunc(slices.Clone(state), func(line string) bool { return slices.Contains(now, line) })
	more := slices.DeleteFunc(now, func(line string) bool { return slices.Contains(state, line) })
	require.Empty(h, lacks, "gone")
	require.Empty(h, more, "new")
}

func (h host) nothingStarted() {
	h.Helper()
	list, err := h.Status(h.Context(), Request{})
	require.NoError(h, err)
	require.Empty(h, list)
	left, err := h.Journal.Networks()
	require.NoError(h, err)
	require.Empty(h, left)
}

var requests = []struct {
	name, network string
	request       Request
}{
	{"a bridge with a card", "xenbr0", Request{Mode: "bridge", Bridge: "xenbr0", Uplink: "eth0"}},
	{"a bridge by the card's name", "eth0", Request{Mode: "bridge", Uplink: "eth0"}},
	{"a bridge for guests alone", "inside", Request{Mode: "bridge", Bridge: "inside", NoUplink: true}},
	{"a router", "eth0", Request{Mode: "route", Uplink: "eth0"}},
	{"a translating router", "eth0", Request{Mode: "nat", Uplink: "eth0"}},
}

// A preview changes nothing, starting twice is starting once, and stopping gives back what
// was there before.
func TestStartAndStop(t *testing.T) {
	t.Parallel()
	for _, c := range requests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onHost(t, func(h host) {
				before := h.state()
				preview, err := h.Preview(t.Context(), c.request)
				require.NoError(t, err)
				require.NotEmpty(t, preview.Actions())
				h.is(before)
				h.nothingStarted()

				d, err := h.Start(t.Context(), c.request, 0)
				require.NoError(t, err)
				require.False(t, d.Before)
				require.Equal(t, c.network, d.Name)
				require.Equal(t, keys(preview), keys(d))
				started := h.state()
				require.NotEqual(t, before, started)

				again, err := h.Start(t.Context(), c.request, 0)
				require.NoError(t, err)
				require.True(t, again.Before)
				for _, a := range again.Actions() {
					require.True(t, a.Satisfied, a.Step.Key())
				}
				h.is(started)

				list, err := h.Status(t.Context(), Request{Mode: c.request.Mode})
				require.NoError(t, err)
				require.Len(t, list, 1)
				require.Equal(t, journal.Started, list[0].State)
				require.Equal(t, c.network, list[0].Name)
				require.Empty(t, list[0].Missing)

				name, err := h.Stop(t.Context(), c.request, false)
				require.NoError(t, err)
				require.Equal(t, c.network, name)
				h.is(before)
				h.nothingStarted()
				name, err = h.Stop(t.Context(), c.request, false)
				require.NoError(t, err)
				require.Empty(t, name)
			})
		})
	}
}

// keys are what a decision is about. A new bridge's MAC is made up by each.
func keys(d *Decision) (list []string) {
	for _, a := range d.Actions() {
		if b, ok := a.Step.(plan.Bridge); ok {
			b.MAC = ""
			a.Step = b
		}
		list = append(list, a.Step.Key())
	}
	return list
}

// A card on which a macvlan stands can be no bridge's port: that fails when its addresses
// have gone already.
func TestStepInTheMiddleFails(t *testing.T) {
	t.Parallel()
	for _, c := range requests[:2] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onHost(t, func(h host) {
				before := h.state()
				d, err := h.Start(t.Context(), c.request, 0)
				require.ErrorContains(t, err, "attach to "+c.network+": device or resource busy")
				at := slices.IndexFunc(d.Topology, func(a plan.Action) bool { _, ok := a.Step.(plan.Master); return ok })
				require.Positive(t, at)
				require.Less(t, at, len(d.Topology)-1)
				h.is(before)
				h.nothingStarted()
			}, "link add mv0 link eth0 type macvlan")
		})
	}
}

// Without the process that takes over when this one dies, nothing is rewired.
func TestNoGuard(t *testing.T) {
	t.Parallel()
	onHost(t, func(h host) {
		before := h.state()
		none := errors.New("no process could be started")
		h.Guard = func(string, string, string) (func(), error) { return nil, none }
		_, err := h.Start(t.Context(), requests[0].request, 0)
		require.ErrorIs(t, err, none)
		h.is(before)
		h.nothingStarted()
		// Where the host's connection is not at stake, none is needed.
		_, err = h.Start(t.Context(), requests[2].request, 0)
		require.NoError(t, err)
	})
}

// The guarding process is told what it is about before anything is changed, and let go
// after all is.
func TestGuardFrames(t *testing.T) {
	t.Parallel()
	onHost(t, func(h host) {
		before := h.state()
		var seen []string
		h.Guard = func(mode, name, token string) (func(), error) {
			n, err := h.Journal.ReadNetwork(mode, name)
			require.NoError(t, err)
			require.Equal(t, token, n.Token)
			seen = append(seen, string(n.State))
			require.Equal(t, n.State == journal.Starting, slices.Equal(before, h.state()))
			return func() { seen = append(seen, "released") }, nil
		}
		_, err := h.Start(t.Context(), requests[0].request, 0)
		require.NoError(t, err)
		_, err = h.Stop(t.Context(), requests[0].request, false)
		require.NoError(t, err)
		require.Equal(t, []string{string(journal.Starting), "released", string(journal.Stopping), "released"}, seen)
	})
}

// What a process left half-way is undone by the one that guards it, or else by the next
// call.
func TestLeftHalfWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		state journal.State
		undo  func(host, *journal.Network) error
		words string
	}{
		{"a start, by its guard", journal.Starting, host.guard, "the start of bridge xenbr0 was undone: its process was killed before its end"},
		{"a stop, by its guard", journal.Stopping, host.guard, "the stop of bridge xenbr0 was brought to its end: its process was killed before"},
		{"a start, by the next call", journal.Starting, host.next, ""},
		{"a stop, by the next call", journal.Stopping, host.next, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onHost(t, func(h host) {
				before := h.state()
				_, err := h.Start(t.Context(), requests[0].request, 0)
				require.NoError(t, err)
				n, err := h.Journal.ReadNetwork("bridge", "xenbr0")
				require.NoError(t, err)
				// Another start's guard leaves it.
				require.NoError(t, h.Watch(t.Context(), "bridge", "xenbr0", "other", strings.NewReader("")))
				require.NotEqual(t, before, h.state())
				n.State = c.state
				require.NoError(t, h.Journal.WriteNetwork(n))

				require.NoError(t, c.undo(h, n))
				h.is(before)
				h.nothingStarted()
				require.Equal(t, c.words, h.Journal.LastWords(journal.OfNetworks))
			})
		})
	}
}

func (h host) guard(n *journal.Network) error {
	return h.Watch(h.Context(), n.Mode, n.Name, n.Token, strings.NewReader(""))
}

func (h host) next(*journal.Network) error {
	_, err := h.Stop(h.Context(), Request{Mode: "route"}, false)
	return err
}

// A start that has to be confirmed says so until it is.
func TestConfirm(t *testing.T) {
	t.Parallel()
	onHost(t, func(h host) {
		request := requests[2].request
		_, err := h.Start(t.Context(), request, time.Hour)
		require.NoError(t, err)
		status := func() Status {
			list, err := h.Status(t.Context(), request)
			require.NoError(t, err)
			require.Len(t, list, 1)
			return list[0]
		}
		require.Positive(t, status().ConfirmWithin)
		names, err := h.Confirm(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"bridge inside"}, names)
		require.Zero(t, status().ConfirmWithin)
		names, err = h.Confirm(t.Context())
		require.NoError(t, err)
		require.Empty(t, names)

		// One whose time is over, and whose guard has died, is undone by the next call.
		n, err := h.Journal.ReadNetwork("bridge", "inside")
		require.NoError(t, err)
		n.ConfirmBy = 1
		require.NoError(t, h.Journal.WriteNetwork(n))
		require.NoError(t, h.next(nil))
		h.nothingStarted()
	})
}

// The status says what has gone, and starting again brings that back.
func TestStatusSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	onHost(t, func(h host) {
		bridge, router := requests[0].request, Request{Mode: "route", Uplink: "xenbr0"}
		for _, r := range []Request{bridge, router} {
			_, err := h.Start(t.Context(), r, 0)
			require.NoError(t, err)
		}
		started := h.state()
		h.run("ip", "link", "set", "eth0", "nomaster")
		h.run("ip", "route", "del", "198.51.100.0/24")
		require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0o644))
		h.run("ip", "link", "add", "vif1.0", "type", "veth", "peer", "name", "guest1")
		h.run("ip", "link", "set", "vif1.0", "master", "xenbr0")

		list, err := h.Status(t.Context(), Request{})
		require.NoError(t, err)
		require.Len(t, list, 2)
		slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Mode, b.Mode) })
		b, r := list[0], list[1]
		require.Equal(t, "xenbr0", b.Bridge)
		require.Equal(t, "eth0", b.Uplink)
		require.Equal(t, []string{"vif1.0"}, b.Ports)
		require.ElementsMatch(t, []string{"203.0.113.1/24", "203.0.113.2/24", "2001:db8:f::1/64"}, b.Addresses)
		require.Equal(t, []string{
			"ip link set dev eth0 master xenbr0", "ip route replace 198.51.100.0/24 via 203.0.113.254 dev xenbr0 metric 7 proto 3",
		}, b.Missing)
		require.Contains(t, r.Missing, "sysctl -w net/ipv4/ip_forward=1")
		require.Contains(t, r.Settings, SettingsStatus{Path: "net/ipv4/ip_forward", Value: "1", Was: "0"})
		var text bytes.Buffer
		require.NoError(t, b.WriteText(&text))
		require.Contains(t, text.String(), "bridge xenbr0: started\n")
		require.Contains(t, text.String(), "  missing   ip link set dev eth0 master xenbr0\n")
		require.Contains(t, text.String(), "  starting it again brings that back\n")

		// A guest on the bridge keeps it.
		_, err = h.Stop(t.Context(), bridge, false)
		require.EqualError(t, err, "xenbr0: take the bridge away: it still has the ports vif1.0: stop their guests first, or say --force")
		h.run("ip", "link", "del", "vif1.0")
		for _, again := range []Request{bridge, router} {
			_, err := h.Start(t.Context(), again, 0)
			require.NoError(t, err)
		}
		h.is(started)
	})
}

// A setting that two networks want goes with the last of them.
func TestSharedSettings(t *testing.T) {
	t.Parallel()
	onHost(t, func(h host) {
		before := h.state()
		forwards := func() string {
			v, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
			require.NoError(t, err)
			return strings.TrimSpace(string(v))
		}
		for _, mode := range []string{"route", "nat"} {
			_, err := h.Start(t.Context(), Request{Mode: mode, Uplink: "eth0"}, 0)
			require.NoError(t, err)
		}
		all, err := h.Started()
		require.NoError(t, err)
		require.Len(t, all, 2)
		for i, r := range []Request{{Mode: "route"}, {Mode: "nat"}} {
			require.Equal(t, "1", forwards())
			_, err := h.Stop(t.Context(), r, false)
			require.NoError(t, err)
			require.Equal(t, []string{"1", "0"}[i], forwards())
		}
		h.is(before)
	})
}

// What cannot be done is refused, and nothing is changed or remembered.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		request Request
		want    string
		lines   []string
	}{
		{"no uplink", Request{Mode: "bridge", Bridge: "xenbr0", Uplink: "eth9"}, "the uplink eth9 does not exist: bring it up, or name another with netdev=", nil},
		{"no name", Request{Mode: "bridge", NoUplink: true}, "a bridge without an uplink needs a name: bridge=", nil},
		{"a router without an uplink", Request{Mode: "route", NoUplink: true}, "guests are routed to an uplink: netdev=none is for a bridge, and for mode nat", nil},
		{
			"another's bridge",
			Request{Mode: "bridge", Bridge: "br7", Uplink: "eth0"},
			"br7 is a bridge already, made without vifctl, and eth0 is no port of it: make eth0 its port there, or name another bridge with bridge=",
			[]string{"link add br7 type bridge"},
		},
		{"no such mode", Request{Mode: "switch"}, `there is no network of mode "switch"; there are bridge, nat, route`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onHost(t, func(h host) {
				before := h.state()
				_, err := h.Start(t.Context(), c.request, 0)
				require.EqualError(t, err, c.want)
				h.is(before)
				h.nothingStarted()
			}, c.lines...)
		})
	}
	t.Run("another uplink than it has", func(t *testing.T) {
		t.Parallel()
		onHost(t, func(h host) {
			_, err := h.Start(t.Context(), requests[0].request, 0)
			require.NoError(t, err)
			started := h.state()
			_, err = h.Start(t.Context(), Request{Mode: "bridge", Bridge: "xenbr0", NoUplink: true}, 0)
			require.EqualError(t, err, "xenbr0 is started with the uplink eth0: stop it first")
			_, err = h.Start(t.Context(), Request{Mode: "bridge", Bridge: "xenbr0", Uplink: "lan"}, 0)
			require.EqualError(t, err, "xenbr0 is started with the uplink eth0: stop it first")
			h.is(started)
		})
	})
	t.Run("nothing to do", func(t *testing.T) {
		t.Parallel()
		onHost(t, func(h host) {
			r, err := Parse("bridge", []string{"bridge=none"})
			require.NoError(t, err)
			d, err := h.Start(t.Context(), r, 0)
			require.NoError(t, err)
			require.Equal(t, "bridge=none asks for no bridge", d.Nothing)
			h.nothingStarted()
		})
	})
}
