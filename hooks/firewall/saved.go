package firewall

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"vifctl/hooks/process"
)

// Saved is what an iptables holds, as its own iptables-save prints it.
type Saved struct {
	// Program is the iptables that changes it, by name.
	Program string
	Text    string
}

// SavedTables reads both families of both variants, as far as they are installed. It makes no
// table of iptables-legacy where there is none.
func SavedTables(ctx context.Context) (all []Saved, err error) {
	for _, f := range familiesHere() {
		for _, v := range []Variant{VariantNFT, VariantLegacy} {
			save, canSave := programOf(v, f.program, "-save")
			change, canChange := programOf(v, f.program, "")
			if !canSave || !canChange {
				continue
			}
			if v == VariantLegacy {
				names, err := os.ReadFile(f.names)
				if errors.Is(err, os.ErrNotExist) || err == nil && len(names) == 0 {
					continue
				}
				if err != nil {
					return nil, err
				}
			}
			text, err := process.Output(ctx, []string{save}, "")
			if err != nil {
				return nil, err
			}
			all = append(all, Saved{filepath.Base(change), text})
		}
	}
	return all, nil
}
