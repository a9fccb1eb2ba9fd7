// Package openvswitch reads and changes what Open vSwitch has: ports, by one
// ovs-vsctl transaction each, and the flows that guard them, by one bundle of
// ovs-ofctl's. It reads the database itself, over its socket: a process would
// take longer than all the rest of a call. It decides nothing, and no value is
// ever part of a text that a program would parse for commands.
package openvswitch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"vifctl/hooks/plan"
	"vifctl/hooks/process"
)

// RunDir is where Open vSwitch has its sockets.
const RunDir = "/run/openvswitch"

// Host is the Open vSwitch of this host. It is asked when it is first needed.
type Host struct{}

// programs are where Open vSwitch's own are looked for.
var programs = []string{"/usr/bin/", "/usr/local/bin/", "/usr/sbin/", "/usr/local/sbin/"}

// run runs one of Open vSwitch's programs, with input on its standard input,
// and returns what it says.
func run(ctx context.Context, input string, argv ...string) (string, error) {
	for _, dir := range programs {
		if _, err := os.Stat(dir + argv[0]); err == nil {
			argv[0] = dir + argv[0]
			return process.Output(ctx, argv, input)
		}
	}
	return "", fmt.Errorf("there is no %s in %s: install Open vSwitch's tools (Debian: openvswitch-switch)", argv[0], strings.Join(programs, ", "))
}

// SetPort makes an interface a port of a bridge, or of none, and looks whether
// the switch has it: ovs-vsctl is content when the database is.
func (Host) SetPort(ctx context.Context, port plan.SwitchPort) error {
	change := "take off its Open vSwitch bridge"
	if port.Bridge != "" {
		change = "attach to " + port.Bridge
	}
	complain := func(err error) error { return fmt.Errorf("%s: %s: %w", port.Dev, change, err) }
	if port.Bridge == "" {
		// A port that is gone needs no program to remove it.
		if there, err := readPort(ctx, port.Dev.Name); err == nil && there == nil {
			return nil
		} else if err != nil {
			return complain(err)
		}
	}
	if _, err := run(ctx, "", port.Argv()...); err != nil {
		return complain(err)
	}
	if port.Bridge == "" {
		return nil
	}
	now, err := readPort(ctx, port.Dev.Name)
	switch {
	case err != nil:
		return complain(err)
	case now == nil:
		return complain(errors.New("another program has taken it off again"))
	case now.Broken != "":
		return complain(fmt.Errorf("the switch refused it: %s", now.Broken))
	}
	return nil
}
