package main

import (
	"cmp"
	"context"
	_ "embed" // the schema
	"strconv"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/hooks/session"
)

// forwardSchema describes `vifctl forward list --json`: JSON Schema, draft 2020-12.
//
//go:embed forward_schema.json
var forwardSchema string

const forwardUsage = "forward takes `add GUEST LISTEN [to=PORT] [proto=udp|both] [from=PREFIX…]`, `del GUEST LISTEN`, `list [GUEST]` or `confirm`"

// forwardOptions are how forwards are changed and printed.
type forwardOptions struct {
	dryRun, json, schema bool
	// confirm is in seconds, 0 for a change that needs no confirmation.
	confirm int
}

func forwardCommand() command.Command {
	o := &forwardOptions{}
	return command.Command{
		Name: "forward", Args: "add|del|list|confirm …", About: "lead ports of the host to a guest, or no longer",
		Detail: "add GUEST LISTEN writes a forward into the file in which the guest's entry stands (vifctl.toml where it has none), below all that the entry says, and leaves the rest of the file as it is, " +
			"comments included; del GUEST LISTEN takes one out. LISTEN, to=, proto= and from= are as in the configuration, and from= can be said more than once; nic=N picks one entry of several. " +
			"The result is checked as `config check --host` does before the file is replaced, and is applied to the guest's ports that are up.",
		Flags: []command.Flag{
			{
				Name: "confirm", Value: "SECONDS", Help: "undo the change, file and host, unless `vifctl forward confirm` is said in time",
				Into: command.Number{Into: &o.confirm, Least: 1, Most: 86400, What: "a number of seconds"},
			},
			{Name: "dry-run", Help: "print the lines and the steps, and change nothing", Into: &o.dryRun},
			{Name: "json", Help: "with list: print them for programs; --schema describes it", Into: &o.json},
			{Name: "schema", Help: "print the JSON Schema of --json", Into: &o.schema},
		},
		Examples: []command.Example{
			{Line: "vifctl forward add web :8443 to=443 --dry-run", About: "what would change"},
			{Line: "vifctl forward list", About: "the forwards of the configuration, and where they stand"},
		},
		Words: []string{"add", "del", "list", "confirm"}, Names: true,
		Run: o.run,
	}
}

func (o *forwardOptions) run(ctx context.Context, c *command.Call) error {
	verb, words := "", c.Words
	if len(words) > 0 {
		verb, words = words[0], words[1:]
	}
	changes := verb == "add" || verb == "del"
	switch {
	case o.schema && (verb == "" || verb == "list"):
		c.Raw(forwardSchema)
		return nil
	case (o.dryRun || o.confirm > 0) && !changes:
		return command.Usagef("--dry-run and --confirm are for `forward add` and `forward del`")
	case (o.json || o.schema) && verb != "list":
		return command.Usagef("--json and --schema are for `forward list`")
	case o.dryRun && o.confirm > 0:
		return command.Usagef("a dry run changes nothing that could be confirmed: leave out --confirm")
	case changes && len(words) >= 2:
		r, err := forwardRequest(words[0], words[1:])
		if err != nil {
			return err
		}
		r.drop = verb == "del"
		return o.change(ctx, c, r)
	case verb == "list" && len(words) <= 1:
		return o.list(c, strings.Join(words, ""))
	case verb == "confirm" && len(words) == 0:
		return confirmForward(ctx, c)
	case verb == guardWord && len(words) == 1:
		return guardForward(ctx, c, words[0])
	}
	return command.Usagef("%s", forwardUsage)
}

// forwarding is what one call of add or del asks for.
type forwarding struct {
	drop  bool
	guest string
	nic   int
	configs.ForwardWords
}

func forwardRequest(guest string, words []string) (forwarding, error) {
	r := forwarding{guest: guest, nic: configs.AnyNIC}
	r.Listen = words[0]
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case value == "":
			return r, command.Usagef("forward: what is %q? After LISTEN come to=, proto=, from= and nic=", word)
		case key == "to":
			r.To = value
		case key == "proto":
			r.Proto = value
		case key == "from":
			r.From = append(r.From, strings.Split(value, ",")...)
		case key == "nic":
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return r, command.Usagef("forward: nic= is the number of a NIC, from 0, not %q", value)
			}
			r.nic = n
		default:
			return r, command.Usagef("forward: what is %q? After LISTEN come to=, proto=, from= and nic=", word)
		}
	}
	return r, nil
}

// listedForward is one forward of the configuration's.
type listedForward struct {
	Guest  string   `json:"guest"`
	NIC    *int     `json:"nic,omitempty"`
	Listen string   `json:"listen"`
	To     string   `json:"to"`
	Proto  []string `json:"proto"`
	From   []string `json:"from,omitempty"`
	File   string   `json:"file"`
	Line   int      `json:"line"`
}

func (o *forwardOptions) list(c *command.Call, guest string) error {
	path, err := session.ConfigPath(c.Getenv)
	if err != nil {
		return asRoot(err)
	}
	found, err := configs.Forwards(path, guest, configs.AnyNIC)
	if err != nil {
		return asRoot(session.OneMistake(err))
	}
	all := []listedForward{}
	for _, l := range found {
		one := listedForward{
			Guest: cmp.Or(l.Guest.Name, l.Guest.UUID, l.Guest.MAC), Listen: l.Forward.ListenText(), To: l.Forward.ToText(), Proto: l.Forward.Protocols, File: l.File, Line: l.Line,
		}
		if l.Guest.NIC != configs.AnyNIC {
			one.NIC = &l.Guest.NIC
		}
		for _, p := range l.Forward.From {
			one.From = append(one.From, p.String())
		}
		all = append(all, one)
	}
	if o.json {
		c.JSON(all)
		return nil
	}
	if len(all) == 0 {
		c.Line("the configuration has no forward")
	}
	for _, f := range all {
		nic, from := "", ""
		if f.NIC != nil {
			nic = ", nic " + strconv.Itoa(*f.NIC)
		}
		if len(f.From) > 0 {
			from = " from " + strings.Join(f.From, ", ")
		}
		c.Line("%s%s: %s %s to %s%s  (%s:%d)", f.Guest, nic, strings.Join(f.Proto, "+"), f.Listen, f.To, from, f.File, f.Line)
	}
	return nil
}
