package stories

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// install is `install FILE PATH [MODE]`: a file of the story goes into the dom0.
func (t *telling) install(args []string) {
	if len(args) != 2 && len(args) != 3 {
		t.ts.Fatalf("usage: install FILE PATH [MODE]")
	}
	mode := uint64(0o644)
	if len(args) == 3 {
		var err error
		mode, err = strconv.ParseUint(args[2], 8, 32)
		t.ts.Check(err)
	}
	t.ts.Check(t.dom0.WriteFile(args[1], t.ts.ReadFile(args[0]), os.FileMode(mode)))
}

// hotplug is `hotplug [vif1.0] connected|silent` or `hotplug [vif1.0] error PATTERN…`: what the toolstack was told. The
// sentence in hotplug-error must match every pattern.
func (t *telling) hotplug(args []string) {
	port, args := t.about(args)
	if len(args) == 0 {
		t.ts.Fatalf("usage: hotplug [vif1.0] connected | silent | error PATTERN…")
	}
	want := map[string]string{"connected": "connected", "silent": "", "error": "error"}
	wanted, ok := want[args[0]]
	if !ok {
		t.ts.Fatalf("hotplug: what is %q?", args[0])
	}
	status, _ := t.dom0.Read(port.Backend + "/hotplug-status")
	sentence, complained := t.dom0.Read(port.Backend + "/hotplug-error")
	t.ts.Logf("[hotplug-status %q, hotplug-error %q]", status, sentence)
	if status != wanted {
		t.ts.Fatalf("%s/hotplug-status is %q", port.Backend, status)
	}
	if args[0] != "error" && complained && sentence != "" {
		t.ts.Fatalf("%s/hotplug-error is there: %q", port.Backend, sentence)
	}
	for _, pattern := range args[1:] {
		re, err := regexp.Compile(pattern)
		t.ts.Check(err)
		if !re.MatchString(sentence) {
			t.ts.Fatalf("%s/hotplug-error does not match %q: %q", port.Backend, pattern, sentence)
		}
	}
}

// state is `state NAME`: remembers the kernel's state.
func (t *telling) state(args []string) {
	if len(args) != 1 {
		t.ts.Fatalf("usage: state NAME")
	}
	t.ts.Check(os.WriteFile(t.ts.MkAbs(args[0]), []byte(t.dom0.State()), 0o600))
}

// compareState is `cmpstate NAME [but PATTERN]`: the kernel's state is what it was, apart from lines that match PATTERN.
func (t *telling) compareState(args []string) {
	but := regexp.MustCompile(`$^`)
	if len(args) == 3 && args[1] == "but" {
		var err error
		but, err = regexp.Compile(args[2])
		t.ts.Check(err)
		args = args[:1]
	}
	if len(args) != 1 {
		t.ts.Fatalf("usage: cmpstate NAME [but PATTERN]")
	}
	before, now := without(but, t.ts.ReadFile(args[0])), without(but, t.dom0.State())
	switch same := before == now; {
	case same && t.neg:
		t.ts.Fatalf("the state is the same, which it should not be")
	case !same && !t.neg:
		t.ts.Fatalf("the state is another:\n%s", diff.Diff(args[0], []byte(before), "now", []byte(now)))
	}
}

// without takes the lines that match away.
func without(pattern *regexp.Regexp, text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !pattern.MatchString(line) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// json is `json MEMBER…`: the last program printed one JSON object that has these members, none of them empty.
func (t *telling) json(args []string) {
	var document map[string]any
	if err := json.Unmarshal([]byte(t.ts.ReadFile("stdout")), &document); err != nil {
		t.ts.Fatalf("this is no JSON object: %v", err)
	}
	for _, member := range args {
		if list, isList := document[member].([]any); document[member] == nil || isList && len(list) == 0 {
			t.ts.Fatalf("the JSON object has no %q", member)
		}
	}
}
