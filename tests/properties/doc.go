// Package properties holds vifctl's promises against the real kernel, for generated guests: twice is once, offline undoes
// online, and a call that is killed before any of its system calls converges with the next one. (design: promises 1, 2
// and 4.)
//
// The binary under test runs in a pretend dom0 (tests/dom0). The package has no code of its own, only tests.
package properties
