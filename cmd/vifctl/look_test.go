package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/cmd/vifctl/terminal"
	"vifctl/tests/speed"
)

// Whoever sits at a terminal is told how far it is when it takes longer than a
// second, and nothing of it stays; a file is told nothing.
func TestProgress(t *testing.T) {
	t.Parallel()
	ours, theirs := pseudoterminal(t)
	file, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer file.Close()
	for _, out := range []*os.File{theirs, file} {
		step, end := progress(terminal.NewWriter(out, false), "looking")
		step(0, 3)
		time.Sleep(progressAfter + 10*time.Millisecond)
		step(1, 3)
		step(2, 3)
		end()
	}
	require.NoError(t, ours.SetReadDeadline(time.Now().Add(speed.Patience)))
	said := make([]byte, 100)
	n, err := ours.Read(said)
	require.NoError(t, err)
	require.Equal(t, "\rlooking: 1 of 3\x1b[K\rlooking: 2 of 3\x1b[K\r\x1b[K", string(said[:n]))
	info, err := file.Stat()
	require.NoError(t, err)
	require.Zero(t, info.Size())
}

// pseudoterminal is a terminal without a person, from both sides.
func pseudoterminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ours.Close() })
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0))
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = theirs.Close() })
	return ours, theirs
}
