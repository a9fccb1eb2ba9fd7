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

	"vifctl/configs"
	"vifctl/configs/xlcfg"
	"vifctl/hooks/engine"
	"vifctl/hooks/xenstore"
)

// xlConf is where xl's own configuration is.
const xlConf = "/etc/xen/xl.conf"

// foresight is what a guest's file comes to.
type foresight struct {
	file  *xlcfg.File
	guest xlcfg.Guest
	// domid the guest is shown with; running is that of the guest if it runs,
	// else 0.
	domid, running int
	nics           []engine.Foreseen
	origins        [][]configs.Origin
}

func foresee(ctx context.Context, inv invocation, path string) (*foresight, error) {
	f := &foresight{}
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
	s := dial(ctx, inv)
	defer s.close()
	if err := s.open(inv, true, true); err != nil {
		return nil, err
	}
	if f.domid, f.running, err = nextDomid(ctx, s, f.guest.Name); err != nil {
		return nil, err
	}
	f.nics = s.Foresee(ctx, f.guest, f.domid)
	toml, err := trustedPath(inv, "VIFCTL_CONFIG", configs.Default)
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
func nextDomid(ctx context.Context, s *session, guest string) (next, running int, err error) {
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

func (f *foresight) refused() bool {
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
func (f *foresight) from(s xlcfg.Said) string {
	name := f.file.Name
	if s.File != "" {
		name = s.File
	}
	return fmt.Sprintf("%s:%d:%d", name, s.Line, s.Column)
}
