package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
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

// Everything passes and leaves nothing.
func TestLab(t *testing.T) {
	for _, user := range users {
		t.Run(user.name, func(t *testing.T) {
			h := newHost(t)
			require.NoError(t, h.Do(withSwitch))
			before := h.looks()
			r := h.run(user.uid, "--all")
			r.until(t, "4  route")
			namespaces := r.namespaces(t)
			code, out := r.end(t)

			require.Equal(t, 0, code, "%s%s", out, &r.stderr)
			assert.Empty(t, r.stderr.String())
			assert.NotContains(t, out, "FAIL")
			assert.NotContains(t, out, "it said", "no warning, no complaint")
			assert.NotContains(t, out, "\x1b", "color is for terminals")
			for _, want := range slices.Concat(guestLines, plainLines, natLines, laterLines) {
				assert.Regexp(t, want, out)
			}
			scenes := regexp.MustCompile(`(?m)^[0-9]  `).FindAllString(out, -1)
			assert.Len(t, scenes, len(sceneNames()))
			guests := regexp.MustCompile(`(?m)^   ok   dom0 is as it was`).FindAllString(out, -1)
			missing := strings.Count(out, ": not here: ")
			assert.Len(t, guests, len(scenes)-1-missing, "each but the network's")
			assert.Equal(t, before, h.looks())
			gone(t, namespaces)
		})
	}
}

// What a person sees first is one guest, on one screen.
func TestFirstScreen(t *testing.T) {
	for _, user := range users {
		t.Run(user.name, func(t *testing.T) {
			h := newHost(t)
			r := h.run(user.uid)
			code, out := r.end(t)
			require.Equal(t, 0, code, "%s%s", out, &r.stderr)
			assert.Empty(t, r.stderr.String())
			for _, want := range append(guestLines, "vifctl-lab --all") {
				assert.Regexp(t, want, out)
			}
			all := strings.Split(strings.TrimSpace(out), "\n")
			assert.LessOrEqual(t, len(all), 41, "%s", out)
			for _, line := range all {
				if !strings.HasPrefix(line, "      ") { // what vifctl printed
					assert.LessOrEqual(t, utf8.RuneCountInString(line), 80, line)
				}
			}
		})
	}
}

// guestLines are what the report says of the first scene.
var guestLines = []string{
	`guest: one comes`,
	`vif-bridge online type_if=vif`, `(?m)^      web's vif1.0 ip=10.0.0.11 bridge=xenbr0$`, `(?m)^      ip link set dev vif1.0 master xenbr0$`,
	`ok   client → web 10.0.0.11 +[0-9.]+ ms`, `ok   web → client 10.0.0.1 +[0-9.]+ ms`,
	`ok   web sends as 10.0.0.66, not its address: dropped\n`,
	`vif-bridge offline type_if=vif`, `(?m)^      ip link set dev vif1.0 nomaster$`,
	`ok   dom0 is as it was: links, addresses, routes, neighbours, settings\n   ok   no rule of nftables names a guest any more\n`,
	`(?m)^All [0-9]+ checks are well\.$`,
	`(?m)^The lab is gone: links, addresses, routes and mounts here are as they were\.$`,
}

// plainLines are what the report says of the scenes that filter nothing.
var plainLines = []string{
	`(?m)^2  network: `, `ip link set dev eth0 master xenbr0`, `ok   client → dom0 10.0.0.2 on xenbr0 `, `ok   eth0 has back what it had`,
	`(?m)^3  bridge: `, `ip link set dev web0 master xenbr0`, `ok   web0 is up and a port of xenbr0`, `ok   client → web 2001:db8::11 `,
	`ok   client → win 10.0.0.12 by its emulated NIC `, `ok   client → win 10.0.0.12 by its PV NIC `,
	`(?m)^4  route: `, `vif-route add type_if=tap`, `ok   mail is told its MTU +1400`, `ok   client → mail 10.0.0.26 `,
	`ok   client → mail 2001:db8::25 `, `ok   mail → client 2001:db8::1 `,
	`ok   routes to 10.0.0.27: vif4.0-emu metric 1, vif4.0 metric 2`, `ok   client → desk 10.0.0.27 by its PV NIC `, `vif-route offline type_if=vif`,
}

