package properties

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/tests/dom0"
)

// A kind of host on which guests live.
type kind struct {
	// network is its bridge, and scripts are those that its guests come with.
	network string
	scripts []string
	config  string
	// join makes vif99.0 a port of the network, unfiltered.
	join []string
	// says reads what each port may say by the rules in force: hardware addresses and addresses, by the port's name.
	says func(t failer, h host) map[string][]string
}

const livesConfig = "[host]\nantispoof = \"strict\"\ngateway = \"192.168.7.1\"\n"

// withPublic gives a guest an address outside, which counts with vif-nat.
const withPublic = "[[guest]]\nname = \"guest-1\"\npublic = [\"" + public + "\"]\n"

var kinds = map[string]kind{
	"nftables": {
		network: "xenbr0", scripts: []string{"vif-bridge", "vif-route", "vif-nat"}, config: livesConfig + withPublic,
		join: []string{"ip link set vif99.0 master xenbr0 up"}, says: saysNFTables,
	},
	"iptables": {
		network: "xenbr0", scripts: []string{"vif-route", "vif-nat"}, config: livesConfig + "firewall = \"iptables\"\n" + withPublic,
		join: []string{"ip link set vif99.0 master xenbr0 up"}, says: saysNFTables,
	},
	"openvswitch": {
		network: "ovs0", scripts: []string{"vif-openvswitch"}, config: livesConfig,
		join: []string{"ovs-vsctl add-port ovs0 vif99.0", "ip link set vif99.0 up"}, says: saysSwitch,
	},
}

// TestLives: guests come, go and move in any order, under domids, names and UUIDs that others had, their emulated NICs' taps
// early, late or never, and many of their offlines are lost, late or twice. No port is ever up unfiltered, none inherits what
// its predecessor might say, none takes anything from its successor, and in the end nothing is left. Each guest sends forged
// packets all its life: none arrives.
func TestLives(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := k.host(t)
			arrived := k.control(t, h)
			k.warm(t, h)
			h.Settle()
			arrived.Store(0)
			before := h.State()
			rapid.Check(t, func(rt *rapid.T) {
				w := world{t: rt, kind: k, host: h, arrived: arrived, live: map[int]*life{}, lost: map[int]*life{}}
				defer w.end()
				rt.Repeat(map[string]func(*rapid.T){
					"start": w.start, "die": w.die, "stop": w.stopOne, "late": w.late, "again": w.again, "garbage": w.garbage,
					"late tap": w.plugTap, "tap goes": w.unplugTap, "migrate": w.migrate, "arrived": w.hasArrived,
					"": w.check,
				})
				w.end()
				if now := h.State(); now != before {
					rt.Fatalf("something is left (- before, + after):\n%s", difference(before, now))
				}
			})
		})
	}
}

func (k kind) host(t *testing.T) host {
	h := host{}
	if k.network == "ovs0" {
		h.Dom0 = dom0.New(t, dom0.Options{Switch: k.network})
	} else {
		dom0.Need(t, "nft", "iptables")
		h = newHost(t)
	}
	require.NoError(t, h.WriteFile(dom0.ConfigFile, k.config, 0o644))
	return h
}

// control shows that the forged packets of an unfiltered guest arrive. It returns the count of those that do.
func (k kind) control(t *testing.T, h host) *atomic.Int64 {
	arrived := listenForForged(t, h.Client)
	l := k.begin(t, h, dom0.NIC{Domid: 99, Guest: "control", IP: "10.0.0.99"}, "vif-bridge")
	for _, command := range append(k.join, "ip link set dev eth0 up") {
		require.Zero(t, h.Run("sh", "-c", command).Exit, command)
	}
	require.Eventually(t, func() bool { return arrived.Load() > 0 }, time.Minute, time.Millisecond)
	if k.network == "ovs0" {
		require.Zero(t, h.Run("ovs-vsctl", "del-port", "ovs0", "vif99.0").Exit)
	}
	l.end(t)
	return arrived
}

// warm leaves what is the host's for good.
func (k kind) warm(t *testing.T, h host) {
	for _, script := range k.scripts {
		l := k.begin(t, h, dom0.NIC{Domid: 98, Guest: "guest-1", IP: "10.0.0.98"}, script)
		for _, command := range []string{"online", "offline"} {
			r := h.Call(dom0.Call{Script: script, Args: []string{command, "type_if=vif"}, Port: l.Port})
			require.Zero(t, r.Exit, r.Stderr)
		}
		l.end(t)
	}
}

// life is one run of a guest: from its interface's making to its end.
type life struct {
	*dom0.Port
	script string
	// who the guest is, whatever it is called and whichever domain it is in.
	who int
	// tap is whether the emulated NIC's tap is there, tapUp whether it was brought up.
	tap, tapUp bool
	stops      []func()
}

// world is what a run of the property has made.
type world struct {
	t *rapid.T
	kind
	host
	arrived *atomic.Int64
	// live by domid; lost are those that died without an offline.
	live, lost map[int]*life
}

func (k kind) begin(t failer, h host, nic dom0.NIC, script string) *life {
	t.Helper()
	nic.Script, nic.Bridge, nic.Unplugged = script, k.network, true
	port, err := h.Attach(nic)
	require.NoError(t, err)
	require.NoError(t, port.PlugVif())
	l := &life{Port: port, script: script}
	l.forge(t, h, "eth0")
	return l
}

