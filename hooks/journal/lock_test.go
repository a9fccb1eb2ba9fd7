package journal_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

const lockFile = "7.1.lock"

func lockNIC(t testing.TB, dir string) *journal.Lock {
	t.Helper()
	l, err := journal.Open(dir).LockNIC(t.Context(), nic)
	require.NoError(t, err)
	return l
}

// short is a context that ends soon.
func short(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// The holders come and go and each removes the file the others wait for: there
// is never more than one all the same.
func TestLockExcludesGoroutines(t *testing.T) {
	t.Parallel()
	const holders, times = 16, 25
	dir := t.TempDir()
	var inside, total atomic.Int32
	var wg sync.WaitGroup
	for range holders {
		wg.Go(func() {
			j := journal.Open(dir)
			for range times {
				l, err := j.LockNIC(t.Context(), nic)
				if err != nil {
					t.Errorf("lock: %v", err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				total.Add(1)
				inside.Add(-1)
				l.Release()
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, holders*times, total.Load())
	require.NoFileExists(t, filepath.Join(dir, lockFile))
}

func TestLockExcludesProcesses(t *testing.T) {
	t.Parallel()
	const processes, times = 4, 50
	dir := t.TempDir()
	var running []*exec.Cmd
	for range processes {
		cmd := exec.CommandContext(t.Context(), os.Args[0], dir, strconv.Itoa(times))
		cmd.Env = []string{roleVariable + "=count"}
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		running = append(running, cmd)
	}
	for _, cmd := range running {
		require.NoError(t, cmd.Wait())
	}
	number, err := os.ReadFile(filepath.Join(dir, "number"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(processes*times), string(number))
	require.NoFileExists(t, filepath.Join(dir, lockFile))
}

// A lock ends with the process that holds it, even one that was killed and
// left its file.
func TestLockOfAKilledProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
	cmd.Env = []string{roleVariable + "=hold"}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	word, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", word)

	_, err = journal.Open(dir).LockNIC(short(t), nic)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.FileExists(t, filepath.Join(dir, lockFile))
	lockNIC(t, dir).Release()
	require.NoFileExists(t, filepath.Join(dir, lockFile))
}

func TestLockDeadline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held := lockNIC(t, dir)
	_, err := journal.Open(dir).LockNIC(short(t), nic)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "another call still holds "+filepath.Join(dir, lockFile))

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = journal.Open(dir).LockNIC(cancelled, nic)
	require.ErrorIs(t, err, context.Canceled)

	held.Release()
	lockNIC(t, dir).Release()
}

// Who comes too late says so, and does not blame a call that is not there.
func TestLockWhenTimeIsUpAlready(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := journal.Open(t.TempDir()).LockNIC(cancelled, nic)
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "another call still holds")
}

func TestLocksAreOfOneNIC(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	var held []*journal.Lock
	for _, n := range []plan.NIC{{Domid: 7, Devid: 1}, {Domid: 7, Devid: 10}, {Domid: 71, Devid: 0}, {Domid: 17, Devid: 1}} {
		l, err := j.LockNIC(short(t), n)
		require.NoError(t, err)
		held = append(held, l)
	}
	host, err := j.LockHost(short(t))
	require.NoError(t, err)
	_, err = j.LockHost(short(t))
	require.ErrorContains(t, err, "host.lock")
	for _, l := range append(held, host) {
		l.Release()
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "host.lock")}, left, "the host's lock stays for the next")
}

func TestLockFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run", "vifctl")
	lockNIC(t, dir).Release()
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = journal.Open(file).LockNIC(t.Context(), nic)
	require.ErrorContains(t, err, file)
	// A folder where the lock should be.
	require.NoError(t, os.MkdirAll(filepath.Join(dir, lockFile), 0o700))
	_, err = journal.Open(dir).LockNIC(short(t), nic)
	require.ErrorContains(t, err, lockFile)
}
