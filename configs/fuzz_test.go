package configs_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"vifctl/configs"
	"vifctl/tests/speed"
)

// Whatever a file says, it is read or every mistake is one line with a position
// that is in the file.
func FuzzParse(f *testing.F) {
	for _, table := range []string{
		configs.Example, matching, hosting(2), "", "\ufeff", "[host]\nuplnik = \"eth0\"\n",
		"host = {uplink = 1, x = '''\n'''}", "guest = [{name=\"a\", forward=[{listen=\":1\"}, 3]}, \"\"]",
		guest("address = [\n 1, \"10.0.0.1/8\",\n]"), forward("listen = \":1-2\"\nto = \"5-9\""),
		"[[guest]]\nname=\"a\"\npublic=\"1.2.3.4\"\n[[guest]]\nname=\"a\"\naddress=\"1.2.3.0/24\"\n[[guest.forward]]\nlisten=\"1.2.3.4:5\"",
	} {
		f.Add(table)
	}
	f.Fuzz(func(t *testing.T, text string) {
		late := time.AfterFunc(speed.Patience, func() { panic("it takes for ever") })
		defer late.Stop()
		c, err := configs.Parse("x.toml", text)
		if err == nil {
			for _, g := range c.Guests() {
				if _, found := c.Guest(configs.Match{Name: g.Name, UUID: g.UUID, MAC: g.MAC, Devid: max(g.NIC, 0)}); !found {
					t.Fatalf("%+v is not found", g)
				}
			}
			return
		}
		if !reflect.ValueOf(c).IsZero() {
			t.Fatalf("%v, and yet %+v", err, c)
		}
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			t.Fatalf("%v is no list", err)
		}
		lines := strings.Split(text, "\n")
		for _, one := range joined.Unwrap() {
			var m *configs.Mistake
			if !errors.As(one, &m) {
				t.Fatalf("%v has no position", one)
			}
			if m.Line < 1 || m.Line > len(lines) || m.Column < 1 || m.Column > len(lines[m.Line-1])+1 {
				t.Fatalf("%v is not in the file", m)
			}
			if m.Text == "" || strings.ContainsFunc(m.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q is no line", m.Error())
			}
		}
	})
}
