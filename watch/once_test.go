package watch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
)

// future makes the vif's record one of later.
func future(t *testing.T, p *pretend, later time.Duration) {
	t.Helper()
	at := time.Now().Add(later)
	require.NoError(t, os.Chtimes(filepath.Join(p.Journal.Dir(), "1.0.vif.json"), at, at))
}

// leftLock leaves a lock's file as a call does that is killed.
func leftLock(t *testing.T, p *pretend, nic plan.NIC) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(p.Journal.Dir(), nic.String()+".lock"), nil, 0o600))
}

// atLeastOnce: it is asked again when the xenstore has told anything meanwhile.
const atLeastOnce = -1

func TestOnce(t *testing.T) {
	t.Parallel()
	failure := errors.New("vif1.0-emu: attach to xenbr0: no such bridge")
	for name, tc := range map[string]struct {
		before func(*pretend)
		links  []string
		answer error
		did    int
		says   string
		failed bool
	}{
		"nothing there": {},
		"a late tap": {
			before: func(p *pretend) { p.record(first, plan.Vif, "vif1.0", 1, true) },
			links:  []string{"vif1.0", "vif1.0-emu"}, did: 1, says: "came late and is up",
		},
		"one that a call may follow for": {
			before: func(p *pretend) { p.record(first, plan.Vif, "vif1.0", 1, false) },
			links:  []string{"vif1.0", "vif1.0-emu"}, did: 1, says: "came late and is up",
		},
		"one whose vif had no call": {links: []string{"vif1.0", "vif1.0-emu"}, says: "vif1.0: vifctl did not bring it up"},
		"one that fails": {
			before: func(p *pretend) { p.record(first, plan.Vif, "vif1.0", 1, true) },
			links:  []string{"vif1.0", "vif1.0-emu"}, answer: failure, did: 1, says: "no such bridge", failed: true,
		},
		"one without a backend": {
			before: func(p *pretend) { p.record(first, plan.Vif, "vif1.0", 1, true) },
			links:  []string{"vif1.0", "vif1.0-emu"}, answer: engine.ErrNoKeys, did: atLeastOnce, says: "is not in the xenstore",
		},
		"one that was broken off": {
			before: func(p *pretend) {
				p.record(first, plan.Vif, "vif1.0", 1, true)
				p.record(first, plan.Tap, "vif1.0-emu", 2, true)
				leftLock(t, p, first)
			},
			links: []string{"vif1.0", "vif1.0-emu"}, did: 1, says: "was left half done",
		},
		"one that has gone": {
			before: func(p *pretend) { p.record(first, plan.Tap, "vif1.0-emu", 9, true) },
			says:   "vif1.0-emu had gone",
		},
		"no xenstore, and none needed": {before: func(p *pretend) { p.stopStore() }, links: []string{"eth0"}},
		"no xenstore": {
			before: func(p *pretend) {
				p.stopStore()
				p.record(first, plan.Vif, "vif1.0", 1, true)
			},
			links: []string{"vif1.0", "vif1.0-emu"}, says: "vif1.0-emu: xenstore: connect to", failed: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPretend(t)
			if tc.answer != nil {
				p.answer = func(engine.LateTap) error { return tc.answer }
			}
			if tc.before != nil {
				tc.before(p)
			}
			p.startAs(true, tc.links...)
			p.stop()
			if tc.failed {
				require.ErrorIs(t, p.err, errFailed)
			} else {
				require.NoError(t, p.err)
			}
			if tc.did == atLeastOnce {
				require.NotZero(t, p.did())
			} else {
				require.Equal(t, tc.did, p.did())
			}
			if tc.says != "" {
				require.Equal(t, 1, p.said(tc.says), p.log.String())
			}
		})
	}
}

// What a dead guest left is collected, however late the xenstore is asked.
func TestOnceCollectsGarbage(t *testing.T) {
	t.Parallel()
	for range 20 {
		p := newPretend(t)
		p.startAs(true)
		p.stop()
		require.NoError(t, p.err)
		require.Equal(t, 1, p.collected)
	}
}
