package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

// Files writes a configuration of several files, each "name: text", and returns
// the path of the first, vifctl.toml.
func files(t *testing.T, texts map[string]string) (path string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "vifctl.d"), 0o755))
	for name, text := range texts {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return filepath.Join(dir, "vifctl.toml")
}

func TestFolderAddsGuests(t *testing.T) {
	t.Parallel()
	path := files(t, map[string]string{
		"vifctl.toml":        "[host]\nuplink = \"eth1\"\n" + guest(""),
		"vifctl.d/20.toml":   "[[guest]]\nname = \"c\"\n",
		"vifctl.d/10.toml":   "[host]\nantispoof = \"mac\"\n[[guest]]\nname = \"b\"\n",
		"vifctl.d/.#10.toml": "an editor's",
		"vifctl.d/README":    "a person's",
	})
	c, err := configs.Load(path)
	require.NoError(t, err)
	var names []string
	for _, g := range c.Guests() {
		names = append(names, g.Name)
		require.Equal(t, "eth1", g.Uplink, "what one file says of the host holds for the guests of all")
		require.Equal(t, configs.AntispoofMAC, g.Antispoof)
	}
	require.Equal(t, []string{"a", "b", "c"}, names)
}

func TestFolderAlone(t *testing.T) {
	t.Parallel()
	c, err := configs.Load(files(t, map[string]string{"vifctl.d/a.toml": guest("")}))
	require.NoError(t, err)
	require.Len(t, c.Guests(), 1)
}

// All mistakes are told, in the order of the files and the lines.
func TestMistakesOfSeveralFiles(t *testing.T) {
	t.Parallel()
	path := files(t, map[string]string{
		"vifctl.toml":     "[host]\nuplink = 5\nuplnik = 5\n" + guest("mac = \"00:16:3e:00:00:01\"\nmode = \"natt\""),
		"vifctl.d/1.toml": "[host\n",
		"vifctl.d/2.toml": "[host]\nuplink = \"eth0\"\n[[guest]]\nmac = \"00:16:3e:00:00:01\"\n[[guest]]\nname = \"a\"\n",
	})
	c, err := configs.Load(path)
	require.Zero(t, c)
	dir := filepath.Dir(path)
	require.Equal(t, []string{
		`vifctl.toml:2:10: uplink cannot be a number: write uplink = "eth0"`,
		`vifctl.toml:3:1: host.uplnik is not a setting: did you mean uplink?`,
		`vifctl.toml:7:8: mode cannot be "natt": did you mean nat?`,
		`vifctl.d/1.toml:1:1: the brackets do not match: write [host]`,
		`vifctl.d/2.toml:2:1: host.uplink is set already, at vifctl.toml:2:1: keep one of the two`,
		`vifctl.d/2.toml:4:7: 00:16:3e:00:00:01 is the hardware address of guest "a" already, at vifctl.toml:6:7: every NIC needs its own`,
		`vifctl.d/2.toml:5:3: guest "a" has another entry, at vifctl.toml:4:3: move its settings there, or give the two entries different nic numbers`,
	}, strings.Split(strings.ReplaceAll(err.Error(), dir+"/", ""), "\n"))
	var one *configs.Mistake
	require.ErrorAs(t, err, &one)
	require.Equal(t, 2, one.Line)
}

func TestFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	path := files(t, nil)
	require.NoError(t, os.Mkdir(filepath.Join(configs.Folder(path), "a.toml"), 0o755))
	_, err := configs.Load(path)
	require.ErrorContains(t, err, "a.toml")
	path = filepath.Join(t.TempDir(), "vifctl.toml")
	require.NoError(t, os.WriteFile(configs.Folder(path), nil, 0o600))
	_, err = configs.Load(path)
	require.ErrorContains(t, err, "vifctl.d")
}
