package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"vifctl/xenscripts"
)

// The network behind dom0's third card.
var (
	clientThird = prefixes("203.0.113.1/28", "2001:db8:3::1/64")
	dom0Third   = prefixes("203.0.113.2/28", "2001:db8:3::2/64")
)

// networkScene: network-bridge. A card's addresses and routes move into a bridge, and back.
var networkScene = Scene{
	Name:  "network",
	About: "eth2 becomes a port of xenbr2, which takes over its addresses and routes; and back",
	Host: func(d *Dom0) error {
		err := cable(end{d.Machine, "eth2", "00:16:3e:00:00:06"}, end{d.Client, "eth2", "00:16:3e:00:00:05"})
		if err != nil {
			return err
		}
		err = errors.Join(d.configure("eth2", dom0Third...), d.Client.configure("eth2", clientThird...))
		if err != nil {
			return err
		}
		// Another scene's bridge is not made by vifctl, which would leave these as they are and say so.
		files, _ := filepath.Glob("/proc/sys/net/bridge/bridge-nf-call-*")
		for _, f := range files {
			if err := setting("bridge/"+filepath.Base(f), "0"); err != nil {
				return err
			}
		}
		card, err := d.kernel.LinkByName("eth2")
		if err != nil {
			return err
		}
		// A second way out, so that there is a gateway to be asked for.
		return d.kernel.RouteAdd(&netlink.Route{
			LinkIndex: card.Attrs().Index, Gw: net.IP(clientThird[0].Addr().AsSlice()), Priority: 900,
		})
	},
	Play: playNetwork,
}

func playNetwork(ctx context.Context, d *Dom0) error {
	before, err := d.state()
	if err != nil {
		return err
	}
	if err := d.network(ctx, "start", "bridge=xenbr2", "netdev=eth2"); err != nil {
		return err
	}
	if err := errors.Join(d.settle(ctx), d.Client.settle(ctx)); err != nil {
		return err
	}
	d.Pings(ctx, d.Client, d.Machine, " on xenbr2", dom0Third...)
	if err := d.network(ctx, "stop", "bridge=xenbr2"); err != nil {
		return err
	}
	if err := errors.Join(d.settle(ctx), d.Client.settle(ctx)); err != nil {
		return err
	}
	after, err := d.state()
	if err == nil {
		err = before.same(after)
	}
	d.Report.Check(Check{What: "eth2 has back what it had, and xenbr2 is gone", Err: err})
	d.Pings(ctx, d.Client, d.Machine, " on eth2", dom0Third...)
	return nil
}

// network calls network-bridge, and reports it.
func (d *Dom0) network(ctx context.Context, args ...string) error {
	deed := Deed{Call: "network-bridge " + strings.Join(args, " "), For: "dom0 itself"}
	if args[0] == "start" && !d.Report.quiet {
		dry, _, err := networkScript(ctx, "network-bridge", append([]string{"--dry-run"}, args...)...)
		if err != nil {
			return fmt.Errorf("%s --dry-run: %w", deed.Call, err)
		}
		deed.Steps = commands(dry, "")
	}
	began := time.Now()
	_, said, err := networkScript(ctx, "network-bridge", args...)
	deed.Took, deed.Said = time.Since(began), lines(said)
	d.Report.Deed(deed)
	if err != nil {
		return fmt.Errorf("%s: %w", deed.Call, err)
	}
	return nil
}

// networkScript runs one of the scripts, which are this very program, and returns what it printed and what it complained of.
func networkScript(ctx context.Context, name string, args ...string) (printed, said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, hotplugTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(xenscripts.Dir, name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%w: %s", err, strings.Join(lines(stderr.String()), "; "))
	}
	return stdout.String(), stderr.String(), err
}
