package xenstore_test

import (
	"bufio"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/tests/realxenstore"
)

// libxenstore's own tools are the second opinion on what we write, and on what our server answers.
func TestToolsReadWhatWeWrite(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		require.NoError(t, c.Write(ctx, "/test/a", "two words"))
		require.NoError(t, c.Write(ctx, "backend/vif/1/0/mac", "00:16:3e:00:00:01"))

		for _, tc := range []struct {
			want, tool string
			args       []string
		}{
			{"two words", "xenstore-read", []string{"/test/a"}},
			{"00:16:3e:00:00:01", "xenstore-read", []string{"backend/vif/1/0/mac"}},
			{"a", "xenstore-list", []string{"/test"}},
			{"", "xenstore-exists", []string{"/test/a"}},
			{`/test/a = "two words"   (n0)`, "xenstore-ls", []string{"-f", "-p", "/test"}},
		} {
			got, err := realxenstore.Tool(t, d.socket, tc.tool, tc.args...)
			require.NoError(t, err)
			require.Equal(t, tc.want, got, tc.tool)
		}
		_, err := realxenstore.Tool(t, d.socket, "xenstore-exists", "/test/none")
		require.Error(t, err)
		_, err = realxenstore.Tool(t, d.socket, "xenstore-read", "/test/none")
		require.ErrorContains(t, err, "couldn't read path /test/none")
	})
}

func TestWeReadWhatToolsWrite(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		run := func(tool string, args ...string) {
			t.Helper()
			_, err := realxenstore.Tool(t, d.socket, tool, args...)
			require.NoError(t, err)
		}
		run("xenstore-write", "/test/a", "1", "/test/b/c", "with a space", "relative", "here") // one transaction
		values, err := c.ReadAll(ctx, "/test/a", "/test/b/c", "/local/domain/0/relative")
		require.NoError(t, err)
		require.Equal(t, map[string]string{"/test/a": "1", "/test/b/c": "with a space", "/local/domain/0/relative": "here"}, values)

		run("xenstore-chmod", "-r", "/test", "n0", "r5", "b6")
		permissions, err := c.Permissions(ctx, "/test/b/c")
		require.NoError(t, err)
		require.Len(t, permissions, 3)
		require.Equal(t, "n0 r5 b6", permissions[0].String()+" "+permissions[1].String()+" "+permissions[2].String())

		run("xenstore-rm", "/test/b")
		names, err := c.List(ctx, "/test")
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, names)
	})
}

func TestToolWatchesWhatWeWrite(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		tool := realxenstore.Command(t, d.socket, "xenstore-watch", "-n", "2", "/test")
		out, err := tool.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, tool.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())
		require.Equal(t, "/test", lines.Text())
		require.NoError(t, c.Write(ctx, "/test/key", "v"))
		require.True(t, lines.Scan())
		require.Equal(t, "/test/key", lines.Text())
		require.NoError(t, tool.Wait())
	})
}
