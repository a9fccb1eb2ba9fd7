package guard_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/guard"
)

func TestDeadline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		within            time.Duration
		passed, abandoned bool
	}{
		{"an hour from now", time.Hour, false, false},
		{"now", 0, true, false},
		{"ten seconds ago", -10 * time.Second, true, true},
	} {
		d, err := guard.Within(c.within)
		require.NoError(t, err)
		passed, err := d.Passed()
		require.NoError(t, err)
		require.Equal(t, c.passed, passed, c.name)
		abandoned, err := d.Abandoned()
		require.NoError(t, err)
		require.Equal(t, c.abandoned, abandoned, c.name)
		left, err := d.Left()
		require.NoError(t, err)
		require.Equal(t, c.within > 0, left > 0, c.name)
	}
	var never guard.Deadline
	passed, err := never.Passed()
	require.NoError(t, err)
	require.False(t, passed)
}

// It waits for its parent's end, looks until the change is over, and tells what goes wrong.
func TestWatch(t *testing.T) {
	t.Parallel()
	looks := 0
	require.NoError(t, guard.Watch(t.Context(), strings.NewReader("the parent's last words"), func(context.Context) (bool, error) {
		looks++
		return looks == 2, nil
	}))
	require.Equal(t, 2, looks)
	broken := errors.New("broken")
	require.ErrorIs(t, guard.Watch(t.Context(), strings.NewReader(""), func(context.Context) (bool, error) { return false, broken }), broken)
}
