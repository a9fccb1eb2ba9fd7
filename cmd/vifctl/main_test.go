package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/command"
	"vifctl/tests/script"
	"vifctl/xenscripts"
)

func TestMain(m *testing.M) {
	script.Apart()
	os.Exit(m.Run())
}

func TestScripts(t *testing.T) {
	t.Parallel()
	script.Run(t)
}

// call is one call of the program in this process: only of what asks nothing of
// the world outside.
func call(t *testing.T, name string, args ...string) (code command.Code, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(context.Background(), command.Program{
		Name: name, Self: "/nowhere/vifctl", Args: args,
		Getenv: func(string) string { return "" },
		Stdout: &out, Stderr: &errOut,
	})
	return code, out.String(), errOut.String()
}

func TestHelpNamesEveryCommand(t *testing.T) {
	t.Parallel()
	code, help, stderr := call(t, "vifctl", "help")
	require.Equal(t, command.Done, code)
	require.Empty(t, stderr)
	seen := map[string]bool{}
	for _, c := range table().Commands {
		require.False(t, seen[c.Name], "%s is there twice", c.Name)
		seen[c.Name] = true
		require.NotNil(t, c.Run, c.Name)
		require.NotEmpty(t, c.About, c.Name)
		line := regexp.MustCompile(`(?m)^  vifctl ` + regexp.QuoteMeta(strings.TrimSpace(c.Name+" "+c.Args)) + `  +` + regexp.QuoteMeta(c.About) + `$`)
		require.Regexp(t, line, help, c.Name)
	}
	for _, name := range xenscripts.Names() {
		require.Contains(t, help, name)
	}
	for line := range strings.Lines(help) {
		require.LessOrEqual(t, len([]rune(line)), 121, line)
	}
	for _, word := range []string{"-h", "--help", "-help"} {
		code, again, _ := call(t, "vifctl", word)
		require.Equal(t, command.Done, code)
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
			require.Equal(t, command.Usage, code)
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

// Who looks for the pretend dom0 here is sent to its own program.
func TestLabIsElsewhere(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := call(t, "vifctl", "lab", "--keep")
	require.Equal(t, command.Usage, code)
	require.Empty(t, stdout)
	require.Equal(t, "vifctl: the pretend dom0 is a program of its own: run vifctl-lab\n", stderr)
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want command.Code
	}{
		"help":                         {[]string{"help"}, command.Done},
		"version":                      {[]string{"version"}, command.Done},
		"--version":                    {[]string{"--version"}, command.Done},
		"no word":                      {nil, command.Usage},
		"unknown word":                 {[]string{"frobnicate"}, command.Usage},
		"plan of nothing":              {[]string{"plan"}, command.Usage},
		"plan of nothing, by a script": {[]string{"plan", "vif-route"}, command.Usage},
		"install, unknown flag":        {[]string{"install", "--force"}, command.Usage},
		"install, argument":            {[]string{"install", "/etc/xen/scripts"}, command.Usage},
		"install, no value":            {[]string{"install", "--dir"}, command.Usage},
		"install, without units of":    {[]string{"install", "--without-units=vifctl"}, command.Usage},
		"install, no folder":           {[]string{"install", "--dir", "/nowhere"}, command.Failed},
		"uninstall, unknown flag":      {[]string{"uninstall", "--force"}, command.Usage},
		"uninstall, nothing there":     {[]string{"uninstall", "--dir", "/nowhere"}, command.Failed},
		"xenstore of nothing":          {[]string{"xenstore"}, command.Usage},
		"xenstore, unknown verb":       {[]string{"xenstore", "rm", "/"}, command.Usage},
		"xenstore read of nothing":     {[]string{"xenstore", "read"}, command.Usage},
		"xenstore write of half":       {[]string{"xenstore", "write", "a"}, command.Usage},
		"xenstore write of one half":   {[]string{"xenstore", "write", "a", "1", "b"}, command.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, "vifctl", tc.args...)
			require.Equal(t, tc.want, code)
			if tc.want == command.Done {
				require.Empty(t, stderr)
				require.NotEmpty(t, stdout)
			} else if tc.args != nil {
				require.Empty(t, stdout)
				require.NotEmpty(t, stderr)
			}
		})
	}
}

// Help that was not asked for is a complaint.
func TestNoWordIsAComplaint(t *testing.T) {
	t.Parallel()
	_, stdout, stderr := call(t, "vifctl")
	require.Empty(t, stdout)
	require.Contains(t, stderr, "vifctl online")
}
