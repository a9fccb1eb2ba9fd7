// Command unplug makes an HVM guest give up its emulated network cards, the
// way a PV driver does while it loads: by writing Xen's unplug mask to the
// platform device's I/O port (xen.git, docs/misc/hvm-emulated-unplug.pandoc).
// Linux itself does this only while booting, too early for a story that wants
// to use the emulated card first. It runs in the lab's guests, never anywhere
// else.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	unplugPort    = 0x10
	unplugAllNICs = 2
)

func main() {
	if err := unix.Iopl(3); err != nil {
		fmt.Fprintln(os.Stderr, "unplug: no access to I/O ports:", err)
		os.Exit(1)
	}
	out16(unplugPort, unplugAllNICs)
}

// out16 writes value to an I/O port.
func out16(port, value uint16)
