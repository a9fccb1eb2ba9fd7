package xenstore_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/xenstore"
	"vifctl/hooks/xenstore/embedded"
)

func TestValues(t *testing.T) {
	binary := make([]byte, 255)
	for i := range binary {
		binary[i] = byte(i + 1)
	}
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		for name, value := range map[string]string{
			"plain":        "connected",
			"empty":        "",
			"spaces":       "  two  spaces ",
			"newline":      "a\nb\n",
			"binary":       string(binary),
			"with NUL":     "a\x00b\x00",
			"looks quoted": `"$(id)" \n`,
		} {
			require.NoError(t, c.Write(ctx, "/test/value", value), name)
			got, err := c.Read(ctx, "/test/value")
			require.NoError(t, err, name)
			require.Equal(t, value, got, name)
		}
	})
}

func TestNothingIsNotEmpty(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		_, err := c.Read(ctx, "/test/none")
		require.ErrorIs(t, err, xenstore.ErrNotExist)
		require.EqualError(t, err, "xenstore: read /test/none: no such path")

		require.NoError(t, c.Mkdir(ctx, "/test/none"))
		got, err := c.Read(ctx, "/test/none")
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

func TestTree(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		// Writing creates the parents.
		require.NoError(t, c.Write(ctx, "/test/a/b/c", "1"))
		require.NoError(t, c.Write(ctx, "/test/a/d", "2"))
		names, err := c.List(ctx, "/test/a")
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"b", "d"}, names)
		names, err = c.List(ctx, "/test/a/d")
		require.NoError(t, err)
		require.Empty(t, names)
		_, err = c.List(ctx, "/test/z")
		require.ErrorIs(t, err, xenstore.ErrNotExist)

		// Making what is there changes nothing.
		require.NoError(t, c.Mkdir(ctx, "/test/a/d"))
		got, err := c.Read(ctx, "/test/a/d")
		require.NoError(t, err)
		require.Equal(t, "2", got)

		// Removing takes all below, and may be done twice, even with the parent gone.
		require.NoError(t, c.Remove(ctx, "/test/a"))
		_, err = c.Read(ctx, "/test/a/b/c")
		require.ErrorIs(t, err, xenstore.ErrNotExist)
		require.NoError(t, c.Remove(ctx, "/test/a"))
		require.NoError(t, c.Remove(ctx, "/test/a/b/c"))
		require.ErrorIs(t, c.Remove(ctx, "/"), syscall.EINVAL)
	})
}

func TestRelativePaths(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		require.NoError(t, c.Write(ctx, "backend/vif/1/0/state", "2"))
		got, err := c.Read(ctx, "/local/domain/0/backend/vif/1/0/state")
		require.NoError(t, err)
		require.Equal(t, "2", got)
		got, err = c.Read(ctx, "backend/vif/1/0/state")
		require.NoError(t, err)
		require.Equal(t, "2", got)
	})

	t.Run("in a driver domain", func(t *testing.T) {
		s := newEmbedded(t, embedded.WithHome("/local/domain/7"))
		ctx, c := within(t, time.Minute), dial(t, daemon{socket: s.Path()})
		require.NoError(t, c.Write(ctx, "backend/vif/1/0/state", "2"))
		got, err := c.Read(ctx, "/local/domain/7/backend/vif/1/0/state")
		require.NoError(t, err)
		require.Equal(t, "2", got)
	})
}

func TestReadAll(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		want := map[string]string{}
		paths := []string{"/test/missing", "/test/gone/too"}
		for i := range 300 {
			path := fmt.Sprintf("/test/k%d", i)
			want[path] = strings.Repeat("v", i*3)
			require.NoError(t, c.Write(ctx, path, want[path]))
			paths = append(paths, path)
		}
		got, err := c.ReadAll(ctx, paths...)
		require.NoError(t, err)
		require.Equal(t, want, got)

		got, err = c.ReadAll(ctx)
		require.NoError(t, err)
		require.Empty(t, got)

		_, err = c.ReadAll(ctx, "/test/k1", "/test/vif1.0")
		require.ErrorContains(t, err, `"/test/vif1.0": the path holds '.'`)
	})
}

func TestLimits(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		const path = "/test/large"
		largest := strings.Repeat("x", 4096-len(path)-1)
		require.NoError(t, c.Write(ctx, path, largest))
		got, err := c.Read(ctx, path)
		require.NoError(t, err)
		require.Equal(t, largest, got)
		require.EqualError(t, c.Write(ctx, path, largest+"x"),
			"xenstore: write /test/large: 4097 bytes of path and value do not fit in a request, which holds 4096")

		relative := strings.Repeat("r", 2048)
		require.NoError(t, c.Write(ctx, relative, "v"))
		got, err = c.Read(ctx, "/local/domain/0/"+relative)
		require.NoError(t, err)
		require.Equal(t, "v", got)
		require.ErrorContains(t, c.Write(ctx, relative+"r", "v"), "2049 bytes long, 2048 are allowed")
		require.ErrorContains(t, c.Write(ctx, "/"+strings.Repeat("r", 3072), "v"), "3073 bytes long, 3072 are allowed")

		// The connection survives refusals of either side.
		got, err = c.Read(ctx, path)
		require.NoError(t, err)
		require.Equal(t, largest, got)
	})
}

// A full host has more names in one place than an answer holds.
func TestListInParts(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		var want []string
		for i := range 900 {
			name := fmt.Sprintf("guest-%d", i)
			want = append(want, name)
			require.NoError(t, c.Mkdir(ctx, "/test/"+name))
		}
		got, err := c.List(ctx, "/test")
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
	})
}

func TestPermissions(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		require.NoError(t, c.Mkdir(ctx, "/test/dir"))
		got, err := c.Permissions(ctx, "/test/dir")
		require.NoError(t, err)
		require.Equal(t, []xenstore.Permission{{Domid: 0}}, got)

		want := []xenstore.Permission{{Domid: 0}, {Domid: 5, Read: true}, {Domid: 6, Write: true}, {Domid: 7, Read: true, Write: true}}
		require.NoError(t, c.SetPermissions(ctx, "/test/dir", want...))
		// What is made below inherits.
		require.NoError(t, c.Write(ctx, "/test/dir/below/it", "v"))
		for _, path := range []string{"/test/dir", "/test/dir/below", "/test/dir/below/it"} {
			got, err = c.Permissions(ctx, path)
			require.NoError(t, err)
			require.Equal(t, want, got, path)
		}
		require.ErrorIs(t, c.SetPermissions(ctx, "/test/none", want...), xenstore.ErrNotExist)
		require.ErrorContains(t, c.SetPermissions(ctx, "/test/dir"), "no owner was given")
		_, err = c.Permissions(ctx, "/test/none")
		require.ErrorIs(t, err, xenstore.ErrNotExist)
	})
}

func TestDomainPath(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		got, err := c.DomainPath(ctx, 7)
		require.NoError(t, err)
		require.Equal(t, "/local/domain/7", got)
		_, err = c.DomainPath(ctx, -1)
		require.ErrorContains(t, err, "a domid is 0 to 32751")
	})
}
