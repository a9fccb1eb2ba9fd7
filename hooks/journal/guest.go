package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"vifctl/hooks/plan"
)

// Guest names the ports of one guest: its vifs and taps, and, while it reboots
// or moves, those of its old domain and of its new one. They may want the same
// objects (a public address, a forward, a proxy entry), and the last of them
// undoes these. What is said of a guest is to be read and written under
// LockHost.
type Guest struct {
	journal *Journal
	path    string
}

// Guest returns the guest of a UUID; without a usable one the ports of a domain
// are taken for a guest.
func (j *Journal) Guest(uuid string, domid int) Guest {
	name := uuid
	if strings.Trim(uuid, "0123456789abcdefABCDEF-") != "" || uuid == "" || len(uuid) > 64 {
		name = fmt.Sprintf("domain-%d", domid)
	}
	return Guest{journal: j, path: filepath.Join(j.dir, "guests", name)}
}

// Add counts a port among the guest's.
func (g Guest) Add(nic plan.NIC, kind plan.Kind) error {
	ports, err := g.ports()
	if err != nil {
		return err
	}
	if slices.Contains(ports, portName(nic, kind)) {
		return nil
	}
	return g.write(append(ports, portName(nic, kind)))
}

// Remove ends that. Removing what was never added is no error.
func (g Guest) Remove(nic plan.NIC, kind plan.Kind) error {
	ports, err := g.ports()
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(ports, func(p string) bool { return p == portName(nic, kind) })
	return g.write(rest)
}

// Wanted returns the keys of what the guest's other ports want, as their
// records of this boot say. A port without a record wants nothing.
func (g Guest) Wanted(boot string, nic plan.NIC, kind plan.Kind) (map[string]bool, error) {
	ports, err := g.ports()
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, p := range ports {
		var n plan.NIC
		var k plan.Kind
		if _, err := fmt.Sscanf(p, "%d.%d.%s", &n.Domid, &n.Devid, &k); err != nil || n == nic && k == kind {
			continue
		}
		r, err := g.journal.Read(n, k)
		if err != nil {
			return wanted, err
		}
		if r == nil || r.Boot != boot {
			continue
		}
		for _, e := range r.Entries {
			wanted[e.Step.Key()] = true
		}
	}
	return wanted, nil
}

func (g Guest) ports() ([]string, error) {
	data, err := os.ReadFile(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return strings.Fields(string(data)), nil
}

func (g Guest) write(ports []string) error {
	if len(ports) == 0 {
		if err := os.Remove(g.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("journal: %w", err)
		}
		return nil
	}
	dir := filepath.Dir(g.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	text := strings.Join(ports, "\n") + "\n"
	if err := renameio.WriteFile(g.path, []byte(text), 0o600, renameio.WithTempDir(dir)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func portName(nic plan.NIC, kind plan.Kind) string { return nic.String() + "." + string(kind) }
