package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Variant is one of the two programs called iptables: each has rules that the
// other does not see, and the kernel goes by both.
type Variant string

// The variants.
const (
	VariantNFT    Variant = "nft"
	VariantLegacy Variant = "legacy"
)

// programFolders are where the programs may be.
var programFolders = []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"}

// programOf finds a program of a variant, as iptables-nft-restore; a host with
// one variant may have it under the plain name alone. ok is false where it is
// not installed.
func programOf(v Variant, program, suffix string) (path string, ok bool) {
	plain := program + suffix
	for _, folder := range programFolders {
		path := filepath.Join(folder, program+"-"+string(v)+suffix)
		if _, err := os.Stat(path); err == nil {
			return path, true
		}
	}
	for _, folder := range programFolders {
		path := filepath.Join(folder, plain)
		if called, err := filepath.EvalSymlinks(path); err == nil && variantOf(called) == v {
			return path, true
		}
	}
	return "", false
}

// programFor is a family's program of a variant.
func (f *xtFamily) programFor(v Variant, suffix string) (string, error) {
	path, ok := programOf(v, f.program, suffix)
	if !ok {
		return "", fmt.Errorf("the program %s%s (%s) is not installed: install iptables", f.program, suffix, v)
	}
	return path, nil
}

// variantOf tells from the program behind all names which variant it is. One
// from before there were two is the legacy one.
func variantOf(program string) Variant {
	if strings.Contains(filepath.Base(program), "nft") {
		return VariantNFT
	}
	return VariantLegacy
}

// chooseVariant is the variant that has our chains, or else the one that has any
// rules; where both have, or neither, the one that `iptables` is.
func (x *IPTables) chooseVariant() (Variant, error) {
	_, canLegacy := programOf(VariantLegacy, "iptables", "-restore")
	_, canNFT := programOf(VariantNFT, "iptables", "-restore")
	canNFT = canNFT && x.guard != nil
	if !canLegacy && !canNFT {
		return "", errors.New("the program iptables-restore is not installed: install iptables, or set firewall = \"nftables\"")
	}
	var nft, legacy holding
	var err error
	for _, f := range x.families {
		if x.guard != nil {
			err = nft.lookNFT(x.socket, f)
		}
		if err == nil {
			err = legacy.lookLegacy(f)
		}
	}
	switch {
	case err != nil:
		return "", err
	case nft.ours && canNFT:
		return VariantNFT, nil
	case legacy.ours && canLegacy:
		return VariantLegacy, nil
	case legacy.any && !nft.any && canLegacy:
		return VariantLegacy, nil
	case nft.any && !legacy.any && canNFT:
		return VariantNFT, nil
	}
	v := VariantLegacy
	for _, folder := range programFolders {
		if called, err := filepath.EvalSymlinks(filepath.Join(folder, "iptables")); err == nil {
			v = variantOf(called)
			break
		}
	}
	if v == VariantNFT && !canNFT || v == VariantLegacy && !canLegacy {
		v = map[Variant]Variant{VariantNFT: VariantLegacy, VariantLegacy: VariantNFT}[v]
	}
	return v, nil
}

// holding is what a variant holds: chains of ours, rules or policies of any. A
// table that is empty holds none: looking at it has made it.
type holding struct{ ours, any bool }

// xtTables are those that iptables' own programs make.
var xtTables = []string{"filter", "nat", "mangle", "raw"}

func (h *holding) lookNFT(socket *NFTables, f *xtFamily) error {
	chains, err := socket.chainsOf(f.nft)
	for _, c := range chains {
		if slices.Contains(xtTables, c.table) {
			h.ours = h.ours || c.table != "filter" && strings.HasPrefix(c.name, chainPrefix)
			h.any = h.any || (c.uses > 0 || c.drops) && hasXTBase(chains, c.table)
		}
	}
	return err
}

// hasXTBase tells a table that iptables-nft made from one of nft's own under the same name.
func hasXTBase(chains []nftChain, table string) bool {
	return slices.ContainsFunc(chains, func(c nftChain) bool {
		return c.table == table && slices.Contains([]string{"INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"}, c.name)
	})
}

func (h *holding) lookLegacy(f *xtFamily) error {
	tables, err := f.readLegacy(context.Background())
	for name, t := range tables {
		h.ours = h.ours || name != "filter" && len(t.ours()) > 0
		for chain, rules := range t.rules {
			h.any = h.any || len(rules) > 0 || t.policy[chain] == "DROP"
		}
	}
	return err
}

// readLegacy reads the tables of iptables-legacy, without a process where there
// are none; it reads none where no program could.
func (f *xtFamily) readLegacy(ctx context.Context) (map[string]*xtTable, error) {
	// The file is the real root's, also in the namespaces of an ordinary user,
	// where no program has made tables of this kind.
	names, err := os.ReadFile(f.names)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || err == nil && len(names) == 0 {
		return nil, nil
	}
	if _, can := programOf(VariantLegacy, f.program, "-save"); err != nil || !can {
		return nil, err
	}
	return readTables(ctx, VariantLegacy, f)
}

// HoldsIPTables reports whether chains of ours are in either iptables, of a host
// whose firewall is nftables by now.
func (n *NFTables) HoldsIPTables() (bool, error) {
	var h holding
	for _, f := range familiesHere() {
		if err := errors.Join(h.lookNFT(n, f), h.lookLegacy(f)); err != nil {
			return false, err
		}
	}
	return h.ours, nil
}

// clearEnvironment takes out of our own environment, for good, what would make
// the programs of iptables, or the loader and the C library below them, do
// something else: nothing here reads it, and no program that vifctl runs is to.
func clearEnvironment() {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		for _, prefix := range []string{"XTABLES_", "IPTABLES_", "IP6TABLES_", "LD_", "GLIBC_", "GCONV_", "LOCPATH", "NLSPATH", "MALLOC_"} {
			if strings.HasPrefix(name, prefix) {
				_ = os.Unsetenv(name)
			}
		}
	}
}
