// Package dhcp tells a dnsmasq of the guests' own what to lease: one file a
// NIC, in a folder that it watches. It decides nothing, and works as well while
// no dnsmasq runs: it reads the folder when it starts.
package dhcp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
	"vifctl/hooks/process"
)

// unit is systemd's name of it.
const unit = "vifctl-dnsmasq.service"

// Host is the dnsmasq of this host.
type Host struct{}

// ReadDHCP implements kernel.DHCPReader.
func (Host) ReadDHCP(hosts []plan.DHCPHost, s *plan.Snapshot) error {
	for _, h := range hosts {
		line, err := os.ReadFile(h.File())
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("read what is to be leased: %w", err)
		default:
			s.DHCP[h.MAC] = strings.TrimSuffix(string(line), "\n")
		}
	}
	return nil
}

// SetDHCP has an address leased, or no longer.
func (Host) SetDHCP(ctx context.Context, h plan.DHCPHost) error {
	if h.Absent {
		if err := forget(ctx, h); err != nil {
			return fmt.Errorf("%s: no longer lease %s to %s: %w", h.Port, h.IP, h.MAC, err)
		}
		return nil
	}
	if err := lease(ctx, h); err != nil {
		return fmt.Errorf("%s: lease %s to %s: %w", h.Port, h.IP, h.MAC, err)
	}
	return nil
}

func lease(ctx context.Context, h plan.DHCPHost) error {
	before, err := os.ReadFile(h.File())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	replaced := err == nil && string(before) != h.Line()+"\n"
	if err := os.MkdirAll(plan.DHCPHosts, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{plan.DHCPDir, plan.DHCPHosts} {
		// dnsmasq reads as a user of its own, whatever our umask is.
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	// Not in the folder itself: dnsmasq would read it half written.
	if err := renameio.WriteFile(h.File(), []byte(h.Line()+"\n"), 0o644, renameio.WithTempDir(plan.DHCPDir), renameio.IgnoreUmask()); err != nil {
		return err
	}
	if replaced {
		if err := readAnew(ctx); err != nil {
			return err
		}
	}
	return release(ctx, h)
}

func forget(ctx context.Context, h plan.DHCPHost) error {
	err := os.Remove(h.File())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, readAnew(ctx))
}

// readAnew has dnsmasq read the folder from the start: it sees by itself what
// comes, but not what goes. No dnsmasq has nothing to read.
func readAnew(ctx context.Context) error {
	pid, err := server()
	if pid == 0 || err != nil {
		return err
	}
	err = unix.Kill(pid, unix.SIGHUP)
	if errors.Is(err, unix.EPERM) {
		// Our unit may not signal other processes.
		_, err = process.Output(ctx, []string{"/usr/bin/systemctl", "reload", unit}, "")
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("have dnsmasq read its folder anew: %w", err)
	}
	return nil
}

// Runs reports whether there is a dnsmasq of the guests' own.
func Runs() bool {
	pid, err := server()
	return pid != 0 && err == nil
}

// server is the dnsmasq's process, 0 where there is none.
func server() (pid int, err error) {
	text, err := os.ReadFile(plan.DHCPPid)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s holds no process number: %q", plan.DHCPPid, text)
	}
	// The file outlives a dnsmasq that was killed, and its number may be
	// another process's by now.
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	switch {
	case err == nil && strings.TrimSpace(string(name)) == "dnsmasq":
		return pid, nil
	case err != nil && errors.Is(unix.Kill(pid, 0), unix.EPERM):
		return pid, nil // in a unit that may not see other users' processes
	}
	return 0, nil //nolint:nilerr // it has gone
}

// release gives back what another hardware address has leased of the address:
// dnsmasq would refuse it to the new one until then.
func release(ctx context.Context, h plan.DHCPHost) error {
	leases, err := os.ReadFile(plan.DHCPLeases)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(leases)) {
		// When it ends, hardware address, address, name, client identifier.
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.EqualFold(fields[1], h.MAC) {
			continue
		}
		if ip, err := netip.ParseAddr(fields[2]); err != nil || ip != h.IP {
			continue
		}
		argv := []string{"/usr/bin/dhcp_release", h.Port.Name, h.IP.String(), fields[1]}
		if len(fields) > 4 && fields[4] != "*" {
			argv = append(argv, fields[4])
		}
		if _, err := os.Stat(argv[0]); err != nil {
			return fmt.Errorf("%s has it, and there is no %s to give it back with: install dnsmasq's tools (Debian: dnsmasq-utils)", fields[1], argv[0])
		}
		if _, err := process.Output(ctx, argv, ""); err != nil {
			return fmt.Errorf("give back the lease of %s: %w", fields[1], err)
		}
	}
	return nil
}
