package watch_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// BenchmarkLateTap is the time from a tap's creation to the last step that the
// kernel tells of: its last route, or that it is up as a port of its bridge.
// What the watcher does is seen from outside, by events of the kernel's.
func BenchmarkLateTap(b *testing.B) {
	for _, mode := range []string{"route", "bridge"} {
		for _, antispoof := range []string{"off", "strict"} {
			b.Run(mode+"/antispoof="+antispoof, func(b *testing.B) {
				d := newDom0(b)
				require.NoError(b, d.WriteFile(dom0.ConfigFile, "[host]\nantispoof = \""+antispoof+"\"\n", 0o644))
				w := watcher(b, d)
				says(b, w, "watching", 1)
				p := hvm(b, d, mode, 1)
				time.Sleep(50 * time.Millisecond)
				done := lastStep(b, d, mode)
				var took []time.Duration
				for range b.N {
					// Until the tap of before is forgotten, there is no more to do.
					time.Sleep(5 * time.Millisecond)
					began := time.Now()
					require.NoError(b, p.PlugTap())
					took = append(took, (<-done).Sub(began))
					time.Sleep(5 * time.Millisecond)
					require.NoError(b, p.UnplugTap())
				}
				ends(b, w)
				slices.Sort(took)
				ms := func(share float64) float64 {
					return float64(took[int(share*float64(len(took)-1))].Microseconds()) / 1000
				}
				b.ReportMetric(0, "ns/op") // with the pauses it says nothing
				b.ReportMetric(ms(0.5), "ms/median")
				b.ReportMetric(ms(0.99), "ms/p99")
			})
		}
	}
}

// lastStep tells when the last step was taken for a tap.
func lastStep(b *testing.B, d *dom0.Dom0, mode string) <-chan time.Time {
	steps, end := make(chan time.Time, 16), make(chan struct{})
	b.Cleanup(func() { close(end) })
	if mode == "route" {
		events := make(chan netlink.RouteUpdate, 1024)
		require.NoError(b, d.Do(func() error { return netlink.RouteSubscribe(events, end) }))
		go func() {
			for e := range events {
				if e.Type == unix.RTM_NEWROUTE && e.Family == unix.AF_INET6 && e.Priority == 1 && e.Protocol == 118 {
					steps <- time.Now()
				}
			}
		}()
		return steps
	}
	events := make(chan netlink.LinkUpdate, 1024)
	require.NoError(b, d.Do(func() error { return netlink.LinkSubscribe(events, end) }))
	go func() {
		up := map[int32]bool{}
		for e := range events {
			if index := e.Index; e.Header.Type == unix.RTM_NEWLINK && e.Link.Attrs().MasterIndex != 0 && e.Flags&unix.IFF_UP != 0 &&
				e.Link.Attrs().Name == "vif1.0-emu" && !up[index] {
				up[index] = true
				steps <- time.Now()
			}
		}
	}()
	return steps
}
