package configs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"plan", "plan", 0}, {"paln", "plan", 2}, {"pla", "plan", 1}, {"xplan", "plan", 1}, {"kitten", "sitting", 3}, {"vif", "openvswitch", 4},
	} {
		require.Equal(t, tc.want, distance(tc.a, tc.b), "%s, %s", tc.a, tc.b)
		require.Equal(t, tc.want, distance(tc.b, tc.a), "%s, %s", tc.b, tc.a)
	}
}
