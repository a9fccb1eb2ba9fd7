package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A person who asks for it gets a shell in dom0, beside the guests that are up; they go when it ends.
func TestKeep(t *testing.T) {
	for _, user := range users {
		t.Run(user.name, func(t *testing.T) {
			h := newHost(t)
			before := h.looks()
			terminal, far := openTerminal(t)
			cmd := exec.Command(h.program, "--keep")
			cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "SHELL=/bin/sh", "NO_COLOR=1"}
			cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if user.uid != 0 {
				cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(user.uid), Gid: uint32(user.uid)}
			}
			require.NoError(t, h.Start(cmd))
			require.NoError(t, far.Close())
			// A terminal keeps what is typed until the shell reads it.
			_, err := fmt.Fprint(terminal, "vifctl status; ip netns exec web ping -q -c 1 10.0.0.1; exit 3\n")
			require.NoError(t, err)
			var out bytes.Buffer
			_, _ = io.Copy(&out, terminal) // EIO is its end
			require.NoError(t, cmd.Wait(), "%s", &out)
			for _, want := range []string{
				`web +vif1.0 +bridge +xenbr0 +10.0.0.11 `, `1 packets transmitted, 1 received`, `(?s)dom0 is as it was.*The lab is gone: links`,
			} {
				assert.Regexp(t, want, out.String())
			}
			assert.NotContains(t, out.String(), "FAIL")
			assert.Equal(t, before, h.looks())
		})
	}
}

// openTerminal returns both ends of a terminal that every user may open.
func openTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = near.Close() })
	number, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0))
	path := fmt.Sprintf("/dev/pts/%d", number)
	far, err = os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o666))
	return near, far
}
