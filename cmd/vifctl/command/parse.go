package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"vifctl/configs"
)

// errHelp: the help was asked for.
var errHelp = errors.New("help")

// parse takes the flags off the arguments, wherever they stand before a --.
func (c Command) parse(args []string) (words []string, err error) {
	if c.Verbatim {
		return args, nil
	}
	set := c.flagSet()
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return append(words, args...), nil
		case arg == "-h" || arg == "-help" || arg == "--help":
			return nil, errHelp
		case !strings.HasPrefix(arg, "-") || arg == "-":
			words = append(words, arg)
			continue
		}
		name, value, assigned := strings.Cut(arg, "=")
		known := set.Lookup(strings.TrimPrefix(name, "--"))
		switch {
		case known == nil || !strings.HasPrefix(name, "--"):
			return nil, Usagef("there is no option %q%s", name, c.instead(name))
		case isSwitch(known.Value) && assigned:
			return nil, Usagef("%s takes no value", name)
		case isSwitch(known.Value):
			value = "true"
		case !assigned && len(args) == 0:
			return nil, Usagef("%s needs a value: %s", name, c.valueOf(known.Name))
		case !assigned:
			value, args = args[0], args[1:]
		}
		if err := set.Set(known.Name, value); err != nil {
			return nil, Usagef("%s %q cannot be used: %v", name, value, err)
		}
	}
	return words, nil
}

// flagSet is where the flags' values go.
func (c Command) flagSet() *flag.FlagSet {
	set := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range c.Flags {
		switch into := f.Into.(type) {
		case *bool:
			set.BoolVar(into, f.Name, *into, f.Help)
		case *string:
			set.StringVar(into, f.Name, *into, f.Help)
		case flag.Value:
			set.Var(into, f.Name, f.Help)
		default:
			panic(fmt.Sprintf("vifctl %s --%s: a flag's value cannot go into a %T", c.Name, f.Name, f.Into))
		}
	}
	return set
}

func isSwitch(v flag.Value) bool {
	b, ok := v.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func (c Command) valueOf(name string) string {
	for _, f := range c.Flags {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// instead says which option there is where one is unknown.
func (c Command) instead(name string) string {
	known := c.flags()
	if meant := configs.DidYouMean(name, known); meant != "" {
		return meant
	}
	if len(known) == 0 {
		return "; it has none"
	}
	return "; there are " + strings.Join(known, ", ")
}
