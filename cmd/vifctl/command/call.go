package command

import (
	"context"
	"errors"
	"io"
)

// Program is one start of the program, with all it can see of the world outside,
// so that a test can be one, too.
type Program struct {
	// Name it was called by, without its folder.
	Name string
	// Self is the path of the program.
	Self           string
	Args           []string
	Getenv         func(string) string
	Stdout, Stderr io.Writer
}

// Call is one call of a command.
type Call struct {
	*Printer
	// Name is what complaints begin with. A command that stands for another program
	// takes that one's.
	Name string
	// Self is the path of the program.
	Self   string
	Getenv func(string) string
	// Stdout and Stderr are the outputs as they are: what is written there for people goes
	// through the Printer.
	Stdout, Stderr io.Writer
	// Words are the arguments without the flags.
	Words []string
}

// Complain tells at once what goes wrong while the command goes on, and returns the
// exit code that it stands for.
func (c *Call) Complain(err error) Code { return c.complain(c.Name, err) }

// Run runs the command that the program's first word names.
func (t Table) Run(ctx context.Context, p Program) Code {
	if len(p.Args) == 0 {
		p.Stdout = p.Stderr
		t.Summary(newPrinter(p))
		return Usage
	}
	word, rest := p.Args[0], p.Args[1:]
	switch word {
	case "--version":
		word = "version"
	case "-h", "-help", "--help":
		word = "help"
	}
	c, ok := t.Find(word)
	if !ok {
		return newPrinter(p).complain(p.Name, t.Unknown(word))
	}
	p.Args = rest
	return t.Start(ctx, c, p)
}

// Start runs one of the table's commands with a program's arguments, which are all
// the command's own.
func (t Table) Start(ctx context.Context, c Command, p Program) Code {
	call := &Call{Printer: newPrinter(p), Name: p.Name, Self: p.Self, Getenv: p.Getenv, Stdout: p.Stdout, Stderr: p.Stderr}
	words, err := c.parse(p.Args)
	switch {
	case errors.Is(err, errHelp):
		t.Help(call.Printer, c)
		err = nil
	case err != nil:
		err = Usagef("%s: %v", c.Name, err)
	default:
		call.Words = words
		err = c.Run(ctx, call)
	}
	code := call.Complain(err)
	if code == Done && call.err != nil {
		return Failed
	}
	return code
}
