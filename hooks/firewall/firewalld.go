package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"vifctl/hooks/plan"
	"vifctl/hooks/process"
)

// Firewalld rejects what no zone of its own forwards, in a table of its own that
// no accept and no mark of ours gets around. A port that joins its zone trusted
// may forward.

// trustedZone is the zone that accepts all that comes from its interfaces.
const trustedZone = "trusted"

// firewalldDeadline is for one question or change; each takes a Python program
// 0.1 s of work.
const firewalldDeadline = 8 * time.Second

// firewall-cmd's exit codes (firewall/errors.py).
const (
	firewalldNo         = 1
	firewalldNotInZone  = 17  // UNKNOWN_INTERFACE
	firewalldNotRunning = 252 // NOT_RUNNING
)

const firewallCmd = "/usr/bin/firewall-cmd"

// Firewalld puts ports into the zone trusted. Where firewalld does not run
// nothing is rejected either, and there is nothing to do.
type Firewalld struct{}

// errNoFirewalld: it is not installed, or does not run.
var errNoFirewalld = errors.New("firewalld does not run")

// Change adds the ports of the rules of kind RuleTrusted in add to the zone, and
// takes those in remove out of it. A port that is where it should be is no error.
func (Firewalld) Change(ctx context.Context, add, remove []plan.Rule) error {
	var failed []error
	for _, r := range remove {
		code, err := askFirewalld(ctx, r, "--remove-interface=")
		if code != 0 && code != firewalldNotInZone && !errors.Is(err, errNoFirewalld) {
			failed = append(failed, err)
		}
	}
	for _, r := range add {
		// Change moves a port that is in another zone, which adding refuses to.
		if _, err := askFirewalld(ctx, r, "--change-interface="); err != nil && !errors.Is(err, errNoFirewalld) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// Commands are the lines that do what Change does; none where firewalld is not installed.
func (Firewalld) Commands(add, remove []plan.Rule) (lines []string) {
	if _, err := os.Stat(firewallCmd); err != nil {
		return nil
	}
	for _, r := range remove {
		lines = append(lines, plan.Command("firewall-cmd", "--zone="+trustedZone, "--remove-interface="+r.Dev.Name)+" || true")
	}
	for _, r := range add {
		lines = append(lines, plan.Command("firewall-cmd", "--zone="+trustedZone, "--change-interface="+r.Dev.Name)+" || true")
	}
	return lines
}

// InForce tells which of the ports are in the zone, or need not be.
func (Firewalld) InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error) {
	inForce := map[string]bool{}
	for _, r := range rules {
		code, err := askFirewalld(ctx, r, "--query-interface=")
		if err != nil && code != firewalldNo && !errors.Is(err, errNoFirewalld) {
			return nil, err
		}
		inForce[r.Key()] = code != firewalldNo
	}
	return inForce, nil
}

// askFirewalld runs firewall-cmd and returns its exit code.
func askFirewalld(ctx context.Context, r plan.Rule, what string) (code int, err error) {
	if err := tellable(r.Dev.Name); err != nil {
		return -1, err
	}
	if _, err := os.Stat(firewallCmd); err != nil {
		return -1, errNoFirewalld
	}
	ctx, cancel := context.WithTimeout(ctx, firewalldDeadline)
	defer cancel()
	_, err = process.Output(ctx, []string{firewallCmd, "--zone=" + trustedZone, what + r.Dev.Name}, "")
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return -1, err
	case exit.ExitCode() == firewalldNotRunning:
		return firewalldNotRunning, errNoFirewalld
	}
	return exit.ExitCode(), fmt.Errorf("firewalld's zone %s and %s: %w", trustedZone, r.Dev.Name, err)
}
