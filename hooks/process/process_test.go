package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"vifctl/hooks/process"
	"vifctl/tests/speed"
)

// The test binary is also a program that calls Run or Replace, so that what it
// is given and what it says can be looked at from outside.
const roleVariable = "PROCESS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "run":
		if err := process.Run(context.Background(), os.Args[1:], []string{"GIVEN=a b", "LANG=C.UTF-8"}); err != nil {
			fmt.Println(err)
		}
		os.Exit(0)
	case "replace":
		fmt.Println(process.Replace(os.Args[1:]))
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// caller runs this program in a role, with a hostile environment and words on
// its standard input.
func caller(t *testing.T, role string, argv ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], argv...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{
		roleVariable + "=" + role,
		"LD_PRELOAD=/nowhere/evil.so", "LD_LIBRARY_PATH=/nowhere", "PATH=/nowhere", "BASH_ENV=/nowhere/evil.sh", "ENV=/nowhere/evil.sh",
		"IFS=x", "LC_ALL=de_DE.UTF-8", "BASH_FUNC_id%%=() { echo evil; }", "SHELLOPTS=xtrace", "PS4=$(echo evil >&2)", "HOME=/nowhere",
		"XENBUS_PATH=backend/vif/7/1",
	}
	cmd.Stdin = strings.NewReader("evil\n")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	require.NoError(t, cmd.Run())
	// What the loader says of our own LD_PRELOAD is not what is tested.
	lines := slices.Collect(strings.Lines(errOut.String()))
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "ERROR: ld.so") })
	return out.String(), strings.Join(lines, "")
}

func TestRunGivesACleanWorld(t *testing.T) {
	t.Parallel()
	stdout, stderr := caller(t, "run", "/usr/bin/env")
	require.Empty(t, stdout)
	var vars []string
	for line := range strings.Lines(stderr) {
		vars = append(vars, strings.TrimSpace(line))
	}
	require.ElementsMatch(t, []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "GIVEN=a b", "LANG=C.UTF-8",
	}, vars)
}

func TestRunOfAShell(t *testing.T) {
	t.Parallel()
	const script = `pwd; id -u >&2; cat; [ "$(ps -o pgid= -p $$)" -eq $$ ] && echo leader; printf '%s' "$IFS" | od -An -c; set -o | grep xtrace`
	stdout, stderr := caller(t, "run", "/bin/bash", "-c", script)
	require.Empty(t, stdout, "all that is said goes to standard error")
	require.NotContains(t, stderr, "evil")
	for _, want := range []string{"/\n", fmt.Sprintf("%d\n", os.Geteuid()), "leader\n", `\t  \n`, "xtrace         \toff\n"} {
		require.Contains(t, stderr, want)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	stdout, _ := caller(t, "replace", "/bin/echo", "online", "a b")
	require.Equal(t, "online a b\n", stdout)
	stdout, _ = caller(t, "replace", "/nowhere/vif-x", "online")
	require.Equal(t, "run /nowhere/vif-x: no such file or directory\n", stdout)
}

func run(ctx context.Context, script string, args ...string) error {
	return process.Run(ctx, append([]string{"/bin/sh", "-c", script, "sh"}, args...), nil)
}

func TestRunLastWords(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ script, want string }{
		"well":                  {"echo all is well >&2", ""},
		"well, with words":      {"echo error >&2; exit 0", ""},
		"silent":                {"exit 3", "/the/hook failed: exit status 3"},
		"one line":              {"echo no such bridge >&2; exit 1", "/the/hook failed (exit status 1): no such bridge"},
		"the last of two":       {"echo first >&2; echo second >&2; exit 1", "/the/hook failed (exit status 1): second"},
		"empty lines behind":    {"echo words >&2; printf '\\n  \\n' >&2; exit 1", "/the/hook failed (exit status 1): words"},
		"no newline":            {"printf words >&2; exit 1", "/the/hook failed (exit status 1): words"},
		"in two parts":          {"printf 'no such ' >&2; sync >/dev/null; printf 'bridge\\n' >&2; exit 1", "/the/hook failed (exit status 1): no such bridge"},
		"not on standard error": {"echo words; exit 1", "/the/hook failed: exit status 1"},
		"killed":                {"echo words >&2; kill -TERM $$", "/the/hook failed (signal: terminated): words"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run(t.Context(), tc.script, "/the/hook")
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
		})
	}
}