// However it ends, nothing is left.
func TestInterrupted(t *testing.T) {
	interruptions := []struct {
		name string
		do   func(*aRun) error
		says string
	}{
		{"SIGINT", func(r *aRun) error { return unix.Kill(r.Process.Pid, unix.SIGINT) }, "vifctl-lab: interrupted"},
		{"ctrl-c", func(r *aRun) error { return unix.Kill(-r.Process.Pid, unix.SIGINT) }, "vifctl-lab: interrupted"},
		{"SIGTERM", func(r *aRun) error { return unix.Kill(r.Process.Pid, unix.SIGTERM) }, "vifctl-lab: interrupted"},
		{"SIGKILL", func(r *aRun) error { return unix.Kill(r.Process.Pid, unix.SIGKILL) }, ""},
	}
	for _, user := range users {
		for _, i := range interruptions {
			t.Run(user.name+"/"+i.name, func(t *testing.T) {
				h := newHost(t)
				before := h.looks()
				r := h.run(user.uid, "bridge")
				r.until(t, "client → win 10.0.0.12 by its emulated NIC")
				namespaces := r.namespaces(t)
				require.NoError(t, i.do(r))
				code, out := r.end(t)

				assert.NotContains(t, out, "dom0 is as it was", "it was in the middle")
				assert.NotContains(t, out, "FAIL", "what is interrupted has not failed")
				assert.Contains(t, r.stderr.String(), i.says)
				if i.says != "" {
					assert.Equal(t, 1, code)
					assert.Contains(t, out, "The lab is gone: links")
				}
				gone(t, namespaces)
				assert.Equal(t, before, h.looks())
			})
		}
	}
}

// natLines are what the report says of the nat scene.
var natLines = []string{
	`(?m)^5  nat: `,
	`(?m)^      antispoof = "strict" `, `(?m)^      public  = "203.0.113.44"$`, `vifctl config check +3 guests, no mistake`,
	`(?m)^      # firewall: 203.0.113.42 stands for 192.168.1.2$`,
	`(?m)^      # firewall: tcp 3389 of 10.0.0.2 when it comes from 203.0.113.1 goes to 192.168.1.2$`,
	`(?s)all three by their emulated NICs:` + natChecks + `.*all three by their PV NICs:` + natChecks,
	`ok   vif5.0-emu comes without a call: vifctl watch brings it up`, `ok   vif7.0-emu comes without a call`,
	`vif-nat remove type_if=tap`,
}

// laterLines are what the report says of the scenes behind it. Not every kernel's bridges keep VLANs apart.
var laterLines = []string{
	`(?m)^6  dhcp: `, `(?m)^      dhcp-range=192.168.1.1,static,255.255.255.0$`,
	`ok   thin leases 192.168.1.9, gateway 192.168.1.1, by its emulated NIC\n`, `ok   thin → client 10.0.0.1 by its emulated NIC `,
	`ok   thin leases 192.168.1.9, gateway 192.168.1.1, by its PV NIC\n`, `ok   thin → client 10.0.0.1 by its PV NIC `,
	`(?m)^7  rate: `, `limit rate over 100000 bytes/second`,
	`ok   tape → client: of 600 kB, what 100 kB a second allow +[0-9]+ kB`, `ok   client → tape: of 600 kB, all +[3-6][0-9][0-9] kB`,
	`(?m)^8  vlan: (not here: this kernel's bridges keep no VLANs apart|(?s:.*ok   red1 → red2 192.0.2.11 in VLAN 10.*` +
		`ok   blue, in another VLAN, calls all: red2 does not hear it))`,
	`(?m)^9  openvswitch: `, `add-port ovs0 vif14.0 tag=10 trunks=20,30 vlan_mode=native-untagged`,
	`ok   green1 → green2 192.0.2.14 in VLAN 10 `, `ok   gold, in another VLAN, calls all: green2 does not hear it`,
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
		for _, program := range []string{"dnsmasq", "nft", "bridge", "tc", "xenstore-read", "xenstore-write", "xenstore-ls", "xenstore-rm"} {
			path, err := exec.LookPath(program)
			if err != nil {
				continue // it is missing as it is
			}
			if err := unix.Mount("/dev/null", path, "", unix.MS_BIND, ""); err != nil {
				return err
			}
		}
		return nil
	}))
	r := h.run(0, "--quiet", "dhcp", "guest", "bridge")
	code, out := r.end(t)
	require.Equal(t, 0, code, "%s%s", out, &r.stderr)
	assert.Contains(t, out, "3  dhcp: not here: there is no program dnsmasq on this machine: apt-get install dnsmasq-base\n")
	assert.Contains(t, out, "web sends as 10.0.0.66, not its address: dropped")
	assert.Contains(t, out, "client → win")
	assert.Equal(t, 2, strings.Count(out, "dom0 is as it was"))
	assert.NotContains(t, out, "no rule of nftables", "it was not looked at")
	assert.NotContains(t, out, "thin leases")
}

