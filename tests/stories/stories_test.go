package stories

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestStories(t *testing.T) {
	testscript.Run(t, params(t, "testdata"))
}
