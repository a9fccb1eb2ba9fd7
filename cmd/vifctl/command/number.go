package command

import (
	"fmt"
	"strconv"
)

// Number is a flag's value that is a whole number within bounds.
type Number struct {
	Into        *int
	Least, Most int
	// What it is, as "a number of seconds".
	What string
}

// Set implements flag.Value.
func (n Number) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < n.Least || v > n.Most {
		return fmt.Errorf("it is %s, from %d to %d", n.What, n.Least, n.Most)
	}
	*n.Into = v
	return nil
}

// String implements flag.Value.
func (n Number) String() string {
	if n.Into == nil {
		return ""
	}
	return strconv.Itoa(*n.Into)
}