const natChecks = `\n` +
	`   ok   client → win2008-1 203.0.113.42, seen as 203.0.113.1 .*` +
	`   ok   client → win2008-2 203.0.113.43, seen as 203.0.113.1 .*` +
	`   ok   client → win2008-3 203.0.113.44, seen as 203.0.113.1 .*` +
	`   ok   client found all three public addresses at dom0's eth0 +00:16:3e:00:00:02.*` +
	`   ok   win2008-1 → client 10.0.0.1, seen as 203.0.113.42 .*` +
	`   ok   win2008-2 → client 10.0.0.1, seen as 203.0.113.43 .*` +
	`   ok   win2008-3 → client 10.0.0.1, seen as 203.0.113.44 .*` +
	`   ok   win2008-1 → win2008-2 203.0.113.43, seen as 203.0.113.42 .*` +
	`   ok   win2008-2 → win2008-3 203.0.113.44, seen as 203.0.113.43 .*` +
	`   ok   win2008-3 → win2008-1 203.0.113.42, seen as 203.0.113.44 .*` +
	`   ok   win2008-1 → win2008-1 203.0.113.42, seen as 203.0.113.42 .*` +
	`   ok   dom0 → win2008-1 203.0.113.42 .*` +
	`   ok   client → win2008-1 10.0.0.2 from 203.0.113.1 .*` +
	`   ok   client → 10.0.0.2 from 10.0.0.1: refused\n` +
	`   ok   client, with a route, → 192.168.1.2 192.168.1.3 192.168.1.4: not heard\n` +
	`   ok   win2008-1 sends as 192.168.1.3, its neighbour's: dropped\n`

// A kernel without nf_tables is no reason to fail: the other scenes play, and need none.
func TestWithoutNFTables(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.Do(refuseNetfilter))
	r := h.run(0, "--all")
	code, out := r.end(t)
	require.Equal(t, 0, code, "%s%s", out, &r.stderr)
	assert.Regexp(t, `(?m)^   Without nf_tables in this kernel nothing is filtered \(.*protocol not supported\)\.$`, out)
	for _, scene := range []string{"5  nat", "6  dhcp", "7  rate"} {
		assert.Regexp(t, `(?m)^`+scene+`: not here: this kernel has no nf_tables \(.*protocol not supported\)$`, out)
	}
	assert.Contains(t, out, "client → web 10.0.0.11")
	assert.Contains(t, out, "client → desk 10.0.0.27 by its PV NIC")
	assert.NotContains(t, out, "win2008")
	assert.Contains(t, out, "dom0 is as it was")
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
	r := h.run(0, "--quiet", "guest", "route")
	code, out := r.end(t)
	require.Equal(t, 0, code, out)
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		assert.True(t, line == "" || strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "All ") ||
			strings.HasPrefix(line, "The lab is gone:"), line)
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
		{[]string{"--keep"}, 2, "vifctl-lab: --keep starts a shell, and standard input is no terminal\n"},
		{[]string{"--keep", "--all"}, 2, "vifctl-lab: --keep keeps one scene: name it (vifctl-lab --keep nat)\n"},
		{[]string{"--all", "nat"}, 2, "vifctl-lab: --all plays every scene: name none, or leave --all away\n"},
		{[]string{"now"}, 2, "vifctl-lab: there is no scene \"now\"; there are guest, network, bridge, "},
		{[]string{"--fast"}, 2, "flag provided but not defined: -fast"},
		{[]string{"--help"}, 0, "Usage: vifctl-lab "},
		// Only in namespaces of its own.
		{[]string{insideArgument, "{}"}, 1, "vifctl-lab: `vifctl-lab inside` is only called by vifctl-lab itself\n"},
	} {
		r := h.run(0, c.args...)
		code, out := r.end(t)
		assert.Equal(t, c.code, code, c.args)
		assert.Empty(t, out, c.args)
		assert.Contains(t, r.stderr.String(), c.says)
	}
	assert.Equal(t, before, h.looks())
}
