package realxenstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/realxenstore"
)

func TestDaemonAnswersItsOwnTools(t *testing.T) {
	socket := realxenstore.Start(t)
	_, err := realxenstore.Tool(t, socket, "xenstore-write", "/a/b", "hello")
	require.NoError(t, err)
	got, err := realxenstore.Tool(t, socket, "xenstore-read", "/a/b")
	require.NoError(t, err)
	require.Equal(t, "hello", got)
}

func TestKillIsFinal(t *testing.T) {
	d := realxenstore.StartDaemon(t)
	d.Kill()
	d.Kill()
	_, err := realxenstore.Tool(t, d.Socket, "xenstore-read", "/tool")
	require.Error(t, err)
}
