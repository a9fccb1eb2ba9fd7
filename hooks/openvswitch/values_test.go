package openvswitch

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Values as ovsdb-server writes them, and as another server might.
func TestValues(t *testing.T) {
	t.Parallel()
	r := row{}
	require.NoError(t, json.Unmarshal([]byte(`{
		"tag": 10, "no tag": ["set", []], "trunks": ["set", [20, 30]], "one trunk": 20,
		"ofport": -1, "error": "could not open", "no error": ["set", []], "fake_bridge": true,
		"external_ids": ["map", [["a", "1"], ["b", "\""]]], "no ids": ["map", []],
		"_uuid": ["uuid", "x"], "controller": ["uuid", "x"], "controllers": ["set", [["uuid", "x"], ["uuid", "y"]]],
		"nonsense": ["map", "of"], "null": null
	}`), &r))
	require.Equal(t, 10, r.number("tag"))
	require.Equal(t, 0, r.number("no tag"))
	require.Equal(t, []int{20, 30}, r.numbers("trunks"))
	require.Equal(t, []int{20}, r.numbers("one trunk"))
	require.Equal(t, -1, r.number("ofport"))
	require.Equal(t, "could not open", r.text("error"))
	require.Empty(t, r.text("no error"))
	require.True(t, r.truth("fake_bridge"))
	require.False(t, r.truth("tag"))
	require.Equal(t, map[string]string{"a": "1", "b": `"`}, r.texts("external_ids"))
	require.Empty(t, r.texts("no ids"))
	require.Empty(t, r.texts("nonsense"))
	require.Len(t, r.set("controller"), 1)
	require.Len(t, r.set("controllers"), 2)
	require.Empty(t, r.set("nothing"))
	require.Empty(t, r.text("nonsense"))
	require.Zero(t, r.number("null"))
}
