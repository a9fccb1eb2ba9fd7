// Package command is what vifctl's command line is made of. A command is one entry
// of a Table: parsing, help, the manual page and the shells' completion come from
// it, and so do the exit codes.
package command

import "context"

// Command is a word that vifctl understands, and all there is to say of it.
type Command struct {
	Name string
	// Args are what follows, for a person.
	Args string
	// About is one line, without a full stop; Detail a paragraph, "" for none.
	About, Detail string
	Flags         []Flag
	// Verbatim: what follows is not looked at for flags, since a value may look
	// like one.
	Verbatim bool
	// Exits are the codes besides 0, 1 and 2.
	Exits []Exit
	// Examples are command lines that work; a test runs them.
	Examples []Example
	// Words are those that a shell offers after the command. Names and Files:
	// ports and guests that are up, and files, are offered as well; Commands: so are
	// the commands.
	Words                  []string
	Names, Files, Commands bool
	// Run does it. Its error is what goes wrong as a sentence; Usagef, and a Code
	// for whatever has been told already, choose the exit code.
	Run func(context.Context, *Call) error
}

// Flag is an option of a command's.
type Flag struct {
	// Name without dashes.
	Name string
	// Value is what follows it, for a person; "" for a flag without a value.
	Value string
	Help  string
	// Into is where the value goes: a *bool where there is none, else a *string or
	// a flag.Value.
	Into any
}

// Exit is an exit code and when a command ends with it.
type Exit struct {
	Code Code
	When string
}

// Example is a command line and what it is for.
type Example struct{ Line, About string }

// flags are the names of a command's, with their dashes.
func (c Command) flags() []string {
	names := make([]string, len(c.Flags))
	for i, f := range c.Flags {
		names[i] = f.usage(false)
	}
	return names
}

// usage is a flag as it is typed, with its value where that is asked for.
func (f Flag) usage(value bool) string {
	if value && f.Value != "" {
		return "--" + f.Name + " " + f.Value
	}
	return "--" + f.Name
}

// usage is the command as it is typed.
func (c Command) usage() string {
	if c.Args == "" {
		return c.Name
	}
	return c.Name + " " + c.Args
}
