package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// IPTables is the firewall of a host without nf_tables, or whose administrator
// wants to read iptables. Its rules are in chains of its own, VIFCTL-…, which
// the kernel's chains lead to; one guest's are spread over buckets, so that
// neither a packet nor a change meets all of them. What is in a bucket is
// written down in a book beside the journal: reading it out of iptables would
// take a process for each chain. That the kernel still has it is told by the
// number of rules in the chain.
//
// What asks for a port, not for an address, stays with nf_tables where the
// kernel has it: iptables sees neither ARP nor VLAN tags nor LLC, and has no set
// of interfaces, so that each would be rules of its own. Where the kernel has
// not, only routed ports can be checked, and only their IP packets.
type IPTables struct {
	options  Options
	variant  Variant
	families []*xtFamily
	book     book
	// guard is nil where the kernel has no nf_tables.
	guard *NFTables
	// chains is the socket that iptables-nft's chains are listed through.
	chains *NFTables
}

// Variant is one of the two programs called iptables: each has rules that the
// other does not see, and the kernel goes by both.
type Variant string

// The variants.
const (
	VariantNFT    Variant = "nft"
	VariantLegacy Variant = "legacy"
)

// ifInet6 is there where the kernel has IPv6.
const ifInet6 = "/proc/thread-self/net/if_inet6"

// lockWait is how long iptables-restore waits for somebody else's iptables, in
// seconds.
const lockWait = 5

// OpenIPTables opens the firewall of the network namespace it is called in,
// and finds out which iptables the host uses.
func OpenIPTables(o Options) (*IPTables, error) {
	if o.Mark == 0 {
		o.Mark = DefaultMark
	}
	sock, err := OpenNFTables(o)
	if err != nil {
		return nil, err
	}
	x := &IPTables{options: o, book: book{o.Book}, chains: sock}
	if x.guard, err = guardOf(sock); err != nil {
		return nil, errors.Join(err, sock.Close())
	}
	x.families = []*xtFamily{ipv4}
	// A kernel without IPv6 has no ip6tables either.
	if _, err := os.Stat(ifInet6); err == nil {
		x.families = append(x.families, ipv6)
	}
	if x.variant, err = x.chooseVariant(); err != nil {
		return nil, errors.Join(err, sock.Close())
	}
	return x, nil
}

// guardOf is the socket itself where the kernel has nf_tables.
func guardOf(sock *NFTables) (*NFTables, error) {
	has, err := sock.Supported()
	if err != nil || !has {
		return nil, err
	}
	return sock, nil
}

// Close frees the sockets.
func (x *IPTables) Close() error { return x.chains.Close() }

// Drops counts what antispoofing has dropped: in nf_tables, for the rules of
// iptables count no reasons.
func (x *IPTables) Drops(ctx context.Context) (map[string]uint64, error) {
	if x.guard == nil {
		return nil, nil
	}
	return x.guard.Drops(ctx)
}

// DropsByPort counts it by the port; it is nil where the kernel has no
// nf_tables: a bucket's counters begin anew whenever it is written.
func (x *IPTables) DropsByPort(ctx context.Context) (map[int]uint64, error) {
	if x.guard == nil {
		return nil, nil
	}
	return x.guard.DropsByPort(ctx)
}

// errWithoutNFTables is what a port on a bridge runs into.
var errWithoutNFTables = errors.New("this kernel has no nf_tables, and iptables sees neither ARP nor VLAN tags: " +
	"a port of a bridge cannot be checked here, so give the guest antispoof = \"off\" or a routed mode")

// isGuard: the rule is about a port: what it may send, what it forwards, and
// who reaches what is behind it.
func isGuard(r plan.Rule) bool {
	switch r.Kind {
	case plan.RuleStrict, plan.RuleMAC, plan.RuleOwnMAC, plan.RuleOwnAddress, plan.RuleRouted, plan.RulePrivate, plan.RulePrivate4:
		return true
	}
	return false
}

