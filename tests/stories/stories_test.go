package stories

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"vifctl/tests/dom0"
)

func TestStories(t *testing.T) {
	testscript.Run(t, dom0.StoryParams(t, "testdata"))
}
