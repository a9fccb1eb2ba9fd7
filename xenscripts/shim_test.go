package xenscripts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/xenscripts"
)

// fakeVifctl answers for the xenstore: a few paths have values, one takes none.
const fakeVifctl = `#!/bin/sh
printf '<%s>' "$@" >>"$CALLS"
echo >>"$CALLS"
[ "$1" = xenstore ] || exit 2
case "$2 $3" in
	"read backend/mac") echo 00:16:3e:00:00:01 ;;
	"read backend/spaces") echo "  two  words  " ;;
	"read backend/lines") printf 'one\ntwo\n' ;;
	"read backend/empty") echo ;;
	"read "*) echo "vifctl: $3: no such path" >&2; exit 1 ;;
	"write readonly") echo "vifctl: $3: permission denied" >&2; exit 1 ;;
	"write "*) ;;
	*) exit 2 ;;
esac
`

type shimRun struct {
	stdout, stderr, calls string
	exit                  int
}

// last is the last line on standard error: the one that xl shows.
func (r shimRun) last() string {
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	return lines[len(lines)-1]
}

// source runs a hook's text as vifctl runs it.
func source(t *testing.T, hook string) shimRun {
	t.Helper()
	dir := t.TempDir()
	vifctl, path, calls := filepath.Join(dir, "vifctl"), filepath.Join(dir, "10 a.hook"), filepath.Join(dir, "calls")
	require.NoError(t, os.WriteFile(vifctl, []byte(fakeVifctl), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(hook), 0o700))
	cmd := exec.CommandContext(t.Context(), "/bin/bash", "--noprofile", "--norc", "-c", xenscripts.HookShim, "vif-post", path)
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=POSIX", "VIFCTL=" + vifctl, "CALLS=" + calls,
		"dev=alice.1", "command=online", "type_if=vif", "ip=192.0.2.1 2001:db8::1", "bridge=xenbr0",
		"XENBUS_PATH=backend/vif/7/1", "vif=vif7.1",
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	said, _ := os.ReadFile(calls)
	return shimRun{stdout.String(), stderr.String(), string(said), cmd.ProcessState.ExitCode()}
}

