package plan

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever a guest is called is one word, and one string of JSON.
func TestQuoteJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "name"))
		var back string
		require.NoError(t, json.Unmarshal([]byte(quoteJSON(s)), &back))
		require.Equal(t, SwitchText(s), back)
		require.True(t, utf8.ValidString(back))
	})
	require.Equal(t, `"a \" \\ \u000a -- del-br ovs0"`, quoteJSON("a \" \\ \n -- del-br ovs0\x00"))
}

// A guest's port that was left behind is not wanted back; any other port is.
func TestSwitchPortInverse(t *testing.T) {
	t.Parallel()
	want := SwitchPort{Dev: Dev{Name: "vif1.0"}, Bridge: "ovs0", IDs: map[string]string{GuestID: "new"}}
	for _, c := range []struct {
		name string
		now  map[string]SwitchMember
		back SwitchPort
	}{
		{"none", nil, SwitchPort{Dev: want.Dev}},
		{"another guest's", map[string]SwitchMember{"vif1.0": {Bridge: "ovs0", IDs: map[string]string{GuestID: "old"}}}, SwitchPort{Dev: want.Dev}},
		{
			"the administrator's",
			map[string]SwitchMember{"vif1.0": {Bridge: "ovs1", Tag: 3, IDs: map[string]string{"a": "b"}}},
			SwitchPort{Dev: want.Dev, Bridge: "ovs1", Tag: 3, IDs: map[string]string{"a": "b"}},
		},
	} {
		require.Equal(t, []Step{c.back}, want.Inverse(&Snapshot{SwitchPorts: c.now}), c.name)
	}
	broken := &Snapshot{SwitchPorts: map[string]SwitchMember{"vif1.0": {Bridge: "ovs0", IDs: want.IDs, Broken: "no such device"}}}
	require.False(t, want.Satisfied(broken))
}
