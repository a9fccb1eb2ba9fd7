package embedded_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vifctl/hooks/xenstore"
	"vifctl/hooks/xenstore/embedded"
	"vifctl/hooks/xenstore/internal/wire"
)

// How the server answers our client and libxenstore's tools is tested in the folder above, beside the C daemon. Here is
// what only this server has.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, path string, options ...embedded.Option) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(path, options...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "xs") //nolint:usetesting // t.TempDir's names can be too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "socket")
}

func connect(t *testing.T, s *embedded.Server) *xenstore.Client {
	t.Helper()
	c, err := xenstore.DialPath(t.Context(), s.Path())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestDump(t *testing.T) {
	s := start(t, socket(t), embedded.WithHome("/local/domain/3"))
	require.Empty(t, s.Dump())
	c := connect(t, s)
	require.NoError(t, c.Write(t.Context(), "backend/vif/1", "two\nlines"))
	require.NoError(t, c.Write(t.Context(), "/a-first", `"quoted"`))
	require.NoError(t, c.Remove(t.Context(), "/a-first/none"))
	require.Equal(t, `/a-first = "\"quoted\""
/local = ""
/local/domain = ""
/local/domain/3 = ""
/local/domain/3/backend = ""
/local/domain/3/backend/vif = ""
/local/domain/3/backend/vif/1 = "two\nlines"
`, s.Dump())
}

func TestStart(t *testing.T) {
	path := socket(t)
	first := start(t, path)
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode().Perm())

	_, err = embedded.Start(path)
	require.ErrorContains(t, err, "address already in use")
	require.NoError(t, first.Close())
	require.NoError(t, first.Close())

	// What a killed daemon left behind is replaced, what is no socket is not.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false)
	require.NoError(t, stale.Close())
	start(t, path)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	_, err = embedded.Start(file)
	require.ErrorContains(t, err, "address already in use")
	require.FileExists(t, file)

	_, err = embedded.Start(socket(t), embedded.WithHome("relative"))
	require.ErrorContains(t, err, "home relative")
}

func TestHang(t *testing.T) {
	s := start(t, socket(t))
	s.Hang(true)
	c := connect(t, s)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.Write(short, "/a", "v"), context.DeadlineExceeded)
	s.Hang(false)
	require.NoError(t, c.Write(t.Context(), "/b", "v"))
	require.Equal(t, "/b = \"v\"\n", s.Dump())
}

// A client that closes in the middle of a transaction leaves nothing of it.
func TestLeavingAborts(t *testing.T) {
	s := start(t, socket(t))
	c := connect(t, s)
	require.ErrorIs(t, c.Transaction(t.Context(), func(tx *xenstore.Tx) error {
		require.NoError(t, tx.Write(t.Context(), "/a", "v"))
		return c.Close()
	}), xenstore.ErrClosed)
	require.Empty(t, s.Dump())
}

// Requests that no client library makes.
func TestOddRequests(t *testing.T) {
	s := start(t, socket(t))
	raw, err := net.Dial("unix", s.Path())
	require.NoError(t, err)
	defer func() { _ = raw.Close() }()
	var buf [wire.MaxPayload]byte
	for name, tc := range map[string]struct {
		typ     wire.Type
		tx      uint32
		payload string
		want    string
	}{
		"unknown type":           {77, 0, "", "ENOSYS\x00"},
		"no path":                {wire.TypeRead, 0, "", "EINVAL\x00"},
		"unterminated path":      {wire.TypeRead, 0, "/", "EINVAL\x00"},
		"bad path":               {wire.TypeRead, 0, "/a//b\x00", "EINVAL\x00"},
		"special path":           {wire.TypeRead, 0, "@releaseDomain\x00", "EINVAL\x00"},
		"unknown transaction":    {wire.TypeRead, 9, "/\x00", "ENOENT\x00"},
		"end without beginning":  {wire.TypeTransactionEnd, 0, "T\x00", "ENOENT\x00"},
		"end with what":          {wire.TypeTransactionEnd, 0, "X\x00", "EINVAL\x00"},
		"permissions without":    {wire.TypeSetPerms, 0, "/\x00", "EINVAL\x00"},
		"permissions of no one":  {wire.TypeSetPerms, 0, "/\x00n\x00", "EINVAL\x00"},
		"unwatch the unwatched":  {wire.TypeUnwatch, 0, "/\x00t\x00", "ENOENT\x00"},
		"watch without token":    {wire.TypeWatch, 0, "/\x00", "EINVAL\x00"},
		"domain that is no one":  {wire.TypeGetDomainPath, 0, "x\x00", "EINVAL\x00"},
		"introduced":             {wire.TypeIsDomainIntroduced, 0, "0\x00", "T\x00"},
		"not introduced":         {wire.TypeIsDomainIntroduced, 0, "1\x00", "F\x00"},
		"release the unknown":    {wire.TypeRelease, 0, "1\x00", "ENOENT\x00"},
		"list from beyond":       {wire.TypeDirectoryPart, 0, "/\x005\x00", "0\x00\x00"},
		"list from before":       {wire.TypeDirectoryPart, 0, "/\x00-1\x00", "EINVAL\x00"},
		"permissions of special": {wire.TypeSetPerms, 0, "@releaseDomain\x00n0\x00", "OK\x00"},
	} {
		_, err := raw.Write(wire.AppendFrame(nil, wire.Header{Type: tc.typ, TxID: tc.tx, RequestID: 5}, tc.payload))
		require.NoError(t, err, name)
		h, payload, err := wire.ReadFrame(raw, &buf)
		require.NoError(t, err, name)
		require.Equal(t, tc.want, string(payload), name)
		require.EqualValues(t, 5, h.RequestID, name)
	}

	// A frame longer than the protocol allows ends the connection, as xenstored does.
	_, err = raw.Write([]byte("\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00"))
	require.NoError(t, err)
	_, err = raw.Read(buf[:])
	require.ErrorIs(t, err, io.EOF)
}

// Each node of a transaction is as it was when first touched, so what others do meanwhile can leave a view with a name and no
// node, or a node and no parent. Nothing may come of it but another run.
func TestContradictoryView(t *testing.T) {
	for name, look := range map[string]string{"name without node": "/a", "node without parent": "/a/b"} {
		t.Run(name, func(t *testing.T) {
			s := start(t, socket(t))
			c, other := connect(t, s), connect(t, s)
			require.NoError(t, c.Write(t.Context(), "/a/b", "v"))
			runs := 0
			require.NoError(t, c.Transaction(t.Context(), func(tx *xenstore.Tx) error {
				if _, err := tx.Read(t.Context(), look); runs == 0 && err != nil {
					return err
				}
				if runs++; runs == 1 {
					require.NoError(t, other.Remove(t.Context(), "/a"))
				}
				return tx.Remove(t.Context(), look)
			}))
			require.Equal(t, 2, runs)
			require.Empty(t, s.Dump())
		})
	}
}