func TestShim(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hook   string
		stdout string
		stderr string
		calls  string
		exit   int
	}{
		"nothing":          {hook: "", exit: 0},
		"variables":        {hook: `echo "$dev|$command|$type_if|$ip|$bridge|$XENBUS_PATH|$vif"`, stdout: "alice.1|online|vif|192.0.2.1 2001:db8::1|xenbr0|backend/vif/7/1|vif7.1\n"},
		"it may set them":  {hook: `ip=192.0.2.9; echo $ip`, stdout: "192.0.2.9\n"},
		"return":           {hook: `return 0; false`},
		"exit":             {hook: `exit 0; false`},
		"exit with a code": {hook: `exit 3`, exit: 3},

		"log":                {hook: `log info one "two  three" '*'`, stderr: "info: one two  three *\n"},
		"log, percent signs": {hook: `log err '100% %s \n'`, stderr: "err: 100% %s \\n\n"},
		"fatal":              {hook: `fatal no such VLAN: "4  095"; echo not reached`, stderr: "no such VLAN: 4  095\n", exit: 1},

		"xenstore_read":                  {hook: `mac=$(xenstore_read backend/mac); echo "[$mac]"`, stdout: "[00:16:3e:00:00:01]\n", calls: "<xenstore><read><backend/mac>\n"},
		"xenstore_read, spaces":          {hook: `v=$(xenstore_read backend/spaces); echo "[$v]"`, stdout: "[  two  words  ]\n", calls: "<xenstore><read><backend/spaces>\n"},
		"xenstore_read, lines":           {hook: `v=$(xenstore_read backend/lines); echo "[$v]"`, stdout: "[one\ntwo]\n", calls: "<xenstore><read><backend/lines>\n"},
		"xenstore_read_default, there":   {hook: `xenstore_read_default backend/mac none`, stdout: "00:16:3e:00:00:01\n", calls: "<xenstore><read><backend/mac>\n"},
		"xenstore_read_default, missing": {hook: `v=$(xenstore_read_default "$XENBUS_PATH/vlan" "no  vlan"); echo "[$v]"`, stdout: "[no  vlan]\n", calls: "<xenstore><read><backend/vif/7/1/vlan>\n"},
		"xenstore_read_default, empty":   {hook: `v=$(xenstore_read_default "$XENBUS_PATH/vlan" ""); echo "[$v]"`, stdout: "[]\n", calls: "<xenstore><read><backend/vif/7/1/vlan>\n"},
		"xenstore_write":                 {hook: `xenstore_write "$XENBUS_PATH/note" "a  b" x '$(id)'; echo on`, stdout: "on\n", calls: "<xenstore><write><backend/vif/7/1/note><a  b><x><$(id)>\n"},

		"do_or_die":               {hook: `do_or_die echo "a  b"`, stdout: "a  b\n"},
		"do_or_die, dies":         {hook: `do_or_die test -e /nowhere; echo not reached`, stderr: "test -e /nowhere failed\n", exit: 1},
		"do_without_error":        {hook: `do_without_error echo "a  b"`, stdout: "a  b\n"},
		"do_without_error, fails": {hook: `do_without_error ls /nowhere; echo on`, stdout: "on\n", stderr: "debug: ls /nowhere failed\n"},
		"a test is no error":      {hook: `if [ "$bridge" = none ]; then echo no; fi; [ "$bridge" = none ] || echo on`, stdout: "on\n"},
		"a list is no error":      {hook: `[ "$bridge" = none ] && echo no; echo on`, stdout: "on\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := source(t, tc.hook)
			require.Equal(t, shimRun{tc.stdout, tc.stderr, tc.calls, tc.exit}, r)
		})
	}
}

// Whatever fails ends the hook, and its last line tells which hook, where.
func TestShimTrap(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]string{
		"a command":                     "true\nfalse\necho not reached",
		"a missing command":             "true\nno-such-command\necho not reached",
		"a command in a function":       "true\nadd() { false; echo not reached; }; add\necho not reached",
		"a substitution":                "true\nx=$(false)\necho not reached",
		"a pipe":                        "true\ntrue | false\necho not reached",
		"a command in a subshell":       "true\n(false; echo not reached)\necho not reached",
		"an error of bash's own syntax": "true\nif true; then\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := source(t, hook)
			require.NotZero(t, r.exit)
			require.NotContains(t, r.stdout, "not reached")
			require.Contains(t, r.last(), "10 a.hook")
			require.Contains(t, r.last(), "line ")
		})
	}
}

// The last line is all that xl shows: it has to be the reason, not that there
// was one.
func TestShimTellsTheReason(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ hook, says string }{
		"xenstore_read":                     {`xenstore_read backend/vlan`, "xenstore_read backend/vlan failed"},
		"xenstore_read, empty":              {`xenstore_read backend/empty`, "the value is empty"},
		"xenstore_read into a variable":     {`v=$(xenstore_read backend/vlan); echo not reached`, "xenstore_read backend/vlan failed"},
		"xenstore_read in a function":       {`get() { v=$(xenstore_read backend/vlan); echo not reached; }; get`, "xenstore_read backend/vlan failed"},
		"fatal in a substitution":           {`v=$(fatal no such VLAN); echo not reached`, "no such VLAN"},
		"xenstore_write":                    {`xenstore_write readonly 1; echo not reached`, "xenstore_write readonly 1 failed"},
		"do_or_die in a subshell":           {`(do_or_die false 7); echo not reached`, "false 7 failed"},
		"fatal, after other words of a log": {`log info busy; fatal no such VLAN`, "no such VLAN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := source(t, tc.hook)
			require.NotZero(t, r.exit)
			require.NotContains(t, r.stdout, "not reached")
			require.Contains(t, r.last(), tc.says)
		})
	}
}
