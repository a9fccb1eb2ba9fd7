package wire

import "strings"

// Strings splits a payload of strings that each end in NUL. A last string without its NUL counts too: daemons differ in
// whether they send it.
func Strings(payload string) []string {
	if payload == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(payload, "\x00"), "\x00")
}
