package watch_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/configs/units"
	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// service is a watcher that another program has started.
type service struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	log bytes.Buffer
}

func (s *service) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *service) says(t *testing.T, words string) {
	t.Helper()
	said := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(s.log.String(), words)
	}
	for end := time.Now().Add(speed.Patience); !said(); time.Sleep(2 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "it never said %q, but:\n%s", words, &s.log)
	}
}

func startService(t *testing.T, d *dom0.Dom0, env []string, command ...string) *service {
	t.Helper()
	s := &service{cmd: exec.Command(command[0], command[1:]...)}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr, s.cmd.Env = "/", s, s, append(dom0.Call{}.Environment(), env...)
	require.NoError(t, d.Start(s.cmd))
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(unix.SIGTERM)
		require.NoError(t, s.cmd.Wait(), s.log.String())
	})
	return s
}

// systemd hears that it is ready, that it is alive, and that it ends.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	socket := filepath.Join(shortDir(t), "notify")
	heard, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer heard.Close() //nolint:errcheck // nothing was written
	next := func() string {
		require.NoError(t, heard.SetReadDeadline(time.Now().Add(speed.Patience)))
		b := make([]byte, 256)
		n, err := heard.Read(b)
		require.NoError(t, err)
		return string(b[:n])
	}
	s := startService(t, d, []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=300000"}, dom0.ScriptsDir+"/vifctl", "watch")
	require.Equal(t, "READY=1", next())
	for range 5 {
		require.Equal(t, "WATCHDOG=1", next())
	}
	require.NoError(t, s.cmd.Process.Signal(unix.SIGTERM))
	last := next()
	for last == "WATCHDOG=1" {
		last = next()
	}
	require.Equal(t, "STOPPING=1", last)
}

// watchersUnit is its text.
func watchersUnit(t *testing.T) string {
	t.Helper()
	i := slices.IndexFunc(units.Systemd, func(u units.Unit) bool { return u.Service == "vifctl-watch" })
	require.NotEqual(t, -1, i)
	return string(units.Systemd[i].Text())
}

// In what the unit leaves it of root's rights and of the file system, it does all
// of its work.
func TestInTheUnitsRights(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "setpriv", "unshare")
	unit := watchersUnit(t)
	require.Contains(t, unit, "\nCapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW\n")
	require.Contains(t, unit, "\nReadWritePaths=/proc/sys/net -/run/xtables.lock -/run/vifctl-dhcp\n")
	d := driftingHost(t)
	p := hvm(t, d, "route", 9)
	plugTap(t, p)
	require.Zero(t, p.Call("vif-route", "add", "type_if=tap").Exit)
	whole := unordered(d)
	require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
	unplugTap(t, p)

	sandbox := `set -e
for d in / /etc /run /var/log /tmp; do mount --rbind $d $d; mount -o remount,bind,ro $d; done
mount --rbind /sys /sys; mount -o remount,bind,ro /sys
mount --bind /proc /proc; mount --bind /proc/sys/net /proc/sys/net; mount -o remount,bind,ro /proc
mount --bind /run/vifctl /run/vifctl; mount -o remount,bind,rw /run/vifctl
! touch /run/x /etc/x /tmp/x 2>/dev/null
! echo 1 2>/dev/null >/proc/sys/kernel/panic
exec setpriv --bounding-set=-all,+net_admin,+net_raw --inh-caps=-all --no-new-privs ` + dom0.ScriptsDir + `/vifctl watch --without-hooks --metrics /run/vifctl/metrics`
	s := startService(t, d, nil, "unshare", "--mount", "--propagation=slave", "sh", "-c", sandbox)
	s.says(t, "watching")
	r := d.Run("sh", "-c", "nft flush ruleset; ip link set vif2.0 down; ip link set vif1.0 nomaster; ip address delete 203.0.113.44/32 dev eth0; "+
		"sysctl -qw net/ipv4/conf/vif3.0/proxy_arp=0; touch /run/vifctl/.9.0.tap.json12")
	require.Zero(t, r.Exit, r.Stderr)
	plugTap(t, p)
	s.says(t, "vif9.0-emu came late and is up")
	for end := time.Now().Add(speed.Patience); unordered(d) != whole; time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(end), s.log.String())
	}
	require.Contains(t, scrape(t, d), "vifctl_ports{mode=\"route\",kind=\"tap\"} 1\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotContains(t, s.log.String(), "error")
}

