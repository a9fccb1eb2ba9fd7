// Package configs holds the configuration: where it is looked for, what it may
// say, and how a mistake in it is told. No file at all is a valid
// configuration: then vifctl does what Xen's own scripts do.
package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
)

// Default is where the configuration is looked for.
const Default = "/etc/xen/vifctl.toml"

// Config is the whole configuration.
type Config struct {
	Host Host `toml:"host"`
}

// Host is what holds for every guest.
type Host struct {
	// Uplink is the host's way out, by name; "" is the default route's device.
	// A guest's own gatewaydev= wins.
	Uplink string `toml:"uplink"`
}

// Load reads one file. That there is none is no error. Anything else that is
// wrong with it is one, with the file, the line and the column.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, string(data))
}

// Parse reads the text of a configuration; name is what its errors call it.
func Parse(name, text string) (Config, error) {
	var c Config
	meta, err := toml.Decode(text, &c)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return Config{}, fmt.Errorf("%s:%d:%d: %s", name, pe.Position.Line, pe.Position.Col, pe.Message)
		}
		return Config{}, fmt.Errorf("%s: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Config{}, fmt.Errorf("%s: %s is not a setting; there is host.uplink", position(name, text, unknown[0]), unknown[0])
	}
	return c, nil
}

// position finds the line that assigns the last part of key: the library keeps
// no position of a key it does not know.
func position(name, text string, key toml.Key) string {
	last := key[len(key)-1]
	for i, line := range strings.Split(text, "\n") {
		bare := strings.TrimLeft(line, " \t[")
		if strings.HasPrefix(strings.TrimLeft(bare, `"'`), last) {
			return fmt.Sprintf("%s:%d:%d", name, i+1, len(line)-len(bare)+1)
		}
	}
	return name
}
