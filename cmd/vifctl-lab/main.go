// Command vifctl-lab shows vifctl at work without Xen: a pretend dom0 with guests (tests/dom0), in which Xen's hotplug scripts
// are called as xl calls them. Guests come up, are pinged and called, and go again; a report says what was done and what was
// found.
//
// It needs the vifctl that was built beside it, iproute2, ping, and no root where ordinary users may make user namespaces.
// What only a hypervisor can do is pretended: a vif and a tap are one end each of a veth pair, whose other end is the guest's.
//
// It never touches the namespaces it is started in. Everything it makes is in namespaces without a name, which one child
// process alone holds: when that process ends, however it ends, the kernel takes back all there was, so there is no clean-up
// that could be skipped.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Exit codes.
const (
	done   = 0
	failed = 1
	usage  = 2
)

// errFailed: the lab ran, and its report says what is not as it should be.
var errFailed = errors.New("the lab failed")

// errUsage: the words are not understood; what is wrong with them has been said.
var errUsage = errors.New("not understood")

func main() {
	var err error
	if len(os.Args) == 3 && os.Args[1] == insideArgument {
		err = inside(os.Args[2], os.Stdout)
	} else {
		err = outside(os.Args[1:])
	}
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		os.Exit(done)
	case errors.Is(err, errUsage):
		os.Exit(usage)
	case !errors.Is(err, errFailed): // whose report has said it all
		complain("%v", err)
	}
	os.Exit(failed)
}

// outside is the lab as a person starts it.
func outside(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	return isolate(ctx, o)
}

// orders are what a person asks for, and what the child has to know beside.
type orders struct {
	// Scenes are the names of those to play.
	Scenes []string
	// Keep starts a shell in dom0 once the scene is over, while its guests are still up, and ends with it.
	Keep bool
	// Quiet leaves only the checks and the summary in the report.
	Quiet bool
	// Color the report.
	Color bool

	// User says that the child is root by the grace of a user namespace only, Root that the one who started it is.
	User, Root bool
}

func parse(args []string) (orders, error) {
	var o orders
	all := false
	f := flag.NewFlagSet("vifctl-lab", flag.ContinueOnError)
	f.SetOutput(os.Stderr)
	f.BoolVar(&all, "all", false, "play every scene, one after the other")
	f.BoolVar(&o.Keep, "keep", false, "start a shell in the scene's dom0 before its guests go; the lab ends with it")
	f.BoolVar(&o.Quiet, "quiet", false, "print only the checks and the summary")
	f.Usage = func() { explainUsage(f) }
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return o, err
	case err != nil:
		return o, errUsage
	}
	o.Scenes = f.Args()
	for _, name := range o.Scenes {
		if !slices.Contains(sceneNames(), name) {
			return o, refuse("there is no scene %q; there are %s", name, strings.Join(sceneNames(), ", "))
		}
	}
	switch {
	case all && len(o.Scenes) > 0:
		return o, refuse("--all plays every scene: name none, or leave --all away")
	case all:
		o.Scenes = sceneNames()
	case len(o.Scenes) == 0:
		o.Scenes = sceneNames()[:1]
	}
	switch {
	case o.Keep && len(o.Scenes) > 1:
		return o, refuse("--keep keeps one scene: name it (vifctl-lab --keep nat)")
	case o.Keep && !isTerminal(os.Stdin):
		return o, refuse("--keep starts a shell, and standard input is no terminal")
	}
	o.Color = os.Getenv("NO_COLOR") == "" && isTerminal(os.Stdout)
	return o, nil
}

func explainUsage(f *flag.FlagSet) {
	fmt.Fprint(f.Output(), `Usage: vifctl-lab [--keep] [--quiet] [--all | SCENE…]

It shows vifctl at work in a pretend dom0, without Xen and without touching this machine.

`)
	f.PrintDefaults()
	fmt.Fprint(f.Output(), "\nScenes, the first of which plays if none is named:\n")
	for _, s := range scenes() {
		fmt.Fprintf(f.Output(), "  %-12s %s\n", s.name, s.about)
	}
}

// refuse says in one sentence what is wrong with the words.
func refuse(format string, args ...any) error {
	complain(format, args...)
	return errUsage
}

func complain(format string, args ...any) {
	fmt.Fprintln(os.Stderr, "vifctl-lab: "+fmt.Sprintf(format, args...))
}

// isTerminal reports whether a person is at the other end of w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
