package main

import (
	"context"
	_ "embed" // the schema
	"errors"
	"slices"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/engine"
)

// firewallSchema describes `vifctl firewall show --json`: JSON Schema, draft 2020-12.
//
//go:embed firewall_schema.json
var firewallSchema string

// firewallOptions are how rules are printed.
type firewallOptions struct{ json, schema bool }

func firewallCommand() command.Command {
	o := &firewallOptions{}
	return command.Command{
		Name: "firewall", Args: "show [NAME…]", About: "print the rules of guests in the host's firewall",
		Detail: "For each port it prints what is filtered, translated and marked for its guest, as the commands that would put it in force: elements of nf_tables, " +
			"or rules of iptables. What another program has taken away is marked.",
		Flags: []command.Flag{
			{Name: "json", Help: "print them for programs; --schema describes it", Into: &o.json},
			{Name: "schema", Help: "print the JSON Schema of --json", Into: &o.schema},
		},
		Exits: []command.Exit{{Code: command.Drifted, When: "a rule is missing"}},
		Examples: []command.Example{
			{Line: "vifctl firewall show web", About: "what is filtered and translated for one guest"},
			{Line: "vifctl firewall show", About: "for all guests"},
		},
		Words: []string{"show"}, Names: true,
		Run: o.run,
	}
}

// portRules are one port's.
type portRules struct {
	Port   string               `json:"port"`
	Device string               `json:"device"`
	Guest  string               `json:"guest,omitempty"`
	Domid  int                  `json:"domid"`
	Mode   string               `json:"mode"`
	Rules  []engine.RuleInForce `json:"rules"`
}

func (o *firewallOptions) run(ctx context.Context, c *command.Call) error {
	switch {
	case len(c.Words) == 0 || c.Words[0] != "show":
		return command.Usagef("firewall takes `show`, then names of ports or guests")
	case o.schema:
		c.Raw(firewallSchema)
		return nil
	}
	s, err := openHost(ctx, caller(c), true, true)
	if err != nil {
		return err
	}
	defer s.Close()
	ports, err := portsNamed(s, c.Words[1:])
	var unknown unknownPort
	if errors.As(err, &unknown) {
		return unknown
	}
	if err != nil {
		return err
	}
	fw := s.Firewall()
	defer fw.Close()
	all := []portRules{}
	end := command.Done
	for _, p := range ports {
		if p.late != nil {
			continue // it has no rules yet
		}
		record, err := s.Journal.Read(p.NIC, p.Kind)
		if err != nil {
			return err
		}
		if record == nil {
			continue // it has gone meanwhile
		}
		rules, err := fw.Rules(ctx, record)
		if err != nil {
			return err
		}
		all = append(all, portRules{
			Port: p.Name, Device: p.Device, Guest: p.Guest, Domid: p.NIC.Domid, Mode: p.Mode, Rules: append([]engine.RuleInForce{}, rules...),
		})
		if slices.ContainsFunc(rules, func(r engine.RuleInForce) bool { return !r.InForce }) {
			end = end.Worse(command.Drifted)
		}
	}
	if o.json {
		c.JSON(all)
	} else {
		writeRules(c.Printer, all)
	}
	return end.End()
}

// writeRules writes them for a person: of each rule what it is to achieve, and below how.
func writeRules(p *command.Printer, all []portRules) {
	if len(all) == 0 {
		p.Line("vifctl has brought up no port.")
	}
	for i, port := range all {
		if i > 0 {
			p.Line("")
		}
		who := port.Device
		if port.Guest != "" {
			who += " of guest " + port.Guest
		}
		p.Line("%s, mode %s", who, port.Mode)
		if len(port.Rules) == 0 {
			p.Line("  nothing in the firewall is about it")
		}
		for _, r := range port.Rules {
			missing := ""
			if !r.InForce {
				missing = " (NOT IN FORCE: `vifctl repair " + port.Device + "` puts it back)"
			}
			p.Line("  %s%s", upperFirst(r.About), missing)
			for _, line := range r.Commands {
				p.Line("    %s", line)
			}
		}
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
