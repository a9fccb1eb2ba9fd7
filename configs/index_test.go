package configs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

// large is a configuration that is worth an index, with more in it.
func large(more string) string { return hosting(20) + more }

// settle waits until the index believes in what was written just now: the
// kernel's own time stamp (ctime) cannot be set.
func settle() { time.Sleep(1100 * time.Millisecond) }

func TestIndexAnswersAsTheFilesDo(t *testing.T) {
	t.Parallel()
	path := files(t, map[string]string{"vifctl.toml": large(matching)})
	index := filepath.Join(t.TempDir(), "run", "index")
	settle()
	plain, err := configs.Load(path)
	require.NoError(t, err)
	for _, when := range []string{"made", "used"} {
		c, err := configs.LoadIndexed(path, index)
		require.NoError(t, err)
		require.FileExists(t, index)
		require.Equal(t, plain.Host, c.Host, when)
		require.Equal(t, plain.Guests(), c.Guests(), when)
		for name, tc := range matches {
			wantGuest, want := plain.Guest(tc.match)
			g, found := c.Guest(tc.match)
			require.Equal(t, want, found, "%s: %s", when, name)
			require.Equal(t, wantGuest, g, "%s: %s", when, name)
		}
		for i := range 20 {
			g, found := c.Guest(configs.Match{Name: fmt.Sprint("vm", i), UUID: uuidB, MAC: "00:16:3e:00:00:99"})
			require.True(t, found)
			require.Equal(t, fmt.Sprint("vm", i), g.Name)
		}
	}
	info, err := os.Stat(index)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

// vifctl notices by itself that the configuration has changed.
func TestIndexIsNotBelievedAfterAChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"a file is written": func(path string) error {
			return os.WriteFile(path, []byte(strings.ReplaceAll(large(""), `"eth0"`, `"eth9"`)), 0o600)
		},
		"a file comes": func(path string) error {
			return os.WriteFile(filepath.Join(configs.Folder(path), "a.toml"), []byte("[[guest]]\nname = \"new\"\n"), 0o600)
		},
		"a file goes": func(path string) error { return os.Remove(path) },
		"a file is replaced": func(path string) error {
			if err := os.WriteFile(path+"~", []byte(large("# the same length\n")), 0o600); err != nil {
				return err
			}
			return os.Rename(path+"~", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := files(t, map[string]string{"vifctl.toml": large("# the same laenge\n"), "vifctl.d/z.toml": "# nothing\n"})
			index := filepath.Join(t.TempDir(), "index")
			settle()
			_, err := configs.LoadIndexed(path, index)
			require.NoError(t, err)
			require.FileExists(t, index)
			require.NoError(t, change(path))
			want, err := configs.Load(path)
			require.NoError(t, err)
			c, err := configs.LoadIndexed(path, index)
			require.NoError(t, err)
			require.Equal(t, want, c)
		})
	}
}

func TestIndexOfAMistakeIsNotMade(t *testing.T) {
	t.Parallel()
	path := files(t, map[string]string{"vifctl.toml": large("x = 1\n")})
	index := filepath.Join(t.TempDir(), "index")
	settle()
	for range 2 {
		_, err := configs.LoadIndexed(path, index)
		require.ErrorContains(t, err, "x is not a setting")
		require.NoFileExists(t, index)
	}
}

// What is small is read, and what has just been written may be written again in
// the same moment.
func TestIndexIsNotAlwaysWorthIt(t *testing.T) {
	t.Parallel()
	index := filepath.Join(t.TempDir(), "index")
	for _, text := range []string{large(""), "", guest("")} {
		path := files(t, map[string]string{"vifctl.toml": text})
		want, err := configs.Load(path)
		require.NoError(t, err)
		c, err := configs.LoadIndexed(path, index)
		require.NoError(t, err)
		require.Equal(t, want, c)
		require.NoFileExists(t, index)
	}
	c, err := configs.LoadIndexed(filepath.Join(t.TempDir(), "vifctl.toml"), index)
	require.NoError(t, err)
	require.Equal(t, configs.Standard(), c)
}

// An index that is damaged, another's, or cannot be written costs time and
// nothing else.
func TestIndexThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	path := files(t, map[string]string{"vifctl.toml": large("")})
	settle()
	want, err := configs.Load(path)
	require.NoError(t, err)
	for name, spoil := range map[string]func(t *testing.T, index string){
		"damaged": func(t *testing.T, index string) {
			data, err := os.ReadFile(index)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(index, []byte(strings.Replace(string(data), "vm7", "vm8", 1)), 0o600))
		},
		"cut off": func(t *testing.T, index string) { require.NoError(t, os.Truncate(index, 900)) },
		"empty":   func(t *testing.T, index string) { require.NoError(t, os.Truncate(index, 0)) },
		"a folder": func(t *testing.T, index string) {
			require.NoError(t, os.Remove(index))
			require.NoError(t, os.Mkdir(index, 0o700))
		},
		"for others to write": func(t *testing.T, index string) { require.NoError(t, os.Chmod(index, 0o666)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			index := filepath.Join(t.TempDir(), "index")
			_, err := configs.LoadIndexed(path, index)
			require.NoError(t, err)
			spoil(t, index)
			c, err := configs.LoadIndexed(path, index)
			require.NoError(t, err)
			require.Equal(t, want, c)
		})
	}
}
