// Package plan holds what a port needs, as data: the request a mode answers,
// the snapshot of the kernel it may look at, and the closed set of steps a
// plan is made of. It never reads or changes anything: hooks/kernel does.
package plan

import "fmt"

// A Plan is one mode's decision about one port: the steps, in the order they
// are to be taken, and what a person should know about it.
type Plan struct {
	Steps []Step
	// Warnings are whole sentences for the log and the dry run. A plan with
	// warnings is still a good plan.
	Warnings []string
	// Bridge is the bridge the port joins, "" in the modes without one. The
	// vif-post.d hooks see it as $bridge.
	Bridge string
	// Uplink is the interface that the host's side of a mode is about, zero
	// for none and in a port's plan.
	Uplink Dev
}

// Warn adds one sentence to the plan's warnings.
func (p *Plan) Warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// Owner says with whom the object a step makes comes and goes.
type Owner string

// The owners, see design: a port's objects are undone with the port; a NIC's
// are made with its first port (vif or tap) and undone with its last, so that
// a PV driver unplugging the emulated NIC cuts nothing; a host's are ensured
// and never undone by a port.
const (
	OwnerPort Owner = "port"
	OwnerNIC  Owner = "nic"
	OwnerHost Owner = "host"
	// OwnerNetwork: comes and goes with what `network start` and `stop` are
	// about.
	OwnerNetwork Owner = "network"
)

// A Step is one fact about the host that a plan wants to be true, or one effect
// that it wants once. The union is closed, and Kinds lists it: only this package
// can add to it, and a linter finds every switch over steps that lacks one.
//
//sumtype:decl
type Step interface {
	// Key names the object the step is about, without the value it is to get:
	// two steps with one key speak of the same thing.
	Key() string
	// Traits tells what the rest of vifctl has to know of the step.
	Traits() Traits
	// Needs adds to q the facts Satisfied and Inverse look at.
	Needs(q *Query)
	// Satisfied reports whether s already is as the step wants it. An effect
	// never is.
	Satisfied(s *Snapshot) bool
	// Inverse returns the steps that bring back what s shows, in the order
	// they are to be taken; none where there is nothing to bring back.
	Inverse(s *Snapshot) []Step
	// Commands renders the step as command lines that a person could paste.
	Commands() []string

	// pretend changes s as the kernel would change if the step were taken.
	pretend(s *Snapshot)
}

// An Action is a step held against a kernel.
type Action struct {
	Step Step
	// Satisfied: nothing is to be done.
	Satisfied bool
	// Undo brings back what was there before, empty for a satisfied step and
	// for what the host owns.
	Undo []Step
}

// Resolve holds steps against s, each against the state its predecessors
// leave, so that a step sees what it will really find. s itself is not
// changed.
func Resolve(steps []Step, s *Snapshot) []Action {
	now := s.clone()
	actions := make([]Action, 0, len(steps))
	for _, step := range steps {
		a := Action{Step: step, Satisfied: step.Satisfied(now)}
		if !a.Satisfied {
			if step.Traits().Owner != OwnerHost {
				a.Undo = step.Inverse(now)
			}
			step.pretend(now)
		}
		actions = append(actions, a)
	}
	return actions
}

// After returns what s would be if steps were taken, each whether or not it
// was satisfied: a pretend host. s itself is not changed.
func (s *Snapshot) After(steps []Step) *Snapshot {
	now := s.clone()
	for _, step := range steps {
		step.pretend(now)
	}
	return now
}

// Needs collects what all of steps look at.
func Needs(steps []Step) Query {
	var q Query
	for _, s := range steps {
		s.Needs(&q)
	}
	return q
}
