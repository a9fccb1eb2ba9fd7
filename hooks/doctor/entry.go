package doctor

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"vifctl/hooks/doctor/inventory"
)

// noEntry looks for guests without an entry whose name is nearly that of an entry which no
// guest has.
func noEntry(f *inventory.Facts) []Finding {
	if f.Config == nil {
		return nil
	}
	entries := f.Config.Guests()
	if len(entries) == 0 {
		return nil
	}
	var free []string
	for _, g := range entries {
		has := func(n inventory.NIC) bool { return n.Alive && n.Guest == g.Name }
		if g.Name != "" && !slices.Contains(free, g.Name) && !slices.ContainsFunc(f.NICs, has) {
			free = append(free, g.Name)
		}
	}
	return each(f, func(n *inventory.NIC) []Finding {
		if n.Mode == "" || n.Guest == "" || n.Entry.Name != "" || n.Entry.UUID != "" || n.Entry.MAC != "" {
			return nil
		}
		i := slices.IndexFunc(free, func(name string) bool { return letters(name) == letters(n.Guest) })
		if i < 0 {
			return nil
		}
		name := free[i]
		return one(Finding{
			Sentence: fmt.Sprintf("No entry of the configuration is about %s, and no guest is called %s, as one of them says.", n.Guest, name),
			Evidence: []string{fmt.Sprintf("/etc/xen/vifctl.toml has [[guest]] name = %q", name), fmt.Sprintf("Xen calls the guest %q", n.Guest)},
			Fix:      []string{fmt.Sprintf("write name = %q in the entry, or name = %q in the guest's file", n.Guest, name)},
		})
	})
}

// letters are those of a name, and its digits, without what is easily written another way:
// win-1, Win1 and win_1 are nearly one name, and win1 and win2 are not.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
