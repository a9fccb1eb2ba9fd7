package openvswitch

import (
	"bufio"
	"encoding/json"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A database that answers one question with these lines.
func pretend(t *testing.T, lines ...string) *database {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	go func() {
		if _, err := bufio.NewReader(there).ReadString('\n'); err != nil {
			return
		}
		for _, l := range lines {
			if _, err := there.Write([]byte(l)); err != nil {
				return
			}
		}
		there.Close()
	}()
	return &database{conn: here, in: json.NewDecoder(here)}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	q := selects("Bridge", "name", "==", "ovs0", "name")
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"rows", []string{`{"id":0,"error":null,"result":[{"rows":[{"name":"ovs0"}]}]}`}, ""},
		{"a question in between", []string{`{"id":"echo","method":"echo","params":[]}`, `{"id":0,"error":null,"result":[{"rows":[{"name":"ovs0"}]}]}`}, ""},
		{"an error of one query", []string{`{"id":0,"error":null,"result":[{"error":"constraint violation","details":"no"}]}`}, "constraint violation: no"},
		{"an error", []string{`{"id":0,"error":"unknown database","result":null}`}, "unknown database"},
		{"too few answers", []string{`{"id":0,"error":null,"result":[]}`}, "0 of 1 questions"},
		{"the end", nil, "EOF"},
		{"no JSON", []string{"hello\n"}, "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rows, err := pretend(t, c.lines...).transact(q)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "ask Open vSwitch's database")
				return
			}
			require.NoError(t, err)
			require.Equal(t, "ovs0", rows[0][0].text("name"))
		})
	}
}
