package main

import (
	"os"
	"testing"

	"vifctl/tests/script"
)

func TestMain(m *testing.M) {
	script.Apart()
	os.Exit(m.Run())
}

func TestScripts(t *testing.T) {
	t.Parallel()
	script.Run(t)
}
