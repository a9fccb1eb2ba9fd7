package main

import (
	"context"
	"errors"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/engine"
)

// ports prints what the named ports, or those of the named guests, lack.
func (o *planOptions) ports(ctx context.Context, c *command.Call, words []string) (end command.Code, err error) {
	if len(words) == 0 {
		return command.Done, nil
	}
	s, err := openHost(ctx, caller(c), true, true)
	if err != nil {
		return command.Failed, err
	}
	defer s.Close()
	ports, err := portsNamed(s, words)
	var unknown unknownPort
	if errors.As(err, &unknown) {
		return command.Usage, noSuchPort(unknown.name)
	}
	if err != nil {
		return command.Failed, err
	}
	fw := s.Firewall()
	defer fw.Close()
	script := engine.NewScript(fw)
	for _, p := range ports {
		d, err := p.check(ctx, &s.Engine)
		if err == nil && (o.json || o.shell) {
			err = d.Tell(ctx, script)
		}
		if err != nil {
			end = end.Worse(c.Complain(err))
			continue
		}
		switch {
		case o.json:
			c.JSON(d)
		case o.shell:
			c.Write(d.WriteRepair)
		default:
			c.Write(d.WriteDifference)
		}
		if !d.Right() {
			end = end.Worse(command.Drifted)
		}
	}
	return end, nil
}
