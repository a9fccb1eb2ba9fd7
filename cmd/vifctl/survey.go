package main

import (
	"context"
	"log/slog"

	"vifctl/configs"
	"vifctl/hooks"
	"vifctl/hooks/survey"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// look reads what there is, for the commands that only answer. Nothing that is
// missing keeps it from telling the rest.
func look(ctx context.Context, inv invocation) (*survey.Facts, error) {
	s := dial(ctx, inv)
	defer s.close()
	// What is wrong is among the facts: it is not told twice.
	s.Log = slog.New(slog.DiscardHandler)
	if err := s.open(inv, false, true); err != nil {
		return nil, err
	}
	return survey.Read(ctx, s.sources(inv))
}

// sources are where a session's facts are read.
func (s *session) sources(inv invocation) survey.Sources {
	src := survey.Sources{
		Runtime:     &s.Runtime,
		XenstoreErr: s.NoXenstore,
		ScriptsDir:  xenscripts.Dir,
		Scripts:     xenscripts.Names,
		Firewall:    &hooks.HostFirewall{Host: s.Config.Host},
	}
	src.Xenstore, _ = s.Xenstore.(*xenstore.Client)
	path, err := trustedPath(inv, "VIFCTL_CONFIG", configs.Default)
	if err == nil {
		_, err = configs.Load(path)
	}
	src.ConfigErr = err
	return src
}
