package watch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/configs/units"
	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// unit is the watcher's, run by a real systemd in a dom0.
type unit struct {
	*dom0.Systemd
	t testing.TB
	d *dom0.Dom0
}

// watcherUnit installs it and starts it.
func watcherUnit(t testing.TB, d *dom0.Dom0) *unit {
	t.Helper()
	u := &unit{d.Boot(t), t, d}
	for _, file := range units.Systemd {
		require.NoError(t, d.WriteFile(file.Path, string(file.Text()), file.Mode))
	}
	// A pause in which another guest's test runs must not be the end of it.
	drop := "[Service]\nWatchdogSec=3\nRestartSec=50ms\n"
	require.NoError(t, d.WriteFile("/etc/systemd/system/vifctl-watch.service.d/test.conf", drop, 0o644))
	u.run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/vifctl.conf")
	u.run("systemctl", "daemon-reload")
	u.run("systemctl", "enable", "--now", "vifctl-watch")
	return u
}

func (u *unit) run(name string, args ...string) string {
	u.t.Helper()
	r := u.Run(name, args...)
	require.Zero(u.t, r.Exit, "%s %v: %s%s", name, args, r.Stdout, r.Stderr)
	return r.Stdout
}

// property is what systemd says of the unit.
func (u *unit) property(name string) string {
	u.t.Helper()
	return strings.TrimSpace(u.run("systemctl", "show", "--value", "--property="+name, "vifctl-watch"))
}

// log is what the journal has of it; fields narrow that down.
func (u *unit) log(fields ...string) string {
	u.t.Helper()
	return u.run("journalctl", append([]string{"--no-pager", "--output=cat", "--unit=vifctl-watch"}, fields...)...)
}

func (u *unit) says(words string, times int) {
	u.t.Helper()
	said := func() int { return strings.Count(u.log(), words) }
	for end := time.Now().Add(speed.Patience); said() < times; time.Sleep(10 * time.Millisecond) {
		require.True(u.t, time.Now().Before(end), "it never said %q %d times, but:\n%s", words, times, u.log())
	}
}

func (u *unit) soon(so func() bool, what string) {
	u.t.Helper()
	for end := time.Now().Add(speed.Patience); !so(); time.Sleep(10 * time.Millisecond) {
		require.True(u.t, time.Now().Before(end), "%s; it said:\n%s", what, u.log())
	}
}

