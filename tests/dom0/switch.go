package dom0

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vifctl/tests/speed"
)

// switchRun is where a dom0's Open vSwitch has all that is its own.
const switchRun = "/run/openvswitch"

// MountSwitch gives the calling thread's mount namespace Debian's Open vSwitch, unpacked by tests/deps, in its /usr.
func MountSwitch() error {
	root, err := Root()
	if err != nil {
		return err
	}
	unpacked := filepath.Join(root, ".cache/openvswitch/usr")
	if _, err := os.Stat(filepath.Join(unpacked, "bin/ovs-vsctl")); err != nil {
		return fmt.Errorf("Open vSwitch is not there: run `tests/deps test`: %w", err) //nolint:staticcheck // a name
	}
	if err := unix.Mount("overlay", "/usr", "overlay", 0, "lowerdir="+unpacked+":/usr"); err != nil {
		return fmt.Errorf("mount an overlay on /usr: %w", err)
	}
	return nil
}

// startSwitch starts the database and the switch, and makes a bridge with the uplink as its port. The kernel need not know
// Open vSwitch: its own datapath does.
func (d *Dom0) startSwitch(bridge string) error {
	if err := d.Do(func() error { return os.MkdirAll(switchRun, 0o755) }); err != nil {
		return err
	}
	const database, socket = switchRun + "/conf.db", switchRun + "/db.sock"
	// Debian has it there, and a link to it where people look.
	vswitchd := "/usr/lib/openvswitch-switch/ovs-vswitchd"
	if path, err := exec.LookPath("ovs-vswitchd"); err == nil {
		vswitchd = path
	}
	if _, err := d.run("ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema"); err != nil {
		return err
	}
	for _, daemon := range [][]string{
		{"ovsdb-server", database, "--remote=punix:" + socket, "--unixctl=" + switchRun + "/db.ctl"},
		{vswitchd, "unix:" + socket, "--unixctl=" + switchRun + "/switch.ctl"},
	} {
		log, err := memoryFile("openvswitch")
		if err != nil {
			return err
		}
		cmd := d.command(daemon[0], append(daemon[1:], "-vconsole:warn")...)
		cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = "/", log, log, Call{}.Environment()
		if err := d.Start(cmd); err != nil {
			return err
		}
		go func() { _ = cmd.Wait(); log.Close() }()
		if err := d.Appears(socket); err != nil {
			return err
		}
		if daemon[0] == "ovsdb-server" {
			if _, err := d.run("ovs-vsctl", "--retry", "--timeout=60", "--no-wait", "init"); err != nil {
				return err
			}
		}
	}
	if _, err := d.run("ovs-vsctl", "--timeout=60", "--", "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev",
		"other_config:hwaddr=02:00:00:00:01:00", "--", "add-port", bridge, Uplink); err != nil {
		return err
	}
	// The datapath's own interface has a MAC that is made up.
	if _, err := d.run("ip", "link", "set", "ovs-netdev", "address", "02:00:00:00:01:01"); err != nil {
		return err
	}
	return errors.Join(d.Client.checksum("eth0"), d.checksum(bridge))
}

// Appears waits for a file of the dom0's.
func (d *Dom0) Appears(path string) error {
	for end := time.Now().Add(speed.Patience); ; time.Sleep(2 * time.Millisecond) {
		err := d.Do(func() error {
			_, err := os.Stat(path)
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) || time.Now().After(end) {
			return err
		}
	}
}

// checksum has the sender compute its checksums: across a cable that is none the kernel leaves them out, and Open vSwitch's
// own datapath hands them on as they are.
func (n *Namespace) checksum(name string) error {
	return n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		// struct ifreq with a pointer to a struct ethtool_value (linux/ethtool.h).
		value := struct{ command, data uint32 }{command: 0x17} // ETHTOOL_STXCSUM
		var request struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}
		copy(request.name[:], name)
		request.data = unsafe.Pointer(&value)
		const siocEthtool = 0x8946
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), siocEthtool, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return fmt.Errorf("%s: %s: checksums: %w", n.Name, name, errno)
		}
		return nil
	})
}

var portNumber = regexp.MustCompile(`in_port=\d+`)

// State is the kernel's state, and behind it Open vSwitch's where the dom0 has one: a line a port, an interface and a flow,
// without what differs from one run to the next.
func (d *Dom0) State() string {
	state := d.Namespace.State()
	if d.options.Switch == "" {
		return state
	}
	for _, l := range []look{
		{kind: "switch-bridge", command: "ovs-vsctl --format=csv --no-headings --columns=name list Bridge"},
		{kind: "switch-port", command: "ovs-vsctl --format=csv --no-headings --columns=name,tag,trunks,vlan_mode list Port"},
		{kind: "switch-interface", command: "ovs-vsctl --format=csv --no-headings --columns=name,type,error,external_ids list Interface"},
		{kind: "switch-flow", command: "ovs-ofctl --no-stats dump-flows " + d.options.Switch},
	} {
		facts := d.look(l)
		for i := range facts {
			// A port that is made anew gets another number.
			facts[i] = portNumber.ReplaceAllString(facts[i], "in_port")
		}
		slices.Sort(facts)
		state += strings.Join(append(facts, ""), "\n")
	}
	return state
}
