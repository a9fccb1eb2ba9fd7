package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"vifctl/configs"
	"vifctl/configs/dnsmasq"
	"vifctl/hooks/plan"
)

// dhcpScene: dhcp = "dnsmasq". A guest that has nothing configured inside.
var dhcpScene = Scene{
	Name:  "dhcp",
	About: "a guest asks for its address, and a dnsmasq that serves guests alone knows it",
	Host: func(d *Dom0) error {
		if !d.translates {
			return notHere{errors.New("it takes mode nat, which is not here")}
		}
		_, err := needs("dnsmasq (Debian: dnsmasq-base)", "dnsmasq")
		return err
	},
	Play: playDHCP,
}

// What the administrator adds.
const (
	dhcpGuest = `[[guest]]
name    = "thin"
mode    = "nat"
address = "192.168.1.9"
dhcp    = "dnsmasq"
`
	dhcpRange = "dhcp-range=192.168.1.1,static,255.255.255.0\n"
)

var dhcpAddress = prefixes("192.168.1.9/24")[0]

func playDHCP(ctx context.Context, d *Dom0) error {
	files := []struct{ path, text string }{
		{filepath.Join(configs.Folder(configs.Default), "thin.toml"), dhcpGuest},
		{filepath.Join(dnsmasq.Folder, "lab.conf"), dhcpRange},
		{dnsmasq.Path, dnsmasq.Conf},
	}
	for _, f := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(f.path), 0o755), os.WriteFile(f.path, []byte(f.text), 0o644)); err != nil {
			return err
		}
	}
	for _, f := range files[:2] {
		d.Report.Note("%s:", f.path)
		d.Report.Steps(strings.Split(strings.TrimSpace(f.text), "\n")...)
	}
	if err := os.MkdirAll(plan.DHCPHosts, 0o755); err != nil {
		return err
	}
	paths, err := needs("dnsmasq", "dnsmasq")
	if err != nil {
		return err
	}
	// The lab may have one user alone, so it is not to become another; and then it does not write its number down.
	pid, err := d.daemon(ctx, appears(plan.DHCPLeases), paths["dnsmasq"], "--no-daemon", "--conf-file="+dnsmasq.Path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(plan.DHCPPid, fmt.Appendln(nil, pid), 0o644); err != nil {
		return err
	}
	thin, err := d.Start(ctx, Guest{Name: "thin", Domid: 9, HVM: true, Script: "vif-nat", Bridge: "xenbr0"})
	if err != nil {
		return err
	}
	if err := d.leases(ctx, thin, "its emulated NIC"); err != nil {
		return err
	}
	if err := d.SwitchToPV(ctx, thin); err != nil {
		return err
	}
	return d.leases(ctx, thin, "its PV NIC")
}

// leases has a guest lease its address, use it and reach the client.
func (d *Dom0) leases(ctx context.Context, g *Domain, by string) error {
	l, err := g.lease(ctx, g.nic())
	if err == nil && (l.address != dhcpAddress || l.router != natGateway) {
		err = fmt.Errorf("it was leased %s, and the gateway is %s", l.address, l.router)
	}
	d.Report.Check(Check{
		What:  fmt.Sprintf("%s leases %s, gateway %s, by %s", g.Guest.Name, dhcpAddress, natGateway, by),
		Found: milliseconds(l.took), Err: err,
	})
	if err != nil {
		return nil //nolint:nilerr // it is in the report
	}
	err = errors.Join(g.configure(g.nic(), l.address), g.gateways(g.nic(), l.router))
	d.Pings(ctx, g.Machine, d.Client, " by "+by, netip.PrefixFrom(clientUplink[0].Addr(), 32))
	return err
}
