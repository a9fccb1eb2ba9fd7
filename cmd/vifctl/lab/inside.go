package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// deadline is when a lab that hangs is given up. One that works takes three seconds.
const deadline = 2 * time.Minute

// errAlone: the child was not started by Run.
var errAlone = fmt.Errorf("`vifctl lab %s` is only called by `vifctl lab` itself", InsideArgument)

// Inside is the child's side of Run: the whole lab. It returns ErrFailed where the report has said it all.
func Inside(stdout io.Writer) error {
	o, err := takeOrders()
	if err != nil {
		return err
	}
	if err := privateView(); err != nil {
		return explain(err, o.Root)
	}
	// Signals are the parent's business: it ends us, and with us everything. They are caught, not ignored, because
	// those who are started here would go on ignoring them.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, unix.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	report := newReport(stdout, o)
	host, err := newDom0(ctx, report)
	if err != nil {
		return explain(err, o.Root)
	}
	report.opening(host, o.User)
	all := scenes()
	left, err := host.prepare(all)
	if err != nil {
		return err
	}
	if err := host.remember(ctx); err != nil {
		return err
	}
	for _, s := range all {
		if why := left[s.Name]; why != nil {
			report.NotHere(s.Name, why)
			continue
		}
		report.Scene(s.Name, s.About)
		report.stopped(s.Play(ctx, host))
	}
	if o.Keep {
		good := report.summary()
		if err := shell(stdout, host); err != nil {
			return err
		}
		return verdict(good)
	}
	report.Scene("shutdown", "every guest goes, as xl destroy has it")
	report.stopped(host.shutdown(ctx))
	return verdict(report.summary())
}

func verdict(good bool) error {
	if good {
		return nil
	}
	return ErrFailed
}

// takeOrders reads the parent's orders, makes sure that we are where it meant to put us, and from then on ends the
// process when the parent is gone.
func takeOrders() (orders, error) {
	var st unix.Stat_t
	if err := unix.Fstat(lifelineFD, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO || os.Getpid() != 1 {
		return orders{}, errAlone
	}
	unix.CloseOnExec(lifelineFD)
	lifeline := os.NewFile(lifelineFD, "orders")
	var o orders
	if err := json.NewDecoder(lifeline).Decode(&o); err != nil {
		return o, fmt.Errorf("%w: %w", errAlone, err)
	}
	net, mount, err := namespaces()
	if err != nil {
		return o, err
	}
	if o.Net == 0 || o.Net == net || o.Mount == mount {
		return o, errors.New("this is the machine's own network, not a lab's: nothing was done")
	}
	go func() {
		_, _ = io.Copy(io.Discard, lifeline)
		os.Exit(1)
	}()
	return o, nil
}
