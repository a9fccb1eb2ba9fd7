package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"vifctl/configs"
	"vifctl/hooks/plan"
	"vifctl/hooks/process"
)

// hookRuns lists the administrator's hooks: the executable *.hook files of
// vif-post.d, in the order of their names.
func (p *port) hookRuns() ([]plan.HookRun, error) {
	entries, err := os.ReadDir(p.HookDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for hooks: %w", err)
	}
	var runs []plan.HookRun
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".hook") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(p.HookDir, e.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		if err := configs.Trusted(path); err != nil {
			if p.call.Command.Up() {
				return nil, fmt.Errorf("%s: the hook is not run: %w", p.Event.Name, err)
			}
			p.warn("a hook is not run: %v", err)
			continue
		}
		runs = append(runs, plan.HookRun{Path: path, Vars: p.hookVars()})
	}
	return runs, nil
}

func joinPrefixes(ips []netip.Prefix) string {
	words := make([]string, len(ips))
	for i, p := range ips {
		words[i] = p.String()
		if p.IsSingleIP() {
			words[i] = p.Addr().String()
		}
	}
	return strings.Join(words, " ")
}

// BashHooks runs hooks as the stock scripts did: sourced by bash, with the
// call's values as variables and the scripts' functions at hand.
type BashHooks struct {
	// Shim is the bash text that defines the functions and sources the file
	// named by its first argument.
	Shim string
	// Self is the absolute path of the vifctl binary, for the functions that
	// read and write the xenstore.
	Self string
	// Apart: each runs in a unit of systemd's own, since ours may do less than
	// a hook has to.
	Apart bool
}

// Run runs one hook within hookDeadline. A failing hook's last line becomes
// part of the error.
func (b BashHooks) Run(ctx context.Context, hook plan.HookRun) error {
	ctx, cancel := context.WithTimeout(ctx, hookDeadline)
	defer cancel()
	env := []string{"VIFCTL=" + b.Self}
	for name, value := range hook.Vars {
		env = append(env, name+"="+value)
	}
	for _, name := range []string{"XENSTORED_PATH", "XENSTORED_RUNDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	argv := []string{"/bin/bash", "--noprofile", "--norc", "-c", b.Shim, "vif-post", hook.Path}
	if b.Apart {
		unit := strings.Join([]string{"vifctl-hook", hook.Vars["vif"], hook.Vars["type_if"], filepath.Base(hook.Path)}, "-")
		return process.Apart(ctx, unit, argv, env)
	}
	return process.Run(ctx, argv, env)
}
