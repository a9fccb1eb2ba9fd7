package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

func TestReport(t *testing.T) {
	var out strings.Builder
	r := newReport(&out, orders{})
	r.Scene("bridge", "guests on a bridge")
	r.Deed(Deed{
		Call: "vif-bridge online type_if=vif", For: "web's vif1.0", Took: 4250 * time.Microsecond,
		Steps: []string{"ip link set dev vif1.0 up"}, Said: []string{"vif-bridge: warning: look out"},
	})
	r.Check(Check{What: "client → web 192.0.2.11", Found: milliseconds(80 * time.Microsecond)})
	r.Check(Check{What: "client → web 192.0.2.12", Err: errors.Join(errors.New("no answer"), errors.New("none at all"))})
	r.stopped(nil)
	assert.False(t, r.summary())
	want := `
1  bridge: guests on a bridge

   vif-bridge online type_if=vif                                                  4.25 ms
      web's vif1.0
      ip link set dev vif1.0 up
      it said: vif-bridge: warning: look out
   ok   client → web 192.0.2.11                                                   0.08 ms
   FAIL client → web 192.0.2.12: no answer; none at all

1 of 2 checks failed, in T.
`
	assert.Equal(t, want, regexp.MustCompile(`in [0-9.]+m?s\.`).ReplaceAllString(out.String(), "in T."))
}

func TestReportThatIsQuiet(t *testing.T) {
	var out strings.Builder
	r := newReport(&out, orders{Quiet: true, Color: true})
	r.Scene("bridge", "guests on a bridge")
	r.Note("note")
	r.Gap()
	r.Steps("ip link")
	r.Deed(Deed{Call: "vif-bridge online"})
	assert.Empty(t, out.String())
	r.stopped(errors.New("no such bridge"))
	assert.Contains(t, out.String(), "\x1b[1;31mFAIL\x1b[0m the scene goes to its end: no such bridge\n")
}

func TestCommands(t *testing.T) {
	dry := "# online vif1.0\n# already done: ip link set dev vif1.0 up\nip link set dev vif1.0-emu up\nip neighbour del proxy ::1 dev eth0\n"
	assert.Equal(t, []string{"ip link set dev vif1.0-emu up", "ip neighbour del proxy ::1 dev eth0"}, commands(dry, ""))
	assert.Equal(t, []string{"ip neighbour del proxy ::1 dev eth0"}, commands(dry, "vif1.0-emu"))
	told := []string{"# firewall: mark what vif1.0 forwards"}
	assert.Equal(t, told, commands("# mode nat\n"+told[0]+"\n", ""))
}

func TestShorten(t *testing.T) {
	d := &Dom0{listed: map[listKey]listedCall{}}
	guest := func(name string, domid int, group string) Guest {
		return Guest{
			Name: name, Domid: domid, Group: group, Addresses: prefixes(fmt.Sprintf("192.168.1.%d/24", domid)),
			Public: netip.MustParseAddr(fmt.Sprintf("203.0.113.%d", domid)),
		}
	}
	steps := func(domid int) []string {
		n := fmt.Sprint(domid)
		return []string{
			"ip link set dev vif" + n + ".0 up",
			"# firewall: 203.0.113." + n + " stands for 192.168.1." + n,
			"# firewall: fe80::216:3eff:fe01:" + n + " is the guest's",
			"xenstore-write backend/vif/" + n + "/0/hotplug-status connected",
		}
	}
	one, two := guest("one", 1, "nat"), guest("two", 2, "nat")
	assert.Equal(t, steps(1), d.shorten(one, online, steps(1)), "the first one's, whole")
	assert.Equal(t, []string{"# 4 steps as one's, with its own names and addresses"}, d.shorten(two, online, steps(2)))
	assert.Equal(t, []string{"# 4 steps as one's, with its own names and addresses", "one more"},
		d.shorten(two, online, append(steps(2), "one more")))
	assert.Equal(t, steps(2), d.shorten(two, add, steps(2)), "another call")
	assert.Equal(t, steps(3), d.shorten(guest("three", 3, ""), online, steps(3)), "of no group")
}

func TestDiff(t *testing.T) {
	before := state{{"eth0", "mtu=1500"}, {"eth1", "up"}}
	after := state{{"eth0", "mtu=1400"}, {"eth1", "up"}}
	assert.Equal(t, []string{"- eth0 mtu=1500", "+ eth0 mtu=1400"}, before.diff(after))
	require.EqualError(t, before.same(after), "- eth0 mtu=1500; + eth0 mtu=1400")
	require.NoError(t, before.same(before))
	assert.Equal(t, state{{"eth1", "up"}}, before.of("eth1"))
}

// A check must be able to fail: who is not there does not answer, and who cannot be reached says so.
func TestPingThatFails(t *testing.T) {
	dom0.Need(t)
	a, err := newMachine("a")
	require.NoError(t, err)
	defer a.close()
	b, err := newMachine("b")
	require.NoError(t, err)
	defer b.close()
	require.NoError(t, cable(end{a, "eth0", ""}, end{b, "eth0", ""}))
	require.NoError(t, a.configure("eth0", prefixes("192.0.2.1/24")...))
	require.NoError(t, b.configure("eth0", prefixes("192.0.2.2/24")...))

	took, err := a.Ping(t.Context(), netip.MustParseAddr("192.0.2.2"))
	require.NoError(t, err)
	assert.Positive(t, took)
	ctx, cancel := context.WithTimeout(t.Context(), 5*pingEvery)
	defer cancel()
	_, err = a.Ping(ctx, netip.MustParseAddr("192.0.2.3"))
	require.ErrorContains(t, err, "no answer")
	_, err = a.Ping(ctx, netip.MustParseAddr("203.0.113.1"))
	require.ErrorContains(t, err, "network is unreachable")
}
