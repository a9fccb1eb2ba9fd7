package lab

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var users = []struct {
	name string
	uid  int
}{{"root", 0}, {"nobody", nobody}}

// Everything passes, quickly, and leaves nothing.
func TestLab(t *testing.T) {
	for _, user := range users {
		t.Run(user.name, func(t *testing.T) {
			h := newHost(t)
			before := h.looks()
			r := h.start(user.uid)
			r.until(t, "2  route")
			namespaces := r.namespaces(t)
			code, out := r.end(t)

			require.Equal(t, 0, code, "%s%s", out, &r.stderr)
			assert.Empty(t, r.stderr.String())
			assert.NotContains(t, out, "FAIL")
			assert.NotContains(t, out, "it said", "no warning, no complaint")
			assert.NotContains(t, out, "\x1b", "color is for terminals")
			for _, want := range []string{
				"1  bridge", "vif-bridge online type_if=vif", "ip link set dev web0 master xenbr0",
				"client → web 192.0.2.11", "client → web 2001:db8:2::11", "web → client 192.0.2.1",
				"client → win 192.0.2.12 by its emulated NIC", "client → win 192.0.2.12 by its PV NIC",
				"2  route", "vif-route add type_if=tap",
				"client → mail 198.51.100.26", "client → mail 2001:db8:100::25", "mail → client 2001:db8:100::1",
				"routes to 198.51.100.27/32: vif4.0-emu metric 1, vif4.0 metric 2", "client → desk 198.51.100.27 by its PV NIC",
				"3  shutdown", "vif-route offline type_if=vif",
				"dom0 is as before the first guest", "are well, in",
				"The lab is gone. This machine's links, addresses, routes and mounts are as they were.",
			} {
				assert.Contains(t, out, want)
			}
			// What it takes on a machine that has nothing else to do is little more than what it computes.
			assert.Less(t, r.ProcessState.UserTime()+r.ProcessState.SystemTime(), 3*time.Second)
			assert.Equal(t, before, h.looks())
			gone(t, namespaces)
		})
	}
}

// However it ends, nothing is left.
func TestInterrupted(t *testing.T) {
	interruptions := []struct {
		name string
		do   func(*run) error
		says string
	}{
		{"SIGINT", func(r *run) error { return unix.Kill(r.Process.Pid, unix.SIGINT) }, "vifctl: lab: interrupted"},
		{"ctrl-c", func(r *run) error { return unix.Kill(-r.Process.Pid, unix.SIGINT) }, "vifctl: lab: interrupted"},
		{"SIGTERM", func(r *run) error { return unix.Kill(r.Process.Pid, unix.SIGTERM) }, "vifctl: lab: interrupted"},
		{"SIGKILL", func(r *run) error { return unix.Kill(r.Process.Pid, unix.SIGKILL) }, ""},
	}
	for _, user := range users {
		for _, i := range interruptions {
			t.Run(user.name+"/"+i.name, func(t *testing.T) {
				h := newHost(t)
				before := h.looks()
				r := h.start(user.uid)
				r.until(t, "client → win 192.0.2.12 by its emulated NIC")
				namespaces := r.namespaces(t)
				require.NoError(t, i.do(r))
				code, out := r.end(t)

				assert.NotContains(t, out, "dom0 is as before", "it was in the middle")
				assert.NotContains(t, out, "FAIL", "what is interrupted has not failed")
				assert.Contains(t, r.stderr.String(), i.says)
				if i.says != "" {
					assert.Equal(t, 1, code)
					assert.Contains(t, out, "The lab is gone. This machine's links")
				}
				gone(t, namespaces)
				assert.Equal(t, before, h.looks())
			})
		}
	}
}

func TestQuiet(t *testing.T) {
	h := newHost(t)
	r := h.start(0, "--quiet")
	code, out := r.end(t)
	require.Equal(t, 0, code, out)
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		assert.True(t, line == "" || strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "All ") ||
			strings.HasPrefix(line, "The lab is gone."), line)
	}
}

func TestWordsItDoesNotTake(t *testing.T) {
	h := newHost(t)
	before := h.looks()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--keep"}, 2, "vifctl: lab: --keep starts a shell, and standard input is no terminal\n"},
		{[]string{"now"}, 2, "vifctl: lab takes no argument but --keep and --quiet\n"},
		{[]string{"--fast"}, 2, "flag provided but not defined: -fast"},
		// Only in namespaces of its own: here it would hide the machine's /run and /etc.
		{[]string{InsideArgument}, 1, "vifctl: lab: `vifctl lab inside` is only called by `vifctl lab` itself\n"},
	} {
		r := h.start(0, c.args...)
		code, out := r.end(t)
		assert.Equal(t, c.code, code, c.args)
		assert.Empty(t, out, c.args)
		assert.Contains(t, r.stderr.String(), c.says)
	}
	assert.Equal(t, before, h.looks())
}
