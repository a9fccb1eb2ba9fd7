package process_test

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/process"
	"vifctl/tests/speed"
)

// For a moment a child is the last to hold what is left, and it holds nothing
// else of ours.
func TestLeave(t *testing.T) {
	require.Eventually(t, func() bool { return leftToAChild(t) }, speed.Patience, time.Millisecond, "on a busy machine the moment may pass unseen, but not always")
}

func leftToAChild(t *testing.T) bool {
	other, otherEnd := pipe(t)
	left, leftEnd := pipe(t)
	fd, err := unix.FcntlInt(leftEnd.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	require.NoError(t, err)
	process.Leave(fd)
	require.NoError(t, leftEnd.Close())
	require.NoError(t, otherEnd.Close())
	var ends [2]time.Time
	for i, r := range []*os.File{other, left} {
		_, err := r.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		ends[i] = time.Now()
	}
	var status unix.WaitStatus
	_, err = unix.Wait4(-1, &status, 0, nil)
	require.NoError(t, err)
	require.Equal(t, 0, status.ExitStatus())
	return ends[1].Sub(ends[0]) > 50*time.Millisecond
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	return r, w
}
