package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/xenstore"
	"vifctl/tests/dom0"
	"vifctl/tests/realxenstore"
	"vifctl/xenscripts"
)

// mostPerBridge leaves room below the 1,023 ports that a bridge can have.
const mostPerBridge = 900

// A host is a pretend dom0 of one mode. Its /run is a tmpfs, as on a real host: what would be measured on a disk is the
// disk. Without a configuration file nothing is filtered;
// where the mode is strict it has one, with all guests.
type host struct {
	*dom0.Dom0
	mode      mode
	beside    bool // Debian's scripts are called, too
	perBridge int
	made      *programs
	storeName string
	store     *xenstore.Client
	// kernel is a netlink socket in the dom0's namespace.
	kernel *netlink.Handle
	// present are the taps of the ports that are there to be in the way, held open so that they have a carrier.
	present []int
	// null and stderr are what calls get for their input and output.
	null, stderr *os.File
}

func newHost(m mode, s scope, made *programs) (*host, error) {
	h := &host{mode: m, beside: s.beside && !m.strict, perBridge: s.perBridge, made: made}
	if err := h.start(s); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *host) start(s scope) error {
	progress("%s: making a dom0", h.mode.name)
	scripts := dom0.Debian(realxenstore.DebianRoot())
	if h.mode.strict {
		scripts = dom0.Built(h.made.vifctl)
	}
	options := dom0.Options{Scripts: scripts, Router: h.mode.name != "bridge"}
	if h.mode.name == "bridge" {
		for i := range s.bridges() {
			options.Bridges = append(options.Bridges, dom0.Bridge{Name: fmt.Sprintf("xenbr%d", i)})
		}
		options.Bridges[0].Ports = []string{dom0.Uplink}
	}
	var socket string
	options.Store = func() (string, func(), error) {
		name, path, stop, err := startStore()
		h.storeName, socket = name, path
		return path, stop, err
	}
	var err error
	if h.Dom0, err = dom0.Start(options); err != nil {
		return err
	}
	if h.store, err = xenstore.DialPath(context.Background(), socket); err != nil {
		return err
	}
	if err := h.Do(h.furnish); err != nil || !h.mode.strict {
		return err
	}
	return h.WriteFile(dom0.ConfigFile, h.configuration(s), 0o644)
}

// callers are those whose calls are timed.
func (h *host) callers() []string {
	if h.beside {
		return []string{vifctl, debian}
	}
	return []string{vifctl}
}

// furnish makes, inside, what calls need.
func (h *host) furnish() (err error) {
	if h.kernel, err = netlink.NewHandle(); err != nil {
		return err
	}
	for _, mine := range []string{dom0.ConfigFile, "/etc/xen/vifctl.d"} {
		// This dom0's own view of the machine's /etc is changed, not the machine's.
		if err := os.RemoveAll(mine); err != nil {
			return err
		}
	}
	// The harness keeps the scripts from logging; what they are compared by includes it.
	if err := unix.Unmount("/usr/bin/logger", 0); err != nil {
		return fmt.Errorf("give the scripts their logger back: %w", err)
	}
	if err := os.Mkdir(ours, 0o755); err != nil {
		return err
	}
	for name, program := range map[string]string{h.mode.script: h.made.hook, xenscripts.Program: h.made.vifctl} {
		if err := os.Symlink(program, filepath.Join(ours, name)); err != nil {
			return err
		}
	}
	if h.null, err = os.Open(os.DevNull); err != nil {
		return err
	}
	h.stderr, err = os.OpenFile("/run/bench/stderr", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	return err
}

// configuration is strict, and gives all guests that there will be a public address each.
func (h *host) configuration(s scope) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[host]\nuplink = %q\nfirewall = \"nftables\"\nantispoof = \"strict\"\ngateway = \"10.127.0.1\"\n", dom0.Uplink)
	entry := func(p port) {
		fmt.Fprintf(&b, "\n[[guest]]\nname = %q\nmode = \"nat\"\naddress = [%q]\npublic = [%q]\n", p.guest(), p.ip, p.public())
	}
	for n := range s.sizes[len(s.sizes)-1] {
		entry(h.inTheWay(n))
	}
	for i := range 1 + max(crowd, leavers) {
		entry(h.probe(i))
	}
	return b.String()
}

// close takes everything down. The taps are persistent, so that they all go at once with the namespace and not, which
// takes minutes, one by one with their files.
func (h *host) close() error {
	var failed []error
	for _, fd := range h.present {
		failed = append(failed, unix.Close(fd))
	}
	h.present = nil
	if h.kernel != nil {
		h.kernel.Close()
	}
	if h.store != nil {
		_ = h.store.Close()
	}
	for _, f := range []*os.File{h.null, h.stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
	if h.Dom0 != nil {
		h.Close()
	}
	return errors.Join(failed...)
}

// words are what calls said since the last time, on their standard error and in the scripts' log.
func (h *host) words() string {
	said := ""
	for _, path := range []string{h.stderr.Name(), "/var/log/xen/xen-hotplug.log"} {
		text, _ := h.ReadFile(path)
		said += text
		_ = h.Do(func() error { return os.Truncate(path, 0) })
	}
	return said
}
