package stories

import (
	"encoding/json"
	"slices"
	"strings"

	"vifctl/tests/dom0"
)

// finds is `finds CODE…`: doctor finds each of these, as a cause or as what follows from one.
func (t *telling) finds(codes []string) { t.diagnosed("finds", codes, true) }

// quiet is `quiet CODE…`: doctor finds none of these, although they may seem to be near.
func (t *telling) quiet(codes []string) { t.diagnosed("quiet", codes, false) }

func (t *telling) diagnosed(word string, codes []string, wanted bool) {
	if len(codes) == 0 || t.neg {
		t.ts.Fatalf("usage: %s CODE…", word)
	}
	r := t.dom0.Run(dom0.ScriptsDir+"/vifctl", "doctor", "--json")
	type finding struct {
		Code, Sentence string
		Consequences   []json.RawMessage
	}
	var document struct{ Findings []json.RawMessage }
	if err := json.Unmarshal([]byte(r.Stdout), &document); err != nil {
		t.ts.Fatalf("doctor: %v: %s%s", err, r.Stdout, r.Stderr)
	}
	found := map[string][]string{}
	for left := document.Findings; len(left) > 0; left = left[1:] {
		var f finding
		t.ts.Check(json.Unmarshal(left[0], &f))
		found[f.Code] = append(found[f.Code], f.Sentence)
		left = slices.Concat(left, f.Consequences)
	}
	for _, code := range codes {
		if said := found[code]; (len(said) > 0) != wanted {
			t.ts.Fatalf("doctor has found of %s: %q; and in all:\n%s", code, strings.Join(said, " "), r.Stdout)
		}
	}
}
