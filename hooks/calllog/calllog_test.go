package calllog

import (
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listen reads one datagram of a socket.
func listen(t *testing.T, path string) func() string {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return func() string {
		b := make([]byte, 4096)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		n, err := c.Read(b)
		require.NoError(t, err)
		return string(b[:n])
	}
}

func up() Call {
	return Call{Script: "vif-nat", Command: "online", Port: "vif5.0", Guest: "web", Mode: "nat", Domid: 5, Took: 4 * time.Millisecond}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := Log{Journal: filepath.Join(dir, "j"), Syslog: filepath.Join(dir, "s")}
	next := listen(t, l.Journal)
	l.Write(up())
	require.Equal(t, "MESSAGE=online vif5.0: done (guest web, mode nat, 4 ms)\nSYSLOG_IDENTIFIER=vif-nat\nPRIORITY=6\n"+
		"VIFCTL_PORT=vif5.0\nVIFCTL_GUEST=web\nVIFCTL_DOMID=5\nVIFCTL_COMMAND=online\nVIFCTL_MODE=nat\nVIFCTL_OUTCOME=done\nVIFCTL_MILLISECONDS=4\n", next())
	c := up()
	c.Err = errors.New("vif5.0: attach to xenbr7: no such bridge")
	l.Write(c)
	got := next()
	require.Contains(t, got, "MESSAGE=online vif5.0: failed: attach to xenbr7: no such bridge (guest web, mode nat, 4 ms)\n")
	require.Contains(t, got, "PRIORITY=3\n")
	require.Contains(t, got, "VIFCTL_OUTCOME=failed\n")
	require.Contains(t, got, "VIFCTL_ERROR=vif5.0: attach to xenbr7: no such bridge\n")
}

func TestSyslogWithoutAJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := Log{Journal: filepath.Join(dir, "j"), Syslog: filepath.Join(dir, "s")}
	next := listen(t, l.Syslog)
	c := up()
	c.Guest, c.Did = "evil\n<0>kernel: panic", "nothing to undo"
	l.Write(c)
	require.Regexp(t, `^<30>\w+ [ \d]\d \d\d:\d\d:\d\d vif-nat\[\d+\]: online vif5.0: nothing to undo \(guest evil <0>kernel: panic, mode nat, 4 ms\)$`, next())
	c.Err = errors.New("no")
	l.Write(c)
	require.Regexp(t, "^<27>", next())
}

// Without either, nothing happens.
func TestNoLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	Log{Journal: filepath.Join(dir, "j"), Syslog: filepath.Join(dir, "s")}.Write(up())
}
