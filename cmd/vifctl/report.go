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

	"vifctl/cmd/vifctl/status"
	"vifctl/configs"
	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/plan"
)

// writeReport puts all that a colleague needs to help into one file, masked. It
// replaces no file. "-" is standard output.
func writeReport(inv invocation, path string, r diagnosis, f *inventory.Facts) error {
	var text strings.Builder
	if err := reportText(&text, inv, r, f); err != nil {
		return err
	}
	masked := doctor.Mask(text.String())
	if path == "-" {
		_, err := io.WriteString(inv.Stdout, masked)
		return err
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
	fmt.Fprintf(inv.Stdout, "%s: have a look before you send it; public, link-local and hardware addresses, UUIDs and passwords are masked, names are not\n", path)
	return nil
}

func reportText(out io.Writer, inv invocation, r diagnosis, f *inventory.Facts) error {
	p := &page{out: out}
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	p.line("vifctl %s, Linux %s %s", version, unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Machine[:]))
	p.head("what is wrong")
	p.err = errors.Join(p.err, writeFindings(out, false, r.Findings, f), writeAnswers(out, false, r.Answers))
	p.head("guests' interfaces")
	p.err = errors.Join(p.err, status.Of(f).Write(out, false, 0))
	for i := range f.NICs {
		n := &f.NICs[i]
		p.line("")
		p.line("%s, vif%s, uuid %s, mac %s, mode %s", n.Label(), n.NIC, n.UUID, n.MAC, n.Mode)
		for _, key := range slices.Sorted(maps.Keys(n.Backend)) {
			p.line("  backend/vif/%d/%d/%s = %q", n.Domid, n.Devid, key, n.Backend[key])
		}
		for _, port := range n.Ports() {
			if port.Record == nil {
				p.line("  %s: no call of ours brought it up", port.Name)
				continue
			}
			p.line("  %s: what was done", port.Name)
			for _, e := range port.Record.Entries {
				p.line("    %s", strings.Join(e.Step.Commands(), "; "))
			}
		}
	}
	reportHost(p, f)
	p.head("configuration")
	reportConfig(p, inv)
	return p.err
}

func (p *page) head(title string) {
	p.line("")
	p.line("== %s", title)
}

func reportHost(p *page, f *inventory.Facts) {
	p.head("interfaces")
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
		p.line("%s (%s)%s mtu %d up %t carrier %t mac %s %s", l.Name, l.Kind, master, l.MTU, l.Up, l.Carrier, l.MAC, strings.Join(addresses, " "))
	}
	p.head("routes")
	for _, r := range f.Host.Routes {
		via := ""
		if r.Gateway().IsValid() {
			via = " via " + r.Gateway().String()
		}
		if r.Blocked() {
			via = " blocked"
		}
		p.line("%s%s dev %s metric %d proto %d", plan.Bare(r.Dst), via, f.Host.Links[r.Index()].Name, r.Metric, r.Protocol)
	}
	p.head("neighbours")
	for _, n := range f.Host.Neighbours {
		p.line("%s dev %s lladdr %s proxy %t permanent %t failed %t", n.IP, f.Host.Links[n.Index].Name, n.MAC, n.Proxy, n.Permanent, n.Failed)
	}
	p.head("settings")
	for _, key := range slices.Sorted(maps.Keys(f.Settings)) {
		p.line("net/%s = %s", key, f.Settings[key])
	}
	p.line("tables of vifctl: %s", strings.Join(f.Tables, ", "))
	p.line("variants of iptables: %s", strings.Join(f.Variants, ", "))
	for _, h := range f.Foreign {
		p.line("forwarded packets pass %s (%s)", h.Chain, h.Owner)
	}
}

// reportConfig writes the files without their comments: those say what nobody
// else need know.
func reportConfig(p *page, inv invocation) {
	path, err := trustedPath(inv, "VIFCTL_CONFIG", configs.Default)
	if err != nil {
		p.line("%v", err)
		return
	}
	for _, file := range append([]string{path}, globbed(configs.Folder(path))...) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		p.line("# %s", file)
		for line := range strings.Lines(string(text)) {
			if bare := strings.TrimSpace(line); bare != "" && !strings.HasPrefix(bare, "#") {
				p.line("%s", strings.TrimRight(line, "\n"))
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
