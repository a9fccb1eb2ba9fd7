package lab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// watcher is a `vifctl watch` at work in dom0.
type watcher struct {
	cmd *exec.Cmd

	mu    sync.Mutex
	said  []string
	ended chan struct{}
}

// watch starts one, and returns when it is at work.
func (d *Dom0) watch(ctx context.Context) (*watcher, error) {
	w := &watcher{cmd: exec.CommandContext(ctx, program, "watch", "--without-hooks"), ended: make(chan struct{})}
	w.cmd.Dir = "/"
	w.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "XENSTORED_PATH=" + os.Getenv("XENSTORED_PATH")}
	says, err := w.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("vifctl watch: %w", err)
	}
	go func() {
		defer close(w.ended)
		for lines := bufio.NewScanner(says); lines.Scan(); {
			w.mu.Lock()
			w.said = append(w.said, strings.TrimPrefix(lines.Text(), "vifctl: "))
			w.mu.Unlock()
		}
	}()
	_, err = w.says(ctx, "watching")
	return w, err
}

// says waits for a line with these words.
func (w *watcher) says(ctx context.Context, words string) (line string, err error) {
	err = until(ctx, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, line = range w.said {
			if strings.Contains(line, words) {
				return nil
			}
		}
		return fmt.Errorf("vifctl watch has said nothing of %q, but %q: %w", words, w.said, errNotYet)
	})
	return line, err
}

// end asks it to end, and waits.
func (w *watcher) end() error {
	_ = w.cmd.Process.Signal(unix.SIGTERM)
	<-w.ended
	if err := w.cmd.Wait(); err != nil {
		return fmt.Errorf("vifctl watch: %w", err)
	}
	return nil
}

// late is how long after the vifs' calls the taps come.
const late = 3 * time.Second

// comeLate plugs the emulated NICs of guests in seconds after xl has called everything, and checks that each gets what a
// call would have given it, at once.
func (d *Dom0) comeLate(ctx context.Context, guests []*Domain) error {
	d.Report.Gap()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(late):
	}
	d.Report.Note("%.0f seconds after xl's last call:", late.Seconds())
	for _, g := range guests {
		if err := d.plugTap(g); err != nil {
			return err
		}
		line, err := d.Watcher.says(ctx, g.TapPort()+" came late and is up")
		_, did, _ := strings.Cut(line, ", did ")
		_, after, _ := strings.Cut(strings.TrimSuffix(did, ")"), "after ")
		d.Report.Check(Check{What: g.TapPort() + " comes, and nobody calls: vifctl watch brings it up", Found: after, Err: err})
		if err == nil {
			err = d.use(ctx, g, emulatedName)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
