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

func configCommand() command.Command {
	o := &importOptions{}
	return command.Command{
		Name: "config", Args: "check|example|dnsmasq|import …", About: "check the configuration; print one, or what xend's comes to",
		Detail: "check [FILE] finds mistakes and says where they are; example prints every setting with its reason, and dnsmasq the " +
			"configuration of the guests' dnsmasq. import reads xend-config.sxp and xl.conf and prints what in vifctl's configuration comes to the same; with --write FILE it writes that.",
		Flags: []command.Flag{
			{Name: "xend", Value: "FILE", Help: "with import: xend's configuration, not " + xendConf, Into: &o.xend},
			{Name: "xl", Value: "FILE", Help: "with import: xl's, not " + xlConf, Into: &o.xl},
			{Name: "write", Value: "FILE", Help: "with import: a file that is not there yet", Into: &o.write},
		},
		Examples: []command.Example{
			{Line: "vifctl config check", About: "find mistakes"},
			{Line: "vifctl config example > vifctl.toml", About: "a configuration to start from"},
			{Line: "vifctl config dnsmasq > /etc/xen/vifctl-dnsmasq.conf", About: "for vifctl-dnsmasq.service"},
		},
		Words: []string{"check", "dnsmasq", "example", "import"}, Files: true,
		Run: func(_ context.Context, c *command.Call) error { return o.config(c) },
	}
}

// config is what a person asks about the configuration.
func (o *importOptions) config(c *command.Call) error {
	asked := strings.Join(c.Words[:min(len(c.Words), 1)], "")
	switch {
	case asked == "import" && len(c.Words) > 1:
		return command.Usagef("config import takes no argument but --xend, --xl and --write")
	case asked == "import":
		return o.importConfig(c)
	case *o != importOptions{}:
		return command.Usagef("--xend, --xl and --write are for `config import`")
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
		return checkConfig(c, path, false)
	case asked == "check" && len(c.Words) == 2:
		return checkConfig(c, c.Words[1], true)
	}
	return command.Usagef("config takes `check [FILE]`, `example`, `dnsmasq` or `import`")
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
