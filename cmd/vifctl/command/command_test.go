package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/command"
)

// options are what the table's only command is told.
type options struct {
	quick bool
	name  string
	count int
	words []string
}

// start runs a table of one command, which ends as it is told to.
func start(o *options, end func(*command.Call) error, args ...string) (code command.Code, stdout, stderr string) {
	var out, errOut bytes.Buffer
	t := command.Table{Program: "prog", About: "prog does it.", Commands: []command.Command{{
		Name: "do", Args: "[WORD]…", About: "do it", Detail: "All of it.",
		Flags: []command.Flag{
			{Name: "quick", Help: "at once", Into: &o.quick},
			{Name: "name", Value: "NAME", Help: "whose", Into: &o.name},
			{Name: "count", Value: "N", Help: "how often", Into: command.Number{Into: &o.count, Least: 1, Most: 9, What: "a number of times"}},
		},
		Exits: []command.Exit{{Code: command.Drifted, When: "it is undone"}},
		Run: func(_ context.Context, c *command.Call) error {
			o.words = c.Words
			return end(c)
		},
	}}}
	code = t.Run(context.Background(), command.Program{
		Name: "prog", Args: args, Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &errOut,
	})
	return code, out.String(), errOut.String()
}

// Flags stand anywhere before a --, with or without a =.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want options
	}{
		{nil, options{}},
		{[]string{"a", "--quick", "b"}, options{quick: true, words: []string{"a", "b"}}},
		{[]string{"--name", "x", "a"}, options{name: "x", words: []string{"a"}}},
		{[]string{"a", "--name=x=y"}, options{name: "x=y", words: []string{"a"}}},
		{[]string{"--name", "--quick"}, options{name: "--quick"}},
		{[]string{"--name="}, options{}},
		{[]string{"a", "--", "--quick", "--"}, options{words: []string{"a", "--quick", "--"}}},
		{[]string{"-", "--count", "3"}, options{count: 3, words: []string{"-"}}},
	} {
		var o options
		code, _, stderr := start(&o, func(*command.Call) error { return nil }, append([]string{"do"}, tc.args...)...)
		require.Equal(t, command.Done, code, tc.args)
		require.Empty(t, stderr)
		require.Equal(t, tc.want, o, tc.args)
	}
}

func TestUnparsable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ arg, says string }{
		{"--qick", `prog: do: there is no option "--qick" (did you mean --quick?)`},
		{"--other", `prog: do: there is no option "--other"; there are --quick, --name, --count`},
		{"-quick", `prog: do: there is no option "-quick" (did you mean --quick?)`},
		{"--quick=yes", `prog: do: --quick takes no value`},
		{"--name", `prog: do: --name needs a value: NAME`},
		{"--count=ten", `prog: do: --count "ten" cannot be used: it is a number of times, from 1 to 9`},
		{"--count=10", `prog: do: --count "10" cannot be used: it is a number of times, from 1 to 9`},
		{"--\x1b[m", `prog: do: there is no option "--\x1b[m"; there are --quick, --name, --count`},
	} {
		code, stdout, stderr := start(&options{}, func(*command.Call) error { return errors.New("it was run") }, "do", tc.arg)
		require.Equal(t, command.Usage, code)
		require.Empty(t, stdout)
		require.Equal(t, tc.says+"\n", stderr)
	}
}

// A command's end is its exit code, and what has not been told is told.
func TestEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		end  error
		want command.Code
		says string
	}{
		{nil, command.Done, ""},
		{errors.New("it broke"), command.Failed, "prog: it broke\n"},
		{errors.Join(errors.New("one"), errors.New("two")), command.Failed, "prog: one; two\n"},
		{errors.New("a \x1b[2Jguest"), command.Failed, "prog: a ?[2Jguest\n"},
		{command.Usagef("what is %q?", "x"), command.Usage, "prog: what is \"x\"?\n"},
		{command.Failed, command.Failed, ""},
		{command.Drifted, command.Drifted, ""},
		{command.Done.End(), command.Done, ""},
		{command.Drifted.Worse(command.Done).Worse(command.Failed).Worse(command.Drifted).End(), command.Failed, ""},
	} {
		code, stdout, stderr := start(&options{}, func(*command.Call) error { return tc.end }, "do")
		require.Equal(t, tc.want, code)
		require.Empty(t, stdout)
		require.Equal(t, tc.says, stderr)
	}
}

// Neither text nor a document has anything in it that commands a terminal, and the
// document is still what it was.
func TestOutputIsHarmless(t *testing.T) {
	t.Parallel()
	name := "web\x1b[2J\u009b31m\u202e\U000e0001\x7f\n"
	code, stdout, _ := start(&options{}, func(c *command.Call) error {
		c.Line("%s", name)
		c.Columns("  ", 40, []string{"\x1b[m", "x"}, []string{"a", "y"})
		return nil
	}, "do")
	require.Equal(t, command.Done, code)
	require.Equal(t, "web?[2J?31m???\n  ?[m  x\n  a    y\n", stdout)

	_, stdout, _ = start(&options{}, func(c *command.Call) error { c.JSON(map[string]string{"name": name}); return nil }, "do")
	for _, r := range stdout {
		require.True(t, r == '\n' || r >= ' ' && r < 0x7f, "%q", r)
	}
	var read map[string]string
	require.NoError(t, json.Unmarshal([]byte(stdout), &read))
	require.Equal(t, name, read["name"])
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// What cannot be told is no success.
func TestBrokenOutput(t *testing.T) {
	t.Parallel()
	var errOut bytes.Buffer
	table := command.Table{Program: "prog", Commands: []command.Command{{Name: "do", Run: func(_ context.Context, c *command.Call) error {
		c.Line("told")
		require.ErrorIs(t, c.Err(), command.Failed)
		return nil
	}}}}
	p := command.Program{Name: "prog", Args: []string{"do"}, Getenv: func(string) string { return "" }, Stdout: broken{}, Stderr: &errOut}
	require.Equal(t, command.Failed, table.Run(context.Background(), p))
}

func TestHelp(t *testing.T) {
	t.Parallel()
	_, stdout, _ := start(&options{}, nil, "do", "x", "--help")
	require.Equal(t, `prog do [WORD]…
  do it

  All of it.

options
  --quick      at once
  --name NAME  whose
  --count N    how often

exit codes, besides 0, 1 and 2
  3  it is undone
`, stdout)
	code, stdout, stderr := start(&options{}, nil)
	require.Equal(t, command.Usage, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "  prog do [WORD]…  do it\n")
	code, _, stderr = start(&options{}, nil, "od")
	require.Equal(t, command.Usage, code)
	require.Equal(t, "prog: there is no command \"od\"; `prog help` lists them\n", stderr)
}
