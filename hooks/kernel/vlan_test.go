package kernel

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// attribute is one as the kernel writes it, filled up to whole words.
func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func words(values ...uint16) (b []byte) {
	for _, v := range values {
		b = binary.NativeEndian.AppendUint16(b, v)
	}
	return b
}

func cat(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// What kernels with VLAN filtering say of a bridge, and one without.
func TestBridgeVLANs(t *testing.T) {
	t.Parallel()
	stp := attribute(5, []byte{0, 0, 0, 0})
	for _, c := range []struct {
		name      string
		data      []byte
		filtering plan.VLANFiltering
		pvid      int
	}{
		{"none", stp, plan.NoVLANs, 0},
		{"off", cat(stp, attribute(vlanFiltering, []byte{0}), attribute(vlanDefaultPVID, words(1))), plan.VLANsOff, 1},
		{"on", cat(attribute(vlanFiltering, []byte{1}), stp, attribute(vlanDefaultPVID, words(7))), plan.VLANsApart, 7},
		{"cut off", attribute(vlanFiltering, []byte{1})[:4], plan.NoVLANs, 0},
	} {
		filtering, pvid := bridgeVLANs(c.data)
		require.Equal(t, c.filtering, filtering, c.name)
		require.Equal(t, c.pvid, pvid, c.name)
	}
}

// An RTM_NEWVLAN message as br_vlan_dump_dev (net/bridge/br_vlan.c) writes it:
// VLAN 10 of untagged frames, 20 to 29 tagged, 40 untagged.
func TestParseVLANs(t *testing.T) {
	t.Parallel()
	const nested = 0x8000
	entry := func(attrs ...[]byte) []byte { return attribute(nested|vlanEntry, cat(attrs...)) }
	state := attribute(3, []byte{3})
	message := cat(
		vlanMessage(7).Serialize(),
		entry(attribute(vlanEntryInfo, words(1<<1|1<<2, 10)), state),
		entry(attribute(vlanEntryInfo, words(0, 20)), attribute(vlanEntryRange, words(29)), state),
		entry(attribute(vlanEntryInfo, words(1<<2, 40)), state),
	)
	index, list, err := parseVLANs(message)
	require.NoError(t, err)
	require.Equal(t, 7, index)
	want, err := plan.ParseVLANs("10p/20-29/40u")
	require.NoError(t, err)
	require.Equal(t, want, plan.JoinVLANs(list))
	_, _, err = parseVLANs(message[:5])
	require.Error(t, err)
}

// The message that `bridge vlan add dev 7 …` sends (iproute2's bridge/vlan.c),
// for several VLANs at once.
func TestVLANRequest(t *testing.T) {
	t.Parallel()
	vlans, err := plan.ParseVLANs("10p/20-29/40u")
	require.NoError(t, err)
	message := vlanRequest(unix.RTM_SETLINK, plan.Dev{Name: "vif1.0", Index: 7}, vlans).Serialize()
	var want []byte
	put := func(values ...uint16) {
		for _, v := range values {
			want = binary.NativeEndian.AppendUint16(want, v)
		}
	}
	want = append(want, unix.AF_BRIDGE, 0, 0, 0)
	want = binary.NativeEndian.AppendUint32(want, 7)
	want = append(want, make([]byte, 8)...) // flags and their mask
	put(4+4*8, unix.IFLA_AF_SPEC)
	for _, v := range [][2]uint16{{1<<1 | 1<<2, 10}, {1 << 3, 20}, {1 << 4, 29}, {1 << 2, 40}} {
		put(8, 2 /* IFLA_BRIDGE_VLAN_INFO */, v[0], v[1])
	}
	require.Equal(t, want, message[unix.SizeofNlMsghdr:])
}
