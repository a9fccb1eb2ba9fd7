package plan

import (
	"maps"
	"slices"
	"strconv"
)

// XenstoreWrite puts a value into the xenstore. It is an effect: a repeated
// online must say `connected` again, so it is never taken as done.
type XenstoreWrite struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	// Tolerant: the reader may have gone (a guest can remove its own
	// frontend), which is logged and no error.
	Tolerant bool `json:"tolerant,omitempty"`
}

// TellMTU tells the guest, by its frontend's path, the MTU its port has. A
// guest may have removed its own frontend.
func TellMTU(path string, mtu int) XenstoreWrite {
	return XenstoreWrite{Path: path, Value: strconv.Itoa(mtu), Tolerant: true}
}

// HookRun runs one vif-post.d hook, sourced by bash with Vars as shell
// variables.
type HookRun struct {
	Path string            `json:"path"`
	Vars map[string]string `json:"vars"`
}

// Key implements Step.
func (s XenstoreWrite) Key() string { return "xenstore " + s.Path }

// Traits implements Step. What the toolstack was told cannot be taken back.
func (s XenstoreWrite) Traits() Traits {
	return Traits{Kind: "xenstore_write", Owner: OwnerHost, Effect: true, Tolerant: s.Tolerant}
}

// Needs implements Step.
func (XenstoreWrite) Needs(*Query) {}

// Satisfied implements Step.
func (XenstoreWrite) Satisfied(*Snapshot) bool { return false }

// Inverse implements Step.
func (XenstoreWrite) Inverse(*Snapshot) []Step { return nil }

// Commands implements Step.
func (s XenstoreWrite) Commands() []string {
	return []string{Command("xenstore-write", s.Path, s.Value)}
}

func (XenstoreWrite) pretend(*Snapshot) {}

// Key implements Step.
func (s HookRun) Key() string { return "hook " + s.Path }

// Traits implements Step. A hook undoes its own effects when it is called with
// command=offline.
func (HookRun) Traits() Traits {
	return Traits{Kind: "hook_run", Owner: OwnerHost, Effect: true}
}

// Needs implements Step.
func (HookRun) Needs(*Query) {}

// Satisfied implements Step.
func (HookRun) Satisfied(*Snapshot) bool { return false }

// Inverse implements Step.
func (HookRun) Inverse(*Snapshot) []Step { return nil }

// Commands implements Step. The line shows what the hook is given; the
// functions it may call (log, fatal, xenstore_read, …) exist only when vifctl
// runs it.
func (s HookRun) Commands() []string {
	words := []string{"env"}
	for _, name := range slices.Sorted(maps.Keys(s.Vars)) {
		words = append(words, name+"="+s.Vars[name])
	}
	return []string{Command(append(words, "bash", s.Path)...)}
}

func (HookRun) pretend(*Snapshot) {}
