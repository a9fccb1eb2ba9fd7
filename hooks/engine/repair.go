package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// A port that is up is held against its plan by making its own call again: the
// same way, with today's configuration, but without the effects (hooks, telling the
// toolstack), which were done. The difference is what another program took away, or
// what the configuration changed.

// ErrNotUp says that the journal knows of no call of ours that brought the port up.
var ErrNotUp = errors.New("vifctl did not bring it up")

// repair is the subject of a port that is up.
type repair struct {
	*port
	of journal.Port
}

// Look implements Subject.
func (r *repair) Look(ctx context.Context) error {
	if err := r.hasBackend(ctx, r.call); err != nil {
		return fmt.Errorf("%s: %w", r.of.Name, err)
	}
	if err := r.port.Look(ctx); err != nil {
		return err
	}
	if a, b := r.who.UUID, r.of.UUID; a != b && a != "" && b != "" {
		return fmt.Errorf("%s: domain %d is another guest by now: %w", r.of.Name, r.of.NIC.Domid, ErrNotUp)
	}
	return nil
}

// Check works out what a port that is up lacks, and what it has and no longer
// needs; it changes nothing. It fails with ErrNotUp, ErrGone, ErrNoKeys or
// ErrBusy where that cannot be told.
func (e *Engine) Check(ctx context.Context, port journal.Port) (*Decision, error) {
	return e.ofPort(ctx, port, func(ctx context.Context, r *repair) (*Decision, error) {
		r.preview = true
		if err := Preview(ctx, r); err != nil {
			return nil, err
		}
		return &r.Decision, nil
	})
}

// Repair puts back what Check finds missing. It goes on after a step that fails, but
// then neither sets a port up nor puts it into a bridge. For a port that lacks nothing
// it writes nothing, to the kernel or to the journal. The Decision is what was missing,
// also where the error says that not all of it could be put back.
func (e *Engine) Repair(ctx context.Context, port journal.Port) (*Decision, error) {
	return e.mend(ctx, port, false)
}

// RepairThoroughly also has the kernel forget connections that began without the rules,
// where these are in force by now: nothing tells of them but the table of all connections,
// which is gone through for it.
func (e *Engine) RepairThoroughly(ctx context.Context, port journal.Port) (*Decision, error) {
	return e.mend(ctx, port, true)
}

func (e *Engine) mend(ctx context.Context, port journal.Port, thorough bool) (*Decision, error) {
	return e.ofPort(ctx, port, func(ctx context.Context, r *repair) (*Decision, error) {
		defer r.unshare()
		if err := Preview(ctx, r); err != nil {
			return nil, err
		}
		if found := r.Decision; found.Right() {
			if !thorough {
				return &found, nil
			}
			return &found, r.Executor.forgetStrays(r.Actions)
		}
		found := r.Decision
		if err := r.Record(ctx); err != nil {
			return &found, err
		}
		return &found, r.Settle(ctx, r.Act(ctx))
	})
}

// ofPort makes a subject of a port that is up, under its NIC's lock.
func (e *Engine) ofPort(ctx context.Context, port journal.Port, do func(context.Context, *repair) (*Decision, error)) (*Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	lock, err := e.lockIdle(ctx, port.NIC)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", port.Name, err)
	}
	defer lock.Release()
	record, err := e.current(port.NIC, port.Kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", port.Name, err)
	}
	if record == nil || record.Index != port.Index {
		return nil, fmt.Errorf("%s: %w", port.Name, ErrNotUp)
	}
	switch there, err := e.there(record.Port); {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", record.Name, err)
	case !there:
		return nil, fmt.Errorf("%s: %w", record.Name, ErrGone)
	}
	call, err := callOf(commandUp(record.Kind), record)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", record.Name, err)
	}
	subject := &repair{port: e.port(call), of: record.Port}
	subject.repair = true
	return do(ctx, subject)
}

// current is a port's record of this run of the kernel.
func (e *Engine) current(nic plan.NIC, kind plan.Kind) (*journal.Record, error) {
	record, err := e.Journal.Read(nic, kind)
	if record == nil || err != nil {
		return nil, err
	}
	boot, err := kernel.BootID()
	if err != nil || record.Boot != boot {
		return nil, err
	}
	return record, nil
}

// callOf is a call about a port that an earlier one brought up.
func callOf(command event.Command, record *journal.Record) (event.Call, error) {
	args := []string{string(command), "type_if=vif", "vif=" + record.Device}
	if record.Kind == plan.Tap {
		args = []string{string(command), "type_if=tap", "INTERFACE=" + record.Device}
	}
	args = append(args, "XENBUS_PATH="+backendOf(record))
	for name, value := range record.Params {
		args = append(args, name+"="+value)
	}
	return event.Parse(scriptOf(record), args, func(string) string { return "" })
}

// backendOf and scriptOf are what a call said, or what it must have said where an
// older record does not hold it.
func backendOf(record *journal.Record) string {
	if record.Backend != "" {
		return record.Backend
	}
	return backendPath(record.NIC)
}

func backendPath(nic plan.NIC) string {
	return "backend/vif/" + strings.ReplaceAll(nic.String(), ".", "/")
}

func scriptOf(record *journal.Record) string {
	if record.Script != "" {
		return record.Script
	}
	return "vif-" + record.Mode
}