// What a hook says may come from a guest: the sentence is shown by xl on a
// terminal.
func TestRunLastWordsAreFitForATerminal(t *testing.T) {
	t.Parallel()
	for name, printf := range map[string]string{
		"colours":      `\033[31mno such bridge\033[0m`,
		"a bell":       `no such bridge\007`,
		"overwriting":  `50%%\r100%%\rno such bridge`,
		"not UTF-8":    `no such bridge \377\376`,
		"a cut letter": `no such bridge \303`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run(t.Context(), "printf '"+printf+"\\n' >&2; exit 1")
			require.ErrorContains(t, err, "no such bridge")
			require.False(t, strings.ContainsFunc(err.Error(), func(r rune) bool {
				return unicode.IsControl(r) || r == unicode.ReplacementChar
			}), "%q", err)
		})
	}
}

func TestRunKeepsOnlyTheEnd(t *testing.T) {
	t.Parallel()
	stdout, stderr := caller(t, "run", "/bin/sh", "-c", "yes ä | head -c 300000 | tr -d '\\n' >&2; exit 1", "the-hook")
	require.Contains(t, stdout, "the-hook failed")
	require.Less(t, len(stdout), 600)
	require.NotContains(t, stdout, "\ufffd")
	require.Greater(t, len(stderr), 190_000, "all of it is passed on")
}

func TestRunOfNothing(t *testing.T) {
	t.Parallel()
	err := process.Run(t.Context(), []string{"/nowhere/program"}, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "/nowhere/program")
}

// A name is looked for in the caller's PATH, which is hostile: only a path is
// taken.
func TestRunTakesNoBareName(t *testing.T) {
	t.Parallel()
	require.Error(t, process.Run(t.Context(), []string{"true"}, nil))
}

// pids waits until n lines with process ids are in the file.
func pids(t *testing.T, file string, n int) []int {
	t.Helper()
	var got []int
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(file)
		if err != nil || strings.Count(string(data), "\n") < n {
			return false
		}
		got = nil
		for _, word := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(word)
			require.NoError(t, err)
			got = append(got, pid)
		}
		return true
	}, speed.Patience, time.Millisecond)
	return got
}

// gone: no process of that id is left, but for a zombie.
func gone(pid int) bool {
	if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}

// The deadline ends all of them: a program that ignores every signal it can, its
// children and their children, in whatever state.
func TestRunDeadlineKillsTheGroup(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	const script = `trap '' TERM INT HUP; echo $$ >>"$1"
		(trap '' TERM; echo $(exec sh -c 'echo $PPID') >>"$1"; sh -c 'echo $$ >>"$1"; exec sleep 1000' sh "$1"; sleep 1000) &
		sh -c 'echo $$ >>"$1"; exec sleep 1000 >/dev/null 2>&1' sh "$1" &
		wait; sleep 1000`
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- run(ctx, script, file) }()
	all := pids(t, file, 4)
	cancel(context.DeadlineExceeded)
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(speed.Patience):
		require.Fail(t, "the program outlives its deadline")
	}
	for _, pid := range all {
		require.Eventually(t, func() bool { return gone(pid) }, speed.Patience, time.Millisecond, "process %d is left", pid)
	}
}

func TestRunDeadlineSentence(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := run(ctx, "sleep 1000", "/the/hook")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "/the/hook was killed, because it did not end in time")
}

// What it was busy with is worth knowing when it took too long.
func TestRunDeadlineTellsTheLastWords(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- run(ctx, `echo waiting for the DHCP server >&2; echo $$ >>"$1"; sleep 1000`, file) }()
	pids(t, file, 1)
	cancel(context.DeadlineExceeded)
	require.ErrorContains(t, <-done, "waiting for the DHCP server")
}

// Ctrl-C is no deadline.
func TestRunCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := run(ctx, "sleep 1000", "/the/hook")
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "in time")
}

// A daemon that a hook starts keeps our pipe, but not us.
func TestRunDoesNotWaitForAPipe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ script, want string }{
		"well":                 {`sleep 1000 & echo $! >>"$1"`, ""},
		"failed":               {`sleep 1000 & echo $! >>"$1"; echo no such bridge >&2; exit 1`, "no such bridge"},
		"a session of its own": {`setsid sleep 1000 & echo $! >>"$1"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pids")
			ctx, cancel := context.WithTimeout(t.Context(), speed.Patience)
			defer cancel()
			err := run(ctx, tc.script, file)
			t.Cleanup(func() {
				for _, pid := range pids(t, file, 1) {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			})
			if tc.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.want)
			}
		})
	}
}
