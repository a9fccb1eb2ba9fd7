package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"vifctl/cmd/vifctl/status"
	"vifctl/cmd/vifctl/terminal"
	"vifctl/configs"
)

func statusOptions() []option {
	return []option{
		{"--watch", "", "print it again every two seconds, until interrupted"},
		{"--json", "", "print it for programs; --schema describes it"},
		{"--schema", "", "print the JSON Schema of --json"},
	}
}

// refresh is how often --watch looks again.
const refresh = 2 * time.Second

// statusCommand prints a line for each NIC.
func statusCommand(ctx context.Context, inv invocation) int {
	g, words, err := inv.options(statusOptions())
	switch {
	case err != nil:
		inv.complain("status: %v", err)
		return usage
	case g.has("--schema"):
		return written(inv, status.Schema)
	}
	// Until the end: whoever interrupts may do so twice.
	interrupted := make(chan os.Signal, 1)
	if g.has("--watch") {
		signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	}
	for {
		f, err := look(ctx, inv)
		if err != nil {
			inv.complain("%v", err)
			return failed
		}
		r, unknown := status.Of(f).Only(words)
		if unknown != "" {
			inv.complain("%s: there is no guest or port of that name%s", unknown, configs.DidYouMean(unknown, guestNames(f)))
			return failed
		}
		paint := terminal.For(inv.Stdout, inv.Getenv)
		if g.has("--json") {
			enc := json.NewEncoder(inv.Stdout)
			enc.SetIndent("", "  ")
			err = enc.Encode(r)
		} else {
			if g.has("--watch") && bool(paint) {
				_, _ = io.WriteString(inv.Stdout, paint.Clear())
			}
			err = r.Write(inv.Stdout, paint, terminal.Width(inv.Stdout))
		}
		if err != nil {
			return failed
		}
		if !g.has("--watch") {
			return done
		}
		select {
		case <-interrupted:
			return done
		case <-time.After(refresh):
		}
	}
}
