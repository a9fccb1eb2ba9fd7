package plan

import (
	"encoding/json"
	"fmt"
)

// Steps is a list of steps for JSON: each is an object whose "step" names its
// type.
type Steps []Step

// MarshalJSON writes each step as its own object with "step" in front.
func (steps Steps) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, s := range steps {
		body, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", s.Key(), err)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"step":%q`, s.Traits().Kind)
		if len(body) > 2 {
			out = append(out, ',')
		}
		out = append(out, body[1:]...)
	}
	return append(out, ']'), nil
}
