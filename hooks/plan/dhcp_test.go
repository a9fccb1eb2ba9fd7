package plan

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHostLabel(t *testing.T) {
	t.Parallel()
	for guest, want := range map[string]string{
		"web":                    "web",
		"Web Server":             "web-server",
		"win2008-1":              "win2008-1",
		"web.example.org":        "web-example-org",
		"--":                     "",
		"":                       "",
		"ä":                      "",
		"web--incoming":          "web--incoming",
		"a,b\n00:00:00:00:00:00": "a-b-00-00-00-00-00-00",
		strings.Repeat("a", 99):  strings.Repeat("a", 63),
	} {
		require.Equal(t, want, hostLabel(guest, 0), guest)
	}
	require.Equal(t, "web-1", hostLabel("web", 1))
	require.Equal(t, strings.Repeat("a", 61)+"-7", hostLabel(strings.Repeat("a", 99), 7))
}

// Whatever a guest is called, dnsmasq reads one line with one host in it.
func TestDHCPLine(t *testing.T) {
	t.Parallel()
	line := regexp.MustCompile(`^00:16:3e:00:00:01,192\.0\.2\.1(,[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$`)
	rapid.Check(t, func(t *rapid.T) {
		s := DHCPHost{
			MAC: "00:16:3e:00:00:01", IP: netip.MustParseAddr("192.0.2.1"),
			Name: hostLabel(string(rapid.SliceOf(rapid.Byte()).Draw(t, "guest")), rapid.IntRange(0, 99999).Draw(t, "devid")),
		}
		require.Regexp(t, line, s.Line())
	})
}
