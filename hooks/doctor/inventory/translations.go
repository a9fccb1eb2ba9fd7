package inventory

import (
	"context"

	"vifctl/configs/handmade"
	"vifctl/hooks/firewall"
)

// readTranslations reads the rules of iptables' tables nat that are not ours. What cannot be read
// is told by other checks.
func (f *Facts) readTranslations(ctx context.Context) {
	saved, err := firewall.SavedTables(ctx)
	if err != nil {
		return
	}
	for _, t := range saved {
		f.Translations = append(f.Translations, handmade.Translations(handmade.Rules{Program: t.Program, Text: t.Text})...)
	}
}