// split takes apart what nf_tables is to do and what iptables is; some rules
// are for both. A rule that is none is an error, before anything has been
// changed.
func (x *IPTables) split(rules []plan.Rule) (guard, rest []plan.Rule, err error) {
	for _, r := range rules {
		if _, err := elementsOf(r); err != nil {
			return nil, nil, err
		}
		switch {
		case isGuard(r) && x.guard != nil:
			guard = append(guard, r)
			if len(x.pieces(r)) == 0 {
				continue
			}
		case isGuard(r) && r.Bridged:
			return nil, nil, fmt.Errorf("firewall rule %q: %w", r.Kind, errWithoutNFTables)
		}
		if err := tellable(r.Dev.Name); err != nil {
			return nil, nil, fmt.Errorf("firewall rule %q: %w", r.Kind, err)
		}
		rest = append(rest, r)
	}
	return guard, rest, nil
}

// InForce implements Firewall.
func (x *IPTables) InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	guard, rest, err := x.split(rules)
	if err != nil {
		return nil, err
	}
	inForce := map[string]bool{}
	if len(guard) > 0 {
		if inForce, err = x.guard.InForce(ctx, guard); err != nil {
			return nil, err
		}
	}
	s, err := x.see(rest, nil)
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	for _, r := range rest {
		there, asked := inForce[r.Key()]
		inForce[r.Key()] = s.holds(r) && (there || !asked)
	}
	return inForce, nil
}

// Change implements Firewall. What iptables has and what nf_tables has cannot
// change in one transaction: what is added comes into force in nf_tables first
// and goes from there last, so that no port is ever forwarded for unchecked,
// and where the one fails the other is taken back.
func (x *IPTables) Change(ctx context.Context, add, remove []plan.Rule) error {
	guardAdd, add, err := x.split(add)
	if err != nil {
		return err
	}
	guardRemove, remove, err := x.split(remove)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	var fresh []plan.Rule // what was not in force before
	if len(guardAdd) > 0 {
		was, err := x.guard.InForce(ctx, guardAdd)
		if err != nil {
			return err
		}
		for _, r := range guardAdd {
			if !was[r.Key()] {
				fresh = append(fresh, r)
			}
		}
		if len(fresh) > 0 {
			if err := x.guard.Change(ctx, fresh, nil); err != nil {
				return err
			}
		}
	}
	if len(add)+len(remove) > 0 {
		err = x.change(ctx, add, remove)
	}
	if x.guard != nil && err == nil && len(guardRemove)+len(remove) > 0 {
		// Of the rest, too, what came into force there before the configuration
		// named iptables.
		err = x.guard.Change(ctx, guardAdd, append(guardRemove, remove...))
	}
	if err == nil {
		return nil
	}
	if len(fresh) > 0 {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		err = errors.Join(err, x.guard.Change(late, nil, fresh))
	}
	return err
}

// change does iptables' own part, one process a family.
func (x *IPTables) change(ctx context.Context, add, remove []plan.Rule) error {
	release, err := x.book.lock(ctx)
	if err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	defer release()
	s, err := x.see(add, remove)
	if err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	return x.carryOut(ctx, s, s.after(add, remove))
}

// carryOut gets iptables, and the book, from one sight to another. The book's
// lock is held.
func (x *IPTables) carryOut(ctx context.Context, s, now *sight) error {
	var done []*xtFamily
	for _, f := range x.families {
		text, err := x.restoreText(ctx, f, s, now)
		if err == nil && text != "" {
			if err = s.forgetHeads(now); err == nil {
				err = x.restore(ctx, f, text)
			}
		}
		if err == nil {
			done = append(done, f)
			continue
		}
		// The first family is put back as it was.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockWait*time.Second)
		defer cancel()
		for _, f := range append(done, f) {
			now.kernel[f] = nil // nobody knows how far it came
			back, textErr := x.restoreText(late, f, now, s)
			if textErr == nil && back != "" {
				textErr = x.restore(late, f, back)
			}
			if textErr != nil {
				err = errors.Join(err, fmt.Errorf("and it could not be put back: %w", textErr))
			}
		}
		return fmt.Errorf("change the firewall: %w", err)
	}
	for f, tables := range now.built {
		for _, table := range tables {
			if err := x.book.setStamp(f, table, x.stamp(f, table)); err != nil {
				return fmt.Errorf("change the firewall: %w", err)
			}
		}
	}
	if err := x.book.write(s.buckets, now.buckets); err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	if err := s.noteHeads(now); err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	return nil
}

// Supported reports whether the kernel has nf_tables.
func (n *NFTables) Supported() (bool, error) {
	_, err := n.generation()
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		return false, nil
	}
	return false, fmt.Errorf("ask the kernel for nf_tables: %w", err)
}
