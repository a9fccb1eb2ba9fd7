package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
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
	// host: the check is also made against this host.
	host bool
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
	case asked == "import" && o.host:
		return command.Usagef("--host is for `config check`")
	case asked == "import" && len(c.Words) > 1 && c.Words[1] == "host":
		return o.importHost(ctx, c, c.Words[2:])
	case asked == "import" && len(c.Words) > 1:
		return command.Usagef("config import takes no argument but `host [FILE…]`, --xend, --xl and --write")
	case asked == "import":
		return o.importConfig(c)
	case o.importOptions != importOptions{}:
		return command.Usagef("--xend, --xl and --write are for `config import`")
	case o.host && asked != "check":
		return command.Usagef("--host is for `config check`")
	case asked == "example" && len(c.Words) == 1:
		c.Raw(configs.Example)
		return nil
	case asked == "dnsmasq" && len(c.Words) == 1:
		c.Raw(dnsmasq.Conf)
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

// check finds mistakes in a configuration, and what this host would refuse.
func (o *configOptions) check(ctx context.Context, c *command.Call, path string, named bool) error {
	if err := checkConfig(c, path, named); err != nil || !o.host {
		return err
	}
	s, err := openHost(ctx, caller(c), false, false)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Config, err = configs.Load(path); err != nil {
		return err
	}
	found, err := s.CheckEntries()
	if err != nil {
		return err
	}
	end := command.Done
	for _, m := range found {
		how := "warning"
		if m.Refused {
			how, end = "refused", command.Failed
		}
		c.Line("%s  %s: %s", how, m.Entry, m.Sentence)
	}
	if len(found) == 0 {
		c.Line("this host refuses nothing of it")
	}
	return end.End()
}

// checkConfig reads a configuration as a call would. named: a person named the
// file, so it should be there.
func checkConfig(c *command.Call, path string, named bool) error {
	config, err := configs.Load(path)
	if err != nil {
		c.Text(err.Error() + "\n")
		return command.Failed
	}
	if missing(path) && missing(configs.Folder(path)) {
		if named {
			c.Line("%s: there is no such file", path)
			return command.Failed
		}
		c.Line("%s: there is no such file, so vifctl does what Xen's own scripts do", path)
		return nil
	}
	c.Line("%s: %s, no mistake", path, count(len(config.Guests()), "guest", "guests"))
	return nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
