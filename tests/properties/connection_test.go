package properties

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// TestConnectionSurvives: a remote user's connection to the host survives its rewiring, and back, by either family
// and with either way of naming; also when the gateway is found to be lost, and all of it is undone.
func TestConnectionSurvives(t *testing.T) {
	t.Parallel()
	d := dom0.New(t, dom0.Options{})
	var connections []net.Conn
	for _, address := range []string{"10.0.0.2:22", "[2001:db8::2]:22"} {
		var server net.Listener
		require.NoError(t, d.Do(func() (err error) {
			server, err = net.Listen("tcp", address)
			return err
		}))
		t.Cleanup(func() { _ = server.Close() })
		go echo(server)
		require.NoError(t, d.Client.Do(func() error {
			c, err := net.Dial("tcp", address)
			connections = append(connections, c)
			return err
		}))
		c := connections[len(connections)-1]
		t.Cleanup(func() { _ = c.Close() })
	}
	talk := func(when string) {
		t.Helper()
		for _, c := range connections {
			require.NoError(t, c.SetDeadline(time.Now().Add(speed.Patience)))
			_, err := io.WriteString(c, "ls\n")
			require.NoError(t, err, when)
			_, err = io.ReadFull(c, make([]byte, 3))
			require.NoError(t, err, "%s: %s", when, c.RemoteAddr())
		}
	}
	talk("before")
	for _, bridge := range []string{"bridge=xenbr0", "bridge=eth0"} {
		call(t, d, dom0.Call{Script: "network-bridge", Args: []string{"start", bridge}}, "start")
		talk("started, " + bridge)
		call(t, d, dom0.Call{Script: "network-bridge", Args: []string{"stop"}}, "stop")
		talk("stopped, " + bridge)
	}
	for _, rule := range []string{"add table bridge deaf", "add chain bridge deaf out { type filter hook output priority 0; }", "add rule bridge deaf out ether type arp drop"} {
		require.Zero(t, d.Run("nft", rule).Exit)
	}
	r := d.Call(dom0.Call{Script: "network-bridge", Args: []string{"start"}})
	require.Equal(t, 1, r.Exit)
	require.Contains(t, r.Stderr, "reach the gateway 10.0.0.1")
	talk("undone")
}

// echo answers the first caller with what he says.
func echo(server net.Listener) {
	c, err := server.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.Copy(c, c)
}
