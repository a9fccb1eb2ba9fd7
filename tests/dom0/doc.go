// Package dom0 is a pretend dom0 for tests: a network namespace with an uplink, bridges and a xenstored, in which guests
// get their interfaces and the hotplug scripts are called as xl calls them.
//
// Everything is the kernel's own: namespaces, veth and tap devices, bridges, mounts. What is pretended is only what
// needs a hypervisor: a vif is one end of a veth pair whose other end is the guest's eth0, and nobody but the harness
// writes the backend keys that libxl would.
//
// Several dom0s run beside each other in one test process. Each lives on an OS thread of its own that entered its
// namespaces and never leaves them, so there is nothing with a name on the machine to clean up: when the test ends, or
// is killed, the kernel takes the namespaces, and all that is in them, back with the thread.
//
// The package never touches the namespace it was started in, and never skips a test in CI (see Need).
package dom0
