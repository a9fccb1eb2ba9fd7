package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"vifctl/cmd/vifctl/command"
	"vifctl/cmd/vifctl/status"
	"vifctl/configs"
	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/plan"
	"vifctl/hooks/session"
)

// writeReport puts all that a colleague needs to help into one file, masked. It
// replaces no file. "-" is standard output.
func writeReport(c *command.Call, path string, r diagnosis, f *inventory.Facts) error {
	var text strings.Builder
	reportText(command.Paper(&text), c, r, f)
	masked := doctor.Mask(text.String())
	if path == "-" {
		c.Text(masked)
		return nil
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s exists: name another file", path)
	case err != nil:
		return err
	}
	_, err = io.WriteString(out, masked)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	c.Line("%s: have a look before you send it; public, link-local and hardware addresses, UUIDs and passwords are masked, names are not", path)
	return nil
}

// reportText writes what the report says, unmasked.
func reportText(p *command.Printer, c *command.Call, r diagnosis, f *inventory.Facts) {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	p.Line("vifctl %s, Linux %s %s", version, unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Machine[:]))
	head(p, "what is wrong")
	writeFindings(p, r.Findings, len(f.NICs))
	writeAnswers(p, r.Answers)
	head(p, "guests' interfaces")
	p.Write(func(out io.Writer) error { return status.Of(f).Write(out, 0) })
	for i := range f.NICs {
		n := &f.NICs[i]
		p.Line("")
		p.Line("%s, vif%s, uuid %s, mac %s, mode %s", n.Label(), n.NIC, n.UUID, n.MAC, n.Mode)
		for _, key := range slices.Sorted(maps.Keys(n.Backend)) {
			p.Line("  backend/vif/%d/%d/%s = %q", n.Domid, n.Devid, key, n.Backend[key])
		}
		for _, port := range n.Ports() {
			if port.Record == nil {
				p.Line("  %s: vifctl did not bring it up", port.Name)
				continue
			}
			p.Line("  %s: what was done", port.Name)
			for _, e := range port.Record.Entries {
				p.Line("    %s", strings.Join(e.Step.Commands(), "; "))
			}
		}
	}
	reportHost(p, f)
	head(p, "configuration")
	reportConfig(p, c)
}

func head(p *command.Printer, title string) {
	p.Line("")
	p.Line("== %s", title)
}

func reportHost(p *command.Printer, f *inventory.Facts) {
	head(p, "interfaces")
	for _, index := range slices.Sorted(maps.Keys(f.Host.Links)) {
		l := f.Host.Links[index]
		var addresses []string
		for _, a := range f.Host.Addresses[index] {
			addresses = append(addresses, a.Prefix.String())
		}
		master := ""
		if m, ok := f.Host.Links[l.Master]; ok {
			master = " in " + m.Name
		}
		p.Line("%s (%s)%s mtu %d up %t carrier %t mac %s %s", l.Name, l.Kind, master, l.MTU, l.Up, l.Carrier, l.MAC, strings.Join(addresses, " "))
	}
	head(p, "routes")
	for _, r := range f.Host.Routes {
		via := ""
		if r.Gateway().IsValid() {
			via = " via " + r.Gateway().String()
		}
		if r.Blocked() {
			via = " blocked"
		}
		p.Line("%s%s dev %s metric %d proto %d", plan.Bare(r.Dst), via, f.Host.Links[r.Index()].Name, r.Metric, r.Protocol)
	}
	head(p, "neighbours")
	for _, n := range f.Host.Neighbours {
		p.Line("%s dev %s lladdr %s proxy %t permanent %t failed %t", n.IP, f.Host.Links[n.Index].Name, n.MAC, n.Proxy, n.Permanent, n.Failed)
	}
	head(p, "settings")
	for _, key := range slices.Sorted(maps.Keys(f.Settings)) {
		p.Line("net/%s = %s", key, f.Settings[key])
	}
	p.Line("tables of vifctl: %s", strings.Join(f.Tables, ", "))
	p.Line("variants of iptables that hold rules: %v", f.Variants)
	for _, h := range f.Foreign {
		p.Line("another filter: %s (%s)", h.Chain, h.Owner)
	}
}

// reportConfig writes the files without their comments, which may be an
// administrator's own notes.
func reportConfig(p *command.Printer, c *command.Call) {
	path, err := session.ConfigPath(c.Getenv)
	if err != nil {
		p.Line("%v", err)
		return
	}
	for _, file := range append([]string{path}, globbed(configs.Folder(path))...) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		p.Line("# %s", file)
		for line := range strings.Lines(string(text)) {
			if bare := strings.TrimSpace(line); bare != "" && !strings.HasPrefix(bare, "#") {
				p.Line("%s", strings.TrimRight(line, "\n"))
			}
		}
	}
}

func globbed(dir string) (files []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".toml") {
			files = append(files, dir+"/"+e.Name())
		}
	}
	return files
}
