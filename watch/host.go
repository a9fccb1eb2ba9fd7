package watch

import (
	"net/netip"
	"strconv"
	"strings"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// Link is one interface of this host.
type Link struct {
	Index int
	Name  string
}

// Host is what is decided from: the interfaces by their names, and the journal
// of this run of the kernel. It reads nothing itself.
type Host struct {
	boot  string
	links map[int]string
	index map[string]int // of links, by name
	ports map[portKey]journal.Stored
	owner map[int]portKey     // of ports, by ifindex
	vifs  map[string]plan.NIC // of vifs' records, by their interfaces' names
	// users are the ports that need something of another interface, sharers those
	// that an address has been given to.
	users   map[int]portSet
	sharers map[netip.Addr]portSet
	// neighbours are the ports that were told an address's hardware address.
	neighbours map[netip.Addr]portSet
}

type portSet map[portKey]bool

type portKey struct {
	nic  plan.NIC
	kind plan.Kind
}

// NewHost returns a host without interfaces. Records of another boot than the
// one given speak of other interfaces.
func NewHost(boot string) *Host {
	return &Host{
		boot:  boot,
		links: map[int]string{},
		index: map[string]int{},
		ports: map[portKey]journal.Stored{},
		owner: map[int]portKey{},
		vifs:  map[string]plan.NIC{},

		users:   map[int]portSet{},
		sharers: map[netip.Addr]portSet{},

		neighbours: map[netip.Addr]portSet{},
	}
}

// SetLink says that an interface is there, under this name.
func (h *Host) SetLink(l Link) {
	h.DropLink(l.Index)
	h.links[l.Index], h.index[l.Name] = l.Name, l.Index
}

// DropLink says that an interface has gone.
func (h *Host) DropLink(index int) {
	if name, ok := h.links[index]; ok && h.index[name] == index {
		delete(h.index, name)
	}
	delete(h.links, index)
}

// SetPort says what the journal holds of a port; nil is nothing.
func (h *Host) SetPort(nic plan.NIC, kind plan.Kind, s *journal.Stored) {
	key := portKey{nic, kind}
	if old, ok := h.ports[key]; ok {
		delete(h.ports, key)
		delete(h.owner, old.Index)
		if h.vifs[old.Name] == nic {
			delete(h.vifs, old.Name)
		}
		for _, dev := range old.Devs {
			leave(h.users, dev, key)
		}
		for _, a := range old.Addresses {
			leave(h.sharers, a, key)
		}
		for _, a := range old.Neighbours {
			leave(h.neighbours, a, key)
		}
	}
	if s == nil || s.Boot != h.boot {
		return
	}
	h.ports[key], h.owner[s.Index] = *s, key
	for _, dev := range s.Devs {
		join(h.users, dev, key)
	}
	for _, a := range s.Addresses {
		join(h.sharers, a, key)
	}
	for _, a := range s.Neighbours {
		join(h.neighbours, a, key)
	}
	if kind == plan.Vif {
		h.vifs[s.Name] = nic
	}
}

func join[K comparable](sets map[K]portSet, k K, key portKey) {
	if sets[k] == nil {
		sets[k] = portSet{}
	}
	sets[k][key] = true
}

func leave[K comparable](sets map[K]portSet, k K, key portKey) {
	delete(sets[k], key)
	if len(sets[k]) == 0 {
		delete(sets, k)
	}
}

// port is the journal's record of a port whose interface is there.
func (h *Host) port(nic plan.NIC, kind plan.Kind) (journal.Stored, bool) {
	s, ok := h.ports[portKey{nic, kind}]
	_, there := h.links[s.Index]
	return s, ok && there
}

// Left returns the tap of a NIC for which something was done, which has gone
// since, and which xl will not call for any more: the NIC's vif is down.
func (h *Host) Left(nic plan.NIC) (tap journal.Port, ok bool) {
	s, recorded := h.ports[portKey{nic, plan.Tap}]
	_, there := h.links[s.Index]
	_, up := h.ports[portKey{nic, plan.Vif}]
	return s.Port, recorded && !there && !up
}

// Concerned lists the interfaces that a NIC's records decide about.
func (h *Host) Concerned(nic plan.NIC) []int {
	vif := "vif" + nic.String()
	names := []string{vif, vif + emu, "tap" + nic.String()}
	var indexes []int
	for _, kind := range []plan.Kind{plan.Vif, plan.Tap} {
		s, ok := h.ports[portKey{nic, kind}]
		if !ok {
			continue
		}
		indexes = append(indexes, s.Index)
		if kind == plan.Vif && s.Name != vif {
			names = append(names, s.Name, s.Name+emu)
			if rest, ok := strings.CutPrefix(s.Name, "vif"); ok {
				names = append(names, "tap"+rest)
			}
		}
	}
	for _, name := range names {
		if index, ok := h.index[name]; ok {
			indexes = append(indexes, index)
		}
	}
	return indexes
}

// emu is what an emulated NIC's tap has behind its vif's name.
const emu = "-emu"

// nicIn reads the numbers that Xen itself puts into a name: DOMID.DEVID, each
// of at most five digits, written the one way Xen writes them.
func nicIn(s, separator string) (nic plan.NIC, ok bool) {
	domid, devid, found := strings.Cut(s, separator)
	number := func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && len(s) <= 5 && n >= 0 && strconv.Itoa(n) == s
	}
	var ok1, ok2 bool
	nic.Domid, ok1 = number(domid)
	nic.Devid, ok2 = number(devid)
	return nic, found && ok1 && ok2
}
