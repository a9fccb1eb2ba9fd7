package configs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

func write(t testing.TB, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "vifctl.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestLoad(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, uplink string }{
		"empty":        {"", ""},
		"comments":     {"# nothing\n\n", ""},
		"empty table":  {"[host]\n", ""},
		"uplink":       {"[host]\nuplink = \"eth1\" # the way out\n", "eth1"},
		"dotted":       {"host.uplink = 'eth1'\n", "eth1"},
		"inline":       {"host = {uplink = \"eth1\"}\n", "eth1"},
		"DOS newlines": {"[host]\r\nuplink = \"eth1\"\r\n", "eth1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := configs.Load(write(t, tc.text))
			require.NoError(t, err)
			want := configs.Standard()
			want.Host.Uplink = tc.uplink
			require.Equal(t, want.Host, c.Host)
			require.Empty(t, c.Guests())
		})
	}
}

// No file at all is a valid configuration; one that cannot be read is none.
func TestLoadWithoutAFile(t *testing.T) {
	t.Parallel()
	c, err := configs.Load(filepath.Join(t.TempDir(), "no", "vifctl.toml"))
	require.NoError(t, err)
	require.Equal(t, configs.Standard(), c)

	dir := t.TempDir()
	_, err = configs.Load(dir)
	require.ErrorContains(t, err, dir)
	_, err = configs.Load(filepath.Join(write(t, ""), "vifctl.toml"))
	require.ErrorContains(t, err, "vifctl.toml")
}

// Whatever is wrong is told with the file, the line and the column, in one
// line.
func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, position, says string }{
		"syntax: no value":          {"[host]\nuplink =\n", ":2:9: ", ""},
		"syntax: no end":            {"[host]\n\nuplink = \"eth0\n", ":3:10: ", ""},
		"syntax: table":             {"[host", ":1:", ""},
		"a key twice":               {"[host]\nuplink = \"a\"\nuplink = \"b\"\n", ":3:", "uplink"},
		"a number for a word":       {"[host]\nuplink = 5\n", ":2:", "uplink"},
		"a list for a word":         {"[host]\nuplink = [\"eth0\"]\n", ":2:", "uplink"},
		"a word for a table":        {"host = \"eth0\"\n", ":1:", "host"},
		"unknown key":               {"[host]\nuplnik = \"eth0\"\n", ":2:1: ", "host.uplnik"},
		"unknown key, indented":     {"[host]\n\t  uplnik = 1\n", ":2:4: ", "host.uplnik"},
		"unknown key, quoted":       {"[host]\n\"uplnik\" = 1\n", ":2:1: ", "host.uplnik"},
		"unknown key, dotted":       {"host.uplnik = 1\n", ":1:", "host.uplnik"},
		"unknown key, inline":       {"\nhost = {uplnik = 1}\n", ":2:", "host.uplnik"},
		"unknown key that begins":   {"[host]\nuplink = \"eth0\"\nup = 1\n", ":3:1: ", "host.up"},
		"unknown key like a table":  {"[host]\nuplink = \"eth0\"\nhost = 1\n", ":3:1: ", "host.host"},
		"unknown key after a text":  {"[host]\nuplink = '''\neth0'''\nmtu = 4\n", ":4:1: ", "host.mtu"},
		"unknown key of two tables": {"[host]\nuplink = \"eth0\"\n[gest]\nuplink = \"eth0\"\n", ":3:", "gest"},
		"unknown table":             {"[gest]\n", ":1:", "gest"},
		"key at the top":            {"uplink = \"eth0\"\n", ":1:1: ", "uplink"},
		"key in capitals":           {"[host]\nUplink = \"eth0\"\n", ":2:1: ", "Uplink"},
		"NUL":                       {"[host]\nuplink = \"\x00\"\n", ":2:", ""},
		"not UTF-8":                 {"[host]\nuplink = \"\xff\"\n", ":2:", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tc.text)
			c, err := configs.Load(path)
			require.ErrorContains(t, err, path+tc.position)
			require.Regexp(t, `:\d+:\d+: `, err.Error())
			require.Contains(t, err.Error(), tc.says)
			require.NotContains(t, err.Error(), "\n")
			require.Zero(t, c)
		})
	}
}

// A name that the kernel would not take, or a shell would take for something
// else, is refused here as it is in the backend's keys.
func TestLoadRefusesHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"-x", "$(id)", "a;b", `a\nb`, "abcdefghijklmnop", "../eth0", "all"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := configs.Load(write(t, "[host]\nuplink = \""+name+"\"\n"))
			require.ErrorContains(t, err, ":2:")
			require.ErrorContains(t, err, "uplink")
		})
	}
}
