package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/journal"
)

func TestChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	none, err := j.ReadChange()
	require.NoError(t, err)
	require.Nil(t, none)
	c := &journal.Change{
		Boot: "b", State: journal.Started, Token: "t", ConfirmBy: 7, Asked: "web", Name: "web", NIC: -1,
		File: "/etc/xen/vifctl.toml", Before: "# \"a\"\r\n", After: "\tä\n",
	}
	require.NoError(t, j.WriteChange(c))
	read, err := j.ReadChange()
	require.NoError(t, err)
	require.Equal(t, c, read)
	ports, err := j.All()
	require.NoError(t, err)
	require.Empty(t, ports, "it is no port's record")
	networks, err := j.Networks()
	require.NoError(t, err)
	require.Empty(t, networks)
	require.NoError(t, j.DeleteChange())
	require.NoError(t, j.DeleteChange())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "forward.change.json"), []byte("{}\n"), 0o600))
	_, err = j.ReadChange()
	require.ErrorContains(t, err, "is damaged")
}
