package differential

import (
	"strings"

	"vifctl/tests/dom0"
)

// call is a call for the scenario's first guest, as libxl makes it.
func call(args ...string) step { return callFor(0, args...) }

// callFor is a call for another of the scenario's guests.
func callFor(port int, args ...string) step {
	name := strings.Join(args, " ")
	if port > 0 {
		name += " for another"
	}
	return step{name: name, port: port, command: args[0], do: func(w *world) (dom0.Result, error) {
		return w.ports[port].Call(w.script, args...), nil
	}}
}

// The four calls of libxl.
var (
	online  = call("online", "type_if=vif")
	offline = call("offline", "type_if=vif")
	add     = call("add", "type_if=tap")
	remove  = call("remove", "type_if=tap")
)

// withEnv is a step's call with variables that libxl did not set so.
func withEnv(env map[string]string, args ...string) step {
	name := strings.Join(args, " ")
	for _, variable := range []string{"netdev", "INTERFACE", "XENBUS_PATH", "bridge", "ip"} {
		if value, ok := env[variable]; ok {
			name += " " + variable + "=" + value
		}
	}
	return step{name: name, command: args[0], do: func(w *world) (dom0.Result, error) {
		return w.Call(dom0.Call{Script: w.script, Args: args, Port: w.ports[0], Env: env}), nil
	}}
}

// happens is a step in which another program does something to the host.
func happens(what string, command ...string) step {
	return step{name: what, do: func(w *world) (dom0.Result, error) {
		return w.Run(command[0], command[1:]...), nil
	}}
}

// stores is a step in which keys are written, by the toolstack or by a guest.
func stores(what string, do func(w *world) error) step {
	return step{name: what, do: func(w *world) (dom0.Result, error) { return dom0.Result{}, do(w) }}
}
