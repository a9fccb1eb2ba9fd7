package dhcp_test

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/dhcp"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
)

// A file appears whole, under its own name, as one event of the folder; so does another in its place.
func TestFilesAppearWhole(t *testing.T) {
	t.Parallel()
	d := dom0.New(t, dom0.Options{})
	host := plan.DHCPHost{Port: plan.Dev{Name: "eth0"}, MAC: "00:16:3e:00:00:01", IP: netip.MustParseAddr("192.168.1.2"), Name: "web"}
	set := func(h plan.DHCPHost) { require.NoError(t, dhcp.Host{}.SetDHCP(t.Context(), h)) }
	require.NoError(t, d.Do(func() error {
		set(plan.DHCPHost{Port: host.Port, MAC: "00:16:3e:00:00:02", IP: netip.MustParseAddr("192.168.1.9")})
		folder, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		require.NoError(t, err)
		defer unix.Close(folder)
		const written = unix.IN_CREATE | unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_DELETE
		_, err = unix.InotifyAddWatch(folder, plan.DHCPHosts, written)
		require.NoError(t, err)

		set(host)
		require.Equal(t, "moved 00-16-3e-00-00-01", happened(t, folder))
		host.IP = netip.MustParseAddr("192.168.1.3")
		set(host)
		require.Equal(t, "moved 00-16-3e-00-00-01", happened(t, folder))
		s := plan.Snapshot{DHCP: map[string]string{}}
		require.NoError(t, dhcp.Host{}.ReadDHCP([]plan.DHCPHost{host}, &s))
		require.Equal(t, map[string]string{host.MAC: "00:16:3e:00:00:01,192.168.1.3,web"}, s.DHCP)

		host.Absent = true
		set(host)
		require.Equal(t, "deleted 00-16-3e-00-00-01", happened(t, folder))
		set(host)
		return nil
	}))
}

// happened tells what inotify has, one event after the other.
func happened(t *testing.T, fd int) string {
	t.Helper()
	buffer := make([]byte, 4096)
	n, err := unix.Read(fd, buffer)
	require.NoError(t, err)
	var all []string
	for rest := buffer[:n]; len(rest) > 0; {
		mask, length := binary.NativeEndian.Uint32(rest[4:]), binary.NativeEndian.Uint32(rest[12:])
		name := strings.TrimRight(string(rest[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+length]), "\x00")
		what := map[uint32]string{unix.IN_MOVED_TO: "moved", unix.IN_DELETE: "deleted"}[mask]
		if what == "" {
			what = "something else:"
		}
		all = append(all, what+" "+name)
		rest = rest[unix.SizeofInotifyEvent+length:]
	}
	return strings.Join(all, ", ")
}
