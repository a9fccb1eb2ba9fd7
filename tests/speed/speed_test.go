package speed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSlowness(t *testing.T) {
	s, err := Slowness()
	require.NoError(t, err)
	require.GreaterOrEqual(t, s, 1.0, "limits would be shorter than on a good machine")
	require.InDelta(t, 3, ratio(3*time.Second, time.Second), 0)
}
