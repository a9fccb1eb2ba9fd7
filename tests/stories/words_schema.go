package stories

import (
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// valid is `valid FILE`: what the last program printed is one JSON document that the JSON Schema in the file describes.
func (t *telling) valid(args []string) {
	if len(args) != 1 {
		t.ts.Fatalf("usage: valid SCHEMA")
	}
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(t.ts.ReadFile(args[0])))
	t.ts.Check(err)
	c := jsonschema.NewCompiler()
	t.ts.Check(c.AddResource("story:schema", schema))
	s, err := c.Compile("story:schema")
	t.ts.Check(err)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(t.ts.ReadFile("stdout")))
	t.ts.Check(err)
	switch err := s.Validate(document); {
	case err != nil && !t.neg:
		t.ts.Fatalf("%v", err)
	case err == nil && t.neg:
		t.ts.Fatalf("it is valid, which it should not be")
	}
}
