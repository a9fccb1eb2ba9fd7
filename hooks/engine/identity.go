package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"vifctl/configs"
	"vifctl/hooks/event"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
	"vifctl/modes"
)

// Identity is who a domain is, as the toolstack says; each is "" where it cannot be
// read. The guest can write none of the keys it is read from.
type Identity struct {
	// Name is what xl calls the guest, without what it adds while the guest moves.
	Name, UUID string
	// Target is the domid of the guest that a stub domain works for.
	Target string
}

// What xl adds to a guest's name until it has arrived, and to that of the domain that it has
// left (tools/xl/xl_migrate.c).
const (
	incoming = "--incoming"
	away     = "--migratedaway"
)

// Identify reads who a domain is: of a stub domain, who the guest is that it works for.
func (e *Engine) Identify(ctx context.Context, domid string) (Identity, error) {
	who, err := e.readIdentity(ctx, domid)
	if err == nil && who.Target != "" {
		target := who.Target
		if who, err = e.readIdentity(ctx, target); err != nil {
			e.Log.Debug("the guest of the stub domain cannot be read", "error", err)
		}
		who.Target = target
	}
	return e.moving(who), err
}

func (e *Engine) readIdentity(ctx context.Context, domid string) (Identity, error) {
	paths := identityPaths(domid)
	values, err := e.Xenstore.ReadAll(ctx, paths...)
	return identityOf(paths, values), err
}

// identityPaths are those that tell who a domain is: its name, its UUID's, and
// the domain it works for.
func identityPaths(domid string) []string {
	domain := "/local/domain/" + domid
	return []string{domain + "/name", domain + "/vm", domain + "/target"}
}

func identityOf(paths []string, values map[string]string) Identity {
	who := Identity{Name: values[paths[0]]}
	if vm := values[paths[1]]; vm != "" {
		who.UUID = path.Base(vm) // /vm/<uuid>
	}
	if t := values[paths[2]]; event.IsDomid(t) {
		who.Target = t
	}
	return who
}

// moving gives a guest that moves its own name. One that is called as if it did, while
// another guest of that name is up here, keeps what it is called.
func (e *Engine) moving(who Identity) Identity {
	name := strings.TrimSuffix(strings.TrimSuffix(who.Name, incoming), away)
	if name == who.Name {
		return who
	}
	// The next call sets aside records that cannot be read.
	all, _ := e.Journal.All()
	for _, r := range all {
		if r.Guest == name && r.UUID != who.UUID {
			return who
		}
	}
	who.Name = name
	return who
}

// backend reads the backend's keys and who the guest is, at once where that is
// allowed.
func (e *Engine) backend(ctx context.Context, call event.Call) (map[string]string, Identity, error) {
	if e.Xenstore == nil {
		return nil, Identity{}, e.NoXenstore
	}
	names := slices.Concat(event.BackendKeys(), alwaysThere(), []string{hotplugError})
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = call.Key(name)
	}
	domid := fmt.Sprint(call.NIC.Domid)
	identity := identityPaths(domid)
	values, err := e.Xenstore.ReadAll(ctx, append(paths, identity...)...)
	if errors.Is(err, xenstore.ErrPermission) {
		// A driver domain may not be allowed to look at the guest.
		e.Log.Debug("the guest's name cannot be read", "error", err)
		values, err = e.Xenstore.ReadAll(ctx, paths...)
	}
	if err != nil {
		return nil, Identity{}, fmt.Errorf("read the backend's keys: %w", err)
	}
	keys := map[string]string{}
	for i, name := range names {
		if v, ok := values[paths[i]]; ok {
			keys[name] = v
		}
	}
	if len(keys) == 0 {
		return nil, Identity{}, fmt.Errorf("the toolstack has removed %s: %w", call.Backend, ErrNoKeys)
	}
	who := identityOf(identity, values)
	if who.Target != "" {
		// A stub domain works for a guest: it is that guest's NIC.
		if who, err = e.Identify(ctx, domid); err != nil {
			e.Log.Debug("the guest of the stub domain cannot be read", "error", err)
		}
		return keys, who, nil
	}
	return keys, e.moving(who), nil
}

