package lab

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/firewall"
)

// natTrouble says why nothing can be filtered or translated here; nil where it can.
func natTrouble() error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open a socket to nf_tables: %w", err)
	}
	// Made and removed in one transaction: it asks for all that is needed and leaves nothing.
	t := c.AddTable(&nftables.Table{Name: "probe", Family: nftables.TableFamilyINet})
	c.AddChain(&nftables.Chain{
		Name: "probe", Table: t, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest,
	})
	c.DelTable(t)
	return c.Flush()
}

var tableFamilies = map[nftables.TableFamily]string{
	nftables.TableFamilyINet: "inet", nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6",
	nftables.TableFamilyARP: "arp", nftables.TableFamilyBridge: "bridge", nftables.TableFamilyNetdev: "netdev",
}

// ruleset is what nftables holds: tables, and the elements of their sets, which are all that a guest comes to.
type ruleset struct {
	// own are the tables of vifctl, which stay when the last guest has gone: they are the host's.
	own []string
	// elements are those of own tables' sets.
	elements state
	// foreign is everything about other tables.
	foreign state
}

// ruleset reads a machine's.
func (m *Machine) ruleset() (ruleset, error) {
	var r ruleset
	err := m.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		tables, err := c.ListTables()
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		for _, t := range tables {
			name := tableFamilies[t.Family] + " " + t.Name
			elements, err := elementsOf(c, t, name)
			if err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
			if t.Name == firewall.TableName {
				r.own = append(r.own, name)
				r.elements = append(r.elements, elements...)
			} else {
				r.foreign = append(append(r.foreign, fact{text: "table " + name}), elements...)
			}
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("%s: nftables: %w", m.Name, err)
	}
	slices.Sort(r.own)
	slices.SortFunc(r.elements, fact.compare)
	slices.SortFunc(r.foreign, fact.compare)
	return r, nil
}

// elementsOf are the elements of a table's named sets, but for those by which vifctl knows what it has made of a table.
func elementsOf(c *nftables.Conn, t *nftables.Table, name string) (state, error) {
	const madeFor = "fixed_"
	sets, err := c.GetSets(t)
	if err != nil {
		return nil, fmt.Errorf("list the sets: %w", err)
	}
	var s state
	for _, set := range sets {
		if set.Anonymous || t.Name == firewall.TableName && strings.HasPrefix(set.Name, madeFor) {
			continue
		}
		elements, err := c.GetSetElements(set)
		if err != nil {
			return nil, fmt.Errorf("list the elements of %s: %w", set.Name, err)
		}
		for _, e := range elements {
			s = append(s, fact{text: strings.TrimSpace(fmt.Sprintf("element of %s %s: %x %x", name, set.Name, e.Key, e.Val))})
		}
	}
	return s, nil
}

// flows are the connections tracked that have to do with guests of the nat scene.
func (m *Machine) flows() (state, error) {
	var about []string
	for _, a := range slices.Concat(natPrivate, natPublic) {
		about = append(about, a.Addr().String())
	}
	var s state
	err := m.Do(func() error {
		list, err := again(func() ([]*netlink.ConntrackFlow, error) {
			return netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
		})
		for _, f := range list {
			ends := []net.IP{f.Forward.SrcIP, f.Forward.DstIP, f.Reverse.SrcIP, f.Reverse.DstIP}
			if slices.ContainsFunc(ends, func(ip net.IP) bool { return slices.Contains(about, ip.String()) }) {
				s = append(s, fact{text: "connection " + f.String()})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: list the connections: %w", m.Name, err)
	}
	return s, nil
}

// guarded is what nftables holds, if it holds anything.
func (d *Dom0) guarded() (ruleset, error) {
	if !d.translates {
		return ruleset{}, nil
	}
	return d.ruleset()
}

// unguarded checks that no guest has left anything in nftables or in connection tracking. Held is what was there while
// the guests were up.
func (d *Dom0) unguarded(held ruleset, err error) {
	if !d.translates {
		return
	}
	left, leftErr := d.ruleset()
	flows, flowsErr := d.flows()
	all := slices.Concat(left.elements, left.foreign, flows)
	d.Report.Check(Check{
		What:  "of the guests, nftables and connection tracking hold nothing",
		Found: fmt.Sprintf("%d elements gone", len(held.elements)),
		Err:   errors.Join(err, leftErr, flowsErr, state{}.same(all)),
	})
	if len(left.own) == 0 {
		return
	}
	d.Report.Note("     The tables %s stay, and no element in their sets: they are the host's own.", strings.Join(left.own, ", "))
}
