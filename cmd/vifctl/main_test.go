package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"vifctl/hooks/xenstore/embedded"
	"vifctl/xenscripts"
)

// TestMain makes the program a command of the scripts in testdata/script, by
// each name it can be called by; vif-nat stands for a name it does not answer
// to.
func TestMain(m *testing.M) {
	runApart()
	called := map[string]func(){"vifctl": main, "vif-plumber": main}
	for _, name := range xenscripts.Names {
		called[name] = main
	}
	testscript.Main(m, called)
}

// Each script has a xenstore of its own, a folder for the journal and none of
// the caller's environment.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("", "xs") //nolint:usetesting // a socket's path has to be short
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(dir) })
			server, err := embedded.Start(filepath.Join(dir, "socket"))
			if err != nil {
				return err
			}
			env.Defer(func() { _ = server.Close() })
			// No folder on the way may be one that others can write to.
			if err := os.Chmod(env.WorkDir, 0o755); err != nil {
				return err
			}
			env.Setenv("XENSTORED_PATH", server.Path())
			env.Setenv("VIFCTL_RUN_DIR", filepath.Join(env.WorkDir, "run"))
			env.Setenv("VIFCTL_CONFIG", filepath.Join(env.WorkDir, "vifctl.toml"))
			return nil
		},
	})
}

// call is one call of the program in this process: only of what asks nothing of
// the world outside.
func call(t *testing.T, name string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	inv := invocation{
		Name: name, Args: args,
		Getenv: func(string) string { return "" },
		Stdout: &out, Stderr: &errOut,
	}
	code = inv.run(context.Background())
	return code, out.String(), errOut.String()
}

func TestHelpNamesEveryCommand(t *testing.T) {
	t.Parallel()
	code, help, stderr := call(t, "vifctl", "help")
	require.Equal(t, done, code)
	require.Empty(t, stderr)
	seen := map[string]bool{}
	for _, c := range commands() {
		require.False(t, seen[c.name], "%s is there twice", c.name)
		seen[c.name] = true
		require.NotNil(t, c.run, c.name)
		require.NotEmpty(t, c.about, c.name)
		line := regexp.MustCompile(`(?m)^  vifctl ` + regexp.QuoteMeta(strings.TrimSpace(c.name+" "+c.args)) + `  +` + regexp.QuoteMeta(c.about) + `$`)
		require.Regexp(t, line, help, c.name)
	}
	for _, name := range xenscripts.Names {
		require.Contains(t, help, name)
	}
	for line := range strings.Lines(help) {
		require.LessOrEqual(t, len([]rune(line)), 121, line)
	}
	for _, word := range []string{"-h", "--help", "-help"} {
		code, again, _ := call(t, "vifctl", word)
		require.Equal(t, done, code)
		require.Equal(t, help, again)
	}
}

func TestUnknownWord(t *testing.T) {
	t.Parallel()
	for word, suggested := range map[string]string{
		"onlien":     "online",
		"offlne":     "offline",
		"unistall":   "uninstall",
		"xenstor":    "xenstore",
		"Plan":       "plan",
		"ad":         "add",
		"--install":  "install",
		"frobnicate": "",
		"":           "",
		"$(id)":      "",
		"a\nb\x1b[m": "",
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, "vifctl", word)
			require.Equal(t, usage, code)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"))
			require.Contains(t, stderr, "vifctl: there is no command ")
			require.Contains(t, stderr, "`vifctl help`")
			require.NotContains(t, stderr, "\x1b")
			if suggested == "" {
				require.NotContains(t, stderr, "mean")
			} else {
				require.Contains(t, stderr, suggested)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want int
	}{
		"help":                         {[]string{"help"}, done},
		"version":                      {[]string{"version"}, done},
		"--version":                    {[]string{"--version"}, done},
		"no word":                      {nil, usage},
		"unknown word":                 {[]string{"frobnicate"}, usage},
		"plan of nothing":              {[]string{"plan"}, usage},
		"plan of nothing, by a script": {[]string{"plan", "vif-route"}, usage},
		"install, unknown flag":        {[]string{"install", "--force"}, usage},
		"install, argument":            {[]string{"install", "/etc/xen/scripts"}, usage},
		"install, no value":            {[]string{"install", "--dir"}, usage},
		"install, without units of":    {[]string{"install", "--without-units=vifctl"}, usage},
		"install, no folder":           {[]string{"install", "--dir", "/nowhere"}, failed},
		"uninstall, unknown flag":      {[]string{"uninstall", "--force"}, usage},
		"uninstall, nothing there":     {[]string{"uninstall", "--dir", "/nowhere"}, failed},
		"xenstore of nothing":          {[]string{"xenstore"}, usage},
		"xenstore, unknown verb":       {[]string{"xenstore", "rm", "/"}, usage},
		"xenstore read of nothing":     {[]string{"xenstore", "read"}, usage},
		"xenstore write of half":       {[]string{"xenstore", "write", "a"}, usage},
		"xenstore write of one half":   {[]string{"xenstore", "write", "a", "1", "b"}, usage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, "vifctl", tc.args...)
			require.Equal(t, tc.want, code)
			if tc.want == done {
				require.Empty(t, stderr)
				require.NotEmpty(t, stdout)
			} else if tc.args != nil {
				require.Empty(t, stdout)
				require.NotEmpty(t, stderr)
			}
		})
	}
	code, _, stderr := call(t, "qemu-ifup", "tap0")
	require.Equal(t, usage, code)
	require.Contains(t, stderr, "qemu-ifup tap0 xenbr0")
}

// Help that nobody asked for is a complaint.
func TestNoWordIsAComplaint(t *testing.T) {
	t.Parallel()
	_, stdout, stderr := call(t, "vifctl")
	require.Empty(t, stdout)
	require.Contains(t, stderr, "vifctl online")
}
