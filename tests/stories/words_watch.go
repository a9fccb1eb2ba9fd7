package stories

import (
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/speed"
)

// watch is `watch` and `watch ends` and `watch dies`: the daemon starts; it is asked to end, which it does with exit code 0;
// it is killed.
func (t *telling) watch(args []string) {
	switch {
	case len(args) == 0 && t.watcher == nil:
		var err error
		t.watcher, err = t.dom0.Watch()
		t.ts.Check(err)
	case len(args) == 1 && args[0] == "ends" && t.watcher != nil:
		exit, err := t.watcher.End(unix.SIGTERM)
		t.ts.Check(err)
		t.ts.Logf("%s", t.watcher.Log())
		if exit != 0 {
			t.ts.Fatalf("the watcher ended with exit code %d", exit)
		}
		t.watcher = nil
	case len(args) == 1 && args[0] == "dies" && t.watcher != nil:
		_, err := t.watcher.End(unix.SIGKILL)
		t.ts.Check(err)
		t.watcher = nil
	default:
		t.ts.Fatalf("usage: watch, then watch ends | watch dies")
	}
}

// watcherSays is `watcher-says PATTERN`, in the end; `! watcher-says PATTERN` is about what it has said so far.
func (t *telling) watcherSays(args []string) {
	if len(args) != 1 || t.watcher == nil {
		t.ts.Fatalf("usage: watcher-says PATTERN, while one is at work")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	t.ts.Check(err)
	if t.neg && re.MatchString(t.watcher.Log()) {
		t.ts.Fatalf("the watcher has said:\n%s", t.watcher.Log())
	}
	if _, ok := t.watcher.Says(re); !ok && !t.neg {
		t.ts.Fatalf("the watcher has said:\n%s", t.watcher.Log())
	}
}

// until is `until PATTERN PLACE COMMAND…`: the command is run there again and again until its output matches.
func (t *telling) until(args []string) {
	if len(args) < 3 || t.neg {
		t.ts.Fatalf("usage: until PATTERN dom0|client|GUEST COMMAND…")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	t.ts.Check(err)
	place := t.place(args[1])
	for end := time.Now().Add(speed.Patience); ; time.Sleep(5 * time.Millisecond) {
		r := place.Run(args[2], args[3:]...)
		if re.MatchString(r.Stdout) {
			return
		}
		if time.Now().After(end) {
			t.ts.Fatalf("it never was so; at last:\n%s%s", r.Stdout, r.Stderr)
		}
	}
}
