package command

import (
	"errors"
	"fmt"
	"strconv"
)

// Code is an exit code. As an error it ends a command of which all has been told.
type Code int

// The exit codes of every command.
const (
	Done   Code = 0
	Failed Code = 1
	Usage  Code = 2
	// Drifted is what is not started, or not as it should be.
	Drifted Code = 3
)

// Error implements error.
func (c Code) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// Worse is the code of two ends in one call: what failed comes before what has
// drifted.
func (c Code) Worse(other Code) Code {
	if c == Done || c == Drifted && other != Done {
		return other
	}
	return c
}

// End is the code as a command's end.
func (c Code) End() error {
	if c == Done {
		return nil
	}
	return c
}

// digit is the code as it is written.
func (c Code) digit() string { return strconv.Itoa(int(c)) }

// usageError is what could not be understood.
type usageError struct{ sentence string }

func (e usageError) Error() string { return e.sentence }

// Usagef is the error of a call that could not be understood, one sentence.
func Usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// codeOf is the exit code of an error, and whether it is still to be told.
func codeOf(err error) (code Code, tell bool) {
	var u usageError
	switch {
	case err == nil:
		return Done, false
	case errors.As(err, &code):
		return code, false
	case errors.As(err, &u):
		return Usage, true
	}
	return Failed, true
}
