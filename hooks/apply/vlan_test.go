package apply

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// The message that `bridge vlan add dev 7 …` sends (iproute2's bridge/vlan.c),
// for several VLANs at once.
func TestVLANRequest(t *testing.T) {
	t.Parallel()
	vlans, err := plan.ParseVLANs("10p/20-29/40u")
	require.NoError(t, err)
	message := vlanRequest(unix.RTM_SETLINK, plan.Dev{Name: "vif1.0", Index: 7}, vlans).Serialize()
	var want []byte
	word := func(values ...uint16) {
		for _, v := range values {
			want = binary.NativeEndian.AppendUint16(want, v)
		}
	}
	want = append(want, unix.AF_BRIDGE, 0, 0, 0)
	want = binary.NativeEndian.AppendUint32(want, 7)
	want = append(want, make([]byte, 8)...) // flags and their mask
	word(4+4*8, unix.IFLA_AF_SPEC)
	for _, v := range [][2]uint16{{1<<1 | 1<<2, 10}, {1 << 3, 20}, {1 << 4, 29}, {1 << 2, 40}} {
		word(8, 2 /* IFLA_BRIDGE_VLAN_INFO */, v[0], v[1])
	}
	require.Equal(t, want, message[unix.SizeofNlMsghdr:])
}
