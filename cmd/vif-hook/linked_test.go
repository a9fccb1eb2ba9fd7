package main

import (
	"debug/elf"
	"debug/gosym"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

// functions are the names of all that is linked into vif-hook.
func functions(t *testing.T) (names []string) {
	t.Helper()
	vifctl, err := dom0.Binary()
	require.NoError(t, err)
	program, err := elf.Open(dom0.Hook(vifctl))
	require.NoError(t, err)
	defer func() { require.NoError(t, program.Close()) }()
	lines, err := program.Section(".gopclntab").Data()
	require.NoError(t, err)
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines, program.Section(".text").Addr))
	require.NoError(t, err)
	for _, f := range table.Funcs {
		names = append(names, f.Name)
	}
	require.Contains(t, names, "main.main")
	return names
}

// of reports whether a function is a package's, or of one below it.
func of(function, pkg string) bool {
	rest, ok := strings.CutPrefix(function, pkg)
	return ok && rest != "" && strings.ContainsRune("./", rune(rest[0]))
}

// What answers people is no part of what Xen calls. (regexp is: go-iptables takes it.)
func TestWhatIsNotLinked(t *testing.T) {
	t.Parallel()
	all := functions(t)
	for _, pkg := range []string{
		"flag", "html", "net/http", "text/tabwriter", "text/template",
		"github.com/fsnotify/fsnotify", "golang.org/x/net/icmp",
		"vifctl/cmd/vifctl/hostmap", "vifctl/cmd/vifctl/status", "vifctl/configs/legacy", "vifctl/configs/units", "vifctl/configs/xlcfg",
		"vifctl/hooks/doctor", "vifctl/hooks/network", "vifctl/hooks/probe", "vifctl/hooks/xenstore/embedded",
		"vifctl/watch", "vifctl/xenscripts/install",
	} {
		linked := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return !of(f, pkg) })
		require.Empty(t, linked, pkg)
	}
}

// A call pays for what is worked out before main begins, and needs little of it.
func TestNoWorkBeforeMain(t *testing.T) {
	t.Parallel()
	var working []string
	for _, f := range functions(t) {
		pkg, found := strings.CutSuffix(f, ".init")
		if found && strings.HasPrefix(pkg, "vifctl/") && !strings.Contains(pkg[strings.LastIndex(pkg, "/"):], ".") {
			working = append(working, pkg)
		}
	}
	slices.Sort(working)
	// hooks/event and hooks/plan only make a sync.OnceValue each.
	require.Equal(t, []string{"vifctl/hooks/event", "vifctl/hooks/firewall", "vifctl/hooks/plan"}, working)
}
