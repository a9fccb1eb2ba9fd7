// Limit prints, on standard output, what a limit that is meant for a good machine comes to on this one, and on standard
// error how slow that is: `go test -timeout $(go run ./tests/speed/limit 5m)`.
package main

import (
	"fmt"
	"os"
	"time"

	"vifctl/tests/speed"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: limit DURATION")
	}
	good, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	slowness, err := speed.Slowness()
	if err != nil {
		return err
	}
	limit := time.Duration(slowness * float64(good)).Round(time.Second)
	fmt.Fprintf(os.Stderr, "this machine takes %.1f times as long as a good one: a package may take %v\n", slowness, limit)
	fmt.Println(limit)
	return nil
}
