package properties

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vifctl/tests/dom0"
)

// checks is how many examples each property is tried with, unless -rapid.checks says otherwise.
const checks = "15"

// steps is how many things happen, on average, to a host whose guests come and go.
const steps = "7"

func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.steps": steps, "rapid.shrinktime": "10s", "rapid.nofailfile": "true"} {
		if !given[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	goleak.VerifyTestMain(m)
}

// A host is a dom0 that bridges and routes; its examples come and go one after the other.
type host struct{ *dom0.Dom0 }

func newHost(t *testing.T) host {
	h := host{dom0.New(t, dom0.Options{
		// The router answers on its uplink, net.ipv6.conf.xenbr0.proxy_ndp included: the one setting that is the host's and
		// that no port takes back.
		Router: true,
		Bridges: []dom0.Bridge{
			{Name: "xenbr0", Ports: []string{dom0.Uplink}},
			{Name: "narrow", MTU: 1400},
		},
	})}
	// A bridge that has a carrier keeps its addresses while ports come and go.
	for _, command := range []string{"ip link add ballast address 02:00:00:00:00:b1 type veth peer name weight address 02:00:00:00:00:b2", "ip link set weight up", "ip link set ballast mtu 1400 master narrow up"} {
		r := h.Run("sh", "-c", command)
		require.Zero(t, r.Exit, "%s: %s", command, r.Stderr)
	}
	h.Settle()
	return h
}

// host is one for the example, with what is the host's for good (the tables of the firewall) already there.
func (e example) host(t *testing.T) host {
	h := e.bare(t)
	if e.Config == "" {
		return h
	}
	tr := h.try(t, e)
	tr.succeed(t, tr.up(), "online")
	tr.succeed(t, tr.down(), "offline")
	tr.end(t)
	return h
}

// A trial is one example on a host.
type trial struct {
	host
	example
	port *dom0.Port
}

// failer is what a test and a rapid check have in common.
type failer interface {
	require.TestingT
	Helper()
}

// try makes the example's guest, in the state in which the example has it before the first call.
func (h host) try(t failer, e example) *trial {
	t.Helper()
	port, err := h.Attach(e.NIC)
	require.NoError(t, err)
	tr := &trial{host: h, example: e, port: port}
	for _, command := range e.Before {
		r := h.Run("sh", "-c", strings.ReplaceAll(command, "PORT", e.device(port)))
		require.Zero(t, r.Exit, "%s: %s", command, r.Stderr)
	}
	return tr
}

// end takes the guest away, with all that would remember it.
func (tr *trial) end(t failer) {
	t.Helper()
	require.NoError(t, tr.port.Unplug())
	require.NoError(t, tr.Remove(tr.port.Backend, tr.port.Frontend))
	require.NoError(t, tr.Do(func() error { return os.RemoveAll("/run/vifctl") }))
}

func (tr *trial) up() dom0.Call   { return tr.call("online", "add") }
func (tr *trial) down() dom0.Call { return tr.call("offline", "remove") }

func (tr *trial) call(vif, tap string) dom0.Call {
	args := []string{vif, "type_if=vif"}
	if tr.Tap {
		args = []string{tap, "type_if=tap"}
	}
	return dom0.Call{Script: tr.Script, Args: args, Port: tr.port}
}

// succeed makes a call that must succeed.
func (tr *trial) succeed(t failer, c dom0.Call, when string) {
	t.Helper()
	r := tr.Call(c)
	require.Zero(t, r.Exit, "%s: %s %s: %s\n%s", when, c.Script, strings.Join(c.Args, " "), r.Stderr, tr.example)
}

// killed makes a call that is killed before its nth change, if it has so many.
func (tr *trial) killed(t failer, c dom0.Call, nth int) (killed bool) {
	t.Helper()
	killed, r, err := kill(tr.Dom0, c, nth)
	require.NoError(t, err)
	if !killed {
		require.Zero(t, r.Exit, "%s %s: %s\n%s", c.Script, strings.Join(c.Args, " "), r.Stderr, tr.example)
	}
	return killed
}

// is compares the kernel's state with what it should be.
func (tr *trial) is(t failer, want, when string) {
	t.Helper()
	if now := tr.State(); now != want {
		t.Errorf("%s the state is another (- expected, + found):\n%s\n%s", when, difference(want, now), tr.example)
		t.FailNow()
	}
}

// difference tells two states apart, line by line: states are sets of facts.
func difference(want, now string) string {
	var b strings.Builder
	say := func(sign, from, other string) {
		there := map[string]int{}
		for line := range strings.Lines(other) {
			there[line]++
		}
		for line := range strings.Lines(from) {
			if there[line]--; there[line] < 0 {
				fmt.Fprint(&b, sign, line)
			}
		}
	}
	say("- ", want, now)
	say("+ ", now, want)
	return b.String()
}
