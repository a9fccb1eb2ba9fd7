package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs/legacy"
)

// xendConf is where xend's configuration was.
const xendConf = "/etc/xen/xend-config.sxp"

// importConfig says what in vifctl's configuration comes to the same as what
// xend and xl were told, and writes it to a file that is not there yet.
func (o *importOptions) importConfig(c *command.Call) error {
	result, err := importFiles(cmp.Or(o.xend, xendConf), cmp.Or(o.xl, xlConf))
	if err != nil {
		return err
	}
	if o.write == "" {
		c.Text(result.TOML())
		return nil
	}
	for _, note := range result.Notes {
		c.Line("%s", note)
	}
	if err := writeNew(o.write, result.TOML()); err != nil {
		return err
	}
	c.Line("%s is written: look at it, then `vifctl config check`", o.write)
	return nil
}

func importFiles(xend, xl string) (legacy.Result, error) {
	var files [2]*legacy.File
	for i, name := range []string{xend, xl} {
		data, err := os.ReadFile(name)
		if err == nil {
			files[i] = &legacy.File{Name: name, Text: string(data)}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return legacy.Result{}, err
		}
	}
	if files[0] == nil && files[1] == nil {
		return legacy.Result{}, fmt.Errorf("there is neither %s nor %s", xend, xl)
	}
	r, err := legacy.Import(files[0], files[1])
	if err == nil && len(r.Host)+len(r.Notes) == 0 {
		r.Notes = []string{"Nothing there is about networks: vifctl needs no configuration to do the same."}
	}
	return r, err
}

// writeNew writes a file that is not there yet, whole or not at all.
func writeNew(path, text string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: nothing was written", path)
	}
	return renameio.WriteFile(path, []byte(text), 0o644)
}