// Started by systemd, in the sandbox of its unit, it does all of its work, with
// either firewall, and survives what can befall it.
func TestUnderSystemd(t *testing.T) {
	t.Parallel()
	for firewall, c := range map[string]struct{ mode, route, drift string }{
		"nftables": {"route", "10.1.0.9", "nft flush ruleset"},
		"iptables": {"nat", "192.168.1.9", "iptables-nft -t nat -F"},
	} {
		t.Run(firewall, func(t *testing.T) {
			t.Parallel()
			d := newDom0(t)
			config := fmt.Sprintf("[host]\nfirewall = %q\nantispoof = \"strict\"\ngateway = \"192.168.1.1\"\n\n"+
				"[[guest]]\nname = \"win9\"\naddress = [%q]\n", firewall, c.route)
			if c.mode == "nat" {
				config += "public = [\"203.0.113.44\"]\n"
			}
			require.NoError(t, d.WriteFile(dom0.ConfigFile, config, 0o644))
			p := hvm(t, d, c.mode, 9)
			plugTap(t, p)
			require.Zero(t, p.Call("vif-"+c.mode, "add", "type_if=tap").Exit)
			whole := unordered(d)
			require.Zero(t, p.Call("vif-"+c.mode, "remove", "type_if=tap").Exit)
			unplugTap(t, p)
			u := watcherUnit(t, d)
			isWhole := func() bool { return unordered(d) == whole }

			require.Equal(t, "active", u.property("ActiveState"))
			require.Equal(t, "notify", u.property("Type"))
			u.says("watching", 1)
			pid, err := strconv.Atoi(u.property("MainPID"))
			require.NoError(t, err)
			require.Equal(t, "0000000000003000", u.status(pid, "CapEff"), "NET_ADMIN and NET_RAW")
			require.Equal(t, "2", u.status(pid, "Seccomp"))
			require.Equal(t, "1", u.status(pid, "NoNewPrivs"))

			plugTap(t, p)
			u.says("vif9.0-emu came late and is up", 1)
			u.soon(isWhole, "the tap is not what a call makes of it")
			require.Contains(t, u.log("VIFCTL_GUEST=win9", "SYSLOG_IDENTIFIER=vifctl"), "vif9.0-emu came late", "its fields are in the journal")

			drift := "ip link set vif9.0 down; sysctl -qw net/ipv4/conf/vif9.0/proxy_arp=0; ip route delete " + c.route + " dev vif9.0-emu; " + c.drift
			took := func() {
				r := d.Run("sh", "-c", drift)
				require.Zero(t, r.Exit, r.Stderr)
			}
			took()
			u.soon(isWhole, "what was taken away did not come back")

			// The configuration changes, and changes back.
			require.NoError(t, d.WriteFile(dom0.ConfigFile, strings.Replace(config, "192.168.1.1\"", "192.168.1.3\"", 1), 0o644))
			u.soon(func() bool { return strings.Contains(d.State(), "192.168.1.3/32") }, "the new gateway is not in force")
			require.NoError(t, d.WriteFile(dom0.ConfigFile, config, 0o644))
			u.soon(isWhole, "the old gateway is not in force")

			ping := u.property("WatchdogTimestampMonotonic")
			u.soon(func() bool { return u.property("WatchdogTimestampMonotonic") != ping }, "systemd's watchdog heard nothing")

			u.run("systemctl", "kill", "--signal=KILL", "vifctl-watch")
			took()
			u.soon(func() bool { return u.property("NRestarts") == "1" && u.property("ActiveState") == "active" }, "it did not come back")
			u.soon(isWhole, "it came back, and did not converge")

			u.run("systemctl", "stop", "vifctl-watch")
			require.Equal(t, "inactive", u.property("ActiveState"))
			require.Equal(t, "success", u.property("Result"))
			require.Equal(t, "0", u.property("ExecMainStatus"))
			require.Equal(t, whole, unordered(d), "a watcher that ends changes nothing")
			for _, complaint := range []string{"rror", "not permitted", "ermission", "Read-only"} {
				require.NotContains(t, u.log(), complaint)
			}
		})
	}
}

// What a hook of vif-post.d does needs rights that the watcher's unit has not:
// it gets a unit of its own, with all of root's, what the stock scripts give it,
// and the same deadline.
func TestHooksOfTheUnit(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	p := hvm(t, d, "route", 1)
	hook := func(name, text string) {
		require.NoError(t, d.WriteFile(dom0.ScriptsDir+"/vif-post.d/"+name+".hook", text, 0o755))
	}
	hook("10-looks", `{ echo "$command $type_if $dev $ip"; grep ^CapEff: /proc/self/status; cat /proc/self/cgroup; xenstore_read "$XENBUS_PATH/mac"; env; } >/run/hook
log info "the hook's \$HOME of 100%i"
touch /etc/made-by-a-hook
`)
	u := watcherUnit(t, d)
	plugTap(t, p)
	u.says("vif1.0-emu came late and is up", 1)
	said, err := d.ReadFile("/run/hook")
	require.NoError(t, err)
	require.Contains(t, said, "add tap vif1.0-emu 10.1.0.1 2001:db8::a:1\n")
	require.Contains(t, said, "/system.slice/vifctl-hook-vif1.0-tap-10-looks.hook.service\n")
	require.NotContains(t, said, "CapEff:\t0000000000003000\n")
	require.Contains(t, said, p.MAC+"\n")
	require.NotContains(t, said, "INVOCATION_ID=", "nothing of systemd's")
	require.Contains(t, u.log(), "info: the hook's $HOME of 100%i")
	_, err = d.ReadFile("/etc/made-by-a-hook")
	require.NoError(t, err)
	require.Empty(t, u.hookUnits(), "nothing is left of it")

	// What fails says why, and is tried again.
	require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
	unplugTap(t, p)
	hook("10-looks", "[ -e /run/go ] || fatal no way\n")
	plugTap(t, p)
	u.says("10-looks.hook failed (exit status 1): no way", 1)
	require.NoError(t, d.WriteFile("/run/go", "", 0o644))
	u.says("vif1.0-emu came late and is up", 2)

	// The watcher is killed while one runs, which goes on; there is never a second.
	require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
	unplugTap(t, p)
	hook("10-looks", "echo begun >>/run/twice\nwhile [ ! -e /run/end ]; do sleep 0.02; done\necho ended >>/run/twice\n")
	plugTap(t, p)
	u.soon(func() bool { said, _ := d.ReadFile("/run/twice"); return said == "begun\n" }, "no hook has begun")
	u.run("systemctl", "kill", "--signal=KILL", "vifctl-watch")
	u.soon(func() bool { return u.property("NRestarts") == "1" && u.property("ActiveState") == "active" }, "it did not come back")
	u.says("10-looks.hook failed", 2)
	require.NoError(t, d.WriteFile("/run/end", "", 0o644))
	u.says("vif1.0-emu was left half done by a call that was killed, and is up", 1)
	said, err = d.ReadFile("/run/twice")
	require.NoError(t, err)
	require.Equal(t, "begun\nended\nbegun\nended\n", said)

	// Who stops the watcher stops what it has begun.
	require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
	unplugTap(t, p)
	hook("10-looks", "echo begun >/run/stopped; sleep 1000\n")
	plugTap(t, p)
	u.soon(func() bool { said, _ := d.ReadFile("/run/stopped"); return said == "begun\n" }, "no hook has begun")
	u.run("systemctl", "stop", "vifctl-watch")
	require.Equal(t, "success", u.property("Result"))
	u.soon(func() bool { return u.hookUnits() == "" }, "the hook goes on")
}

