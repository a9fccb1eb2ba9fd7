package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"

	"vifctl/configs/legacy"
)

// xendConf is where xend's configuration was.
const xendConf = "/etc/xen/xend-config.sxp"

// importConfig says what in vifctl's configuration comes to the same as what
// xend and xl were told, and writes it to a file that is not there yet.
func importConfig(inv invocation, args []string) int {
	var xend, xl, write string
	f := flag.NewFlagSet("vifctl config import", flag.ContinueOnError)
	f.SetOutput(inv.Stderr)
	f.StringVar(&xend, "xend", xendConf, "xend's configuration")
	f.StringVar(&xl, "xl", xlConf, "xl's configuration")
	f.StringVar(&write, "write", "", "a file to write it to, which must not be there yet")
	if err := f.Parse(args); err != nil {
		return usage
	}
	if f.NArg() > 0 {
		inv.complain("config import takes no argument but --xend, --xl and --write")
		return usage
	}
	result, err := importFiles(xend, xl)
	if err != nil {
		return inv.ended(err)
	}
	if write == "" {
		_, err := io.WriteString(inv.Stdout, result.TOML())
		return inv.ended(err)
	}
	for _, note := range result.Notes {
		fmt.Fprintln(inv.Stdout, note)
	}
	if err := writeNew(write, result.TOML()); err != nil {
		return inv.ended(err)
	}
	fmt.Fprintf(inv.Stdout, "%s is written: look at it, then `vifctl config check`\n", write)
	return done
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
