package dom0

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Addresses of the pretend network: the client is the way out, dom0 has the uplink (or the bridge that took it over).
const (
	ClientAddress = "10.0.0.1"
	HostAddress   = "10.0.0.2"
	ClientIPv6    = "2001:db8::1"
	HostIPv6      = "2001:db8::2"
)

// Options say what a dom0 is made of. The zero value is a host with an uplink and nothing else, xenstored and vifctl.
type Options struct {
	// Scripts puts the hotplug scripts under test into /etc/xen/scripts: Vifctl (the default), Debian, or a test's own.
	Scripts Scripts
	// Store starts a xenstored and returns its socket; nil is the embedded one.
	Store Store
	// Bridges are made in this order. The first one that lists the uplink among its ports takes over its addresses.
	Bridges []Bridge
	// Switch, where it is not "", is a bridge of Open vSwitch's, which the host then runs; the uplink is its port. It is the
	// machine's Open vSwitch or, where that has none, the one that tests/deps unpacked.
	Switch string
	// Router makes the host what network-route leaves: forwarding, and answering ARP for its guests on the uplink.
	Router bool
	// OneRoom has all guests live in one namespace, for a host with a thousand: of as many namespaces the kernel keeps a
	// thousand files in /proc/sys by each name, and goes through them when one is opened. A real dom0 has one.
	OneRoom bool
}

// A Dom0 is one pretend host and its surroundings.
type Dom0 struct {
	*Namespace
	// Client is a machine on the network behind the uplink.
	Client *Namespace

	options   Options
	mu        sync.Mutex
	guests    map[int]*Namespace
	ports     map[string]*Port
	socket    string // the xenstored's, on the machine
	stopStore func()
}

// New starts a dom0 that lives as long as the test.
func New(t testing.TB, o Options) *Dom0 {
	t.Helper()
	Need(t, "ip", "bridge", "tc", "xenstore-ls", "xenstore-read", "xenstore-rm", "xenstore-write")
	d, err := Start(o)
	if err != nil {
		t.Fatalf("dom0: %v", err)
	}
	t.Cleanup(d.Close)
	return d
}

// Start starts a dom0 outside a test; the caller closes it.
func Start(o Options) (*Dom0, error) {
	d := &Dom0{options: o, guests: map[int]*Namespace{}, ports: map[string]*Port{}, stopStore: func() {}}
	if err := d.start(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dom0) start() error {
	store, scripts := d.options.Store, d.options.Scripts
	if store == nil {
		store = EmbeddedStore
	}
	if scripts == nil {
		scripts = Vifctl
	}
	links, err := scripts()
	if err != nil {
		return fmt.Errorf("the scripts under test: %w", err)
	}
	socket, stop, err := store()
	if err != nil {
		return fmt.Errorf("start a xenstored: %w", err)
	}
	d.stopStore = stop
	d.socket = socket
	if d.Client, err = newNamespace("client", nil); err != nil {
		return err
	}
	d.Namespace, err = newNamespace("dom0", func() error {
		if err := mountView(socket); err != nil {
			return err
		}
		if _, err := exec.LookPath("ovs-vsctl"); err != nil && d.options.Switch != "" {
			if err := MountSwitch(); err != nil {
				return err
			}
		}
		if err := hidePrograms(); err != nil {
			return err
		}
		return install(links)
	})
	if err != nil {
		return err
	}
	if err := d.cable(); err != nil {
		return err
	}
	d.Settle()
	return d.Write("/local/domain/0/name", "Domain-0", "/local/domain/0/domid", "0", "/tool/xenstored", "")
}

// Close takes everything down: what runs in the namespaces, the namespaces, the xenstored.
func (d *Dom0) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, port := range d.ports {
		if port.TapFile != nil {
			_ = port.TapFile.Close()
		}
	}
	for _, guest := range d.guests {
		guest.close()
	}
	if d.Namespace != nil {
		d.Namespace.close()
	}
	if d.Client != nil {
		d.Client.close()
	}
	d.stopStore()
	d.ports, d.guests, d.Namespace, d.Client, d.stopStore = nil, nil, nil, nil, func() {}
}

// StopStore ends the xenstored, as a crash of it would: its socket stays, and is not served.
func (d *Dom0) StopStore() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopStore()
	d.stopStore = func() {}
}

// Settle waits until interfaces that came up have their carrier and their link-local addresses, here and at all who are
// cabled to this dom0. A ping a millisecond after a call needs it.
func (d *Dom0) Settle() {
	d.mu.Lock()
	all := []*Namespace{d.Namespace, d.Client}
	for _, guest := range d.guests {
		all = append(all, guest)
	}
	d.mu.Unlock()
	for _, n := range all {
		_, _ = n.settle()
	}
}

// WriteFile puts a file into this dom0's own view of the file system, for example a configuration or a hook. Only what
// mountView mounts is the dom0's own: a file anywhere else would be the machine's, and is refused.
func (d *Dom0) WriteFile(path, content string, mode os.FileMode) error {
	own := func(dir string) bool { return strings.HasPrefix(filepath.Clean(path), dir) }
	if !slices.ContainsFunc([]string{"/etc/", "/run/", "/var/log/"}, own) {
		return fmt.Errorf("%s is the machine's, not this dom0's: only /etc, /run and /var/log are", path)
	}
	return d.Do(func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	})
}

// ReadFile reads a file as this dom0 sees it.
func (d *Dom0) ReadFile(path string) (string, error) {
	var content []byte
	err := d.Do(func() (err error) {
		content, err = os.ReadFile(path)
		return err
	})
	return string(content), err
}
