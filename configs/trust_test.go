package configs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

// stranger is a user who is neither root nor the one who runs the tests.
const stranger = 65534

// tree makes a folder for each path that ends in a slash and a file for any
// other, in a folder that only we can write to.
func tree(t *testing.T, paths ...string) (root string) {
	t.Helper()
	root = t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for _, p := range paths {
		full := filepath.Join(root, p)
		if p[len(p)-1] == '/' {
			require.NoError(t, os.MkdirAll(full, 0o755))
		} else {
			require.NoError(t, os.WriteFile(full, nil, 0o644))
		}
	}
	return root
}

func chmod(t *testing.T, mode os.FileMode, path ...string) {
	t.Helper()
	require.NoError(t, os.Chmod(filepath.Join(path...), mode))
}

// give makes a path another user's, which only root can.
func give(t *testing.T, path ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this needs root")
		}
		t.Skip("this needs root")
	}
	require.NoError(t, os.Lchown(filepath.Join(path...), stranger, stranger))
}

func TestTrusted(t *testing.T) {
	t.Parallel()
	root := tree(t, "a/", "a/b/", "a/b/file")
	for _, p := range []string{"", "a", "a/b", "a/b/", "a/b/file", "a/b/none", "a/none/at/all", "a/./b/file"} {
		require.NoError(t, configs.Trusted(root+"/"+p), p)
	}
	require.NoError(t, configs.Trusted("/"))
	require.NoError(t, configs.Trusted("/etc/xen/vifctl.toml"))
}

func TestTrustedIsAbsolute(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"", ".", "run", "./run", "../run"} {
		require.ErrorContains(t, configs.Trusted(p), "not an absolute path", "%q", p)
	}
}

func TestTrustedModes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path string
		mode os.FileMode
	}{
		"the file, by its group":  {"a/b/file", 0o664},
		"the file, by all":        {"a/b/file", 0o646},
		"its folder, by a group":  {"a/b", 0o775},
		"its folder, by all":      {"a/b", 0o757},
		"a folder above it":       {"a", 0o777},
		"a folder, set group id":  {"a", 0o775 | os.ModeSetgid},
		"the file, sticky or not": {"a/b/file", 0o666 | os.ModeSticky},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := tree(t, "a/", "a/b/", "a/b/file")
			chmod(t, tc.mode, root, tc.path)
			require.ErrorContains(t, configs.Trusted(root+"/a/b/file"), filepath.Join(root, tc.path))
		})
	}
}

func TestTrustedOwners(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"a/b/file", "a/b", "a"} {
		t.Run(p, func(t *testing.T) {
			t.Parallel()
			root := tree(t, "a/", "a/b/", "a/b/file")
			give(t, root, p)
			err := configs.Trusted(root + "/a/b/file")
			require.ErrorContains(t, err, filepath.Join(root, p))
			require.ErrorContains(t, err, "65534")
		})
	}
}

// In a sticky folder (/tmp) no user can move away what is another's, …
func TestTrustedInASticky(t *testing.T) {
	t.Parallel()
	root := tree(t, "tmp/", "tmp/ours/", "tmp/theirs/")
	chmod(t, 0o777|os.ModeSticky, root, "tmp")
	require.NoError(t, configs.Trusted(root+"/tmp/ours"))
	require.NoError(t, configs.Trusted(root+"/tmp/ours/none"))
	give(t, root, "tmp/theirs")
	require.Error(t, configs.Trusted(root+"/tmp/theirs"))
	require.Error(t, configs.Trusted(root+"/tmp/theirs/none"))
	// … but the owner of a sticky folder can change all that is in it.
	give(t, root, "tmp")
	require.Error(t, configs.Trusted(root+"/tmp/ours"))
}

// In a sticky folder any user can make what is not there yet, before we do.
func TestTrustedNotYetInASticky(t *testing.T) {
	t.Parallel()
	root := tree(t, "tmp/")
	chmod(t, 0o777|os.ModeSticky, root, "tmp")
	require.Error(t, configs.Trusted(root+"/tmp/none"))
	require.Error(t, configs.Trusted(root+"/tmp/none/at/all"))
}

func TestTrustedLinks(t *testing.T) {
	t.Parallel()
	root := tree(t, "safe/", "safe/file")
	require.NoError(t, os.Symlink("safe", root+"/link"))
	require.NoError(t, os.Symlink(root+"/safe/file", root+"/link-to-file"))
	for _, p := range []string{"link", "link/file", "link/none", "link-to-file"} {
		require.NoError(t, configs.Trusted(root+"/"+p), p)
	}
}

func TestTrustedLinkOfAnotherUser(t *testing.T) {
	t.Parallel()
	root := tree(t, "safe/", "tmp/")
	chmod(t, 0o777|os.ModeSticky, root, "tmp")
	require.NoError(t, os.Symlink(root+"/safe", root+"/tmp/link"))
	give(t, root, "tmp/link")
	require.Error(t, configs.Trusted(root+"/tmp/link"))
	require.Error(t, configs.Trusted(root+"/tmp/link/file"))
}

// A link is as good as the place it leads to, and all the folders on the way.
func TestTrustedLinkToSomewhereUnsafe(t *testing.T) {
	t.Parallel()
	root := tree(t, "unsafe/", "unsafe/dir/", "unsafe/dir/file")
	chmod(t, 0o777, root, "unsafe")
	for link, to := range map[string]string{
		"dir": "unsafe/dir", "file": "unsafe/dir/file", "absolute": root + "/unsafe/dir", "dangling": "unsafe/none",
		"second": "dir",
	} {
		require.NoError(t, os.Symlink(to, filepath.Join(root, link)))
	}
	for _, p := range []string{"dir", "dir/file", "dir/none", "file", "absolute/file", "dangling", "second/file"} {
		require.Error(t, configs.Trusted(root+"/"+p), p)
	}
}

// Behind a link, ".." is not the folder the link is in.
func TestTrustedDotDotBehindALink(t *testing.T) {
	t.Parallel()
	root := tree(t, "unsafe/", "unsafe/dir/", "unsafe/file", "file")
	chmod(t, 0o777, root, "unsafe")
	require.NoError(t, os.Symlink("unsafe/dir", root+"/link"))
	require.Error(t, configs.Trusted(root+"/link/../file"))
}

func TestTrustedLoop(t *testing.T) {
	t.Parallel()
	root := tree(t)
	require.NoError(t, os.Symlink("loop", root+"/loop"))
	require.Error(t, configs.Trusted(root+"/loop/file"))
}

func TestTrustedBelowAFile(t *testing.T) {
	t.Parallel()
	root := tree(t, "file")
	require.Error(t, configs.Trusted(root+"/file/below"))
}
