package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"vifctl/cmd/vifctl/terminal"
	"vifctl/configs"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/engine"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// look reads what there is, for the commands that only answer. Nothing that is
// missing keeps it from telling the rest.
func look(ctx context.Context, inv invocation) (*inventory.Facts, error) {
	s := dial(ctx, inv)
	defer s.close()
	// What is wrong is among the facts: it is not told twice.
	s.Log = slog.New(slog.DiscardHandler)
	if err := s.open(inv, false, true); err != nil {
		return nil, err
	}
	src := s.sources(inv)
	var end func()
	src.Progress, end = progress(inv, "looking at the guests' interfaces")
	defer end()
	return inventory.Read(ctx, src)
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
func (s *session) sources(inv invocation) inventory.Sources {
	src := inventory.Sources{
		Engine:      &s.Engine,
		XenstoreErr: s.NoXenstore,
		ScriptsDir:  xenscripts.Dir,
		Scripts:     xenscripts.Names,
		Firewall:    &engine.HostFirewall{Host: s.Config.Host, Book: filepath.Join(s.dir, "iptables")},
	}
	src.Xenstore, _ = s.Xenstore.(*xenstore.Client)
	path, err := trustedPath(inv, "VIFCTL_CONFIG", configs.Default)
	if err == nil {
		_, err = configs.Load(path)
	}
	src.ConfigErr = err
	return src
}
