package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"vifctl/cmd/vifctl/terminal"
	"vifctl/configs"
	"vifctl/hooks/session"
	"vifctl/hooks/survey"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// look reads what there is, for the commands that only answer. Nothing that is
// missing keeps it from telling the rest.
func look(ctx context.Context, inv invocation) (*survey.Facts, error) {
	s := session.Dial(ctx, inv.caller())
	defer s.Close()
	// What is wrong is among the facts: it is not told twice.
	s.SetLog(slog.New(slog.DiscardHandler))
	if err := s.Open(false, true); err != nil {
		return nil, err
	}
	src := sources(s, inv)
	var end func()
	src.Progress, end = progress(inv, "looking at the guests' interfaces")
	defer end()
	return survey.Read(ctx, src)
}

// progressAfter is how long a person waits before being told how far it is.
const progressAfter = time.Second

// progress tells whoever sits at a terminal how far something is that takes
// longer than a second; end takes the line away.
func progress(inv invocation, what string) (step func(done, all int), end func()) {
	began, told := time.Now(), false
	step = func(done, all int) {
		if time.Since(began) < progressAfter || !terminal.Is(inv.Stderr) {
			return
		}
		told = true
		fmt.Fprintf(inv.Stderr, "\r%s: %d of %d\x1b[K", what, done, all)
	}
	return step, func() {
		if told {
			fmt.Fprint(inv.Stderr, "\r\x1b[K")
		}
	}
}

// sources are where a session's facts are read.
func sources(s *session.Session, inv invocation) survey.Sources {
	src := survey.Sources{
		Engine:      &s.Engine,
		XenstoreErr: s.NoXenstore,
		ScriptsDir:  xenscripts.Dir,
		Scripts:     scripts(inv.Self),
		Firewall:    s.Firewall(),
	}
	src.Xenstore, _ = s.Xenstore.(*xenstore.Client)
	path, err := session.ConfigPath(inv.Getenv)
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
