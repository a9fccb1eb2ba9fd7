package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"vifctl/configs"
	"vifctl/configs/dnsmasq"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
)

// What the administrator adds.
const (
	dhcpGuest = `[host]
antispoof = "strict"
gateway   = "192.168.1.1"

[[guest]]
name    = "thin"
mode    = "nat"
address = "192.168.1.9"
dhcp    = "dnsmasq"
`
	dhcpRange = "dhcp-range=192.168.1.1,static,255.255.255.0\n"
)

// dhcpScene: dhcp = "dnsmasq". A guest that has nothing configured inside.
var dhcpScene = scene{
	name:     "dhcp",
	about:    "a guest asks for its address, and a dnsmasq that serves guests alone knows it",
	programs: []string{"dnsmasq", "busybox"},
	filters:  true,
	host:     dom0.Options{Router: true},
	admin:    startDnsmasq,
	guests:   []guest{{entry: dom0.NIC{Domid: 9, Guest: "thin", HVM: true, Script: "vif-nat"}}},
	acts: func(s *stage) error {
		for _, f := range dhcpFiles()[:2] {
			s.report.note("%s:", f.path)
			s.report.steps(strings.Split(strings.TrimSpace(f.text), "\n")...)
		}
		thin := s.guests[0]
		if err := s.online(thin); err != nil {
			return err
		}
		s.leases(thin, "its emulated NIC")
		if err := s.switchToPV(thin); err != nil {
			return err
		}
		s.leases(thin, "its PV NIC")
		return nil
	},
}

type file struct{ path, text string }

func dhcpFiles() []file {
	return []file{
		{configs.Default, dhcpGuest},
		{filepath.Join(dnsmasq.Folder, "lab.conf"), dhcpRange},
		{dnsmasq.Path, dnsmasq.Conf},
	}
}

func startDnsmasq(s *stage) error {
	for _, f := range dhcpFiles() {
		if err := s.WriteFile(f.path, f.text, 0o644); err != nil {
			return err
		}
	}
	if err := s.Do(func() error { return os.MkdirAll(plan.DHCPHosts, 0o755) }); err != nil {
		return err
	}
	// The lab may have one user alone, so it is not to become another; and then it does not write its number down.
	cmd := exec.Command("dnsmasq", "--no-daemon", "--conf-file="+dnsmasq.Path)
	if err := s.Start(cmd); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return errors.Join(s.WriteFile(plan.DHCPPid, fmt.Sprintln(cmd.Process.Pid), 0o644), s.Appears(plan.DHCPLeases))
}

// leaseScript is what busybox's DHCP client has do with what it was leased.
const leaseScript = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
ip route replace default via "$router" dev "$interface"
`

var leased = regexp.MustCompile(`lease of (\S+) obtained from (\S+),`)

// leases has a guest's client lease its address, use it and reach the client outside.
func (s *stage) leases(g *guest, by string) {
	script := filepath.Join(temporary, "lease")
	err := os.WriteFile(script, []byte(leaseScript), 0o755)
	if err == nil {
		err = g.inside.Configure(g.nic())
	}
	s.Settle()
	// A server looks for new interfaces when it finds the time, so the first words may be lost.
	r := g.inside.Run("busybox", "udhcpc", "-i", g.nic(), "-n", "-q", "-f", "-t", "5", "-T", "1", "-s", script)
	got := leased.FindStringSubmatch(r.Stdout + r.Stderr)
	if got == nil || got[1] != "192.168.1.9" || got[2] != natGateway {
		err = errors.Join(err, fmt.Errorf("udhcpc: exit %d: %s%s", r.Exit, r.Stdout, r.Stderr))
	}
	s.report.check(check{what: fmt.Sprintf("%s leases 192.168.1.9, gateway %s, by %s", g.inside.Name, natGateway, by), err: err})
	s.pings(g.inside, s.Client, " by "+by, dom0.ClientAddress)
}
