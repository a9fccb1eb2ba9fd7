package watch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/network"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
	"vifctl/hooks/xenstore/embedded"
	"vifctl/tests/speed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const thisBoot = "this boot"

// pretend is a watcher on a host whose interfaces a test makes up. The journal
// and the xenstore are real ones.
type pretend struct {
	t testing.TB
	*Watcher
	links  *news[int, linkChange]
	hints  *news[hint, struct{}]
	socket string
	server *embedded.Server

	mu      sync.Mutex
	log     bytes.Buffer
	calls   []engine.LateTap
	removed []journal.Port
	// answer is what AddLate comes to; nil is success.
	answer func(engine.LateTap) error
	// garbage is what there is, collected how often it was collected.
	garbage   []string
	collected int
	// found is what guests have that is not their own, judged how often that was asked.
	found  []string
	judged int
	// keeps is what comes of keeping the host's side, kept how often that was asked.
	keeps func() (network.Kept, error)
	kept  int
	// looked counts how often a port that is up was looked at; lacks is what it
	// then lacks, nil is nothing.
	looked map[string]int
	lacks  func(journal.Port) (*engine.Decision, error)

	stop func()
	err  error // of run, after stop
}

// newPretend makes one that is not at work yet.
func newPretend(t testing.TB) *pretend {
	t.Helper()
	dir, err := os.MkdirTemp("", "xs") //nolint:usetesting // a socket's path has to be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &pretend{t: t, links: newNews[int, linkChange](), hints: newNews[hint, struct{}](), socket: filepath.Join(dir, "socket"), stop: func() {}}
	p.startStore()
	t.Cleanup(func() { p.stop(); p.stopStore() })
	log := slog.New(slog.NewTextHandler(lockedWriter{p}, nil))
	p.Watcher = &Watcher{
		Open:    func() Runtime { return pretendRuntime{p} },
		Journal: journal.Open(filepath.Join(dir, "run")),
		Store: NewStore(func(ctx context.Context) (*xenstore.Client, error) {
			return xenstore.DialPath(ctx, p.socket)
		}, log),
		Boot:    thisBoot,
		Log:     log,
		Workers: 2,
		Timing:  Timing{Patience: 200 * time.Millisecond, Settle: 100 * time.Millisecond, Grace: 100 * time.Millisecond, Whose: 50 * time.Millisecond},
	}
	return p
}

type lockedWriter struct{ p *pretend }

func (w lockedWriter) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	return w.p.log.Write(b)
}

func (p *pretend) startStore() {
	var err error
	p.server, err = embedded.Start(p.socket)
	require.NoError(p.t, err)
}

func (p *pretend) stopStore() { _ = p.server.Close() }

// start sets it to work, on what interfaces there are.
func (p *pretend) start(names ...string) { p.startAs(false, names...) }

func (p *pretend) startAs(once bool, names ...string) {
	folder, err := watchFolder(p.Journal.Dir(), p.Log)
	require.NoError(p.t, err)
	for i, name := range names {
		p.links.tell(i+1, func(linkChange) linkChange { return linkChange{name: name} })
	}
	p.links.tellAll()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { folder.run(ctx) })
	all.Go(func() { p.Store.Run(ctx) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.err = newLoop(p.Watcher, once, sources{p.links, folder.news, p.hints, newNews[struct{}, struct{}]()}).run(ctx)
	}()
	p.stop = func() {
		if once {
			<-done
		}
		cancel()
		<-done
		all.Wait()
		p.stop = func() {}
	}
}

// comes says that an interface has come.
func (p *pretend) comes(index int, name string) {
	p.links.tell(index, func(linkChange) linkChange { return linkChange{name: name, seen: time.Now()} })
}

func (p *pretend) goes(index int) {
	p.links.tell(index, func(linkChange) linkChange { return linkChange{gone: true} })
}

