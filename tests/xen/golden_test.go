//go:build xen

package xen

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goldenFolder = "testdata/calls"

// golden compares the calls that dom0/record noted in the folder with testdata/calls, or writes those anew. A folder
// that does not exist was no recording.
func golden(t *testing.T, folder string) {
	t.Helper()
	if _, err := os.Stat(folder); err != nil {
		return
	}
	calls, err := readRecords(folder)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := rewrite(calls); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d calls written to %s", len(calls), goldenFolder)
		return
	}
	known, err := Calls()
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]Call)
	for _, call := range known {
		want[call.Name] = call
	}
	for _, call := range calls {
		before, ok := want[call.Name]
		delete(want, call.Name)
		if !ok {
			t.Errorf("%s: a call that xl did not make before (-update records it)", call.Name)
		} else if difference := cmp.Diff(steady(before), steady(call)); difference != "" {
			t.Errorf("%s is not what it was (-update records it anew):\n%s", call.Name, difference)
		}
	}
	for name := range want {
		t.Errorf("%s: xl no longer makes this call", name)
	}
	t.Logf("%d calls compared with %s", len(calls), goldenFolder)
}

// readRecords turns the recorder's folders, one a call and named by the time, into calls in their order.
func readRecords(folder string) ([]Call, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	taken := make(map[string]int)
	var calls []Call
	for _, entry := range entries {
		call, err := readRecord(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("recorded call %s: %w", entry.Name(), err)
		}
		taken[call.Name]++
		if n := taken[call.Name]; n > 1 {
			call.Name += "." + strconv.Itoa(n)
		}
		calls = append(calls, call)
	}
	return calls, nil
}

func readRecord(folder string) (Call, error) {
	var failed error
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil && failed == nil {
			failed = err
		}
		return string(text)
	}
	call := Call{
		Script:      read("script"),
		Args:        strings.Split(strings.TrimSuffix(read("args"), "\x00"), "\x00"),
		Cwd:         strings.TrimSpace(read("cwd")),
		Stdin:       strings.TrimSpace(read("stdin")),
		Environment: parseEnvironment(read("environment")),
		Xenstore:    parseTree(read("xenstore")),
		After:       parseTree(read("after")),
	}
	call.Links = slices.DeleteFunc(parseLinks(read("links")), func(link string) bool { return !call.own(link) })
	label, status := strings.TrimSpace(read("label")), strings.TrimSpace(read("status"))
	if failed != nil {
		return Call{}, failed
	}
	kind := "none"
	if len(call.Args) > 1 {
		kind = strings.TrimPrefix(call.Args[1], "type_if=")
	}
	nic := "nic" + path.Base(call.Environment["XENBUS_PATH"])
	call.Name = strings.Join([]string{label, nic, call.Args[0], kind}, ".")
	var err error
	call.Status, err = strconv.Atoi(status)
	return call, err
}

func parseEnvironment(text string) map[string]string {
	environment := make(map[string]string)
	for variable := range strings.SplitSeq(strings.TrimSuffix(text, "\x00"), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		environment[name] = value
	}
	return environment
}

var treeLine = regexp.MustCompile(`^(/\S+) = "(.*)" *$`)

// parseTree reads what `xenstore-ls -f` prints.
func parseTree(text string) map[string]string {
	tree := make(map[string]string)
	for line := range strings.Lines(text) {
		if match := treeLine.FindStringSubmatch(strings.TrimRight(line, "\n")); match != nil {
			tree[match[1]] = match[2]
		}
	}
	return tree
}

// parseLinks reads the names out of `ip -o link`.
func parseLinks(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 {
			name, _, _ := strings.Cut(strings.TrimSuffix(fields[1], ":"), "@")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func rewrite(calls []Call) error {
	old, err := filepath.Glob(filepath.Join(goldenFolder, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for _, call := range calls {
		text, err := call.encode()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(goldenFolder, call.Name+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// racing are the keys whose value depends on how far a running guest has got: all of its own, and states.
var racing = regexp.MustCompile(`^/local/domain/[1-9]\d*/device/|/state$`)

// steady is a call without what is not the same every time: racing keys, and which of its interfaces a NIC that goes
// down still has.
func steady(call Call) Call {
	call.Xenstore, call.After = maps.Clone(call.Xenstore), maps.Clone(call.After)
	for _, tree := range []map[string]string{call.Xenstore, call.After} {
		maps.DeleteFunc(tree, func(path, _ string) bool { return racing.MatchString(path) })
	}
	if !call.Up() {
		call.Links = nil
	}
	return call
}
