package configs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

func TestOrigins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "vifctl.toml")
	require.NoError(t, os.Mkdir(configs.Folder(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(`[host]
antispoof = "strict"
gateway = "192.168.1.1"
[[guest]]
name = "web"
  address = ["192.168.1.2", "2001:db8::2"]
antispoof = "mac"
`), 0o600))
	more := filepath.Join(configs.Folder(path), "more.toml")
	require.NoError(t, os.WriteFile(more, []byte("[[guest]]\nmac = '00:16:3e:00:00:02'\nmode='nat'\naddress='192.168.1.3'\nnat66 = true\n"+
		"[[guest.forward]]\nlisten = ':3389'\n[[guest.forward]]\nlisten=':80'\nto=8080\n"), 0o600))

	told := func(m configs.Match) (lines []string) {
		all, err := configs.Origins(path, m)
		require.NoError(t, err)
		for _, o := range all {
			rel, err := filepath.Rel(dir, o.File)
			require.NoError(t, err)
			lines = append(lines, fmt.Sprintf("%s=%s %s:%d:%d %t", o.Key, o.Value, rel, o.Line, o.Column, o.Host))
		}
		return lines
	}
	require.Equal(t, []string{
		"name=web vifctl.toml:5:8 false",
		"address=192.168.1.2 2001:db8::2 vifctl.toml:6:13 false",
		"gateway=192.168.1.1 vifctl.toml:3:11 true",
		"antispoof=mac vifctl.toml:7:13 false",
	}, told(configs.Match{Name: "web"}))
	require.Equal(t, []string{
		"mac=00:16:3e:00:00:02 vifctl.d/more.toml:2:7 false",
		"mode=nat vifctl.d/more.toml:3:6 false",
		"address=192.168.1.3 vifctl.d/more.toml:4:9 false",
		"gateway=192.168.1.1 vifctl.toml:3:11 true",
		"antispoof=strict vifctl.toml:2:13 true",
		"nat66=true vifctl.d/more.toml:5:9 false",
		"forward=:3389, :80 to 8080 vifctl.d/more.toml:6:9 false",
	}, told(configs.Match{Name: "web", MAC: "00:16:3E:00:00:02"}))
	require.Equal(t, []string{
		"gateway=192.168.1.1 vifctl.toml:3:11 true",
		"antispoof=strict vifctl.toml:2:13 true",
	}, told(configs.Match{Name: "other"}))

	none, err := configs.Origins(filepath.Join(dir, "none.toml"), configs.Match{Name: "web"})
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoError(t, os.WriteFile(more, []byte("[[guest]]\n"), 0o600))
	_, err = configs.Origins(path, configs.Match{Name: "web"})
	require.ErrorContains(t, err, "more.toml:1:3: a guest needs a name")
}
