// Package process runs other programs: it is the only package that does. A
// program gets a clean environment, its standard input from nowhere, a process
// group of its own and a deadline, after which the whole group is killed.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// path is where programs are looked for, whatever the caller's PATH says.
const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

// clean is the environment that every program gets.
func clean() []string { return []string{path, "LANG=POSIX", "HOME=/"} }

// Run runs argv (its first word an absolute path) in / with env, NAME=value,
// added to a clean environment, and waits for it. Its standard output and
// error go to our standard error; the last line it wrote there is part of the
// error of one that failed.
func Run(ctx context.Context, argv, env []string) error {
	return run(ctx, task{name: name(argv), argv: argv, env: env, out: os.Stderr})
}

// outputLimit is how much a program may say to Output, in bytes: a table of
// iptables with a hundred thousand rules is a tenth of it.
const outputLimit = 128 << 20

// Output is Run for a program that is asked something: input is what it reads,
// and what it writes is returned. It gets no environment but the clean one, and
// does not outlive us: the call after one that was killed finds no program
// still at work.
func Output(ctx context.Context, argv []string, input string) (string, error) {
	var said bytes.Buffer
	// It dies with the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := run(ctx, task{name: filepath.Base(argv[0]), argv: argv, in: strings.NewReader(input), out: &limited{&said, outputLimit}, withUs: syscall.SIGKILL})
	return said.String(), err
}

// limited takes so many bytes and throws away what follows.
type limited struct {
	to   *bytes.Buffer
	room int
}

func (l *limited) Write(p []byte) (int, error) {
	take := min(len(p), l.room)
	l.room -= take
	l.to.Write(p[:take])
	return len(p), nil
}

// task is a program to be run.
type task struct {
	// name is what a sentence calls it.
	name      string
	argv, env []string
	in        io.Reader
	out       io.Writer
	// withUs is the signal it gets when we die, 0 for none.
	withUs syscall.Signal
	// end is what ends it beside the death of its group; nil is nothing.
	end func()
}

func run(ctx context.Context, t task) error {
	if !filepath.IsAbs(t.argv[0]) {
		return fmt.Errorf("%s is not run: its path is not absolute", t.argv[0])
	}
	name := t.name
	cmd := exec.CommandContext(ctx, t.argv[0], t.argv[1:]...)
	cmd.Env = append(clean(), t.env...)
	cmd.Dir = "/"
	said := &tail{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.in, t.out, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: t.withUs}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if t.end != nil {
			t.end()
		}
		return err
	}
	// A grandchild may keep our pipe open after its parent has gone.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	words := said.last()
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("%s was killed, because it did not end in time: %w", name, ctx.Err())
	case ctx.Err() != nil:
		err = fmt.Errorf("%s was stopped: %w", name, ctx.Err())
	case words != "":
		return fmt.Errorf("%s failed (%w): %s", name, err, words)
	default:
		return fmt.Errorf("%s failed: %w", name, err)
	}
	if words != "" {
		err = fmt.Errorf("%w; its last words: %s", err, words)
	}
	return err
}

// Replace becomes the program argv, with our own environment and descriptors.
// It returns only if it failed.
func Replace(argv []string) error {
	err := syscall.Exec(argv[0], argv, os.Environ())
	return fmt.Errorf("run %s: %w", argv[0], err)
}

// name is what a sentence calls a program: for a shell its last argument, the
// script.
func name(argv []string) string { return argv[len(argv)-1] }

// tail passes on what is written to it and keeps the end.
type tail struct{ kept []byte }

// tailSize is how much of a program's words is kept, in bytes.
const tailSize = 500

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailSize; over > 0 {
		t.kept = t.kept[over:]
	}
	return os.Stderr.Write(p)
}

// last returns the last line that says something.
func (t *tail) last() string {
	lines := strings.FieldsFunc(strings.ToValidUTF8(string(t.kept), ""), func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range slices.Backward(lines) {
		if s := strings.TrimSpace(strings.Map(printable, line)); s != "" {
			return s
		}
	}
	return ""
}

// printable drops what would make a terminal do something.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}
