package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/configs/xlcfg"
	"vifctl/hooks/engine"
	"vifctl/hooks/session"
	"vifctl/hooks/xenstore"
)

// xlConf is where xl's own configuration is.
const xlConf = "/etc/xen/xl.conf"

// filePlan is what a guest's file comes to.
type filePlan struct {
	file  *xlcfg.File
	guest xlcfg.Guest
	// domid the guest is shown with; running is that of the guest if it runs,
	// else 0.
	domid, running int
	nics           []engine.Foreseen
	origins        [][]configs.Origin
}

// files prints what each guest's file comes to.
func (o *planOptions) files(ctx context.Context, c *command.Call, paths []string) (end command.Code) {
	printed := false
	for _, path := range paths {
		f, err := o.plan(ctx, c, path)
		if err != nil {
			end = end.Worse(c.Complain(asRoot(err)))
			continue
		}
		switch {
		case o.json:
			c.JSON(f.document())
		case o.shell:
			f.writeShell(c.Printer)
		default:
			if printed {
				c.Line("")
			}
			printed = true
			f.writeText(c.Printer)
		}
		if f.refused() {
			end = end.Worse(command.Failed)
		}
	}
	return end
}

// plan works out what a guest's file comes to.
func (o *planOptions) plan(ctx context.Context, c *command.Call, path string) (*filePlan, error) {
	f := &filePlan{}
	var err error
	if f.file, err = readGuestFile(path); err != nil {
		return nil, err
	}
	if f.guest, err = f.file.Guest(); err != nil {
		return nil, err
	}
	conf, err := readGuestFile(xlConf)
	switch {
	case err == nil:
		f.guest.Default(conf)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	s, err := open(ctx, caller(c), true, true)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if f.domid, f.running, err = nextDomid(ctx, s, f.guest.Name); err != nil {
		return nil, err
	}
	f.nics = s.Foresee(ctx, f.guest, f.domid)
	if !o.json {
		f.tellOnce()
	}
	if o.json || o.shell {
		if err := f.tellScript(ctx, s); err != nil {
			return nil, err
		}
	}
	toml, err := session.ConfigPath(c.Getenv)
	if err != nil {
		return nil, err
	}
	for _, n := range f.nics {
		m := configs.Match{Name: f.guest.Name, UUID: f.guest.UUID, MAC: n.Said.Get("mac"), Devid: n.Said.Devid}
		origins, err := configs.Origins(toml, m)
		if err != nil {
			return nil, err
		}
		f.origins = append(f.origins, origins)
	}
	return f, nil
}

// tellOnce leaves out of a NIC's second port what it shares with the first.
func (f *filePlan) tellOnce() {
	for _, n := range f.nics {
		for i := 1; i < len(n.Ports); i++ {
			if first, d := n.Ports[0].Decision, n.Ports[i].Decision; first != nil && d != nil {
				n.Ports[i].Decision = d.Besides(first)
			}
		}
	}
}

// tellScript has the commands of the firewall's backend told.
func (f *filePlan) tellScript(ctx context.Context, s *session.Session) error {
	fw := s.Firewall()
	defer fw.Close()
	script := engine.NewScript(fw)
	for _, n := range f.nics {
		for _, p := range n.Ports {
			if p.Decision == nil {
				continue
			}
			if err := p.Decision.Tell(ctx, script); err != nil {
				return err
			}
		}
	}
	return nil
}

// mostGuestFile is more than any guest's file has, in bytes: a disk image named
// by mistake is told from one.
const mostGuestFile = 1 << 20

func readGuestFile(path string) (*xlcfg.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostGuestFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > mostGuestFile || strings.ContainsRune(string(text), 0):
		return nil, fmt.Errorf("%s: this is no guest's file", path)
	}
	return xlcfg.Parse(path, string(text))
}

// nextDomid is the number that the next guest gets, as far as the xenstore
// tells, and that of the named guest where it runs already.
func nextDomid(ctx context.Context, s *session.Session, guest string) (next, running int, err error) {
	xs, ok := s.Xenstore.(*xenstore.Client)
	if !ok {
		return 1, 0, nil
	}
	domids, err := xs.List(ctx, "/local/domain")
	if errors.Is(err, xenstore.ErrNotExist) {
		return 1, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("list the guests: %w", err)
	}
	for _, d := range domids {
		n, err := strconv.Atoi(d)
		if err != nil {
			continue
		}
		next = max(next, n)
		if name, err := xs.Read(ctx, "/local/domain/"+d+"/name"); err == nil && name == guest && n > 0 {
			running = n
		}
	}
	return next + 1, running, nil
}

func (f *filePlan) refused() bool {
	for _, n := range f.nics {
		for _, p := range n.Ports {
			if p.Refusal != nil {
				return true
			}
		}
	}
	return false
}

// from writes a place for a person.
func (f *filePlan) from(s xlcfg.Said) string {
	name := f.file.Name
	if s.File != "" {
		name = s.File
	}
	return fmt.Sprintf("%s:%d:%d", name, s.Line, s.Column)
}
