package journal

import (
	"reflect"
	"slices"

	"vifctl/hooks/plan"
)

// Merge combines what an earlier call left (old, may be nil) with the actions
// of this one. The state that was found by the earliest call is the one to go
// back to, whatever came in between. What the plan no longer wants is returned
// in stale, newest first, to be undone now; what was taken away, though, stays
// away until the port goes down.
//
// The order of entries is the plan's, since undoing goes through it backwards:
// what is new stands behind what the plan has before it.
func Merge(old []Entry, actions []plan.Action) (entries, stale []Entry) {
	wanted := map[string]bool{}
	for _, a := range actions {
		wanted[a.Step.Key()] = true
	}
	undone := map[string]bool{}
	for _, e := range old {
		key := e.Step.Key()
		if wanted[key] || e.Step.Traits().Absent {
			entries = append(entries, e)
			undone[key] = undone[key] || len(e.Undo) > 0
		} else if len(e.Undo) > 0 {
			stale = append(stale, e)
		}
	}
	slices.Reverse(stale)

	taken := make([]bool, len(entries))
	at := 0 // where the next new entry goes
	for _, a := range actions {
		if a.Step.Traits().Owner == plan.OwnerHost {
			continue
		}
		key := a.Step.Key()
		i := match(entries, taken, a.Step)
		if i < 0 {
			entries = slices.Insert(entries, at, Entry{Step: a.Step, Undo: a.Undo})
			taken = slices.Insert(taken, at, true)
			at++
			continue
		}
		e := &entries[i]
		if len(a.Undo) > 0 && !undone[key] && e.Step.Traits().Owner == plan.OwnerPort {
			// The earliest call found it as it wanted it, so that is what it
			// was; now it changes. (What belongs to the NIC and was there
			// already is the other port's to undo.)
			e.Undo = []plan.Step{e.Step}
			undone[key] = true
		}
		e.Step = a.Step
		taken[i] = true
		at = i + 1
	}
	return entries, stale
}

// match finds the entry of the very step, or else of the same object, among
// those that no action has taken yet.
func match(entries []Entry, taken []bool, s plan.Step) int {
	same := -1
	for i, e := range entries {
		switch {
		case taken[i] || e.Step.Key() != s.Key():
		case reflect.DeepEqual(e.Step, s):
			return i
		case same < 0:
			same = i
		}
	}
	return same
}
