//go:build xen

package xen

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

var (
	scripts = flag.String("scripts", "ours", "whose scripts the stories use: ours, or Debian's (stock)")
	update  = flag.Bool("update", false, "write testdata/calls anew from what the record story sees")
)

// wholeLimit is for everything together, should the test command set no shorter one.
const wholeLimit = 15 * time.Minute

// TestXen runs every story in a real dom0, one boot for all of them. A story that fails costs the dom0: the next one
// gets a new one.
func TestXen(t *testing.T) {
	if *scripts != "ours" && *scripts != "stock" {
		t.Fatalf("-scripts=%s: ours or stock", *scripts)
	}
	all, err := stories()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := deadline(t)
	defer cancel()
	need(t)
	l := newLab(ctx, t)
	defer l.close()
	for _, s := range all {
		// Recording is for writing testdata anew. What it sees is not the same
		// every time: xl takes a guest's NICs down side by side.
		if s.name == "record" && !*update {
			continue
		}
		t.Run(s.name, func(t *testing.T) { l.tell(ctx, t, s) })
	}
	l.report(t, all)
}

// deadline leaves a minute of the test command's time for cleaning up.
func deadline(t *testing.T) (context.Context, context.CancelFunc) {
	end := time.Now().Add(wholeLimit)
	if given, ok := t.Deadline(); ok && given.Add(-time.Minute).Before(end) {
		end = given.Add(-time.Minute)
	}
	return context.WithDeadlineCause(context.Background(), end, fmt.Errorf("the laboratory's time is up"))
}

// lab is what the stories share: the image, the folder that dom0 sees as /lab, and a dom0 once there is one.
type lab struct {
	image, share string
	serial       *os.File
	dom0         *machine
	boots        int
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
	l := &lab{image: image(ctx, t, cache), share: share}
	for _, folder := range []string{"dom0", "stories"} {
		if err := os.CopyFS(filepath.Join(share, folder), os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	if *scripts == "ours" {
		build(ctx, t, filepath.Join(share, "vifctl"))
	}
	l.serial, err = os.Create(filepath.Join(share, "serial.log"))
	if err != nil {
		t.Fatal(err)
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

// tell runs one story, in a new dom0 if there is none.
func (l *lab) tell(ctx context.Context, t *testing.T, s story) {
	started := time.Now()
	if l.dom0 == nil {
		dom0, err := boot(ctx, l.image, l.share, l.serial)
		if err != nil {
			t.Fatalf("%v\n%s", err, l.kept())
		}
		l.dom0 = dom0
		l.boots++
		t.Logf("dom0 came up in %.0f s%s", time.Since(started).Seconds(), l.installed())
	}
	status, err := l.dom0.run(ctx, s, l.share, *scripts)
	t.Logf("%s\n%s", s.title, l.output(s, "output"))
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, l.kept())
	case status != 0:
		t.Errorf("the story ended with %d\n%s", status, l.kept())
	}
	if l.left(s) != "" {
		t.Errorf("dom0 could not be cleaned up after it:\n%s", l.left(s))
	}
	if !t.Failed() {
		golden(t, filepath.Join(l.share, "out", s.file, "calls"))
		return
	}
	l.dom0.kill()
	l.dom0 = nil
}

func (l *lab) output(s story, name string) string {
	text, err := os.ReadFile(filepath.Join(l.share, "out", s.file, name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// left is what went wrong in dom0's tidying after a story.
func (l *lab) left(s story) string {
	text, err := os.ReadFile(filepath.Join(l.share, "out", s.file, "reset"))
	if err != nil {
		return ""
	}
	return string(text)
}

// installed says what `vifctl install` printed in dom0.
func (l *lab) installed() string {
	text, err := os.ReadFile(filepath.Join(l.share, "out", "install", "output"))
	if err != nil {
		return ""
	}
	return "; vifctl install said:\n" + string(text)
}

func (l *lab) kept() string {
	return "output, serial.log and the toolstack's logs are in " + l.share
}

// report prints what stories left in a file called report, tables mostly.
func (l *lab) report(t *testing.T, all []story) {
	for _, s := range all {
		text, err := os.ReadFile(filepath.Join(l.share, "out", s.file, "report"))
		if err == nil {
			t.Logf("%s\n%s", s.title, text)
		}
	}
	t.Logf("%d boots of dom0", l.boots)
}

func (l *lab) close() {
	if l.dom0 != nil {
		l.dom0.off()
	}
	l.serial.Close()
	// Readable for whoever looks into it, whoever ran the test.
	_ = filepath.WalkDir(l.share, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			_ = os.Chmod(path, 0o755)
		}
		return nil
	})
}
