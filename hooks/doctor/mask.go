package doctor

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Mask makes a text fit to be sent to another person: addresses that can be
// reached from the world, hardware addresses, UUIDs and what looks like a
// password are replaced. The same one gets the same word everywhere, so that it
// can still be followed.
func Mask(text string) string {
	words := map[string]string{}
	counts := map[string]int{}
	replace := func(kind, was string) string {
		key := kind + strings.ToLower(was)
		if words[key] == "" {
			counts[kind]++
			words[key] = fmt.Sprintf("%s-%d", kind, counts[kind])
		}
		return words[key]
	}
	secret := regexp.MustCompile(`(?i)\b([a-z_-]*(?:passw(?:or)?d|passwd|secret|token|credential|private[_-]?key|apikey|api[_-]key))(["']?\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|\S+)`)
	text = secret.ReplaceAllString(text, "${1}${2}masked")
	uuid := regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	text = uuid.ReplaceAllStringFunc(text, func(was string) string { return replace("uuid", was) })
	mac := regexp.MustCompile(`(?i)\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b`)
	text = mac.ReplaceAllStringFunc(text, func(was string) string {
		switch low := strings.ToLower(was); low {
		case "fe:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00":
			return was
		}
		return replace("mac", was)
	})
	address := func(was string) string {
		// A colon behind an address is the sentence's.
		bare := strings.TrimRight(was, ":")
		a, err := netip.ParseAddr(bare)
		if err != nil {
			bare = was
			if a, err = netip.ParseAddr(was); err != nil {
				return was
			}
		}
		kind := ""
		switch {
		case a.IsLinkLocalUnicast() && a.Is6() && a != netip.MustParseAddr("fe80::1"):
			kind = "linklocal" // it is made of the hardware address
		case a.IsPrivate() || !a.IsGlobalUnicast():
			return was
		case a.Is4():
			kind = "public4"
		default:
			kind = "public6"
		}
		return replace(kind, a.String()) + was[len(bare):]
	}
	for _, pattern := range []string{`(?i)\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:[0-9.]+)?`, `\b\d{1,3}(?:\.\d{1,3}){3}\b`} {
		text = regexp.MustCompile(pattern).ReplaceAllStringFunc(text, address)
	}
	return text
}
