package main

import (
	"log/slog"
	"os/signal"
	"syscall"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/journald"
	"vifctl/hooks/process"
	"vifctl/hooks/session"
)

// guardWord is how vifctl calls itself to watch a change that may be undone; it is not for people.
const guardWord = "guard"

// detachGuard starts the process that takes over when this one ends: `vifctl COMMAND guard WORD…`.
func detachGuard(c *command.Call, name string, words ...string) (release func(), err error) {
	var env []string
	for _, variable := range []string{"VIFCTL_RUN_DIR", "VIFCTL_CONFIG", "XENSTORED_PATH", "XENSTORED_RUNDIR"} {
		if value := c.Getenv(variable); value != "" {
			env = append(env, variable+"="+value)
		}
	}
	return process.Detach(append([]string{c.Self, name, guardWord}, words...), env)
}

// outliveTerminal: what ends the process that it guards does not end the guard.
func outliveTerminal() { signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE) }

// logToJournald: a guard has no terminal to tell anything.
func logToJournald(c *command.Call, s *session.Session) {
	if log, err := journald.Open(journald.Socket, c.Name, s.Log.Handler()); err == nil {
		s.SetLog(slog.New(log))
	}
}
