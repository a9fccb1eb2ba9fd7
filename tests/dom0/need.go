package dom0

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// packages names, for each program a test may need, the Debian package that holds it.
var packages = map[string]string{
	"awk":                     "mawk",
	"bash":                    "bash",
	"bridge":                  "iproute2",
	"busybox":                 "busybox-static",
	"chromium-headless-shell": "chromium-headless-shell",
	"conntrack":               "conntrack",
	"dbus-daemon":             "dbus",
	"dhcp_release":            "dnsmasq-utils",
	"dnsmasq":                 "dnsmasq-base",
	"fish":                    "fish",
	"go":                      "golang",
	"groff":                   "groff-base",
	"ifconfig":                "net-tools",
	"ip":                      "iproute2",
	"ip6tables":               "iptables",
	"iptables":                "iptables",
	"journalctl":              "systemd",
	"nft":                     "nftables",
	"nsenter":                 "util-linux",
	"ovs-vsctl":               "openvswitch-switch",
	"ping":                    "iputils-ping",
	"setpriv":                 "util-linux",
	"systemctl":               "systemd",
	"systemd-analyze":         "systemd",
	"systemd-run":             "systemd",
	"tc":                      "iproute2",
	"unshare":                 "util-linux",
	"which":                   "debianutils",
	"zsh":                     "zsh",
	"xenstore-ls":             "xenstore-utils",
	"xenstore-read":           "xenstore-utils",
	"xenstore-rm":             "xenstore-utils",
	"xenstore-write":          "xenstore-utils",
}

// Need ends the test when it is not run by root or a program is missing, with one sentence that says what to do. In CI
// (CI=true) that is a failure, so that a root test never goes missing unseen; on a developer's machine it is a skip.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	err := Missing(programs...)
	if os.Geteuid() != 0 {
		err = errors.New("this test makes network namespaces: run it as root")
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// Missing says which of some programs is not on this machine, and how Debian installs it; nil where all are.
func Missing(programs ...string) error {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("there is no program %s on this machine: apt-get install %s", program, packageOf(program))
		}
	}
	return nil
}

func packageOf(program string) string {
	if name, ok := packages[program]; ok {
		return name
	}
	return program
}
