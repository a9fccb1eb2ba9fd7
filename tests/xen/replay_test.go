package xen

import (
	"bytes"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

// TestReplay makes every recorded call once more, to vifctl in a pretend dom0, with the arguments, the environment and
// the xenstore that xl gave it: what Debian's script accepted is accepted and leaves the backend as that left it, what it
// refused is refused, and when a NIC has gone nothing of it is left.
func TestReplay(t *testing.T) {
	calls, err := Calls()
	require.NoError(t, err)
	require.NotEmpty(t, calls)
	for _, life := range lives(calls) {
		scene, _, _ := strings.Cut(life[0].Name, ".")
		t.Run(scene+"."+life[0].Environment["vif"], func(t *testing.T) {
			t.Parallel()
			replay(t, life)
		})
	}
}

// better are calls that Debian's scripts refuse and vifctl accepts, with the reason.
var better = map[string]string{
	"hvm-bridge-attach-ioemu.nic1.add.tap": "the NIC's vif works, although Xen gives it no tap",
}

// TestReplayedLives: a recording in which a NIC only comes or only goes would prove nothing of what is left.
func TestReplayedLives(t *testing.T) {
	calls, err := Calls()
	require.NoError(t, err)
	for _, life := range lives(calls) {
		require.True(t, life[0].Up(), "%s does not begin with a call that brings a NIC up", life[0].Name)
		require.False(t, life[len(life)-1].Up(), "%s does not end with a call that takes a NIC down", life[0].Name)
	}
}

// lives are the calls about one NIC each: those that bring it up, its vif first, then those that take it down.
func lives(calls []Call) [][]Call {
	byBackend := map[string][]Call{}
	for _, call := range calls {
		byBackend[call.Backend()] = append(byBackend[call.Backend()], call)
	}
	turn := func(c Call) int { return slices.Index([]string{"online", "add", "offline", "remove"}, c.Args[0]) }
	var all [][]Call
	for _, life := range byBackend {
		slices.SortStableFunc(life, func(a, b Call) int { return turn(a) - turn(b) })
		all = append(all, life)
	}
	return all
}

func replay(t *testing.T, life []Call) {
	options := dom0.Options{Bridges: []dom0.Bridge{{Name: "xenbr0", Ports: []string{dom0.Uplink}}}, Router: true}
	if path.Base(life[0].Script) == "vif-openvswitch" {
		options.Bridges, options.Switch = nil, "ovs0"
	}
	d := dom0.New(t, options)
	in(t, d, "ip link add eth1 type bridge")
	in(t, d, "ip address add 10.2.0.1/24 dev eth1")
	in(t, d, "ip link set eth1 up")
	if slices.Contains(strings.Fields(life[0].Xenstore[life[0].Backend()+"/ip"]), dom0.HostAddress) {
		// The recorded host had another address, and its guest this one.
		in(t, d, "ip address del "+dom0.HostAddress+"/24 dev xenbr0")
		in(t, d, "ip address add 10.0.0.200/24 dev xenbr0")
		in(t, d, "ip route replace default via "+dom0.ClientAddress)
	}
	before := d.State()
	nic := dom0.NIC{HVM: life[0].Xenstore[life[0].Backend()+"/type"] == "vif_ioemu", Unplugged: true}
	_, err := fmt.Sscanf(life[0].Environment["vif"], "vif%d.%d", &nic.Domid, &nic.Devid)
	require.NoError(t, err)
	port, err := d.Attach(nic)
	require.NoError(t, err)
	p := player{t: t, dom0: d, port: port}
	for _, call := range life {
		p.play(call)
	}
	require.NoError(t, port.Unplug())
	require.Empty(t, cmp.Diff(withoutTables(before), withoutTables(d.State())), "the host is not what it was")
	rules := in(t, d, "nft list ruleset")
	for _, word := range append(strings.Fields(life[0].Xenstore[life[0].Backend()+"/ip"]), port.Vif) {
		require.NotContains(t, rules, word, "the firewall's tables are not empty")
	}
	require.Empty(t, d.Run("find", "/run/vifctl", "-type", "f", "-not", "-name", "*lock*").Stdout, "the journal keeps something")
}

// withoutTables is a state without the firewall's tables: once made, they stay.
func withoutTables(state string) []string {
	return slices.DeleteFunc(strings.Split(state, "\n"), func(fact string) bool { return strings.HasPrefix(fact, "nft ") })
}

func in(t *testing.T, d *dom0.Dom0, command string) string {
	t.Helper()
	words := strings.Fields(command)
	r := d.Run(words[0], words[1:]...)
	require.Zero(t, r.Exit, "%s: %s", command, r.Stderr)
	return r.Stdout
}

// player makes the recorded calls of one NIC in a pretend dom0.
type player struct {
	t    *testing.T
	dom0 *dom0.Dom0
	port *dom0.Port
	// vif and tap say which of the NIC's interfaces are there.
	vif, tap bool
}

func (p *player) play(call Call) {
	p.cable(call)
	p.load(call)
	began := time.Now()
	status, words := p.call(call)
	p.t.Logf("%s: exit %d after %s; Debian's: %d\n%s", call.Name, status, time.Since(began).Round(time.Millisecond), call.Status, words)
	after := p.backend(call)
	switch {
	case !call.Up():
		require.Zero(p.t, status, "what goes down must not fail")
		require.Equal(p.t, keysOf(call.Xenstore, call), after, "the backend was changed on the way down")
	case better[call.Name] != "":
		require.Zero(p.t, status)
		require.Equal(p.t, keysOf(call.Xenstore, call), after, "the backend was changed although there was nothing to do")
	case call.Status == 0:
		require.Zero(p.t, status)
		require.Equal(p.t, keysOf(call.After, call), after, "the backend is not as Debian's script left it")
	default:
		require.NotZero(p.t, status)
		require.Equal(p.t, "error", after["hotplug-status"])
		require.NotEmpty(p.t, after["hotplug-error"])
	}
}

// cable sees to it that the interfaces are there which were there when xl made the call.
func (p *player) cable(call Call) {
	vif := slices.ContainsFunc(call.Links, func(link string) bool { return !strings.HasSuffix(link, "-emu") })
	tap := slices.ContainsFunc(call.Links, func(link string) bool { return strings.HasSuffix(link, "-emu") })
	if vif && !p.vif {
		require.NoError(p.t, p.port.PlugVif())
	}
	if tap && !p.tap {
		require.NoError(p.t, p.port.PlugTap())
	}
	if p.tap && !tap {
		require.NoError(p.t, p.port.UnplugTap())
	}
	if p.vif && !vif {
		require.NoError(p.t, p.port.Unplug())
	}
	p.vif, p.tap = vif, tap
}

// load makes the xenstore what it was when xl made the call.
func (p *player) load(call Call) {
	for _, root := range []string{"/libxl", "/vm", "/local/domain/0/backend", "/local/domain/0/device-model", path.Dir(path.Dir(path.Dir(p.port.Frontend)))} {
		p.dom0.Run("xenstore-rm", root)
	}
	var pairs []string
	for key, value := range call.Xenstore {
		pairs = append(pairs, key, value)
	}
	require.NoError(p.t, p.dom0.Write(pairs...))
}

// call runs the script as xl did.
func (p *player) call(call Call) (status int, words string) {
	cmd := exec.Command(call.Script, call.Args...)
	cmd.Dir = call.Cwd
	for name, value := range call.Environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(p.t, p.dom0.Start(cmd))
	_ = cmd.Wait() // its exit code is what is asked for
	return cmd.ProcessState.ExitCode(), said.String()
}

// backend is what the NIC's backend holds now, by key.
func (p *player) backend(call Call) map[string]string {
	tree := map[string]string{}
	for key := range strings.FieldsSeq(in(p.t, p.dom0, "xenstore-list "+call.Backend())) {
		value, _ := p.dom0.Read(call.Backend() + "/" + key)
		tree[call.Backend()+"/"+key] = value
	}
	return keysOf(tree, call)
}

// keysOf are the backend's keys in a tree, but for its state, which is netback's.
func keysOf(tree map[string]string, call Call) map[string]string {
	keys := map[string]string{}
	for name, value := range tree {
		key, ok := strings.CutPrefix(name, call.Backend()+"/")
		if ok && key != "state" {
			keys[key] = value
		}
	}
	return keys
}
