package firewall

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/nftables"
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

// variantOf tells from the program behind all names which variant it is. One
// from before there were two is the legacy one.
func variantOf(program string) Variant {
	if strings.Contains(filepath.Base(program), "nft") {
		return VariantNFT
	}
	return VariantLegacy
}

// chooseVariant is the variant that has our rules, or else any; where both have,
// or neither, the one that `iptables` is.
func (x *IPTables) chooseVariant() (Variant, error) {
	if v, err := x.variantInUse(); v != "" || err != nil {
		return v, err
	}
	legacy, nft := false, false
	for _, f := range x.families {
		has, err := f.legacy.holds()
		if err != nil {
			return "", err
		}
		legacy = legacy || has
		if has, err = x.nftHolds(f); err != nil {
			return "", err
		}
		nft = nft || has
	}
	_, canLegacy := programOf(VariantLegacy, "iptables", "-restore")
	_, canNFT := programOf(VariantNFT, "iptables", "-restore")
	canNFT = canNFT && x.guard != nil
	switch {
	case !canLegacy && !canNFT:
		return "", errors.New("the program iptables-restore is not installed: install iptables, or set firewall = \"nftables\"")
	case legacy != nft && legacy && canLegacy:
		return VariantLegacy, nil
	case legacy != nft && nft && canNFT:
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

// variantInUse is the variant that the book says our rules are in, if there are
// any; "" where it is to be chosen.
func (x *IPTables) variantInUse() (Variant, error) {
	for _, f := range x.families {
		for _, table := range []string{"nat", "mangle", "raw"} {
			word, _, _ := strings.Cut(x.book.stamp(f, table), " ")
			v := Variant(word)
			there, err := false, error(nil)
			switch {
			case v == VariantLegacy:
				there, err = f.legacy.holdsIn(table)
			case v == VariantNFT && x.guard != nil:
				first := x.fixed(f, table, nil)[0].name
				var c tally
				c, err = x.chains.someChains(&nftables.Table{Name: table, Family: f.table}, first)
				there = len(c.uses) > 0
			}
			if err != nil {
				return "", err
			}
			if _, can := programOf(v, f.program, "-restore"); there && can {
				return v, nil
			}
		}
	}
	return "", nil
}

// nftHolds reports whether iptables-nft has rules.
func (x *IPTables) nftHolds(f *xtFamily) (bool, error) {
	if x.guard == nil {
		return false, nil
	}
	var known chainList
	for _, table := range []string{"filter", "nat", "mangle", "raw"} {
		c, err := x.chains.countXT(f, table, &known)
		if err != nil {
			return false, err
		}
		for chain, uses := range c.uses {
			if uses > 0 || c.drops[chain] {
				return true, nil
			}
		}
	}
	return false, nil
}

// restoreProgram is what a family's rules are given to.
func (x *IPTables) restoreProgram(f *xtFamily, suffix string) (string, error) {
	path, ok := programOf(x.variant, f.program, suffix)
	if !ok {
		return "", fmt.Errorf("the program %s%s (%s) is not installed: install iptables", f.program, suffix, x.variant)
	}
	return path, nil
}
