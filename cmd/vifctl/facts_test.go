package main

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/command"
)

// What prints facts for programs says of what shape they are; a call's dry run, which is `plan`'s, has its schema there.
func TestEveryJSONHasASchema(t *testing.T) {
	t.Parallel()
	calls := []string{"online", "offline", "add", "remove"}
	asked := map[string][]string{"config": {"check"}, "firewall": {"show"}, "network": {"status"}}
	found := 0
	for _, cmd := range table().Commands {
		names := flagNames(cmd)
		if !slices.Contains(names, "json") || slices.Contains(calls, cmd.Name) {
			continue
		}
		found++
		require.Contains(t, names, "schema", cmd.Name)
		code, stdout, stderr := call(t, "vifctl", append(append([]string{cmd.Name}, asked[cmd.Name]...), "--schema")...)
		require.Equal(t, command.Done, code, cmd.Name)
		require.Empty(t, stderr)
		var schema struct {
			Title string `json:"title"`
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &schema))
		require.Contains(t, schema.Title, "vifctl "+cmd.Name)
	}
	require.GreaterOrEqual(t, found, 6)
}

// A command that says it ends with a code of its own says one of those that all commands share.
func TestEveryExitIsDocumented(t *testing.T) {
	t.Parallel()
	for _, cmd := range table().Commands {
		for _, e := range cmd.Exits {
			require.Equal(t, command.Drifted, e.Code, cmd.Name)
		}
	}
}

// What is not understood ends with the same code at every command, and says so.
func TestEveryCommandRefusesAnUnknownOption(t *testing.T) {
	t.Parallel()
	for _, cmd := range table().Commands {
		if cmd.Verbatim {
			continue
		}
		code, stdout, stderr := call(t, "vifctl", cmd.Name, "--frobnicate")
		require.Equal(t, command.Usage, code, cmd.Name)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "--frobnicate")
	}
}

func flagNames(cmd command.Command) (names []string) {
	for _, f := range cmd.Flags {
		names = append(names, f.Name)
	}
	return names
}
