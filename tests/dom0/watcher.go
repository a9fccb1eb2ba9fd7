package dom0

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/speed"
)

// A Watcher is a `vifctl watch` at work in a dom0.
type Watcher struct {
	cmd *exec.Cmd
	log *os.File
}

// Watch starts one. It is killed with the dom0 at the latest.
func (d *Dom0) Watch(args ...string) (*Watcher, error) {
	log, err := memoryFile("watcher")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(ScriptsDir+"/vifctl", append([]string{"watch"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = "/", log, log, Call{}.Environment()
	if err := d.Namespace.Start(cmd); err != nil {
		_ = log.Close()
		return nil, err
	}
	return &Watcher{cmd: cmd, log: log}, nil
}

// Pid is the daemon's process number.
func (w *Watcher) Pid() int { return w.cmd.Process.Pid }

// Log is all it has said.
func (w *Watcher) Log() string {
	text, _ := io.ReadAll(io.NewSectionReader(w.log, 0, 1<<20))
	return string(text)
}

// Says waits for a line that matches, and returns it; ok is false where none has come in a minute.
func (w *Watcher) Says(pattern *regexp.Regexp) (line string, ok bool) {
	for end := time.Now().Add(speed.Patience); ; time.Sleep(2 * time.Millisecond) {
		for line := range strings.Lines(w.Log()) {
			if pattern.MatchString(line) {
				return strings.TrimSuffix(line, "\n"), true
			}
		}
		if time.Now().After(end) {
			return "", false
		}
	}
}

// Signal sends it one.
func (w *Watcher) Signal(s unix.Signal) error { return w.cmd.Process.Signal(s) }

// End sends it a signal and waits for its end: its exit code, -1 where the signal killed it.
func (w *Watcher) End(s unix.Signal) (exit int, err error) {
	if err := w.Signal(s); err != nil {
		return 0, err
	}
	return w.Wait()
}

// Wait waits for its end.
func (w *Watcher) Wait() (exit int, err error) {
	err = w.cmd.Wait()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		return 0, err
	}
	return w.cmd.ProcessState.ExitCode(), nil
}
