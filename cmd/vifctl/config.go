package main

import (
	"context"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/configs/dnsmasq"
	"vifctl/hooks/session"
)

// importOptions are what `config import` reads and writes.
type importOptions struct{ xend, xl, write string }

// configOptions are all of the command's.
type configOptions struct {
	importOptions
	configCheck
}

func configCommand() command.Command {
	o := &configOptions{}
	return command.Command{
		Name: "config", Args: "check|example|dnsmasq|import …", About: "check the configuration; print one, or what xend's comes to",
		Detail: "check [FILE] finds mistakes and says where they are, and with --host also what this host would refuse: an address of its own, of a router, of a guest that runs; example prints every setting with its reason, and dnsmasq the " +
			"configuration of the guests' dnsmasq. import reads xend-config.sxp and xl.conf and prints what in vifctl's configuration comes to the same; with --write FILE it writes that. " +
			"import host reads this host instead, and files of commands that are named to it (rc.local, a crontab): a NAT by hand (DNAT, SNAT, MASQUERADE in either iptables, addresses beside the uplink's own) becomes guests' entries, " +
			"and it lists what is to be removed then, and what it does not understand. It removes nothing.",
		Flags: []command.Flag{
			{Name: "host", Help: "with check: hold the entries against this host as well", Into: &o.host},
			{Name: "json", Help: "with check: print what was found for programs; --schema describes it", Into: &o.json},
			{Name: "schema", Help: "with check: print the JSON Schema of --json", Into: &o.schema},
			{Name: "xend", Value: "FILE", Help: "with import: xend's configuration, not " + xendConf, Into: &o.xend},
			{Name: "xl", Value: "FILE", Help: "with import: xl's, not " + xlConf, Into: &o.xl},
			{Name: "write", Value: "FILE", Help: "with import: a file that is not there yet", Into: &o.write},
		},
		Examples: []command.Example{
			{Line: "vifctl config check", About: "find mistakes"},
			{Line: "vifctl config check --host", About: "and what this host would refuse"},
			{Line: "vifctl config example > vifctl.toml", About: "a configuration to start from"},
			{Line: "vifctl config import host", About: "entries for a NAT that was made by hand"},
			{Line: "vifctl config dnsmasq > /etc/xen/vifctl-dnsmasq.conf", About: "for vifctl-dnsmasq.service"},
		},
		Words: []string{"check", "dnsmasq", "example", "import", "host"}, Files: true,
		Run: func(ctx context.Context, c *command.Call) error { return o.config(ctx, c) },
	}
}

// config is what a person asks about the configuration.
func (o *configOptions) config(ctx context.Context, c *command.Call) error {
	asked := strings.Join(c.Words[:min(len(c.Words), 1)], "")
	switch {
	case asked != "check" && o.configCheck != configCheck{}:
		return command.Usagef("--host, --json and --schema are for `config check`")
	case asked == "import" && len(c.Words) > 1 && c.Words[1] == "host":
		return o.importHost(ctx, c, c.Words[2:])
	case asked == "import" && len(c.Words) > 1:
		return command.Usagef("config import takes no argument but `host [FILE…]`, --xend, --xl and --write")
	case asked == "import":
		return o.importConfig(c)
	case o.importOptions != importOptions{}:
		return command.Usagef("--xend, --xl and --write are for `config import`")
	case asked == "example" && len(c.Words) == 1:
		c.Raw(configs.Example)
		return nil
	case asked == "dnsmasq" && len(c.Words) == 1:
		c.Raw(dnsmasq.Conf)
		return nil
	case asked == "check" && len(c.Words) == 1 && o.schema:
		c.Raw(configCheckSchema)
		return nil
	case asked == "check" && len(c.Words) == 1:
		path, err := session.ConfigPath(c.Getenv)
		if err != nil {
			return err
		}
		return o.check(ctx, c, path, false)
	case asked == "check" && len(c.Words) == 2:
		return o.check(ctx, c, c.Words[1], true)
	}
	return command.Usagef("config takes `check [FILE]`, `example`, `dnsmasq` or `import`")
}
