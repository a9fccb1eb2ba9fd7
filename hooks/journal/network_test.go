package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// What is written down of a network is what is read, whatever its interfaces are called.
func TestNetworkRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	rapid.Check(t, func(t *rapid.T) {
		n := &journal.Network{
			Mode:   rapid.SampledFrom([]string{"bridge", "route", "nat"}).Draw(t, "mode"),
			Name:   rapid.StringMatching(`[!-.0-9;-~]{1,15}`).Draw(t, "name"),
			Uplink: dev(t), Boot: "b", State: journal.Starting, Token: "t", ConfirmBy: int64(number(t)),
		}
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			n.Settings = append(n.Settings, journal.Entry{Step: steps().Draw(t, "setting")})
			n.Topology = append(n.Topology, journal.Entry{Step: steps().Draw(t, "step"), Undo: []plan.Step{steps().Draw(t, "undo")}})
		}
		require.NoError(t, j.WriteNetwork(n))
		all, err := j.Networks()
		require.NoError(t, err)
		require.Equal(t, []*journal.Network{n}, all)
		ports, err := j.All()
		require.NoError(t, err)
		require.Empty(t, ports, "it is no port's record")
		require.NoError(t, j.DeleteNetwork(n.Mode, n.Name))
		require.NoError(t, j.DeleteNetwork(n.Mode, n.Name))
		again, err := j.ReadNetwork(n.Mode, n.Name)
		require.NoError(t, err)
		require.Nil(t, again)
	})
}

func TestDamagedNetwork(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"mode":"bridge","name":"other"}`, `{"mode":"bridge","name":"xenbr0","future":1}`} {
		dir := t.TempDir()
		j := journal.Open(dir)
		require.NoError(t, j.WriteNetwork(&journal.Network{Mode: "nat", Name: "eth0"}))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "network.bridge.xenbr0.json"), []byte(text), 0o600))
		all, err := j.Networks()
		require.ErrorContains(t, err, "network.bridge.xenbr0.json is damaged")
		require.Len(t, all, 1, "the others can be read")
	}
}

func TestLastWords(t *testing.T) {
	t.Parallel()
	j := journal.Open(filepath.Join(t.TempDir(), "run"))
	require.Empty(t, j.LastWords(journal.OfNetworks))
	require.NoError(t, j.SetLastWords(journal.OfNetworks, ""))
	require.NoError(t, j.SetLastWords(journal.OfNetworks, "it was undone"))
	require.Equal(t, "it was undone", j.LastWords(journal.OfNetworks))
	require.NoError(t, j.SetLastWords(journal.OfNetworks, ""))
	require.Empty(t, j.LastWords(journal.OfNetworks))
}

func TestNetworkGuests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	asks := plan.ForGuests{Antispoof: plan.AntispoofStrict, DHCP: true}
	none, err := j.NetworkGuests("nat", "eth0", "b")
	require.NoError(t, err)
	require.Zero(t, none)
	require.NoError(t, j.WriteNetwork(&journal.Network{Mode: "nat", Name: "eth0", Boot: "b", ForGuests: asks}))
	require.NoError(t, j.WriteNetwork(&journal.Network{Mode: "nat", Name: "eth1", Boot: "b"}))
	for _, c := range []struct {
		name, boot string
		want       plan.ForGuests
	}{{"eth0", "b", asks}, {"eth0", "another run of the kernel", plan.ForGuests{}}, {"eth1", "b", plan.ForGuests{}}} {
		got, err := j.NetworkGuests("nat", c.name, c.boot)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%s %s", c.name, c.boot)
	}
	// What cannot be read may have asked for protection.
	for _, text := range []string{"", "{", `{"for_guests":{"antispoof":"strict"}}`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "network.nat.eth0.json"), []byte(text), 0o600))
		_, err := j.NetworkGuests("nat", "eth0", "b")
		require.ErrorContains(t, err, "is damaged")
	}
}
