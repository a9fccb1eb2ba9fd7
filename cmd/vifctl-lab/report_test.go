package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestReport(t *testing.T) {
	var out strings.Builder
	r := newReport(&out, orders{Scenes: []string{"bridge", "nat"}})
	r.scene(scene{name: "bridge", about: "guests on a bridge"})
	r.deed(deed{
		call: "vif-bridge online type_if=vif", of: "web's vif1.0", took: 4250 * time.Microsecond,
		steps: []string{"ip link set dev vif1.0 up"}, said: []string{"vif-bridge: warning: look out"},
	})
	r.check(check{what: "client → web 10.0.0.11", found: milliseconds(0.08)})
	r.note("and then:")
	r.deed(deed{call: "vif-bridge offline", of: "web's vif1.0"})
	r.check(check{what: "client → web 10.0.0.12", err: errors.Join(errors.New("no answer"), errors.New("none at all"))})
	r.stopped(nil)
	assert.False(t, r.summary(orders{}))
	want := `
1  bridge: guests on a bridge

   vif-bridge online type_if=vif                                        4.25 ms
      web's vif1.0
      ip link set dev vif1.0 up
      it said: vif-bridge: warning: look out
   ok   client → web 10.0.0.11                                          0.08 ms
   and then:
   vif-bridge offline                                                   0.00 ms
      web's vif1.0
   FAIL client → web 10.0.0.12: no answer; none at all

1 of 2 checks failed.
`
	assert.Equal(t, want, out.String())
}

func TestReportThatIsQuiet(t *testing.T) {
	var out strings.Builder
	r := newReport(&out, orders{Quiet: true, Color: true})
	r.opening(orders{Quiet: true})
	r.scene(scene{name: "bridge", about: "guests on a bridge"})
	r.note("note")
	r.steps("ip link")
	r.deed(deed{call: "vif-bridge online"})
	assert.Empty(t, out.String())
	r.stopped(errors.New("no such bridge"))
	assert.Contains(t, out.String(), "\x1b[1;31mFAIL\x1b[0m the scene goes to its end: no such bridge\n")
}

func TestCommands(t *testing.T) {
	dry := "# online vif1.0\n# already so: ip link set dev vif1.0 up\nip link set dev vif1.0-emu up\n# firewall: mark what vif1.0 forwards\n" +
		"nft -f - <<'END'\nadd table inet vifctl\nEND\nnft 'add element inet vifctl x { 1 }'\nip route add 10.0.0.1 dev vif1.0\n"
	assert.Equal(t, []string{"ip link set dev vif1.0-emu up", "# firewall: mark what vif1.0 forwards", "ip route add 10.0.0.1 dev vif1.0"}, commands(dry))
}

func TestDifference(t *testing.T) {
	before, after := []string{"eth0 mtu=1500", "eth1 up"}, []string{"eth0 mtu=1400", "eth1 up"}
	assert.Equal(t, []string{"- eth0 mtu=1500", "+ eth0 mtu=1400"}, difference(before, after))
	assert.Empty(t, difference(before, before))
}
