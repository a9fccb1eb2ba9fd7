// Package dnsmasq holds the configuration of the dnsmasq that serves guests.
package dnsmasq

import _ "embed"

// Conf is what belongs into Path.
//
//go:embed vifctl-dnsmasq.conf
var Conf string

// Path is where it belongs, and Folder has the networks that guests have
// addresses in, which are the administrator's to say.
const (
	Path   = "/etc/xen/vifctl-dnsmasq.conf"
	Folder = "/etc/xen/vifctl-dnsmasq.d"
)
