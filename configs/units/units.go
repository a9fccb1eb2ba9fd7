// Package units holds what makes the watcher run by itself: a unit of systemd's
// and what goes with it, and a script of OpenRC's.
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
	// source is its name here.
	source string
}

// Systemd is what a host with systemd gets.
var Systemd = []Unit{
	{"/etc/systemd/system/vifctl-watch.service", 0o644, "vifctl-watch.service"},
	{"/etc/modules-load.d/vifctl.conf", 0o644, "modules.conf"},
	{"/etc/tmpfiles.d/vifctl.conf", 0o644, "tmpfiles.conf"},
}

// OpenRC is what a host with OpenRC gets.
var OpenRC = []Unit{{"/etc/init.d/vifctl-watch", 0o755, "openrc"}}

//go:embed vifctl-watch.service modules.conf tmpfiles.conf openrc
var files embed.FS

// Text is the file's.
func (u Unit) Text() []byte {
	text, err := files.ReadFile(u.source)
	if err != nil {
		panic(err) // it is part of the program
	}
	return text
}
