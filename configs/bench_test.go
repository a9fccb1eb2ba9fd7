package configs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

// hosting is the configuration of a host with so many guests, each with all
// that NAT has to offer.
func hosting(guests int) string {
	var s strings.Builder
	s.WriteString("[host]\nuplink = \"eth0\"\nantispoof = \"strict\"\ngateway = [\"10.255.255.254\", \"fe80::1\"]\n")
	for i := range guests {
		fmt.Fprintf(&s, `
[[guest]]
name    = "vm%d"
mode    = "nat"
address = ["10.%d.%d.2", "2001:db8:%x::2"]
public  = ["11.%d.%d.4"]

  [[guest.forward]]
  listen = "12.0.0.1:%d"
  to     = 3389
  proto  = "tcp"
  from   = ["198.51.100.0/24"]
`, i, i/256, i%256, i, i/256, i%256, i+1)
	}
	return s.String()
}

func BenchmarkLoad(b *testing.B) {
	for _, guests := range []int{0, 1, 100, 5000} {
		b.Run(fmt.Sprint(guests), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "vifctl.toml")
			if guests > 0 {
				require.NoError(b, os.WriteFile(path, []byte(hosting(guests)), 0o600))
			}
			b.ReportAllocs()
			for b.Loop() {
				c, err := configs.Load(path)
				require.NoError(b, err)
				require.Len(b, c.Guests(), guests)
			}
		})
	}
}

// What a call pays: the whole configuration, known by its index, and one guest.
func BenchmarkLoadIndexed(b *testing.B) {
	for _, guests := range []int{0, 1, 100, 5000} {
		b.Run(fmt.Sprint(guests), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "vifctl.toml")
			index := filepath.Join(b.TempDir(), "index")
			if guests > 0 {
				require.NoError(b, os.WriteFile(path, []byte(hosting(guests)), 0o600))
				time.Sleep(1100 * time.Millisecond) // until the index believes in its time
			}
			_, err := configs.LoadIndexed(path, index)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				c, err := configs.LoadIndexed(path, index)
				require.NoError(b, err)
				_, found := c.Guest(configs.Match{Name: fmt.Sprint("vm", guests/2), UUID: "6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f", MAC: "00:16:3e:00:00:01"})
				require.Equal(b, guests > 1, found && guests > 1)
			}
		})
	}
}
