package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// insideArgument is what the child is told apart by, in front of its orders. A person who types it gets an error.
const insideArgument = "inside"

// lifelineFD is where the child waits for the end of file that tells it to end: it comes when the parent does, even where the
// kernel's own signal was missed.
const lifelineFD = 3

// deadline is when a lab that hangs is given up, with what hangs; a shell may take its time.
const deadline = 5 * time.Minute

// errAlone: the child was not started by isolate.
var errAlone = fmt.Errorf("`vifctl-lab %s` is only called by vifctl-lab itself", insideArgument)

// inside is the child: the whole lab. It returns errFailed where the report has said it all.
func inside(text string, out io.Writer) error {
	var o orders
	if !alone() || json.Unmarshal([]byte(text), &o) != nil {
		return errAlone
	}
	if err := privateView(); err != nil {
		return explain(err, o.Root)
	}
	program, err := vifctl()
	if err != nil {
		return err
	}
	// Signals are the parent's business: it ends us, and with us everything. They are caught, not ignored, because those who
	// are started here would go on ignoring them.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, unix.SIGTERM)
	if !o.Keep {
		time.AfterFunc(deadline, func() { panic("the lab hangs") })
	}
	r := newReport(out, o)
	r.opening(o)
	for _, s := range scenes() {
		if !slices.Contains(o.Scenes, s.name) {
			continue
		}
		if err := play(s, r, o.Keep, dom0.Built(program)); err != nil {
			return explain(err, o.Root)
		}
	}
	if !r.summary(o) {
		return errFailed
	}
	return nil
}

// alone makes sure that this process is a child of isolate's: the first one in a process namespace, with a lifeline. From then
// on it ends when the parent is gone.
func alone() bool {
	var st unix.Stat_t
	if err := unix.Fstat(lifelineFD, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO || os.Getpid() != 1 {
		return false
	}
	unix.CloseOnExec(lifelineFD)
	lifeline := os.NewFile(lifelineFD, "lifeline")
	go func() {
		_, _ = io.Copy(io.Discard, lifeline)
		os.Exit(1)
	}()
	return true
}

// privateView gives the lab a /proc that shows its own processes, where the kernel lets us, and a /run for its sockets. Each
// dom0 has a view of its own on top.
func privateView() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	// Refused below a container's masked one, where the machine's does as well.
	_ = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if err := unix.Mount("tmpfs", temporary, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount a private %s: %w", temporary, err)
	}
	return errors.Join(os.Setenv("TMPDIR", temporary), os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
}

// temporary is where the lab has its own files. Guests see them, and dom0s do not.
const temporary = "/run"

// vifctl finds the program that was built beside ours.
func vifctl() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(own), "vifctl")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the vifctl to show is not beside vifctl-lab: run `make build`: %w", err)
	}
	return path, nil
}
