package lab

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

var users = []struct {
	name string
	uid  int
}{{"root", 0}, {"nobody", nobody}}

// Everything passes, and leaves nothing.
func TestLab(t *testing.T) {
	for _, user := range users {
		t.Run(user.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			require.NoError(t, h.Do(withSwitch))
			before := h.looks()
			r := h.start(user.uid)
			r.until(t, "3  route")
			namespaces := r.namespaces(t)
			code, out := r.end(t)

			require.Equal(t, 0, code, "%s%s", out, &r.stderr)
			assert.Empty(t, r.stderr.String())
			assert.NotContains(t, out, "FAIL")
			assert.NotContains(t, out, "it said", "no warning, no complaint")
			assert.NotContains(t, out, "\x1b", "color is for terminals")
			for _, want := range []string{
				"1  network", "ip link set dev eth2 master xenbr2", "client → dom0 203.0.113.2 on xenbr2", "eth2 has back what it had",
				"2  bridge", "vif-bridge online type_if=vif", "ip link set dev web0 master xenbr0",
				"client → web 192.0.2.11", "client → web 2001:db8:2::11", "web → client 192.0.2.1",
				"client → win 192.0.2.12 by its emulated NIC", "client → win 192.0.2.12 by its PV NIC",
				"3  route", "vif-route add type_if=tap",
				"client → mail 198.51.100.26", "client → mail 2001:db8:100::25", "mail → client 2001:db8:100::1",
				"routes to 198.51.100.27/32: vif4.0-emu metric 1, vif4.0 metric 2", "client → desk 198.51.100.27 by its PV NIC",
				"network-route start netdev=eth0", "sysctl -w net/ipv4/conf/eth0/proxy_arp=1",
				"9  shutdown", "vif-route offline type_if=vif",
				"dom0 is as before the first guest", "are well, in",
				"The lab is gone. This machine's links, addresses, routes and mounts are as they were.",
			} {
				assert.Contains(t, out, want)
			}
			for _, want := range slices.Concat(natLines, laterLines) {
				assert.Regexp(t, want, out)
			}
			left, err := h.ruleset()
			require.NoError(t, err)
			assert.Empty(t, left, "its rules were in its own dom0")
			assert.Equal(t, before, h.looks())
			gone(t, namespaces)
		})
	}
}

// However it ends, nothing is left.
func TestInterrupted(t *testing.T) {
	interruptions := []struct {
		name string
		do   func(*run) error
		says string
	}{
		{"SIGINT", func(r *run) error { return unix.Kill(r.Process.Pid, unix.SIGINT) }, "vifctl: lab: interrupted"},
		{"ctrl-c", func(r *run) error { return unix.Kill(-r.Process.Pid, unix.SIGINT) }, "vifctl: lab: interrupted"},
		{"SIGTERM", func(r *run) error { return unix.Kill(r.Process.Pid, unix.SIGTERM) }, "vifctl: lab: interrupted"},
		{"SIGKILL", func(r *run) error { return unix.Kill(r.Process.Pid, unix.SIGKILL) }, ""},
	}
	for _, user := range users {
		for _, i := range interruptions {
			t.Run(user.name+"/"+i.name, func(t *testing.T) {
				t.Parallel()
				h := newHost(t)
				before := h.looks()
				r := h.start(user.uid)
				r.until(t, "client → win 192.0.2.12 by its emulated NIC")
				namespaces := r.namespaces(t)
				require.NoError(t, i.do(r))
				code, out := r.end(t)

				assert.NotContains(t, out, "dom0 is as before", "it was in the middle")
				assert.NotContains(t, out, "FAIL", "what is interrupted has not failed")
				assert.Contains(t, r.stderr.String(), i.says)
				if i.says != "" {
					assert.Equal(t, 1, code)
					assert.Contains(t, out, "The lab is gone. This machine's links")
				}
				gone(t, namespaces)
				assert.Equal(t, before, h.looks())
			})
		}
	}
}

