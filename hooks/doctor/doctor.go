// Package doctor says what is wrong with the guests' network: from the facts of
// a survey, which it does not read itself, to findings, each with what was read
// and the command that puts it right. What follows from another finding is folded
// under it, so that the root comes first.
//
// A check is one function over the facts and one line of the table in checks.go.
package doctor

import (
	_ "embed" // the schema
	"slices"

	"vifctl/hooks/doctor/inventory"
)

// Severity says how much a finding matters.
type Severity string

// Error: guests have no network, or not the one they should have. Warning: they
// may lose it. Note: worth knowing, and no fault.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Finding is one thing that is wrong.
type Finding struct {
	// Code names the check; it stays what it is.
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// Subject is what it is about: a port, a bridge, an uplink, or "host".
	Subject string `json:"subject"`
	// Guest is the port's guest, "" for what is not one guest's.
	Guest string `json:"guest,omitempty"`
	// Sentence says it plainly.
	Sentence string `json:"sentence"`
	// Evidence is what was read, value by value.
	Evidence []string `json:"evidence"`
	// Fix are commands that put it right, in their order.
	Fix []string `json:"fix"`
	// Consequences follow from this one.
	Consequences []Finding `json:"consequences"`

	// of are the other subjects that this one depends on.
	of []string
	// touches are the guests and ports that suffer from it, where it is about more
	// than one; empty where it is about all guests.
	touches []string
}

// touching adds the guests and ports that suffer from a finding.
func (f Finding) touching(guests []*inventory.NIC) Finding {
	for _, n := range guests {
		f.touches = append(f.touches, n.Guest, "vif"+n.NIC.String())
		for _, p := range n.Ports() {
			f.touches = append(f.touches, p.Name)
		}
	}
	return f
}

// Check looks for one thing.
type Check struct {
	Code     string
	Severity Severity
	// About says in one line what it looks for.
	About string
	// After are the codes of what, found at the same subject or at one that it
	// depends on, explains this: the nearest cause first. They stand before it in
	// the table.
	After []string
	Find  func(*inventory.Facts) []Finding
}

// Diagnose runs all checks and returns the roots, the worst first, each with
// what follows from it.
func Diagnose(f *inventory.Facts) []Finding {
	var all []Finding
	for _, c := range Checks() {
		for _, found := range c.Find(f) {
			found.Code = c.Code
			if found.Severity == "" {
				found.Severity = c.Severity
			}
			if found.Evidence == nil {
				found.Evidence = []string{}
			}
			if found.Fix == nil {
				found.Fix = []string{}
			}
			all = append(all, found)
		}
	}
	return fold(all)
}

// fold hangs each finding under its cause.
func fold(all []Finding) []Finding {
	after := map[string][]string{}
	for _, c := range Checks() {
		after[c.Code] = c.After
	}
	first := map[place]int{}
	for i, found := range slices.Backward(all) {
		first[place{found.Code, found.Subject}] = i
	}
	below := map[int][]int{} // -1 are the roots
	for i, found := range all {
		parent := cause(found, after[found.Code], first)
		below[parent] = append(below[parent], i)
	}
	var tree func(root int) []Finding
	tree = func(root int) []Finding {
		list := []Finding{}
		for _, i := range below[root] {
			found := all[i]
			found.Consequences = tree(i)
			// A cause matters as much as what it comes to.
			for _, c := range found.Consequences {
				if rank(c.Severity) < rank(found.Severity) {
					found.Severity = c.Severity
				}
			}
			list = append(list, found)
		}
		return list
	}
	roots := tree(-1)
	slices.SortStableFunc(roots, func(a, b Finding) int { return rank(a.Severity) - rank(b.Severity) })
	return roots
}

// place is where a finding of a code is.
type place struct{ code, subject string }

// cause finds the finding that explains another one: of the nearest code, the
// first at its subject or at one that it depends on; -1 where none does.
func cause(found Finding, after []string, first map[place]int) int {
	for _, code := range after {
		nearest := -1
		for _, subject := range append([]string{found.Subject, host}, found.of...) {
			if i, ok := first[place{code, subject}]; ok && (nearest < 0 || i < nearest) {
				nearest = i
			}
		}
		if nearest >= 0 {
			return nearest
		}
	}
	return -1
}

func rank(s Severity) int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// host is the subject of what is about the whole of it.
const host = "host"

// About keeps the findings that are about some guests or ports, by name, and
// what explains them; without any word it keeps all. What is about the host
// stays where one of the named depends on it.
func About(all []Finding, words []string) []Finding {
	if len(words) == 0 {
		return all
	}
	kept := []Finding{}
	for _, f := range all {
		if f.concerns(words) || f.Subject == host && len(f.touches) == 0 {
			kept = append(kept, f)
		}
	}
	return kept
}

func (f Finding) concerns(words []string) bool {
	if slices.Contains(words, f.Guest) || slices.Contains(words, f.Subject) {
		return true
	}
	if slices.ContainsFunc(f.touches, func(name string) bool { return slices.Contains(words, name) }) {
		return true
	}
	return slices.ContainsFunc(f.Consequences, func(c Finding) bool { return c.concerns(words) })
}

// Worst is the severity of the worst of them, "" where there is none.
func Worst(all []Finding) Severity {
	if len(all) == 0 {
		return ""
	}
	return all[0].Severity
}

// Schema describes the findings as JSON, and the answers of a probe: JSON Schema,
// draft 2020-12.
//
//go:embed schema.json
var Schema string