// record writes what a call would write. A past one is old enough that nothing
// follows it.
func (p *pretend) record(nic plan.NIC, kind plan.Kind, name string, index int, past bool) {
	r := &journal.Record{Port: journal.Port{NIC: nic, Kind: kind, Name: name, Device: name, Index: index, Boot: thisBoot}, Mode: "route"}
	// A record without entries counts as damaged.
	r.Entries = []journal.Entry{{Step: plan.Up{Dev: plan.Dev{Name: name, Index: index}, Want: true}}}
	if err := p.Journal.Write(r); err != nil {
		p.t.Errorf("write the journal: %v", err)
	}
	if past {
		hourAgo := time.Now().Add(-time.Hour)
		path := filepath.Join(p.Journal.Dir(), nic.String()+"."+string(kind)+".json")
		require.NoError(p.t, os.Chtimes(path, hourAgo, hourAgo))
	}
}

var public, private = netip.MustParseAddr("203.0.113.44"), netip.MustParseAddr("192.168.1.2")

func onePrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// recordWith writes what a call wrote that took these steps for a vif.
func (p *pretend) recordWith(nic plan.NIC, name string, index int, steps ...plan.Step) {
	r := &journal.Record{Port: journal.Port{NIC: nic, Kind: plan.Vif, Name: name, Device: name, Index: index, Boot: thisBoot}, Mode: "route"}
	for _, s := range steps {
		r.Entries = append(r.Entries, journal.Entry{Step: s})
	}
	require.NoError(p.t, p.Journal.Write(r))
}

// backend writes a backend to the xenstore.
func (p *pretend) backend(path string) {
	c, err := xenstore.DialPath(p.t.Context(), p.socket)
	require.NoError(p.t, err)
	defer c.Close()
	require.NoError(p.t, c.Write(p.t.Context(), path, "1"))
}

// did is how often a tap was brought up.
func (p *pretend) did() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

func (p *pretend) said(words string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.log.String(), words)
}

func (p *pretend) soon(so func() bool, what string) {
	p.t.Helper()
	require.Eventually(p.t, so, speed.Patience, time.Millisecond, what)
}

func (p *pretend) never(so func() bool, what string) {
	p.t.Helper()
	require.Never(p.t, so, 500*time.Millisecond, 5*time.Millisecond, what)
}

// pretendRuntime does what engine.Engine does, as far as a watcher can see it.
type pretendRuntime struct{ *pretend }

func (r pretendRuntime) AddLate(ctx context.Context, tap engine.LateTap) (*engine.Decision, error) {
	lock, err := r.Journal.LockNIC(ctx, tap.NIC)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	if own, _ := r.Journal.Read(tap.NIC, plan.Tap); own != nil && own.Index == tap.Index && !tap.Again {
		return nil, nil
	}
	r.mu.Lock()
	r.calls = append(r.calls, tap)
	answer := r.answer
	r.mu.Unlock()
	r.record(tap.NIC, plan.Tap, tap.Name, tap.Index, false)
	if answer != nil {
		if err := answer(tap); err != nil {
			return nil, errors.Join(err, r.Journal.Delete(tap.NIC, plan.Tap))
		}
	}
	w := &engine.Decision{Mode: "route"}
	w.Event.Name = tap.Name
	return w, nil
}

func (r pretendRuntime) RemoveGone(ctx context.Context, tap journal.Port) (*engine.Decision, error) {
	lock, err := r.Journal.LockNIC(ctx, tap.NIC)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	r.mu.Lock()
	r.removed = append(r.removed, tap)
	r.mu.Unlock()
	return &engine.Decision{Mode: "route"}, r.Journal.Delete(tap.NIC, plan.Tap)
}

func (r pretendRuntime) Repair(_ context.Context, port journal.Port) (*engine.Decision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.looked == nil {
		r.looked = map[string]int{}
	}
	r.looked[port.Name]++
	if r.lacks == nil {
		return &engine.Decision{}, nil
	}
	return r.lacks(port)
}

func (r pretendRuntime) CollectGarbage(context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.collected++
	return r.garbage, nil
}

// NotTheirOwn answers with found, and counts.
func (r pretendRuntime) NotTheirOwn(context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judged++
	return slices.Clone(r.found), nil
}

// KeepHost answers with keeps, and counts.
func (r pretendRuntime) KeepHost(context.Context) (network.Kept, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept++
	if r.keeps == nil {
		return network.Kept{}, nil
	}
	return r.keeps()
}

func (pretendRuntime) Close() {}
