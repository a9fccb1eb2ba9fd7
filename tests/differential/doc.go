// Package differential compares vifctl with the scripts it replaces: the same calls are made in twin dom0s, one with
// Debian's own vif scripts and one with vifctl, both with Debian's C xenstored, and after every call the whole state of
// the two kernels and the two xenstores is compared.
//
// Every line that differs must belong to a deliberate difference: a named entry of differences_test.go that says why. An
// entry that explains nothing any more fails the test too, so the list is neither longer nor shorter than the truth.
//
// Debian ships no network-* script: there the other twin is made by hand what xend's own would have made it.
//
// The package has no code of its own, only tests.
package differential
