package command

import (
	"slices"

	"vifctl/configs"
)

// Table is a program's commands, and what there is to say of all of them.
type Table struct {
	// Program is what is typed, About one line about it, Detail a paragraph, Notes
	// more lines for the summary.
	Program, About, Detail string
	Notes                  []string
	// Files are those that the manual page names, and what each is.
	Files [][2]string
	// SeeAlso are other manual pages, each with its section.
	SeeAlso  [][2]string
	Version  string
	Commands []Command
	// Elsewhere are words that other programs understand, and a sentence that names them.
	Elsewhere map[string]string
}

// codes are the exit codes of all commands.
const codes = "0 done and as it should be, 1 failed, 2 not understood, 3 not started, or something is missing or changed"

// Find is the command of a name.
func (t Table) Find(name string) (c Command, ok bool) {
	i := slices.IndexFunc(t.Commands, func(c Command) bool { return c.Name == name })
	if i < 0 {
		return Command{}, false
	}
	return t.Commands[i], true
}

// Names are the commands', in the order of the table.
func (t Table) Names() []string {
	names := make([]string, len(t.Commands))
	for i, c := range t.Commands {
		names[i] = c.Name
	}
	return names
}

// Unknown is the error of a word that is no command.
func (t Table) Unknown(word string) error {
	if sentence, ok := t.Elsewhere[word]; ok {
		return Usagef("%s", sentence)
	}
	return Usagef("there is no command %q%s; `%s help` lists them", word, configs.DidYouMean(word, t.Names()), t.Program)
}