// forge lets the guest send forged packets by one of its interfaces.
func (l *life) forge(t failer, h host, by string) {
	guest, err := h.Guest(l.Domid)
	require.NoError(t, err)
	l.stops = append(l.stops, sendForged(t, guest, by, l.MAC, l.script == "vif-bridge" || l.script == "vif-openvswitch"))
}

// end takes the interfaces and the domain away, as Xen does, and calls nothing.
func (l *life) end(t failer) {
	t.Helper()
	for _, stop := range l.stops {
		stop()
	}
	require.NoError(t, l.Unplug())
}

func (w *world) call(l *life, args ...string) dom0.Result {
	return w.Call(dom0.Call{Script: l.script, Args: args, Port: l.Port})
}

// ask makes a call that must succeed.
func (w *world) ask(rt *rapid.T, l *life, args ...string) {
	r := w.call(l, args...)
	require.Zero(rt, r.Exit, "%s %v of %+v: %s", l.script, args, l.NIC, r.Stderr)
}

func (w *world) start(rt *rapid.T) {
	domid := rapid.SampledFrom([]int{1, 2, 3}).Draw(rt, "domid")
	who := rapid.SampledFrom([]int{1, 2, 3}).Draw(rt, "guest")
	name := rapid.SampledFrom([]string{"", "web0", "db0"}).Draw(rt, "vifname")
	script := rapid.SampledFrom(w.scripts).Draw(rt, "script")
	taken := w.live[domid] != nil
	for _, l := range w.live {
		taken = taken || l.who == who || name != "" && l.Vifname == name
	}
	if taken {
		rt.Skip("it is taken")
	}
	ip := fmt.Sprintf("192.168.7.%d", 10+who)
	if script == "vif-bridge" || script == "vif-openvswitch" {
		ip = fmt.Sprintf("10.0.0.%d", 10+who)
	}
	nic := dom0.NIC{Domid: domid, Guest: nameOf(who), MAC: fmt.Sprintf("00:16:3e:00:77:%02x", who), IP: ip, Vifname: name}
	nic.HVM = rapid.Bool().Draw(rt, "HVM")
	l := w.create(rt, nic, script, who)
	if nic.HVM && rapid.Bool().Draw(rt, "tap at once") {
		w.addTap(rt, l)
	}
	w.ask(rt, l, "online", "type_if=vif")
	if l.tap {
		w.ask(rt, l, "add", "type_if=tap")
		l.tapUp = true
	}
}

// nameOf is what a guest is called when it is not on its way.
func nameOf(who int) string { return fmt.Sprintf("guest-%d", who) }

// create makes a domain of a guest, and its vif, and calls nothing.
func (w *world) create(rt *rapid.T, nic dom0.NIC, script string, who int) *life {
	if old := w.lost[nic.Domid]; old != nil {
		w.forget(rt, old) // an offline of its by now is the new one's
	}
	l := w.begin(rt, w.host, nic, script)
	l.who = who
	require.NoError(rt, w.Write(fmt.Sprintf("/local/domain/%d/vm", nic.Domid), fmt.Sprintf("/vm/%08d-0000-4000-8000-000000000000", who)))
	w.live[nic.Domid] = l
	return l
}

// forget removes what the toolstack has of a life.
func (w *world) forget(rt *rapid.T, l *life) {
	require.NoError(rt, w.Remove(l.Backend, l.Frontend, fmt.Sprintf("/local/domain/%d", l.Domid)))
	delete(w.lost, l.Domid)
}

// pick draws one of some lives that are as is wanted.
func pick(rt *rapid.T, from map[int]*life, is func(*life) bool) *life {
	var domids []int
	for domid, l := range from {
		if is == nil || is(l) {
			domids = append(domids, domid)
		}
	}
	if len(domids) == 0 {
		rt.Skip("there is none")
	}
	slices.Sort(domids)
	return from[rapid.SampledFrom(domids).Draw(rt, "of domain")]
}

func (w *world) die(rt *rapid.T) {
	l := pick(rt, w.live, nil)
	l.end(rt)
	delete(w.live, l.Domid)
	w.lost[l.Domid] = l
}

func (w *world) stopOne(rt *rapid.T) {
	l := pick(rt, w.live, nil)
	w.offline(rt, l)
	l.end(rt)
	w.forget(rt, l)
	delete(w.live, l.Domid)
}

// offline makes the calls that xl makes at a guest's end.
func (w *world) offline(rt *rapid.T, l *life) {
	w.ask(rt, l, "offline", "type_if=vif")
	if l.HVM {
		w.ask(rt, l, "remove", "type_if=tap")
	}
}

func (w *world) late(rt *rapid.T) {
	l := pick(rt, w.lost, nil)
	for range rapid.IntRange(1, 2).Draw(rt, "times") {
		w.offline(rt, l)
	}
	w.forget(rt, l)
}

func (w *world) again(rt *rapid.T) {
	w.ask(rt, pick(rt, w.live, nil), "online", "type_if=vif")
}

func (w *world) garbage(rt *rapid.T) {
	r := w.Run(dom0.ScriptsDir+"/vifctl", "repair", "--garbage")
	require.Zero(rt, r.Exit, r.Stderr)
}

// end ends all lives, with the offlines that were lost.
func (w *world) end() {
	for domid, l := range w.live {
		w.offline(w.t, l)
		l.end(w.t)
		w.lost[domid] = l
	}
	clear(w.live)
	for _, l := range w.lost {
		w.offline(w.t, l)
		w.forget(w.t, l)
	}
	w.garbage(w.t)
}
