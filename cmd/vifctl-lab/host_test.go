package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if built != "" {
			_ = os.RemoveAll(built)
		}
		os.Exit(code)
	}))
}

// built is the folder with the programs, once a test needed them.
var built string

// host is a machine that the program is run on: with links, addresses and routes of its own, so that what a lab changes
// shows, and what others do on the real machine meanwhile does not.
type host struct {
	*dom0.Namespace
	t       *testing.T
	program string
}

// nobody is a user without any rights.
const nobody = 65534

func newHost(t *testing.T) *host {
	t.Helper()
	d := dom0.New(t, dom0.Options{Scripts: func() (map[string]string, error) { return nil, nil }})
	return &host{d.Client, t, programs(t)}
}

// programs builds the lab beside vifctl where every user may run them, once, and returns the lab.
func programs(t *testing.T) string {
	t.Helper()
	if built != "" {
		return filepath.Join(built, "vifctl-lab")
	}
	vifctl, err := dom0.Binary()
	require.NoError(t, err)
	built, err = os.MkdirTemp("", "lab") //nolint:usetesting // for all tests
	require.NoError(t, err)
	require.NoError(t, os.Chmod(built, 0o755))
	for _, program := range []string{vifctl, dom0.Hook(vifctl)} {
		content, err := os.ReadFile(program)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(built, filepath.Base(program)), content, 0o755))
	}
	program := filepath.Join(built, "vifctl-lab")
	out, err := exec.Command("go", "build", "-trimpath", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// looks is everything about the host that a lab must leave alone.
func (h *host) looks() string {
	h.t.Helper()
	var text strings.Builder
	text.WriteString(h.State())
	require.NotContains(h.t, text.String(), "vif")
	require.NoError(h.t, h.Do(func() error {
		mountinfo, err := os.ReadFile("/proc/thread-self/mountinfo")
		for line := range strings.Lines(string(mountinfo)) {
			// Other tests delete named network namespaces meanwhile, and with them their
			// mounts everywhere.
			if !strings.Contains(line, " /run/netns") {
				text.WriteString(line)
			}
		}
		return err
	}))
	return text.String()
}

// aRun is a lab that runs on the host.
type aRun struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
	output         io.Reader
}

// start starts the lab as a user.
func (h *host) run(uid int, args ...string) *aRun {
	h.t.Helper()
	r := &aRun{Cmd: exec.Command(h.program, args...)}
	r.Env = []string{"PATH=" + os.Getenv("PATH")}
	r.Dir = "/"
	r.Cmd.Stderr = &r.stderr
	out, err := r.StdoutPipe()
	require.NoError(h.t, err)
	r.output = io.TeeReader(out, &r.stdout)
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if uid != 0 {
		r.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	require.NoError(h.t, h.Start(r.Cmd))
	h.t.Cleanup(func() { _ = r.Process.Kill() })
	return r
}

// until reads the output to a line that contains text.
func (r *aRun) until(t *testing.T, text string) {
	t.Helper()
	buffer := make([]byte, 1)
	for !strings.Contains(r.stdout.String(), text) {
		_, err := r.output.Read(buffer)
		require.NoError(t, err, "%q never came: %s%s", text, &r.stdout, &r.stderr)
	}
}

// end waits for the end, and returns the exit code and the whole output.
func (r *aRun) end(t *testing.T) (code int, stdout string) {
	t.Helper()
	_, err := io.Copy(io.Discard, r.output)
	require.NoError(t, err)
	_ = r.Wait()
	return r.ProcessState.ExitCode(), r.stdout.String()
}

// namespaces are those of the lab that are not also the host's, with what is in them, as `lsns` would list them.
func (r *aRun) namespaces(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for pid := range processes() {
		if status(pid, "PPid") == strconv.Itoa(r.Process.Pid) {
			for _, ns := range namespacesOf(pid) {
				found[ns] = true
			}
		}
	}
	for _, ns := range namespacesOf(r.Process.Pid) {
		delete(found, ns)
	}
	// The host's network and mount namespaces are those of the thread that started it, the others this process's.
	require.GreaterOrEqual(t, len(found), 5, "dom0's network, mounts and processes, the client and some guests: %v", found)
	return found
}

// gone waits until there is no process of a lab that has ended. The kernel gives a namespace's number to the next one at
// once, and others make some on this machine, too. A process never leaves its PID namespace, though, and a number was the
// lab's own for as long as that ran: so only a process that is older than the lab's end can be one of its.
func gone(t *testing.T, namespaces map[string]bool) {
	t.Helper()
	ended := bootTime(t)
	require.Positive(t, startTime(os.Getpid()))
	require.Eventually(t, func() bool {
		for pid := range processes() {
			ns, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/pid")
			if err == nil && namespaces[ns] && startTime(pid) < ended && !strings.HasPrefix(status(pid, "State"), "Z") {
				return false
			}
		}
		return true
	}, speed.Patience, 10*time.Millisecond)
}

// userHZ is what /proc counts time in, on all of Linux's machines but the oldest.
const userHZ = 100

// bootTime is how long the machine has been up, in ticks.
func bootTime(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
	return now.Nano() * userHZ / int64(time.Second)
}

// startTime is when a process was started, in ticks since the machine was.
func startTime(pid int) int64 {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	// The name, in parentheses, may have any character; what follows it is counted from the third field.
	if _, rest, ok := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " "); ok {
		if words := strings.Fields(rest); len(words) > 19 {
			ticks, _ := strconv.ParseInt(words[19], 10, 64)
			return ticks
		}
	}
	return 0
}

func processes() map[int]bool {
	pids := map[int]bool{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids[pid] = true
		}
	}
	return pids
}

// status is one line of what the kernel says of a process.
func status(pid int, name string) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// namespacesOf are those of all threads of a process, and those it has open. A dead one has none, even if its parent has not
// reaped it yet.
func namespacesOf(pid int) []string {
	if strings.HasPrefix(status(pid, "State"), "Z") {
		return nil
	}
	var found []string
	dir := "/proc/" + strconv.Itoa(pid)
	for _, pattern := range []string{dir + "/task/*/ns/*", dir + "/fd/*"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			if ns, err := os.Readlink(file); err == nil && strings.Contains(ns, ":[") && !strings.HasPrefix(ns, "socket:") &&
				!strings.HasPrefix(ns, "pipe:") && !strings.HasPrefix(ns, "anon_inode:") {
				found = append(found, ns)
			}
		}
	}
	return found
}
