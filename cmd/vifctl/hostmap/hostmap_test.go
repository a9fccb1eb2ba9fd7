package hostmap_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/hostmap"
	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// hostile is a host with every kind of way, and names that would like to be more
// than names.
func hostile(guests int) *inventory.Facts {
	links := map[int]kernel.Link{
		1: {Link: plan.Link{Dev: plan.Dev{Name: "eth0", Index: 1}, MTU: 1500, Up: true}, Carrier: true},
		2: {Link: plan.Link{Dev: plan.Dev{Name: "xenbr0", Index: 2}, MTU: 1500, Up: true, Bridge: true}, Carrier: true},
	}
	f := &inventory.Facts{Host: &kernel.Host{
		Links:  links,
		Routes: []kernel.Route{{RouteEntry: plan.RouteEntry{Dst: netip.MustParsePrefix("0.0.0.0/0")}, Through: []int{1}}},
	}}
	for i := range guests {
		name := "vif" + strconv.Itoa(i) + ".0"
		l := kernel.Link{Link: plan.Link{Dev: plan.Dev{Name: name, Index: 10 + i}, Up: true}, Carrier: true}
		mode := []string{"route", "bridge", "nat", ""}[i%4]
		if mode == "bridge" && i%8 < 4 {
			l.Master = 2
		}
		links[10+i] = l
		f.NICs = append(f.NICs, inventory.NIC{
			NIC: plan.NIC{Domid: i}, Guest: "</text><script>" + strconv.Itoa(i) + "\x1b[2J", Alive: i%5 != 4, Mode: mode,
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")},
			Vif:       &inventory.Port{Kind: plan.Vif, Name: name, Link: &l},
		})
	}
	return f
}

// The picture is well-formed, holds no code, and all of it lies inside its frame;
// boxes of guests do not overlap.
func TestSVG(t *testing.T) {
	t.Parallel()
	for _, guests := range []int{0, 1, 7, 60} {
		f := hostile(guests)
		var b strings.Builder
		require.NoError(t, hostmap.Of("dom0 & <co>", f, doctor.Diagnose(f)).WriteSVG(&b))
		require.NotContains(t, b.String(), "<script")
		require.NotContains(t, b.String(), "\x1b")
		var width, height float64
		lowest := map[string]float64{}
		number := func(e xml.StartElement, name string) float64 {
			for _, a := range e.Attr {
				if a.Name.Local == name {
					n, err := strconv.ParseFloat(a.Value, 64)
					require.NoError(t, err)
					return n
				}
			}
			return 0
		}
		for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			e, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			switch e.Name.Local {
			case "svg":
				width, height = number(e, "width"), number(e, "height")
			case "rect":
				x, y := number(e, "x"), number(e, "y")
				require.LessOrEqual(t, x+number(e, "width"), width)
				require.LessOrEqual(t, y+number(e, "height"), height)
				if x > 0 {
					column := strconv.Itoa(int(x))
					require.GreaterOrEqual(t, y, lowest[column], "it lies over the one above")
					lowest[column] = y + number(e, "height")
				}
			case "text":
				require.Less(t, number(e, "y"), height)
			}
		}
	}
}

func TestTree(t *testing.T) {
	t.Parallel()
	f := hostile(7)
	var b strings.Builder
	require.NoError(t, hostmap.Of("dom0", f, doctor.Diagnose(f)).WriteTree(&b, false))
	require.NotContains(t, b.String(), "\x1b")
	require.Equal(t, 7, strings.Count(b.String(), "● ")+strings.Count(b.String(), "○ "))
}