// natLines are what the report says of the nat scene.
var natLines = []string{
	`(?m)^4  nat: `,
	`(?m)^      antispoof = "strict" `, `(?m)^      public  = "203.0.113.44"$`, `vifctl config check +3 guests, no mistake`,
	`(?m)^      # firewall: 203.0.113.42 stands for 192.168.1.2$`,
	`(?s)all three by their emulated NICs:` + natChecks + `.*all three by their PV NICs:` + natChecks,
	`(?s)win2008-3's vif7.0\n      # [0-9]+ steps as win2008-1's, .*\n` +
		`      # firewall: tcp 3389 of 198.51.100.2 when it comes from 203.0.113.1 goes to 192.168.1.4\n   ok   backend/vif/7/0/hotplug-status`,
	`3 seconds after xl.s last call:`, `ok   vif5.0-emu comes, and nobody calls: vifctl watch brings it up`, `ok   vif7.0-emu comes, and nobody calls`,
	`vif-nat remove type_if=tap`,
	`ok   of the guests, nftables and connection tracking hold nothing +[1-9][0-9]* elements gone\n` +
		`        The tables arp vifctl, bridge vifctl, inet vifctl, netdev vifctl stay, and no element in their sets: they are the host's own.\n`,
}

// laterLines are what the report says of the scenes behind it. Not every kernel's bridges keep VLANs apart.
var laterLines = []string{
	`(?m)^5  dhcp: `, `(?m)^      dhcp-range=192.168.1.1,static,255.255.255.0$`,
	`ok   thin leases 192.168.1.9/24, gateway 192.168.1.1, by its emulated NIC `, `ok   thin → client 198.51.100.1 by its emulated NIC `,
	`ok   thin leases 192.168.1.9/24, gateway 192.168.1.1, by its PV NIC `, `ok   thin → client 198.51.100.1 by its PV NIC `,
	`(?m)^6  rate: `, `limit rate over 100000 bytes/second`,
	`ok   tape → client: of 600 kB, what 100 kB a second allow +1[0-9][0-9] kB`, `ok   client → tape: of 600 kB, all +[3-6][0-9][0-9] kB`,
	`(?m)^7  vlan: (not here: this kernel's bridges keep no VLANs apart|(?s:.*ok   red1 → red2 192.0.2.102 in VLAN 10.*` +
		`ok   blue, in another VLAN, calls all: red2 does not hear it))`,
	`(?m)^8  openvswitch: `, `add-port ovs0 vif14.0 tag=10 trunks=20,30 vlan_mode=native-untagged`,
	`ok   green1 → green2 192.0.2.112 in VLAN 10 `, `ok   gold, in another VLAN, calls all: green2 does not hear it`,
	`ok   green1's port is known by its iface-id +5f2b7a00-0000-4000-8000-000000000013.0`,
}

// withSwitch gives the calling thread's machine Debian's Open vSwitch, and every user its taps, as Debian does.
func withSwitch() error {
	if err := dom0.MountSwitch(); err != nil {
		return err
	}
	const tun = "/mnt/tun"
	if err := unix.Mount("tmpfs", filepath.Dir(tun), "tmpfs", 0, ""); err != nil {
		return err
	}
	if err := unix.Mknod(tun, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 200))); err != nil {
		return err
	}
	return errors.Join(os.Chmod(tun, 0o666), unix.Mount(tun, "/dev/net/tun", "", unix.MS_BIND, ""))
}