// scrape asks for the metrics as Prometheus would.
func scrape(t *testing.T, d *dom0.Dom0) string {
	t.Helper()
	var text []byte
	require.NoError(t, d.Do(func() error {
		conn, err := net.Dial("unix", "/run/vifctl/metrics")
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		text, err = io.ReadAll(conn)
		return err
	}))
	return string(text)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	d := driftingHost(t)
	p := hvm(t, d, "route", 9)
	w := watcher(t, d, "--metrics", "/run/vifctl/metrics")
	says(t, w, "watching", 1)
	plugTap(t, p)
	says(t, w, "vif9.0-emu came late and is up", 1)
	require.Zero(t, d.Run("ip", "link", "set", "vif1.0", "nomaster").Exit)
	says(t, w, "vif1.0: put back", 1)
	// A call that a hook holds up.
	require.NoError(t, d.WriteFile(dom0.ScriptsDir+"/vif-post.d/slow.hook", "sleep 0.3\n", 0o755))
	require.Zero(t, p.Call("vif-route", "offline", "type_if=vif").Exit)
	require.Zero(t, p.Call("vif-route", "online", "type_if=vif").Exit)
	// What the folder tells is taken in when the call has long returned.
	require.Eventually(t, func() bool {
		return strings.Contains(scrape(t, d), `vifctl_calls_total{mode="route",command="online"} 1`)
	}, speed.Patience, 5*time.Millisecond)
	text := scrape(t, d)
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	require.Contains(t, head, "HTTP/1.1 200 OK\r\n")
	require.Contains(t, head, fmt.Sprintf("Content-Length: %d", len(body)))
	for _, line := range []string{
		`vifctl_ports{mode="bridge",kind="vif"} 1`, `vifctl_ports{mode="nat",kind="vif"} 1`, `vifctl_ports{mode="route",kind="tap"} 1`,
		`vifctl_ports{mode="route",kind="vif"} 2`, "vifctl_late_taps_total 1", "vifctl_late_tap_seconds_count 1", "vifctl_repairs_total 1",
		"vifctl_failures_total 0", "vifctl_resyncs_total 0", `vifctl_dropped_packets_total{reason="spoofed_address"} `,
		`vifctl_calls_total{mode="route",command="offline"} 1`, `vifctl_calls_total{mode="route",command="online"} 1`,
		`vifctl_call_seconds_bucket{mode="route",command="online",le="0.25"} 0`, `vifctl_call_seconds_bucket{mode="route",command="online",le="2.5"} 1`,
		`vifctl_call_seconds_count{mode="route",command="online"} 1`, `vifctl_call_seconds_bucket{mode="route",command="offline",le="0.25"} 0`,
		`vifctl_work_seconds_count{work="late_tap",mode="route"} 1`, `vifctl_work_seconds_count{work="repair",mode="bridge"} `,
		`vifctl_work_seconds_bucket{work="late_tap",mode="route",le="+Inf"} 1`,
	} {
		require.Contains(t, body, "\n"+line)
	}
	// Every line is a comment or a metric, and every metric has been introduced.
	for line := range strings.Lines(body) {
		if name := strings.FieldsFunc(line, func(r rune) bool { return r == '{' || r == ' ' })[0]; !strings.HasPrefix(line, "#") {
			for _, part := range []string{"_sum", "_count", "_bucket"} {
				name = strings.TrimSuffix(name, part)
			}
			require.Contains(t, body, "# TYPE "+name+" ", line)
		}
	}
	require.Contains(t, scrape(t, d), "vifctl_repairs_total 1", "and again")
	// A call that is refused, and one more than there were: a repair that put something back counts, too.
	refused := func() int {
		_, rest, _ := strings.Cut(scrape(t, d), "\n"+`vifctl_calls_total{mode="route",command=""} `)
		line, _, _ := strings.Cut(rest, "\n")
		n, _ := strconv.Atoi(line) // 0 where there is no such line
		return n
	}
	before := refused()
	require.NoError(t, d.Write(p.Backend+"/mac", "nonsense"))
	require.NotZero(t, p.Call("vif-route", "online", "type_if=vif").Exit)
	require.Eventually(t, func() bool { return refused() > before }, speed.Patience, 5*time.Millisecond)
	ends(t, w)
}
