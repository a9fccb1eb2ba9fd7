package configs_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What might look like a mistake and is none.
func TestNoMistake(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a port for each source": `[[guest]]
name = "a"
[[guest.forward]]
listen = "192.0.2.1:80"
from = "198.51.100.0/24"
[[guest]]
name = "b"
[[guest.forward]]
listen = "192.0.2.1:80"
from = "198.51.101.0/24"`,
		"a port for each protocol": `[[guest]]
name = "a"
[[guest.forward]]
listen = "192.0.2.1:80"
proto = "tcp"
[[guest]]
name = "b"
[[guest.forward]]
listen = "192.0.2.1:80"
proto = "udp"`,
		"ranges side by side": `[[guest]]
name = "a"
[[guest.forward]]
listen = ":80-89"
[[guest]]
name = "b"
[[guest.forward]]
listen = ":90-99"`,
		"a thousand and twenty-four ports": forward(`listen = ":1000-2023"`),
		"one address on two bridges": `[[guest]]
name = "a"
mode = "bridge"
bridge = "xenbr0"
address = "10.0.0.1"
[[guest]]
name = "b"
mode = "bridge"
bridge = "xenbr1"
address = "10.0.0.1"`,
		"a guest in its own network": guest(`address = ["10.0.0.1", "10.0.0.0/24"]`),
		"a port of one's own public address": guest(`address = "10.0.0.1"
public = "192.0.2.1"
[[guest.forward]]
listen = "192.0.2.1:80"
to = 8080`),
		"an entry for each NIC": `[[guest]]
name = "a"
nic = 0
[[guest]]
name = "a"
nic = 1`,
		"an entry for each MAC": `[[guest]]
name = "a"
mac = "00:16:3e:00:00:01"
[[guest]]
name = "a"
mac = "00:16:3e:00:00:02"`,
		"a guest before and after it was made anew": `[[guest]]
name = "a"
uuid = "6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f"
[[guest]]
name = "a"
uuid = "6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e90"`,
		"a mapped range to others": forward(`listen = "[2001:db8::1]:80-89"
to = "8080-8089"
from = "2001:db8:1::/48"`),
		"public without an address: it is the backend's": guest(`public = "192.0.2.1"`),
		"a bridge guest at the gateway": `[host]
gateway = "10.0.0.1"
[[guest]]
name = "a"
mode = "bridge"
address = "10.0.0.1"`,
		"two guests that hand an address over to each other": `[[guest]]
name = "a"
mode = "bridge"
address = ["10.0.0.1", "10.0.0.9"]
allow = "vrrp"
[[guest]]
name = "b"
mode = "bridge"
address = ["10.0.0.2", "10.0.0.9"]
allow = "vrrp"`,
		"a link-local gateway": `[host]
gateway = "fe80::1"`,
		"a link-local address without brackets": guest(`link_local = "fe80::1"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, mistaken(t, text))
		})
	}
}
