// Package units holds what makes vifctl run by itself: units of systemd's and
// what goes with them, and a script of OpenRC's.
package units

import (
	"embed"
	"io/fs"
)

// Unit is one file of the host's.
type Unit struct {
	// Path is where the file belongs.
	Path string
	Mode fs.FileMode
	// Service is what is started by it, "" for what goes with others.
	Service string
	// About says what it does, for the administrator.
	About string
	// Now: it may be started at once, and need not wait for the next boot.
	Now bool
	// source is its name here.
	source string
}

// Systemd is what a host with systemd gets.
var Systemd = []Unit{
	{
		Path: "/etc/systemd/system/vifctl-network.service", Mode: 0o644, source: "vifctl-network.service",
		Service: "vifctl-network", About: "from the next boot on: what `network` in the configuration lists",
	},
	{
		Path: "/etc/systemd/system/vifctl-watch.service", Mode: 0o644, source: "vifctl-watch.service",
		Service: "vifctl-watch", About: watcher, Now: true,
	},
	{
		Path: "/etc/systemd/system/vifctl-dnsmasq.service", Mode: 0o644, source: "vifctl-dnsmasq.service",
		Service: "vifctl-dnsmasq", About: "DHCP for guests: needs /etc/xen/vifctl-dnsmasq.conf", Now: true,
	},
	{Path: "/etc/modules-load.d/vifctl.conf", Mode: 0o644, source: "modules.conf"},
	{Path: "/etc/tmpfiles.d/vifctl.conf", Mode: 0o644, source: "tmpfiles.conf"},
}

// OpenRC is what a host with OpenRC gets.
var OpenRC = []Unit{{Path: "/etc/init.d/vifctl-watch", Mode: 0o755, source: "openrc", Service: "vifctl-watch", About: watcher, Now: true}}

const watcher = "late taps come up, and what goes missing comes back"

//go:embed *.service modules.conf tmpfiles.conf openrc
var files embed.FS

// Text is the file's.
func (u Unit) Text() []byte {
	text, err := files.ReadFile(u.source)
	if err != nil {
		panic(err) // it is part of the program
	}
	return text
}
