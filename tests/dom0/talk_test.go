package dom0_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// What is asked over the cable must be able to fail: who is not there does not answer.
func TestTalk(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "ping")
	d := scripted(t, "")
	d.Settle()
	for _, there := range []string{dom0.HostAddress, dom0.HostIPv6} {
		r := d.Client.Ping(there, speed.Patience)
		require.Zero(t, r.Exit, "%s%s", r.Stdout, r.Stderr)
	}
	require.NotZero(t, d.Client.Ping("10.0.0.9", 0).Exit)
	require.NotZero(t, d.Client.Ping("203.0.113.1", 0).Exit)

	const port = ":3389"
	_, err := d.Client.Dial("", dom0.HostAddress+port)
	require.ErrorIs(t, err, unix.ECONNREFUSED)
	service, err := d.Answer(port)
	require.NoError(t, err)
	defer service.Close()
	require.NoError(t, d.Client.Configure("eth0", "10.0.0.3/24"))
	for _, from := range []string{"10.0.0.1", "10.0.0.3"} {
		c, err := d.Client.Dial(from, dom0.HostAddress+port)
		require.NoError(t, err)
		defer c.Close()
		for range 2 {
			name, seen, err := dom0.Ask(c, speed.Patience)
			require.NoError(t, err)
			require.Equal(t, []string{"dom0", from}, []string{name, seen})
		}
	}
	c, err := d.Client.Dial("", dom0.HostAddress+port)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, _, err = dom0.Ask(c, speed.Patience)
	require.Error(t, err)

	arrived, _, err := d.Client.Flood(d.Namespace, dom0.HostAddress)
	require.NoError(t, err)
	require.Positive(t, arrived)
	require.LessOrEqual(t, arrived, dom0.Datagrams)
}
