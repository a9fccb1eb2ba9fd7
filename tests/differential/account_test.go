package differential

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A difference is one way in which vifctl deliberately leaves another state than Debian's scripts. Its patterns match
// whole lines; in them PORT stands for any port's name, and DOWN for that of a port which was taken offline (a vif) or
// removed (a tap).
type difference struct {
	Name string
	Why  string
	// In and After, where given, narrow it to scenarios ("vif-route/pv") and to what has happened so far ("online
	// type_if=vif, offline type_if=vif").
	In, After string
	// Stock and Ours match the lines it explains, which only one world has.
	Stock, Ours string
	// Both: it explains only what has a line of each side.
	Both bool
	// StockEdits and OurEdits are made on every line, before anything is compared: a part of a line that differs, where the
	// rest must not.
	StockEdits, OurEdits []edit
}

// An edit replaces what a pattern (of a part of a line) matches. In the replacement VIFNAME stands for the first guest's.
type edit struct{ pattern, replacement string }

// A moment is where a scenario has got to.
type moment struct {
	scenario scenario
	history  string
	down     []string // names of ports that were taken down
}

const portName = `(?:vif\d+\.\d+|alice|vif-web-01)(?:-emu)?`

// An account keeps which scenarios ran and which differences were of use.
type account struct {
	mu       sync.Mutex
	compiled map[string]*regexp.Regexp
	used     map[string]bool
	ran      int
}

func newAccount() *account {
	return &account{compiled: map[string]*regexp.Regexp{}, used: map[string]bool{}}
}

func (a *account) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ran++
}

func (a *account) regexp(pattern string, m moment) *regexp.Regexp {
	down := `NONE`
	if len(m.down) > 0 {
		down = `(?:` + strings.ReplaceAll(strings.Join(m.down, "|"), ".", `\.`) + `)`
	}
	pattern = strings.NewReplacer("PORT", portName, "DOWN", down).Replace(pattern)
	if a.compiled[pattern] == nil {
		a.compiled[pattern] = regexp.MustCompile(pattern)
	}
	return a.compiled[pattern]
}

func (a *account) matches(pattern, text string, m moment) bool {
	return pattern != "" && a.regexp(`^(?:`+pattern+`)$`, m).MatchString(text)
}

func (a *account) applies(d difference, m moment) bool {
	return (d.In == "" || a.matches(d.In, m.scenario.script+"/"+m.scenario.name, m)) &&
		(d.After == "" || a.matches(d.After, m.history, m))
}

// explain returns what no difference explains.
func (a *account) explain(m moment, stock, ours []string) delta {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range differences {
		if a.applies(d, m) {
			stock = a.edited(d, d.StockEdits, stock, m)
			ours = a.edited(d, d.OurEdits, ours, m)
		}
	}
	rest := compare(stock, ours)
	for _, d := range differences {
		if !a.applies(d, m) {
			continue
		}
		theirs := func(line string) bool { return a.matches(d.Stock, line, m) }
		mine := func(line string) bool { return a.matches(d.Ours, line, m) }
		hasTheirs, hasMine := slices.ContainsFunc(rest.stock, theirs), slices.ContainsFunc(rest.ours, mine)
		if d.Both && !(hasTheirs && hasMine) {
			continue
		}
		a.used[d.Name] = a.used[d.Name] || hasTheirs || hasMine
		rest.stock, rest.ours = slices.DeleteFunc(rest.stock, theirs), slices.DeleteFunc(rest.ours, mine)
	}
	return rest
}

func (a *account) edited(d difference, edits []edit, lines []string, m moment) []string {
	for _, e := range edits {
		pattern := a.regexp(e.pattern, m)
		replacement := strings.ReplaceAll(e.replacement, "VIFNAME", m.scenario.nics[0].Vifname)
		after := make([]string, len(lines))
		for i, line := range lines {
			after[i] = pattern.ReplaceAllString(line, replacement)
		}
		a.used[d.Name] = a.used[d.Name] || !slices.Equal(lines, after)
		lines = after
	}
	return lines
}

// idle lists the differences that explained nothing. A run of only some scenarios proves nothing about them.
func (a *account) idle() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ran != len(scenarios()) {
		return nil
	}
	var complaints []string
	for _, d := range differences {
		if !a.used[d.Name] {
			complaints = append(complaints, fmt.Sprintf("the difference %q explains nothing any more: take it out", d.Name))
		}
	}
	return complaints
}
