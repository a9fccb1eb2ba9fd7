//go:build xen

package xen

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	scripts  = flag.String("scripts", "ours", "whose scripts the stories use: ours, or Debian's (stock)")
	machines = flag.Int("machines", 2, "how many dom0s run beside each other; each takes one processor and 2 GB")
	update   = flag.Bool("update", false, "write testdata/calls anew from what the record story sees")
	smoke    = flag.Bool("smoke", false, "only the stories that a change most likely breaks, marked `# smoke`")
)

// TestXen runs every story in a real dom0. A story that fails costs its dom0: the next one gets a new one.
func TestXen(t *testing.T) {
	if *scripts != "ours" && *scripts != "stock" || *machines < 1 {
		t.Fatalf("-scripts=%s -machines=%d: ours or stock, and at least one", *scripts, *machines)
	}
	all, leftOut, err := stories(*smoke)
	if err != nil {
		t.Fatal(err)
	}
	limits := newLimits(t)
	ctx := limits.whole
	need(t)
	l := newLab(ctx, t)
	l.limits = limits
	t.Cleanup(func() {
		l.close()
		l.report(t, all, leftOut)
	})
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			if *machines > 1 {
				t.Parallel()
			}
			l.tell(ctx, t, s)
		})
	}
}

// lab is what the stories share: the image, the folder that dom0 sees as /lab, and the machines.
type lab struct {
	image, share string
	slots        chan *machine // as many as -machines says; nil in it is a machine not booted yet
	boots        atomic.Int32
	limits       *limits
}

func newLab(ctx context.Context, t *testing.T) *lab {
	t.Helper()
	cache, err := filepath.Abs("../../.cache/xen")
	if err != nil {
		t.Fatal(err)
	}
	share := filepath.Join(cache, "last")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	alone(t, cache)
	if err := os.RemoveAll(share); err != nil {
		t.Fatal(err)
	}
	l := &lab{image: image(ctx, t, cache), share: share, slots: make(chan *machine, *machines)}
	for range *machines {
		l.slots <- nil
	}
	for _, folder := range []string{"dom0", "stories"} {
		if err := os.CopyFS(filepath.Join(share, folder), os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	if *scripts == "ours" {
		build(ctx, t, filepath.Join(share, "vifctl"))
	}
	return l
}

// alone keeps a second run on the same cache out until this one has ended.
func alone(t *testing.T, cache string) {
	t.Helper()
	lock, err := os.Create(filepath.Join(cache, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatalf("%s: another run is using it", cache)
	}
}

// build makes the static binary that goes into dom0.
func build(ctx context.Context, t *testing.T, path string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "vifctl/cmd/vifctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// tell runs one story. One that fails is told once more, in a new dom0: an emulated machine beside another may take longer
// than any guest's patience. What failed is printed in either case.
func (l *lab) tell(ctx context.Context, t *testing.T, s story) {
	dom0 := <-l.slots
	defer func() { l.slots <- dom0 }()
	for again := range 2 {
		if dom0 != nil && dom0.used && s.fresh {
			dom0.off()
			dom0 = nil
		}
		var failure string
		dom0, failure = l.attempt(ctx, t, s, dom0)
		switch {
		case failure == "":
			golden(t, filepath.Join(l.share, "out", s.file, "calls"))
			return
		case again > 0 || ctx.Err() != nil:
			t.Error(failure)
			return
		}
		t.Logf("%s\nIT FAILED, and is told once more in a new dom0.", failure)
		l.keepAside(t, s)
	}
}

// keepAside keeps what a story left that is told once more.
func (l *lab) keepAside(t *testing.T, s story) {
	t.Helper()
	folder := filepath.Join(l.share, "out", s.file)
	if err := os.Rename(folder, folder+".first"); err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}

// attempt tells a story in dom0, or in a new one where that is nil. It returns the dom0 for the next story, nil where it has
// to be a new one, and what went wrong.
func (l *lab) attempt(ctx context.Context, t *testing.T, s story, dom0 *machine) (next *machine, failure string) {
	t.Helper()
	if dom0 == nil {
		started := time.Now()
		m, err := boot(ctx, l.image, l.share, int(l.boots.Add(1)), l.limits)
		if err != nil {
			return nil, fmt.Sprintf("%v\n%s", err, l.kept())
		}
		dom0 = m
		took := time.Since(started)
		l.limits.booted(took)
		t.Logf("dom0 came up in %.0f s: limits are %d times a good machine's; vifctl install said:\n%s",
			took.Seconds(), l.limits.factor(), l.installed(t, m))
	}
	status, err := dom0.run(ctx, s, l.share, *scripts)
	t.Logf("%s (boot %d)\n%s", s.title, dom0.number, l.output(s, "output"))
	switch {
	case err != nil:
		failure = fmt.Sprintf("%v\n%s", err, l.kept())
	case status != 0:
		failure = fmt.Sprintf("the story ended with %d\n%s", status, l.kept())
	default:
		if complaint := l.output(s, "reset"); complaint != "" {
			failure = "dom0 could not be tidied up after it:\n" + complaint
		}
	}
	if failure != "" || t.Failed() {
		dom0.kill()
		return nil, failure
	}
	return dom0, ""
}

// output is a file that the story, or the runner for it, left in its folder.
func (l *lab) output(s story, name string) string {
	text, err := os.ReadFile(filepath.Join(l.share, "out", s.file, name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// installed is what `vifctl install` printed in dom0; that it worked is the first thing to know.
func (l *lab) installed(t *testing.T, m *machine) string {
	text, err := os.ReadFile(filepath.Join(l.share, fmt.Sprintf("boot-%d.install", m.number)))
	if err != nil || strings.Contains(string(text), "@@failed") {
		t.Errorf("%s%v", text, err)
	}
	return string(text)
}

func (l *lab) kept() string {
	return "what was said, the serial line and the toolstack's logs are in " + l.share
}

// report prints what stories left in a file called report, tables mostly, and which stories were not told.
func (l *lab) report(t *testing.T, all, leftOut []story) {
	for _, s := range all {
		text, err := os.ReadFile(filepath.Join(l.share, "out", s.file, "report"))
		if err == nil {
			t.Logf("%s\n%s", s.title, text)
		}
	}
	t.Logf("%d boots of dom0", l.boots.Load())
	for _, s := range leftOut {
		t.Logf("left out, make test-xen tells it: %s (%s)", s.name, s.title)
	}
}

// close switches the machines off.
func (l *lab) close() {
	for range *machines {
		if dom0 := <-l.slots; dom0 != nil {
			dom0.off()
		}
	}
}
