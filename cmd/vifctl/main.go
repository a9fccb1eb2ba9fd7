// Command vifctl brings the network interfaces of Xen guests up and down. The
// name it is called by (vif-bridge, vif-route, …), or its first word, picks
// what it does.
//
// A call lives for some milliseconds: it does not look through the machine's
// control groups for how many processors it may use.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
)

// Exit codes.
const (
	done   = 0
	failed = 1
	usage  = 2
)

// invocation is one call of the program, with all it can see of the world
// outside, so that a test can be one, too.
type invocation struct {
	// Name it was called by, without its folder.
	Name           string
	Args           []string
	Getenv         func(string) string
	Stdout, Stderr io.Writer
}

func main() {
	inv := invocation{
		Name:   filepath.Base(os.Args[0]),
		Args:   os.Args[1:],
		Getenv: os.Getenv,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}
	if inv.isHookCall() {
		frugal()
	}
	os.Exit(inv.run(context.Background()))
}

// frugal readies the program for a life of some milliseconds and megabytes:
// collecting garbage would only take time, and so would a second processor,
// which has nothing to do but to be woken up. Whoever reads our standard error
// may have gone; that must not kill a call half-way.
func frugal() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	runtime.GOMAXPROCS(1)
	signal.Ignore(syscall.SIGPIPE)
}

// memoryLimit is from where on garbage is collected all the same, in bytes.
const memoryLimit = 128 << 20