// dnsmasq runs in a unit of its own, which is reloaded when what it is to lease
// changes, by the watcher, which may not signal it.
func TestUnitOfDnsmasq(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "dnsmasq", "dhcp_release")
	d := newDom0(t)
	config := "[host]\nantispoof = \"strict\"\ngateway = \"192.168.1.1\"\ndhcp = \"dnsmasq\"\n\n[[guest]]\nname = \"win1\"\naddress = [\"192.168.1.2\"]\n"
	require.NoError(t, d.WriteFile(dom0.ConfigFile, config, 0o644))
	root, err := dom0.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "configs/dnsmasq/vifctl-dnsmasq.conf"))
	require.NoError(t, err)
	require.NoError(t, d.WriteFile("/etc/xen/vifctl-dnsmasq.conf", string(text), 0o644))
	require.NoError(t, d.WriteFile("/etc/xen/vifctl-dnsmasq.d/range.conf", "dhcp-range=192.168.1.1,static,255.255.255.0\n", 0o644))
	hvm(t, d, "nat", 1)
	u := watcherUnit(t, d)
	u.run("systemctl", "enable", "--now", "vifctl-dnsmasq")
	reads := func() int {
		return strings.Count(u.run("journalctl", "--no-pager", "--output=cat", "--unit=vifctl-dnsmasq"), "read /run/vifctl-dhcp/hosts/")
	}
	u.soon(func() bool { return reads() == 1 }, "dnsmasq has not read what there is")

	require.NoError(t, d.WriteFile(dom0.ConfigFile, strings.Replace(config, "1.2\"", "1.7\"", 1), 0o644))
	u.soon(func() bool {
		line, _ := d.ReadFile("/run/vifctl-dhcp/hosts/00-16-3e-01-01-00")
		return strings.Contains(line, "192.168.1.7")
	}, "the address has not changed")
	u.soon(func() bool {
		return strings.Contains(u.run("journalctl", "--no-pager", "--unit=vifctl-dnsmasq"), "Reloaded")
	}, "dnsmasq was not reloaded")
	u.soon(func() bool { return reads() > 1 }, "dnsmasq has not read what has changed")
	require.NotContains(t, u.log(), "rror")
	u.run("systemctl", "stop", "vifctl-watch", "vifctl-dnsmasq")
}

// hookUnits lists the units of hooks that there are.
func (u *unit) hookUnits() string {
	u.t.Helper()
	return strings.TrimSpace(u.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "vifctl-hook-*"))
}

// status is a line of /proc/PID/status.
func (u *unit) status(pid int, field string) string {
	u.t.Helper()
	_, value, _ := strings.Cut(u.run("grep", "^"+field+":", fmt.Sprintf("/proc/%d/status", pid)), ":")
	return strings.TrimSpace(value)
}