// hotplugError is where a call that failed left its sentence.
const hotplugError = "hotplug-error"

// alwaysThere are keys that every toolstack gives a backend.
func alwaysThere() []string { return []string{"frontend-id", "frontend", "handle"} }

// Entry is what a configuration says of one of a guest's NICs.
func Entry(config *configs.Config, who Identity, mac string, devid int) configs.Guest {
	entry, _ := config.Guest(configs.Match{Name: who.Name, UUID: who.UUID, MAC: mac, Devid: devid})
	return entry
}

// anyMode is the script that leaves the mode to the configuration.
const anyMode = "vifctl"

// IsOurs reports whether a script, without its folder, is one of those that bring a port
// up.
func IsOurs(script string) bool { return script == anyMode || modes.OfScript(script) != "" }

// Mode is the mode that a script, without its folder, and an entry come to: "" where the
// script is not ours.
func Mode(script string, entry configs.Guest) string {
	if script == anyMode {
		return cmp.Or(entry.Mode, "bridge")
	}
	return modes.OfScript(script)
}

// chooseMode compares the script's mode with the configuration's.
func chooseMode(ev event.Event, entry configs.Guest) (string, error) {
	mode := Mode(ev.Script, entry)
	if ev.Script != anyMode && entry.Mode != "" && entry.Mode != mode {
		either := "script=" + anyMode
		if script := modes.ScriptOf(entry.Mode); script != "" {
			either = "script=" + script + " or " + either
		}
		return "", fmt.Errorf("%s: the script is %s, but the configuration says mode %s for %s: give the guest %s, or change its mode",
			ev.Device, ev.Script, entry.Mode, entry, either)
	}
	return mode, nil
}

// Derived is what follows for one NIC from the toolstack's keys, the configuration and
// the guest's identity: the same for a call, status, map and doctor.
type Derived struct {
	Identity
	NIC plan.NIC
	// Alive: the domain exists, or it cannot be told.
	Alive bool
	Entry configs.Guest
	// Mode by name, "" where the script is not ours.
	Mode string
	// Script is the path of the script that xl calls, "" where none is known.
	Script string
	// Addresses are the guest's own, and Public those that stand for them in its mode.
	Addresses []netip.Prefix
	Public    []netip.Addr
}

// Derive works that out of a NIC's backend keys, which are nil where it has none.
func (e *Engine) Derive(ctx context.Context, nic plan.NIC, keys map[string]string) Derived {
	d := Derived{NIC: nic, Script: keys["script"], Alive: true}
	if e.Xenstore != nil {
		who, err := e.Identify(ctx, fmt.Sprint(nic.Domid))
		d.Identity = who
		d.Alive = err != nil || who != Identity{}
	}
	mac := strings.ToLower(keys["mac"])
	d.Entry = Entry(&e.Config, d.Identity, mac, nic.Devid)
	if d.Script != "" {
		d.Mode = Mode(path.Base(d.Script), d.Entry)
	}
	d.Addresses = d.Entry.Addresses
	if len(d.Addresses) == 0 {
		d.Addresses, _ = event.Addresses(keys["ip"])
	}
	if d.Mode == "nat" {
		d.Public = d.Entry.Public
	}
	return d
}

// Online is the call that brings one of the NIC's ports up, for a person to make.
func (d Derived) Online(kind plan.Kind, device string) string {
	return d.call(commandUp(kind), kind, device)
}

// Offline is the call that takes one of them down.
func (d Derived) Offline(kind plan.Kind, device string) string {
	return d.call(commandDown(kind), kind, device)
}

func (d Derived) call(command event.Command, kind plan.Kind, device string) string {
	words := []string{cmp.Or(d.Script, "/etc/xen/scripts/vif-"+cmp.Or(d.Mode, "bridge")), string(command), "type_if=" + string(kind)}
	if kind == plan.Tap {
		words = append(words, "INTERFACE="+device)
	}
	return plan.Command(append(words, "XENBUS_PATH="+backendPath(d.NIC))...)
}
