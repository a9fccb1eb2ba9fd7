// Package dom0 is a pretend dom0, for the tests and for vifctl-lab: a host with an uplink, bridges and a xenstored, in which
// guests get their interfaces and the hotplug scripts are called as xl calls them.
//
//   - A Namespace is one computer: a network namespace, and a mount namespace whose /sys shows it. An OS thread that entered
//     them holds it and never leaves. Do runs a function on that thread, Start and Run a program from it, so no program has
//     to enter by itself. Nothing has a name on the machine: when the process ends, however it ends, the kernel takes the
//     namespaces, and all that is in them, back with the thread.
//   - A Dom0 is the Namespace of the host, the Namespace of a client behind its uplink, one for each guest, and a xenstored.
//     Its /etc, /run and /var/log are its own (mountView). Several live beside each other in one process.
//   - A NIC is an entry of a guest's vif=[…]; a Port is that NIC once its keys are written. Plug makes what netback and the
//     device model make: one end each of a cable (a veth pair) whose other end is the guest's eth0 or emu0.
//   - Call is one call of a script, with libxl's environment and time limit; a Watcher is a vifctl watch at work.
//   - State is all that the kernel holds, as text; Settle waits for what it does by itself after an interface came up.
//
// Everything is the kernel's own. What is pretended is only what needs a hypervisor, and the toolstack's keys, which the
// harness writes.
//
// It takes root, or what a user namespace gives its first user: the right to make namespaces, to mount and to configure its
// own network. Beyond that a systemd (Boot) and the tap devices of TapDevice and Switch take the machine's permission.
//
// The package never touches the namespaces it was started in, and never skips a test in CI (see Need).
package dom0
