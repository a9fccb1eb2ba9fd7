package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"vifctl/cmd/vifctl/command"
	"vifctl/cmd/vifctl/terminal"
	"vifctl/configs"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/session"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// look reads what there is, for the commands that only answer. Nothing that is
// missing keeps it from telling the rest. flows: connections are gone through, too.
func look(ctx context.Context, c *command.Call, flows bool) (*inventory.Facts, error) {
	quiet := caller(c)
	quiet.Stderr = io.Discard // what is wrong is among the facts: it is not told twice
	s, err := openHost(ctx, quiet, false, true)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	src := sources(s, c)
	src.Flows = flows
	var end func()
	src.Progress, end = progress(c.Errors, "looking at the guests' interfaces")
	defer end()
	return inventory.Read(ctx, src)
}

// progressAfter is how long a person waits before being told how far it is.
const progressAfter = time.Second

// progress tells the person at a terminal how far something is that takes
// longer than a second; end takes the line away.
func progress(out *terminal.Writer, what string) (step func(done, all int), end func()) {
	began, told := time.Now(), false
	step = func(done, all int) {
		if time.Since(began) < progressAfter || !out.Is() {
			return
		}
		told = true
		out.Replace(fmt.Sprintf("%s: %d of %d", what, done, all))
	}
	return step, func() {
		if told {
			out.Replace("")
		}
	}
}

// sources are where a session's facts are read.
func sources(s *session.Session, c *command.Call) inventory.Sources {
	src := inventory.Sources{
		Engine:      &s.Engine,
		XenstoreErr: s.NoXenstore,
		ScriptsDir:  xenscripts.Dir,
		Scripts:     scripts(c.Self),
		Firewall:    s.Firewall(),
	}
	src.Xenstore, _ = s.Xenstore.(*xenstore.Client)
	path, err := session.ConfigPath(c.Getenv)
	if err == nil {
		_, err = configs.Load(path)
	}
	src.ConfigErr = err
	return src
}

// scripts are the names of Xen's scripts, and the program that each leads to: this
// one, or the one beside it.
func scripts(self string) map[string]string {
	all := map[string]string{}
	for _, name := range xenscripts.Names() {
		all[name] = self
		if program := xenscripts.ProgramOf(name); program != xenscripts.Program {
			all[name] = filepath.Join(filepath.Dir(self), program)
		}
	}
	return all
}

// guestNames are those of the guests and of their ports.
func guestNames(f *inventory.Facts) (names []string) {
	for i := range f.NICs {
		n := &f.NICs[i]
		names = append(names, n.Guest, "vif"+n.NIC.String())
		for _, p := range n.Ports() {
			names = append(names, p.Name)
		}
	}
	return names
}

// noSuchName is the error of a name that nothing on the host has.
func noSuchName(f *inventory.Facts, name string) error {
	return fmt.Errorf("%s: there is no guest or port of that name%s", name, configs.DidYouMean(name, guestNames(f)))
}
