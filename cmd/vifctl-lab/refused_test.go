package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// On a machine that forbids user namespaces, a user is told what to allow.
func TestForbidden(t *testing.T) {
	dom0.Need(t, "unshare", "setpriv")
	// The limit holds below a user namespace, so it can be set in one of our own.
	cmd := exec.Command("unshare", "--user", "--map-root-user", "sh", "-c",
		`echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$0"`, programs(t))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Empty(t, stdout.String())
	// It is root there, by name.
	assert.Equal(t, "vifctl-lab: not even root may make the lab's namespaces here, as in a container: start it with more rights"+
		" (docker run --privileged), or run the lab outside of it (make namespaces: no space left on device)\n", stderr.String())
}

func TestExplain(t *testing.T) {
	other := errors.New("other")
	assert.Same(t, other, explain(other, true))
	for _, errno := range []error{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EUSERS, unix.EINVAL, unix.EROFS} {
		for _, root := range []bool{false, true} {
			err := explain(fmt.Errorf("mount: %w", errno), root)
			require.ErrorIs(t, err, errno)
			var r *refusal
			require.ErrorAs(t, err, &r)
			assert.Contains(t, err.Error(), "run the lab")
			assert.NotContains(t, err.Error(), "\n")
		}
	}
	assert.NotContains(t, advice(true), "as root", "root is told nothing of becoming root")
}
