package plan_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// A type that is a step stands in the table, once, under a name of its own.
func TestKindsListsEveryStep(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	method := regexp.MustCompile(`(?m)^func \((?:s )?(\w+)\) Traits\(\) Traits`)
	var types []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range method.FindAllSubmatch(source, -1) {
			types = append(types, string(m[1]))
		}
	}
	require.NotEmpty(t, types)
	var listed []string
	names := map[string]bool{}
	for _, s := range plan.Kinds() {
		listed = append(listed, reflect.TypeOf(s).Name())
		names[s.Traits().Kind] = true
		found, ok := plan.OfKind(s.Traits().Kind)
		require.True(t, ok)
		require.Equal(t, s, found)
	}
	require.ElementsMatch(t, types, listed)
	require.Len(t, names, len(listed), "%v", slices.Collect(maps.Keys(names)))
}

// Attributes of one link are one message only in the order in which the kernel
// takes them.
func TestTogether(t *testing.T) {
	t.Parallel()
	port, other := plan.Dev{Name: "vif1.0", Index: 7}, plan.Dev{Name: "vif2.0", Index: 8}
	bridge := plan.Dev{Name: "xenbr0", Index: 2}
	for _, c := range []struct {
		a, b plan.Step
		want bool
	}{
		{plan.MAC{Dev: port}, plan.MTU{Dev: port}, true},
		{plan.MTU{Dev: port}, plan.MAC{Dev: port}, false},
		{plan.Master{Dev: port}, plan.MTU{Dev: port}, false},
		{plan.Master{Dev: port, Bridge: bridge}, plan.Up{Dev: port, Want: true}, true},
		{plan.Master{Dev: port}, plan.Up{Dev: other, Want: true}, false},
		{plan.Up{Dev: port}, plan.Master{Dev: port}, true},
		{plan.Up{Dev: port}, plan.MAC{Dev: port}, false},
		{plan.Up{Dev: port, Want: true}, plan.Master{Dev: port}, false},
		{plan.Name{Dev: port}, plan.MAC{Dev: port}, false},
		{plan.Rule{Kind: plan.RuleMAC}, plan.Rule{Kind: plan.RuleOwnMAC}, true},
		{plan.Flows{}, plan.Rule{}, false},
		{plan.Address{Dev: port}, plan.Address{Dev: port}, false},
	} {
		require.Equal(t, c.want, plan.Together(c.a, c.b), "%#v, %#v", c.a, c.b)
	}
}
