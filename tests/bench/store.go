package main

import (
	"fmt"
	"slices"
	"testing"

	"vifctl/tests/dom0"
	"vifctl/tests/realxenstore"
)

// holder is as much of a test as realxenstore needs.
type holder struct {
	testing.TB
	cleanups []func()
}

// fatal is what a holder's Fatalf panics with.
type fatal string

// Helper implements testing.TB.
func (*holder) Helper() {}

// Cleanup implements testing.TB.
func (h *holder) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Fatalf implements testing.TB.
func (*holder) Fatalf(format string, args ...any) { panic(fatal(fmt.Sprintf(format, args...))) }

func (h *holder) finish() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
}

// startStore starts Debian's own xenstored or, where that is not to be had, the embedded one, and says which. The
// embedded one runs in this process.
func startStore() (name, socket string, stop func(), err error) {
	socket, stop, missing := startReal()
	if missing == "" {
		return "Debian's C xenstored", socket, stop, nil
	}
	socket, stop, err = dom0.EmbeddedStore()
	return "the embedded xenstore, in the bench's own process (" + missing + ")", socket, stop, err
}

func startReal() (socket string, stop func(), missing string) {
	var h holder
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case fatal:
			h.finish()
			missing = string(reason)
		default:
			panic(reason)
		}
	}()
	return realxenstore.Start(&h), h.finish, ""
}