// What a scene needs of the machine may be missing: that is a sentence, and the other scenes play.
func TestWithoutPrograms(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.Do(func() error {
		for _, name := range []string{"dnsmasq", "ovs-vsctl"} {
			for _, dir := range where {
				path := filepath.Join(dir, name)
				if _, err := os.Stat(path); err != nil {
					continue
				}
				if err := unix.Mount("/dev/null", path, "", unix.MS_BIND, ""); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	r := h.start(0, "--quiet")
	code, out := r.end(t)
	require.Equal(t, 0, code, "%s%s", out, &r.stderr)
	assert.Contains(t, out, "5  dhcp: not here: there is no dnsmasq on this machine: install dnsmasq (Debian: dnsmasq-base)\n")
	assert.Contains(t, out, "8  openvswitch: not here: there is no ovs-vsctl on this machine: install Open vSwitch (Debian: openvswitch-switch)\n")
	assert.Contains(t, out, "tape → client")
	assert.NotContains(t, out, "thin leases")
	assert.Contains(t, out, "dom0 is as before the first guest")
}

const natChecks = `\n` +
	`   ok   client → win2008-1 203.0.113.42, seen as 203.0.113.1 .*` +
	`   ok   client → win2008-2 203.0.113.43, seen as 203.0.113.1 .*` +
	`   ok   client → win2008-3 203.0.113.44, seen as 203.0.113.1 .*` +
	`   ok   client found all three public addresses at dom0's eth0 +00:16:3e:00:00:02.*` +
	`   ok   win2008-1 → client 198.51.100.1, seen as 203.0.113.42 .*` +
	`   ok   win2008-2 → client 198.51.100.1, seen as 203.0.113.43 .*` +
	`   ok   win2008-3 → client 198.51.100.1, seen as 203.0.113.44 .*` +
	`   ok   win2008-1 → win2008-2 203.0.113.43, seen as 203.0.113.42 .*` +
	`   ok   win2008-2 → win2008-3 203.0.113.44, seen as 203.0.113.43 .*` +
	`   ok   win2008-3 → win2008-1 203.0.113.42, seen as 203.0.113.44 .*` +
	`   ok   win2008-1 → win2008-1 203.0.113.42, seen as 203.0.113.42 .*` +
	`   ok   dom0 → win2008-1 203.0.113.42 .*` +
	`   ok   client → win2008-3 198.51.100.2 from 203.0.113.1 .*` +
	`   ok   client → 198.51.100.2 from 198.51.100.1: refused\n` +
	`   ok   client, with a route, → 192.168.1.2 192.168.1.3 192.168.1.4: not heard\n` +
	`   ok   win2008-1 as 192.168.1.3, its neighbour: heard by nobody\n`

// A kernel without nf_tables is no reason to fail: the other scenes play, and need none.
func TestWithoutNFTables(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.Do(refuseNetfilter))
	for _, args := range [][]string{nil, {"--quiet"}} {
		r := h.start(0, args...)
		code, out := r.end(t)
		require.Equal(t, 0, code, "%s%s", out, &r.stderr)
		assert.Regexp(t, `(?m)^4  nat: not here: this kernel has no nf_tables that translates addresses \(.*protocol not supported\)$`, out)
		assert.Contains(t, out, "client → desk 198.51.100.27 by its PV NIC")
		assert.NotContains(t, out, "win2008")
		assert.NotContains(t, out, "nftables")
		assert.Contains(t, out, "5  dhcp: not here: it takes mode nat, which is not here")
		assert.Regexp(t, `6  rate: not here: this kernel has no nf_tables that limits what comes from a tap \(.*protocol not supported\)`, out)
		assert.Contains(t, out, "dom0 is as before the first guest")
	}
}

// refuseNetfilter makes the calling thread, and whom it starts, get the answer of a kernel without nf_tables.
func refuseNetfilter() error {
	const number, domain, protocol = 0, 16, 32 // where seccomp_data has them: little-endian machines
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	unless := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	filter := []unix.SockFilter{
		load(number), unless(unix.SYS_SOCKET, 5),
		load(domain), unless(unix.AF_NETLINK, 3),
		load(protocol), unless(unix.NETLINK_NETFILTER, 1),
		answer(unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)),
		answer(unix.SECCOMP_RET_ALLOW),
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

func TestQuiet(t *testing.T) {
	h := newHost(t)
	r := h.start(0, "--quiet")
	code, out := r.end(t)
	require.Equal(t, 0, code, out)
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		assert.True(t, line == "" || strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "All ") ||
			strings.HasPrefix(line, "The lab is gone.") || strings.Contains(line, ": not here: "), line)
	}
}

func TestWordsItDoesNotTake(t *testing.T) {
	h := newHost(t)
	before := h.looks()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--keep"}, 2, "vifctl: lab: --keep starts a shell, and standard input is no terminal\n"},
		{[]string{"now"}, 2, "vifctl: lab takes no argument but --keep and --quiet\n"},
		{[]string{"--fast"}, 2, "flag provided but not defined: -fast"},
		// Only in namespaces of its own: here it would hide the machine's /run and /etc.
		{[]string{InsideArgument}, 1, "vifctl: lab: `vifctl lab inside` is only called by `vifctl lab` itself\n"},
	} {
		r := h.start(0, c.args...)
		code, out := r.end(t)
		assert.Equal(t, c.code, code, c.args)
		assert.Empty(t, out, c.args)
		assert.Contains(t, r.stderr.String(), c.says)
	}
	assert.Equal(t, before, h.looks())
}
