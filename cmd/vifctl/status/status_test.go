package status_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/status"
	"vifctl/cmd/vifctl/terminal"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

func link(name string, index, master int, up bool) *kernel.Link {
	return &kernel.Link{
		Link:     plan.Link{Dev: plan.Dev{Name: name, Index: index}, Master: master, Up: up},
		Carrier:  up,
		Received: kernel.Count{Bytes: 1234, Packets: 12},
		Sent:     kernel.Count{Bytes: 5_600_000, Packets: 98765},
	}
}

// host is one with all that a line can show.
func host() *inventory.Facts {
	xenbr0 := *link("xenbr0", 2, 0, true)
	ours := &journal.Record{}
	dropped := uint64(1_200)
	lacks := &engine.Decision{Actions: []plan.Action{{Step: plan.Up{Dev: plan.Dev{Name: "tap", Index: 4}, Want: true}}}}
	return &inventory.Facts{
		Host:  &kernel.Host{Links: map[int]kernel.Link{2: xenbr0}},
		Drops: map[string]uint64{"spoofed_mac": 1_200_000, "server_role": 0},
		NICs: []inventory.NIC{
			{
				NIC: plan.NIC{Domid: 1}, Guest: "web", MAC: "00:16:3e:00:00:01", Alive: true, Mode: "bridge",
				Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")},
				Vif:       &inventory.Port{Kind: plan.Vif, Name: "vif1.0", Link: link("vif1.0", 3, 2, true), Record: ours, Dropped: &dropped},
				Tap:       &inventory.Port{Kind: plan.Tap, Name: "vif1.0-emu", Link: link("vif1.0-emu", 4, 2, true), Record: ours, Work: lacks, Dropped: &dropped},
				Backend:   map[string]string{"hotplug-status": "connected"},
			},
			{
				NIC: plan.NIC{Domid: 2, Devid: 1}, Guest: "a\x1b[2Jname", Mode: "nat", Public: []netip.Addr{netip.MustParseAddr("203.0.113.1")},
				Vif: &inventory.Port{Kind: plan.Vif, Name: "vif2.1", WorkErr: errors.New("the plan cannot be made")},
			},
		},
		XenstoreErr: errors.New("no xenstored\nanswers"),
	}
}

func text(t *testing.T, colours bool, width int) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, status.Of(host()).Write(terminal.NewWriter(&b, colours), width))
	return b.String()
}

func TestText(t *testing.T) {
	t.Parallel()
	require.Equal(t, `GUEST         PORT          MODE    AT      ADDRESS        PUBLIC       STATE  RECEIVED  PKTS   SENT  PKTS  SPOOFED  DRIFT
web           vif1.0        bridge  xenbr0  192.0.2.1                   up         11MB  198k  2.5kB    24     2.4k  1 thing to repair
              vif1.0-emu *                  2001:db8::/64
a?[2Jname #1  vif2.1        nat     -       -              203.0.113.1  dead         0B     0     0B     0           unknown
* carries the traffic; received and sent: by the guest; spoofed: packets of the guest that antispoofing dropped
dropped by antispoofing, whoever sent it: 1.2M spoofed mac
this may not be all: no xenstored answers
things to repair: `+"`vifctl plan PORT` lists them, `vifctl doctor` says what they do to the guest, `vifctl repair` puts them right\n", text(t, false, 0))
}

// A narrow terminal is not wrapped: what is worth least is left out.
func TestWidth(t *testing.T) {
	t.Parallel()
	for width, gone := range map[int]string{110: "PKTS", 90: "RECEIVED", 70: "  AT  ", 50: "MODE"} {
		out := text(t, false, width)
		table, _, _ := strings.Cut(out, "\n* carries")
		for line := range strings.Lines(table) {
			require.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), width, line)
		}
		require.NotContains(t, table, gone)
		require.Contains(t, table, "web")
		require.Contains(t, table, "STATE")
	}
}

func TestColours(t *testing.T) {
	t.Parallel()
	plain, painted := text(t, false, 0), text(t, true, 0)
	require.NotContains(t, plain, "\x1b")
	require.Contains(t, painted, "\x1b[1;31mdead")
	require.Contains(t, painted, "\x1b[32mup")
	without := painted
	for _, code := range []string{"0", "1", "2", "32", "33", "1;31"} {
		without = strings.ReplaceAll(without, "\x1b["+code+"m", "")
	}
	require.NotContains(t, without, "\x1b")
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	require.Equal(t, squeeze(plain), squeeze(without))
}

func TestSchema(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(status.Schema))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("story:status", schema))
	s, err := c.Compile("story:status")
	require.NoError(t, err)
	for _, r := range []status.Report{status.Of(host()), status.Of(&inventory.Facts{Host: &kernel.Host{}})} {
		data, err := json.Marshal(r)
		require.NoError(t, err)
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
		require.NoError(t, err)
		require.NoError(t, s.Validate(document))
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{0: "0B", 999: "999B", 1000: "1.0kB", 9949: "9.9kB", 9951: "10kB", 999_499: "999kB", 999_999: "1.0MB", 1 << 63: "9223PB"} {
		require.Equal(t, want, status.Size(n))
	}
}
