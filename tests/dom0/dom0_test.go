package dom0_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is a dom0 with one bridge whose only script is the given one, called vif-test.
func scripted(t *testing.T, script string) *dom0.Dom0 {
	t.Helper()
	d := dom0.New(t, dom0.Options{
		Scripts: func() (map[string]string, error) { return nil, nil },
		Bridges: []dom0.Bridge{{Name: "xenbr0", Ports: []string{dom0.Uplink}}},
	})
	require.NoError(t, d.WriteFile(dom0.ScriptsDir+"/vif-test", "#!/bin/sh\n"+script, 0o755))
	return d
}

func attach(t *testing.T, d *dom0.Dom0, nic dom0.NIC) *dom0.Port {
	t.Helper()
	port, err := d.Attach(nic)
	require.NoError(t, err)
	return port
}

func TestCallIsLibxls(t *testing.T) {
	t.Parallel()
	d := scripted(t, "env | grep -v ^PWD= | sort; echo args: \"$@\"; cat; pwd; echo to stderr >&2; exit 3")
	port := attach(t, d, dom0.NIC{Domid: 3, Devid: 1, HVM: true, Gatewaydev: "eth0"})
	r := port.Call("vif-test", "online", "type_if=vif")
	require.Equal(t, 3, r.Exit)
	require.Empty(t, r.Stdout, "xl sends a script's stdout to its own stderr")
	require.Equal(t, strings.TrimLeft(`
INTERFACE=vif3.1-emu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
XENBUS_BASE_PATH=backend
XENBUS_PATH=backend/vif/3/1
XENBUS_TYPE=vif
netdev=eth0
script=/etc/xen/scripts/vif-test
vif=vif3.1
args: online type_if=vif
/
to stderr
`, "\n"), r.Stderr)
}

func TestCallTakesVariablesAway(t *testing.T) {
	t.Parallel()
	d := scripted(t, `echo "${XENBUS_PATH-none} ${netdev-none} ${vif-none} ${INTERFACE-none}"`)
	r := d.Call(dom0.Call{
		Script: "vif-test", Port: attach(t, d, dom0.NIC{Domid: 1}),
		Env: map[string]string{"vif": "vif9.9"}, Unset: []string{"XENBUS_PATH"},
	})
	require.Equal(t, "none  vif9.9 none\n", r.Stderr)
}

func TestCallDoesNotWaitForTheBackground(t *testing.T) {
	t.Parallel()
	d := scripted(t, "sleep 600 & exit 0")
	r := attach(t, d, dom0.NIC{Domid: 1}).Call("vif-test")
	require.Zero(t, r.Exit)
}

func TestKeysAreLibxls(t *testing.T) {
	t.Parallel()
	d := scripted(t, "")
	attach(t, d, dom0.NIC{
		Domid: 2, Guest: "web", IP: "10.0.0.5 2001:db8::5", Vifname: "web0", MTU: 1400, Rate: "6250,50000",
		Keys: map[string]string{"vlan": "7"}, Absent: []string{"online"},
	})
	store := d.Xenstore()
	const backend = "/local/domain/0/backend/vif/2/0/"
	for key, value := range map[string]string{
		"frontend": "/local/domain/2/device/vif/0", "frontend-id": "2", "state": "1", "vifname": "web0", "mtu": "1400",
		"script": "/etc/xen/scripts/vif-bridge", "mac": "00:16:3e:01:02:00", "ip": "10.0.0.5 2001:db8::5", "vlan": "7",
		"rate": "6250,50000", "bridge": "xenbr0", "handle": "0", "type": "vif", "hotplug-status": "",
	} {
		require.Contains(t, store, fmt.Sprintf("%s%s = %q\n", backend, key, value))
	}
	require.NotContains(t, store, backend+"online")
	require.Contains(t, store, `/local/domain/2/name = "web"`)
	require.Contains(t, store, `/local/domain/2/device/vif/0/mtu = "1400"`)
}

func TestInterfacesAreNetbacks(t *testing.T) {
	t.Parallel()
	d := scripted(t, "")
	attach(t, d, dom0.NIC{Domid: 1, HVM: true, TapDevice: true})
	state := d.State()
	for _, fact := range []string{
		"link vif1.0 state=down", "link vif1.0 mac=fe:ff:ff:ff:ff:ff", "link vif1.0 mtu=1500",
		"link vif1.0-emu kind=tun", "link vif1.0-emu state=down", "link vif1.0-emu mac=fe:54:00:01:01:00",
	} {
		require.Contains(t, state, fact+"\n")
	}
}

func TestUnplugFindsARenamedVif(t *testing.T) {
	t.Parallel()
	d := scripted(t, "")
	port := attach(t, d, dom0.NIC{Domid: 1, HVM: true})
	require.Zero(t, d.Run("ip", "link", "set", "vif1.0", "name", "alice").Exit)
	require.NoError(t, port.Unplug())
	require.NotContains(t, d.State(), "alice")
	require.NotContains(t, d.State(), "vif1.0-emu")
	require.NoError(t, port.Unplug(), "of what is gone")
}

func TestTwinsAreEqual(t *testing.T) {
	t.Parallel()
	var twins sync.WaitGroup
	states, stores := make([]string, 4), make([]string, 4)
	for i := range states {
		d := scripted(t, "")
		twins.Go(func() {
			if _, err := d.Attach(dom0.NIC{Domid: 1, IP: "10.0.0.5", HVM: true}); err != nil {
				states[i] = err.Error()
			}
			states[i] += d.State()
			stores[i] = d.Xenstore()
		})
	}
	twins.Wait()
	for i := range states {
		require.Equal(t, states[0], states[i])
		require.Equal(t, stores[0], stores[i])
	}
}

func TestNothingIsLeft(t *testing.T) {
	// Not parallel: it counts what is on the machine.
	look := func() string {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		require.NoError(t, err)
		links, err := net.Interfaces()
		require.NoError(t, err)
		return fmt.Sprintf("%s%v", mounts, links)
	}
	before := look()
	var left string
	t.Run("dom0", func(t *testing.T) {
		d := scripted(t, "sleep 987654 & echo $! >/run/pid")
		require.Zero(t, attach(t, d, dom0.NIC{Domid: 1}).Call("vif-test").Exit)
		pid, err := d.ReadFile("/run/pid")
		require.NoError(t, err)
		left = "/proc/" + strings.TrimSpace(pid)
		require.DirExists(t, left)
	})
	require.Eventually(t, func() bool { _, err := os.Stat(left); return err != nil }, speed.Patience, 10*time.Millisecond)
	require.Equal(t, before, look())
	require.NoFileExists(t, dom0.ScriptsDir+"/vif-test")
}
