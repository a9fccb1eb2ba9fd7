package main

import (
	"testing"

	"vifctl/tests/script"
)

func TestScripts(t *testing.T) {
	t.Parallel()
	script.Run(t)
}
