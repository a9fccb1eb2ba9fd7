package main

import (
	"fmt"
	"slices"
	"strings"

	"vifctl/configs"
)

// option is a flag of a command's.
type option struct {
	// name with its dashes.
	name string
	// arg is what follows it, "" for nothing.
	arg   string
	about string
}

// given are the options of one call, by their names; of one without an argument
// the value is "".
type given map[string]string

func (g given) has(name string) bool { _, ok := g[name]; return ok }

// options takes the options of a command off the arguments. Its error is a
// sentence; the caller's exit code is then usage.
func (inv invocation) options(known []option) (g given, words []string, err error) {
	g = given{}
	names := make([]string, len(known))
	for i, o := range known {
		names[i] = o.name
	}
	for args := inv.Args; len(args) > 0; {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return g, append(words, args...), nil
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			words = append(words, arg)
			continue
		}
		name, value, assigned := strings.Cut(arg, "=")
		i := slices.Index(names, name)
		switch {
		case i < 0:
			list := "; there are " + strings.Join(names, ", ")
			if len(names) == 0 {
				list = "; it has none"
			}
			if meant := configs.DidYouMean(name, names); meant != "" {
				list = meant
			}
			return nil, nil, fmt.Errorf("there is no option %q%s", name, list)
		case known[i].arg == "" && assigned:
			return nil, nil, fmt.Errorf("%s takes no value", name)
		case known[i].arg != "" && !assigned:
			if len(args) == 0 {
				return nil, nil, fmt.Errorf("%s needs a value: %s", name, known[i].arg)
			}
			value, args = args[0], args[1:]
		}
		g[name] = value
	}
	return g, words, nil
}
