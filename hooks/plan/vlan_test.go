package plan

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseVLANs(t *testing.T) {
	t.Parallel()
	access := func(id int) VLANRange { return VLANRange{First: id, Last: id, Untagged: true, PVID: true} }
	for s, want := range map[string][]VLANRange{
		"10":              {access(10)},
		"10p":             {access(10)},
		"10u":             {access(10)},
		"4094":            {access(4094)},
		"20-29/10p":       {access(10), {First: 20, Last: 29}},
		"10p/11/12-13":    {access(10), {First: 11, Last: 13}},
		"9/10p/11":        {{First: 9, Last: 9}, access(10), {First: 11, Last: 11}},
		"10p/20-22u/23":   {access(10), {First: 20, Last: 22, Untagged: true}, {First: 23, Last: 23}},
		"10p/100+10x3":    {access(10), {First: 100, Last: 100}, {First: 110, Last: 110}, {First: 120, Last: 120}},
		"10p/100+1x3u":    {access(10), {First: 100, Last: 102, Untagged: true}},
		"10p/4093-4094":   {access(10), {First: 4093, Last: 4094}},
		"1p/2-4094":       {access(1), {First: 2, Last: 4094}},
		"10-10":           {access(10)},
		"10p/20-20/21-21": {access(10), {First: 20, Last: 21}},
	} {
		got, err := ParseVLANs(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
	const wrong = "is no VLAN: it is a number from 1 to 4094"
	for s, says := range map[string]string{
		"":              wrong,
		"0":             wrong,
		"4095":          wrong,
		"-1":            wrong,
		"+1":            wrong,
		"10/":           wrong,
		"x":             wrong,
		"10t":           wrong,
		"10pu":          wrong,
		"20-10":         wrong,
		"20-":           wrong,
		"10-20p":        wrong,
		"10+1x2p":       wrong,
		"10+0x2":        wrong,
		"10+2":          wrong,
		"10+5x0":        wrong,
		"4000+10x11":    wrong,
		"1+1x99999999":  wrong,
		"1-99999999999": wrong,
		"10p/10":        "VLAN 10 is there twice",
		"10p/5-15":      "VLAN 10 is there twice",
		"10p/20p":       "10 and 20 are to be",
		"10/20":         "write a p behind it",
		"10-20":         "write a p behind it",
		"$(id)":         wrong,
	} {
		_, err := ParseVLANs(s)
		require.ErrorContains(t, err, says, s)
	}
}

// Whatever is read is in order, without overlap, and reads back from its ranges.
func TestParseVLANsProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([0-9]{1,4}(-[0-9]{1,4}|\+[0-9]{1,2}x[0-9]{1,2})?[pu]?)(/[0-9]{1,4}[pu]?){0,3}`).Draw(t, "vlan")
		list, err := ParseVLANs(s)
		if err != nil {
			return
		}
		last, pvids := 0, 0
		for _, r := range list {
			require.Greater(t, r.First, last)
			require.GreaterOrEqual(t, r.Last, r.First)
			last = r.Last
			if r.PVID {
				pvids++
			}
		}
		require.LessOrEqual(t, last, MaxVLAN)
		require.Equal(t, 1, pvids)
		require.Equal(t, list, JoinVLANs(list))
	})
}

// A port that leaves its bridge, and comes back, is in the VLANs it was in.
func TestVLANsComeBack(t *testing.T) {
	t.Parallel()
	port, bridge := Dev{Name: "vif1.0", Index: 7}, Dev{Name: "xenbr0", Index: 3}
	own, err := ParseVLANs("5p/6u")
	require.NoError(t, err)
	before := &Snapshot{
		Links: map[int]Link{7: {Dev: port, Master: 3}, 3: {Dev: bridge, Bridge: true, VLANs: VLANsApart, DefaultPVID: 1}},
		VLANs: map[int][]VLANRange{7: own},
	}
	for _, steps := range [][]Step{
		{Master{Dev: port}},
		{BridgeVLAN{Dev: port}},
		{Master{Dev: port}, Master{Dev: port, Bridge: bridge}, BridgeVLAN{Dev: port, VLANs: own[:1]}},
	} {
		now := before
		actions := Resolve(steps, before)
		for _, a := range actions {
			now = now.After([]Step{a.Step})
		}
		require.NotEqual(t, before.VLANs, now.VLANs)
		for i := range actions {
			now = now.After(actions[len(actions)-1-i].Undo)
		}
		require.Equal(t, before.VLANs, now.VLANs)
		require.Equal(t, before.Links, now.Links)
	}
}
