package journald_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/journald"
)

func TestFields(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "jd") //nolint:usetesting // a socket's path has to be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "socket")
	server, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	received := func() string {
		data := make([]byte, 4096)
		n, err := server.Read(data)
		require.NoError(t, err)
		return string(data[:n])
	}
	var plain bytes.Buffer
	h, err := journald.Open(path, "vifctl", slog.NewTextHandler(&plain, nil))
	require.NoError(t, err)
	log := slog.New(h).With("port", "vif1.0-emu")

	log.Info("it is up", "guest", "win", "bridge", "", "host-name", "a")
	require.Equal(t, "SYSLOG_IDENTIFIER=vifctl\nPRIORITY=6\nVIFCTL_PORT=vif1.0-emu\nVIFCTL_GUEST=win\nVIFCTL_HOST_NAME=a\n"+
		"MESSAGE=it is up (port vif1.0-emu, guest win, host-name a)\n", received())
	log.Warn("a\nPRIORITY=0")
	require.Equal(t, "SYSLOG_IDENTIFIER=vifctl\nPRIORITY=4\nVIFCTL_PORT=vif1.0-emu\n"+
		"MESSAGE\n\x1e\x00\x00\x00\x00\x00\x00\x00a\nPRIORITY=0 (port vif1.0-emu)\n", received())
	log.Debug("not wanted")
	log.Error("it failed")
	require.Contains(t, received(), "PRIORITY=3\n")
	require.Empty(t, plain.String())

	require.NoError(t, server.Close())
	log.Info("no listener")
	require.Contains(t, plain.String(), "no listener")
	require.Contains(t, plain.String(), "port=vif1.0-emu")
}

func TestNoJournal(t *testing.T) {
	t.Parallel()
	_, err := journald.Open(filepath.Join(t.TempDir(), "socket"), "vifctl", slog.DiscardHandler)
	require.ErrorContains(t, err, "open the journal")
}

func TestIs(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	st := info.Sys().(*syscall.Stat_t)
	stream := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	require.True(t, journald.Is(f, stream))
	require.False(t, journald.Is(f, stream+"0"))
	require.False(t, journald.Is(f, ""))
	require.False(t, journald.Is(&bytes.Buffer{}, stream))
}
