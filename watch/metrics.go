package watch

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"vifctl/hooks/event"
	"vifctl/hooks/plan"
)

// counts are what the watcher has done and what it looks after.
type counts struct {
	ports                                map[portsOf]int
	waiting                              int
	lateTaps, repairs, removed, failures int
	timed                                int
	took                                 time.Duration // of the timed late taps, together
	overflows                            int64

	calls       map[callsOf]int
	callsTook   map[callsOf]*histogram
	workedOnFor map[worksOf]*histogram
}

type portsOf struct {
	mode string
	kind plan.Kind
}

type callsOf struct {
	mode    string
	command event.Command
}

type worksOf struct{ what, mode string }

func newCounts() counts {
	return counts{calls: map[callsOf]int{}, callsTook: map[callsOf]*histogram{}, workedOnFor: map[worksOf]*histogram{}}
}

// called counts a call of a script's.
func (c *counts) called(mode string, made call) {
	of := callsOf{mode, made.command}
	c.calls[of]++
	if made.took > 0 {
		observe(c.callsTook, of, made.took)
	}
}

// worked counts work of our own.
func (c *counts) worked(r result) {
	of := worksOf{what: r.what()}
	if r.work != nil {
		of.mode = r.work.Mode
	}
	observe(c.workedOnFor, of, r.took)
}

func observe[K comparable](in map[K]*histogram, of K, took time.Duration) {
	if in[of] == nil {
		in[of] = &histogram{}
	}
	in[of].add(took)
}

// count is called by the loop.
func (l *loop) count() counts {
	c := l.counts
	c.calls, c.callsTook, c.workedOnFor = maps.Clone(c.calls), cloned(c.callsTook), cloned(c.workedOnFor)
	c.overflows = l.overflows()
	c.ports = map[portsOf]int{}
	for index, key := range l.host.owner {
		if l.ports[index] != nil {
			c.ports[portsOf{l.host.ports[key].Mode, key.kind}]++
		}
	}
	for _, p := range l.ports {
		if !p.late.IsZero() {
			c.waiting++
		}
	}
	return c
}

func cloned[K comparable](of map[K]*histogram) map[K]*histogram {
	all := map[K]*histogram{}
	for k, h := range of {
		one := *h
		all[k] = &one
	}
	return all
}

// text is what Prometheus reads (its text format, version 0.0.4).
func (c counts) text(drops map[string]uint64) string {
	var out strings.Builder
	metric := func(name, kind, help string) {
		fmt.Fprintf(&out, "# HELP vifctl_%s %s\n# TYPE vifctl_%s %s\n", name, help, name, kind)
	}
	one := func(name, kind, help string, value any) {
		metric(name, kind, help)
		fmt.Fprintf(&out, "vifctl_%s %v\n", name, value)
	}
	metric("ports", "gauge", "Ports that are up by calls of vifctl's.")
	byMode := func(a, b portsOf) int { return cmp.Or(cmp.Compare(a.mode, b.mode), cmp.Compare(a.kind, b.kind)) }
	for _, p := range slices.SortedFunc(maps.Keys(c.ports), byMode) {
		fmt.Fprintf(&out, "vifctl_ports{mode=%q,kind=%q} %d\n", p.mode, p.kind, c.ports[p])
	}
	one("late_taps_waiting", "gauge", "Taps that wait for something to be brought up.", c.waiting)
	one("late_taps_total", "counter", "Taps that were brought up without a call.", c.lateTaps)
	metric("late_tap_seconds", "summary", "From a tap's creation to its last step.")
	fmt.Fprintf(&out, "vifctl_late_tap_seconds_sum %g\nvifctl_late_tap_seconds_count %d\n", c.took.Seconds(), c.timed)
	c.durations(&out, metric)
	one("repairs_total", "counter", "How often something of a port was put back.", c.repairs)
	one("removed_total", "counter", "Leftovers that no call would have undone, removed.", c.removed)
	one("failures_total", "counter", "Attempts that failed.", c.failures)
	one("resyncs_total", "counter", "How often the kernel dropped events and all was looked at again.", c.overflows)
	metric("dropped_packets_total", "counter", "Packets of guests that antispoofing dropped.")
	for _, reason := range slices.Sorted(maps.Keys(drops)) {
		fmt.Fprintf(&out, "vifctl_dropped_packets_total{reason=%q} %d\n", reason, drops[reason])
	}
	return out.String()
}

// durations are those of calls and of our own work.
func (c counts) durations(out *strings.Builder, metric func(name, kind, help string)) {
	byLabels := func(a, b callsOf) int { return cmp.Or(cmp.Compare(a.mode, b.mode), cmp.Compare(a.command, b.command)) }
	metric("calls_total", "counter", "Calls of the scripts.")
	for _, of := range slices.SortedFunc(maps.Keys(c.calls), byLabels) {
		fmt.Fprintf(out, "vifctl_calls_total{mode=%q,command=%q} %d\n", of.mode, of.command, c.calls[of])
	}
	metric("call_seconds", "histogram", "From a call's first look to its end, of those that were seen to begin.")
	for _, of := range slices.SortedFunc(maps.Keys(c.callsTook), byLabels) {
		c.callsTook[of].text(out, "call_seconds", fmt.Sprintf("mode=%q,command=%q", of.mode, of.command))
	}
	metric("work_seconds", "histogram", "The watcher's own work on a port, whether there was something to do or not.")
	byWork := func(a, b worksOf) int { return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.mode, b.mode)) }
	for _, of := range slices.SortedFunc(maps.Keys(c.workedOnFor), byWork) {
		c.workedOnFor[of].text(out, "work_seconds", fmt.Sprintf("work=%q,mode=%q", of.what, of.mode))
	}
}

// metricsServer answers at a Unix socket: in HTTP, of which it knows as much as
// it takes to be scraped.
type metricsServer struct {
	listener *net.UnixListener
	asked    chan chan counts
	drops    func(context.Context) (map[string]uint64, error)
	log      *slog.Logger
}

// scrapeDeadline bounds one answer.
const scrapeDeadline = 5 * time.Second

// listenForMetrics takes the place of a socket that one before left.
func listenForMetrics(path string, asked chan chan counts, drops func(context.Context) (map[string]uint64, error), log *slog.Logger) (*metricsServer, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		_ = os.Remove(path)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for those who want metrics: %w", err)
	}
	return &metricsServer{listener, asked, drops, log}, nil
}

func (m *metricsServer) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = m.listener.Close() })
	defer stop()
	for {
		conn, err := m.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil {
			m.log.Warn("a request for metrics could not be accepted", "error", err)
			time.Sleep(time.Second)
			continue
		}
		m.answer(ctx, conn)
	}
}

// answer reads a request up to its empty line, whatever it asks for.
func (m *metricsServer) answer(ctx context.Context, conn *net.UnixConn) {
	defer conn.Close() //nolint:errcheck // the client has its answer, or has gone
	_ = conn.SetDeadline(time.Now().Add(scrapeDeadline))
	lines := bufio.NewScanner(conn)
	for lines.Scan() && lines.Text() != "" {
	}
	ctx, cancel := context.WithTimeout(ctx, scrapeDeadline)
	defer cancel()
	answer := make(chan counts, 1)
	select {
	case m.asked <- answer:
	case <-ctx.Done():
		return
	}
	var drops map[string]uint64
	if m.drops != nil {
		var err error
		if drops, err = m.drops(ctx); err != nil {
			m.log.Warn("the firewall's counters cannot be read", "error", err)
		}
	}
	text := (<-answer).text(drops)
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
}
