package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	systemdRun = "/usr/bin/systemd-run"
	systemctl  = "/usr/bin/systemctl"
	// unitGrace is how much longer than its caller wants it a unit may live when
	// the caller has died without ending it.
	unitGrace = time.Second
	// unitEnd bounds the word to systemd that ends one.
	unitEnd = 2 * time.Second
)

// Apart is Run in a unit of its own, made by systemd for this one program: for a
// caller whose own unit may do less than the program has to. Two units of one
// name are never there at the same time; the second fails. systemd-run needs a
// D-Bus to hear when the unit has ended.
func Apart(ctx context.Context, unit string, argv, env []string) error {
	unit = unitName(unit)
	all := []string{
		systemdRun, "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec", "--unit=" + unit, "--working-directory=/",
		"--property=TimeoutStopSec=1",
	}
	if end, ok := ctx.Deadline(); ok {
		all = append(all, fmt.Sprintf("--property=RuntimeMaxSec=%dms", (time.Until(end)+unitGrace).Milliseconds()))
	}
	// systemd would add variables of its own, and has its own idea of what a
	// value may hold: env (1) has neither.
	all = append(all, "--", "/usr/bin/env", "-i")
	for _, word := range append(append(clean(), env...), argv...) {
		// What looks like a variable is replaced by systemd (systemd.service(5)).
		all = append(all, strings.ReplaceAll(word, "$", "$$"))
	}
	return run(ctx, task{name: name(argv), argv: all, out: os.Stderr, end: func() { killUnit(unit) }})
}

// killUnit kills all that is in a unit.
func killUnit(unit string) {
	ctx, cancel := context.WithTimeout(context.Background(), unitEnd)
	defer cancel()
	_ = exec.CommandContext(ctx, systemctl, "kill", "--signal=KILL", unit).Run()
}

// unitName makes the name of a service of what it is to be called.
func unitName(s string) string {
	const most = 200 // of 255
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.", r):
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), most)] + ".service"
}
