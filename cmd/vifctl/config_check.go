package main

import (
	"context"
	_ "embed" // the schema
	"errors"
	"io/fs"
	"os"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/hooks/engine"
)

// configCheckSchema describes `vifctl config check --json`: JSON Schema, draft 2020-12.
//
//go:embed config_check_schema.json
var configCheckSchema string

// configCheck are how a configuration is checked.
type configCheck struct {
	// host: the check is also made against this host.
	host         bool
	json, schema bool
}

// checked is the stable form of `vifctl config check --json`.
type checked struct {
	File string `json:"file"`
	// Exists: there is a file, or a folder beside it.
	Exists   bool          `json:"exists"`
	Guests   int           `json:"guests"`
	Mistakes []mistakeMade `json:"mistakes"`
	// Host is what this host would refuse or warn of; nil where it was not asked.
	Host *[]hostMisgiving `json:"host,omitempty"`
}

type mistakeMade struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
}

type hostMisgiving struct {
	Entry    string `json:"entry"`
	Sentence string `json:"sentence"`
	Refused  bool   `json:"refused"`
}

// check finds mistakes in a configuration, and what this host would refuse.
// named: a person named the file, so it should be there.
func (o *configCheck) check(ctx context.Context, c *command.Call, path string, named bool) error {
	found := checked{File: path, Exists: !missing(path) || !missing(configs.Folder(path)), Mistakes: []mistakeMade{}}
	config, err := configs.Load(path)
	if err != nil && !found.take(err) {
		return err
	}
	found.Guests = len(config.Guests())
	end := command.Done
	if len(found.Mistakes) > 0 || named && !found.Exists {
		end = command.Failed
	}
	if o.host && end == command.Done {
		misgivings, err := askHost(ctx, c, config)
		if err != nil {
			return err
		}
		list := make([]hostMisgiving, len(misgivings))
		for i, m := range misgivings {
			list[i] = hostMisgiving{m.Entry, m.Sentence, m.Refused}
			if m.Refused {
				end = command.Failed
			}
		}
		found.Host = &list
	}
	if o.json {
		c.JSON(found)
	} else {
		found.write(c, named)
	}
	return end.End()
}

// take splits an error of Load's into its mistakes; false where it is another error.
func (f *checked) take(err error) bool {
	joined, ok := err.(interface{ Unwrap() []error }) // Load joins the mistakes itself
	if !ok {
		return false
	}
	for _, err := range joined.Unwrap() {
		var m *configs.Mistake
		if !errors.As(err, &m) {
			return false
		}
		f.Mistakes = append(f.Mistakes, mistakeMade{m.File, m.Line, m.Column, m.Text})
	}
	return true
}

// askHost holds the entries of a configuration against this host.
func askHost(ctx context.Context, c *command.Call, config configs.Config) ([]engine.Misgiving, error) {
	s, err := openHost(ctx, caller(c), false, false)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	s.Config = config
	return s.CheckEntries()
}

// write tells a person what was found.
func (f *checked) write(c *command.Call, named bool) {
	for _, m := range f.Mistakes {
		c.Line("%v", &configs.Mistake{File: m.File, Line: m.Line, Column: m.Column, Text: m.Text})
	}
	switch {
	case len(f.Mistakes) > 0:
		return
	case !f.Exists && named:
		c.Line("%s: there is no such file", f.File)
		return
	case !f.Exists:
		c.Line("%s: there is no such file, so vifctl does what Xen's own scripts do", f.File)
	default:
		c.Line("%s: %s, no mistake", f.File, count(f.Guests, "guest", "guests"))
	}
	if f.Host == nil {
		return
	}
	for _, m := range *f.Host {
		how := "warning"
		if m.Refused {
			how = "refused"
		}
		c.Line("%s  %s: %s", how, m.Entry, m.Sentence)
	}
	if len(*f.Host) == 0 {
		c.Line("this host refuses nothing of it")
	}
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
