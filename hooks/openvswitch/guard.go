package openvswitch

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"vifctl/hooks/plan"
)

// SetGuard puts the flows of a guard in, in the place of those that the port
// had, or takes them out: one bundle, so that no frame passes in between.
func (Host) SetGuard(ctx context.Context, g plan.SwitchGuard) error {
	change := "check what it sends"
	if g.Absent {
		change = "no longer check what it sends"
	}
	complain := func(err error) error { return fmt.Errorf("%s: %s: %w", g.Dev, change, err) }
	d, err := dial(ctx)
	if err != nil {
		return complain(err)
	}
	defer d.close()
	b, err := d.bridge(g.Bridge)
	if err != nil {
		return complain(err)
	}
	if b == nil && g.Absent {
		return nil // its flows went with it
	}
	bundle := fmt.Sprintf("delete cookie=%#x/-1\n", cookie(g))
	if !g.Absent {
		port, err := d.port(g.Dev.Name)
		switch {
		case err != nil:
			return complain(err)
		case port == nil || port.Bridge != g.Bridge || port.number <= 0:
			return complain(fmt.Errorf("it is no port of %s", g.Bridge))
		}
		bundle = bundleFor(g, strconv.Itoa(port.number))
	}
	if _, err := run(ctx, bundle, "ovs-ofctl", timeout(), "--bundle", "add-flows", g.Bridge, "-"); err != nil {
		return complain(err)
	}
	return nil
}

// bundleFor replaces whatever flows the port has by the guard's.
func bundleFor(g plan.SwitchGuard, port string) string {
	bundle := fmt.Sprintf("delete cookie=%#x/%#x\n", cookie(g), ofPort)
	for _, f := range flows(g, port) {
		bundle += fmt.Sprintf("add cookie=%#x,%s\n", cookie(g), f)
	}
	return bundle
}

// Commands are lines of a POSIX shell that do what SetGuard does.
func Commands(g plan.SwitchGuard) []string {
	add := plan.Command("ovs-ofctl", timeout(), "--bundle", "add-flows", g.Bridge, "-")
	if g.Absent {
		return []string{add + " <<'END'", fmt.Sprintf("delete cookie=%#x/-1", cookie(g)), "END"}
	}
	lines := []string{
		"port=$(" + plan.Command("ovs-vsctl", timeout(), "get", "Interface", g.Dev.Name, "ofport") + ")",
		add + " <<END",
	}
	return append(append(lines, strings.Split(strings.TrimSuffix(bundleFor(g, "$port"), "\n"), "\n")...), "END")
}

func timeout() string { return "--timeout=" + strconv.Itoa(plan.SwitchTimeout) }

// inForce counts the flows of a guard: each has the cookie of just this guard,
// and the number that the port has now.
func inForce(ctx context.Context, g plan.SwitchGuard, number int) (bool, error) {
	match := fmt.Sprintf("cookie=%#x/-1,in_port=%d", cookie(g), number)
	said, err := run(ctx, "", "ovs-ofctl", timeout(), "dump-aggregate", g.Bridge, match)
	if err != nil {
		return false, fmt.Errorf("%s: look its flows up: %w", g.Dev, err)
	}
	_, count, found := strings.Cut(said, "flow_count=")
	if !found {
		return false, fmt.Errorf("%s: look its flows up: %w", g.Dev, errors.New("ovs-ofctl does not tell how many there are"))
	}
	n, err := strconv.Atoi(strings.TrimSpace(count))
	return err == nil && n == len(flows(g, strconv.Itoa(number))), nil
}

// Dropped counts the packets that a guard has dropped since it was put in.
func (Host) Dropped(ctx context.Context, g plan.SwitchGuard) (packets uint64, err error) {
	said, err := run(ctx, "", "ovs-ofctl", timeout(), "dump-flows", g.Bridge, fmt.Sprintf("cookie=%#x/-1", cookie(g)))
	if err != nil {
		return 0, fmt.Errorf("%s: read its flows: %w", g.Dev, err)
	}
	for line := range strings.Lines(said) {
		_, count, found := strings.Cut(line, "n_packets=")
		if !found || strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]) != drop {
			continue
		}
		count, _, _ = strings.Cut(count, ",")
		n, err := strconv.ParseUint(count, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: read its flows: %w", g.Dev, err)
		}
		packets += n
	}
	return packets, nil
}

// A cookie tells which port the flows are for: its first bit is set, then come the
// port's domid, devid and kind (ofPort covers these), then a hash of all that
// the guard wants.
const (
	ours     = 1 << 63
	hashBits = 28
	ofPort   = uint64(1<<64 - 1<<hashBits)
)

func cookie(g plan.SwitchGuard) uint64 {
	c := uint64(g.NIC.Domid)<<18 | uint64(g.NIC.Devid)<<1
	if g.Kind == plan.Tap {
		c |= 1
	}
	g.Absent = false
	h := fnv.New64a()
	_, _ = h.Write([]byte(g.Key()))
	return ours | c<<hashBits | h.Sum64()&^ofPort
}
