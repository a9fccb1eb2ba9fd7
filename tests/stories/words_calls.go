package stories

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// call is `call [VAR=value | VAR-]… [vif1.0] SCRIPT ARGUMENT…`: one call as libxl makes it. VAR- takes a variable away. What
// the script says, on either stream, is the story's stderr, since that is where xl sends it; stdout tells how it ended.
func (t *telling) call(args []string) {
	c := dom0.Call{Env: map[string]string{}}
	for len(args) > 0 {
		if name, value, ok := strings.Cut(args[0], "="); ok {
			c.Env[name] = value
		} else if name, ok := strings.CutSuffix(args[0], "-"); ok {
			c.Unset = append(c.Unset, name)
		} else {
			break
		}
		args = args[1:]
	}
	c.Port, args = t.about(args)
	if len(args) == 0 {
		t.ts.Fatalf("usage: call [VAR=value | VAR-]… [vif1.0] SCRIPT ARGUMENT…")
	}
	c.Script, c.Args = args[0], args[1:]
	r := t.dom0.Call(c)
	r.Stdout = fmt.Sprintf("exit %d\n", r.Exit)
	t.report(r)
}

// atOnce is `at-once vif1.0 vif2.0 … SCRIPT ARGUMENT…`: the same call for several guests at one moment; or, each port with a
// command of its own, `at-once vif1.0:remove vif1.0:offline … SCRIPT`. It prints how each ended.
func (t *telling) atOnce(args []string) {
	type call struct {
		port      *dom0.Port
		arguments []string
	}
	var calls []call
	for len(args) > 0 {
		name, command, own := strings.Cut(args[0], ":")
		if !portWord.MatchString(name) {
			break
		}
		port, _ := t.about([]string{name})
		c := call{port: port}
		if own {
			c.arguments = []string{command, "type_if=vif"}
			if command == "add" || command == "remove" {
				c.arguments[1] = "type_if=tap"
			}
		}
		calls, args = append(calls, c), args[1:]
	}
	if len(calls) == 0 || len(args) == 0 {
		t.ts.Fatalf("usage: at-once vif1.0[:COMMAND] vif2.0[:COMMAND] … SCRIPT ARGUMENT…")
	}
	results := make([]dom0.Result, len(calls))
	var all sync.WaitGroup
	for i, c := range calls {
		all.Go(func() { results[i] = c.port.Call(args[0], append(c.arguments, args[1:]...)...) })
	}
	all.Wait()
	for i, r := range results {
		fmt.Fprintf(t.ts.Stdout(), "%s exit %d\n", calls[i].port.Vif, r.Exit)
		fmt.Fprint(t.ts.Stderr(), r.Stderr)
	}
}

// run runs a program in a namespace.
func (t *telling) run(place *dom0.Namespace, command []string) {
	t.report(place.Run(command[0], command[1:]...))
}

// report makes a program's end that of the story's line.
func (t *telling) report(r dom0.Result) {
	fmt.Fprint(t.ts.Stdout(), r.Stdout)
	fmt.Fprint(t.ts.Stderr(), r.Stderr)
	switch {
	case r.Exit < 0:
		t.ts.Fatalf("not run to its end: %s", r.Stderr)
	case r.Exit == 0 && t.neg:
		t.ts.Fatalf("succeeded, which it should not")
	case r.Exit != 0 && !t.neg:
		t.ts.Fatalf("exit %d", r.Exit)
	}
}

// in is `in dom0|client|GUEST COMMAND…`.
func (t *telling) in(args []string) {
	if len(args) < 2 {
		t.ts.Fatalf("usage: in dom0|client|GUEST COMMAND…")
	}
	t.run(t.place(args[0]), args[1:])
}

// ping is `ping FROM ADDRESS`: an answer comes, if not to the first echo request, which a busy kernel may drop while it is
// still settling; `! ping` asks once.
func (t *telling) ping(args []string) {
	if len(args) != 2 {
		t.ts.Fatalf("usage: ping FROM ADDRESS")
	}
	t.dom0.Settle()
	patience := speed.Patience
	if t.neg {
		patience = 0
	}
	t.report(t.place(args[0]).Ping(args[1], patience))
}

// address is `address GUEST ADDRESS/LENGTH… [via GATEWAY]…`: what the guest's own system configures on its first NIC.
func (t *telling) address(args []string) {
	if len(args) < 2 {
		t.ts.Fatalf("usage: address GUEST ADDRESS/LENGTH… [via GATEWAY]…")
	}
	guest := t.place(args[0])
	for i := 1; i < len(args); i++ {
		if args[i] == "via" && i+1 < len(args) {
			i++
			t.ts.Check(guest.DefaultRoute(args[i], ""))
			continue
		}
		t.ts.Check(guest.Configure("eth0", args[i]))
	}
}

// plug is `plug [vif1.0] [vif | tap] [after DURATION]`: the interfaces of an unplugged guest come, or one of them, now or
// while the story goes on.
func (t *telling) plug(args []string) {
	port, args := t.about(args)
	plug := port.Plug
	if len(args) > 0 && args[0] != "after" {
		kinds := map[string]func() error{"vif": port.PlugVif, "tap": port.PlugTap}
		if plug = kinds[args[0]]; plug == nil {
			t.ts.Fatalf("usage: plug [vif1.0] [vif | tap] [after DURATION]")
		}
		args = args[1:]
	}
	if len(args) != 2 || args[0] != "after" {
		t.ts.Check(plug())
		return
	}
	wait, err := time.ParseDuration(args[1])
	t.ts.Check(err)
	done := make(chan error, 1)
	time.AfterFunc(wait, func() { done <- plug() })
	t.ts.Defer(func() { t.ts.Check(<-done) })
}

// xenstoredDies is `xenstored-dies`: from then on its socket is not served.
func (t *telling) xenstoredDies([]string) { t.dom0.StopStore() }

// unplug is `unplug [vif1.0] [tap]`: both interfaces, or the emulated one only.
func (t *telling) unplug(args []string) {
	port, args := t.about(args)
	if len(args) == 1 && args[0] == "tap" {
		t.ts.Check(port.UnplugTap())
		return
	}
	t.ts.Check(port.Unplug())
}
