package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"vifctl/xenscripts"
)

// hotplugTimeout is libxl's: it kills a script that takes longer (LIBXL_HOTPLUG_TIMEOUT).
const hotplugTimeout = 40 * time.Second

// command is what libxl asks a script for.
type command struct{ word, kind string }

var (
	online  = command{"online", "vif"}
	offline = command{"offline", "vif"}
	add     = command{"add", "tap"}
	remove  = command{"remove", "tap"}
)

// call calls a guest's script as libxl does, and reports it. A script that fails is an error.
func (d *Dom0) call(ctx context.Context, g *Domain, c command) error {
	deed := Deed{
		Call: fmt.Sprintf("%s %s type_if=%s", g.Script, c.word, c.kind),
		For:  g.about(c),
	}
	gone := ""
	if c == remove && !g.hasTap {
		gone = g.Tap()
		deed.Remark = gone + " is gone already, and what was done to it with it"
	}
	if !d.Report.quiet {
		dry, err := d.script(ctx, g, c, "--dry-run")
		if err != nil {
			return fmt.Errorf("%s --dry-run: %w", deed.Call, err)
		}
		deed.Steps = d.shorten(g.Guest, c, commands(dry, gone))
	}
	began := time.Now()
	said, err := d.script(ctx, g, c)
	deed.Took = time.Since(began)
	deed.Said = lines(said)
	d.Report.Deed(deed)
	if err != nil {
		return fmt.Errorf("%s for %s: %w", deed.Call, g.Guest.Name, err)
	}
	return nil
}

// listKey is a call of a guest of some group, listedCall what the first one came to.
type (
	listKey struct {
		group string
		command
	}
	listedCall struct {
		guest Guest
		steps []string
	}
)

// shorten leaves out what the report has already: the steps that a guest of the same group took, too.
func (d *Dom0) shorten(g Guest, c command, steps []string) []string {
	if g.Group == "" {
		return steps
	}
	key := listKey{g.Group, c}
	before, ok := d.listed[key]
	if !ok {
		d.listed[key] = listedCall{g, steps}
		return steps
	}
	var pairs []string
	theirs := before.guest.terms()
	for i, term := range g.terms() {
		pairs = append(pairs, term, theirs[i])
	}
	translate := strings.NewReplacer(pairs...)
	var own []string
	for _, s := range steps {
		if !slices.Contains(before.steps, translate.Replace(s)) {
			own = append(own, s)
		}
	}
	same := fmt.Sprintf("# %d steps as %s's, with its own names and addresses", len(steps)-len(own), before.guest.Name)
	return append([]string{same}, own...)
}

// about says whose interface a call is for and what the guest's configuration says of it.
func (g Guest) about(c command) string {
	port := g.Vif()
	if c.kind == "tap" {
		port = g.Tap()
	}
	words := []string{g.Name + "'s " + port}
	if c == online || c == add {
		setting := func(name, value string) {
			if strings.Contains(value, " ") {
				value = strconv.Quote(value)
			}
			if value != "" && value != "0" {
				words = append(words, name+"="+value)
			}
		}
		setting("ip", g.IP)
		setting("vifname", g.Vifname)
		setting("mtu", strconv.Itoa(g.MTU))
		if g.Script == "vif-bridge" || g.Script == "vif-openvswitch" {
			setting("bridge", g.Bridge)
		}
		setting("vlan", g.VLAN)
		setting("rate", g.Rate)
	}
	return strings.Join(words, " ")
}

// script runs a script, which is this very program, with libxl's arguments and environment (get_hotplug_env in
// tools/libs/light/libxl_linux.c), nothing on its standard input, and standard output sent where standard error goes.
func (d *Dom0) script(ctx context.Context, g *Domain, c command, more ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, hotplugTimeout)
	defer cancel()
	path := filepath.Join(xenscripts.Dir, g.Script)
	cmd := exec.CommandContext(ctx, path, append([]string{c.word, "type_if=" + c.kind}, more...)...)
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"XENSTORED_PATH=" + os.Getenv("XENSTORED_PATH"),
		"script=" + path,
		"XENBUS_TYPE=vif",
		"XENBUS_PATH=" + strings.TrimPrefix(g.backend(), "/local/domain/0/"),
		"XENBUS_BASE_PATH=backend",
		"netdev=",
		"vif=" + g.Vif(),
	}
	if g.HVM {
		cmd.Env = append(cmd.Env, "INTERFACE="+g.Tap())
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return said.String(), fmt.Errorf("%w: %s", err, strings.Join(lines(said.String()), "; "))
	}
	return said.String(), nil
}

// commands are what a dry run says would be run, and what the firewall would be told, but for what is about an interface
// that is gone; the rest of it is comments.
func commands(dry, gone string) []string {
	var list []string
	for _, line := range lines(dry) {
		said := !strings.HasPrefix(line, "#") || strings.HasPrefix(line, "# firewall:")
		if said && (gone == "" || !strings.Contains(line, gone)) {
			list = append(list, line)
		}
	}
	return list
}

func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// storeCheck looks at a key of the xenstore.
func (d *Dom0) storeCheck(ctx context.Context, key, want string) Check {
	got, err := d.store.Read(ctx, key)
	if err == nil && got != want {
		err = fmt.Errorf("it is %q instead of %q", got, want)
	}
	return Check{What: strings.TrimPrefix(key, "/local/domain/0/"), Found: got, Err: err}
}
