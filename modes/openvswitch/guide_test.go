package openvswitch_test

import (
	"testing"

	"vifctl/tests/guide"
)

func TestGuide(t *testing.T) {
	t.Parallel()
	guide.Walk(t, "README.md", 1)
}
