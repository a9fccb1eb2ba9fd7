// Package xen is the laboratory in which a real Xen calls vifctl: Debian's Xen, a Debian dom0 and real guests, run by
// QEMU's software emulation on any Linux machine, so that xl, libxl, xenstored and netback are what they are in the
// field.
//
// The tests (build tag xen, see README.md) boot the dom0 once, put the binary into it with `vifctl install` and run
// stories/*.sh in it, a subtest each. Without the tag the package is what the laboratory has learned: Calls returns the
// calls that xl really made, for tests that have no Xen.
//
// It never installs Xen on the machine it runs on and never changes that machine's network.
package xen
