package watch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/event"
	"vifctl/hooks/plan"
)

// What happens in the journal's folder tells what call it was and how long it
// took.
func TestCalls(t *testing.T) {
	t.Parallel()
	const (
		came, went, left        = unix.IN_CREATE, unix.IN_DELETE, unix.IN_CLOSE_WRITE
		written, removed, aside = unix.IN_MOVED_TO, unix.IN_DELETE, unix.IN_MOVED_FROM
	)
	type told struct {
		name string
		mask uint32
	}
	lock := func(mask uint32) told { return told{"7.1.lock", mask} }
	vif, tap := "7.1.vif.json", "7.1.tap.json"
	for name, tc := range map[string]struct {
		told []told
		want []event.Command
	}{
		"online":                 {[]told{lock(came), {vif, written}, lock(went), lock(left)}, []event.Command{event.Online}},
		"online, written twice":  {[]told{lock(came), {vif, written}, {vif, written}, lock(went), lock(left)}, []event.Command{event.Online}},
		"add":                    {[]told{lock(came), {tap, written}, lock(went), lock(left)}, []event.Command{event.Add}},
		"offline":                {[]told{lock(came), {vif, removed}, lock(went), lock(left)}, []event.Command{event.Offline}},
		"remove":                 {[]told{lock(came), {tap, removed}, lock(went), lock(left)}, []event.Command{event.Remove}},
		"one that rolled back":   {[]told{lock(came), {vif, written}, {vif, removed}, lock(went), lock(left)}, []event.Command{""}},
		"one that did nothing":   {[]told{lock(came), lock(went), lock(left)}, []event.Command{""}},
		"one that sets aside":    {[]told{lock(came), {vif, aside}, {vif, written}, lock(went), lock(left)}, []event.Command{""}},
		"another port's record":  {[]told{lock(came), {"7.2.vif.json", written}, lock(went), lock(left)}, []event.Command{""}},
		"not begun yet":          {[]told{{vif, written}, lock(went), lock(left)}, nil},
		"still at it":            {[]told{lock(came), {vif, written}}, nil},
		"who looks":              {[]told{lock(came), lock(went)}, nil},
		"who looks, and a call":  {[]told{lock(came), lock(went), lock(came), {vif, written}, lock(went), lock(left)}, []event.Command{event.Online}},
		"who waits and gives up": {[]told{lock(came), lock(left), {vif, written}, lock(went), lock(left)}, []event.Command{event.Online}},
		"the host's lock":        {[]told{{"host.lock", came}, {"host.lock", went}, {"host.lock", left}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c calls
			var got []event.Command
			begin := time.Now()
			for i, e := range tc.told {
				nic, ended, ok := c.see(e.name, e.mask, i, begin.Add(time.Duration(i)*time.Millisecond))
				if ok {
					require.Equal(t, plan.NIC{Domid: 7, Devid: 1}, nic)
					require.Positive(t, ended.took)
					got = append(got, ended.command)
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// How long a call took is not known when its begin and end are heard at the same
// time.
func TestCallsThatAreTooShort(t *testing.T) {
	t.Parallel()
	var c calls
	for _, mask := range []uint32{unix.IN_CREATE, unix.IN_DELETE} {
		_, _, ok := c.see("7.1.lock", mask, 1, time.Now())
		require.False(t, ok)
	}
	_, ended, ok := c.see("7.1.lock", unix.IN_CLOSE_WRITE, 1, time.Now())
	require.True(t, ok)
	require.Zero(t, ended.took)
}

// Locks that went without the end of a call are not remembered for ever.
func TestCallsForget(t *testing.T) {
	t.Parallel()
	var c calls
	begin := time.Now()
	for domid := range 10_000 {
		name, now := plan.NIC{Domid: domid}.String()+".lock", begin.Add(time.Duration(domid)*100*time.Millisecond)
		c.see(name, unix.IN_CREATE, 1, now)
		c.see(name, unix.IN_DELETE, 2, now)
	}
	require.LessOrEqual(t, len(c.held), mostHeld)
}
