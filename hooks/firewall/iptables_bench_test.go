package firewall

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// BenchmarkIPTables adds and removes one guest's rules with others there, as a
// process of ours would: it looks, then changes.
func BenchmarkIPTables(b *testing.B) {
	for _, v := range []Variant{VariantNFT, VariantLegacy} {
		for _, others := range []int{0, 100, 1000, 5000} {
			m := newMachine(b)
			f := m.openIPTables(v, Options{Uplinks: []string{"eth0"}}, true)
			var all []plan.Rule
			for number := range others {
				all = append(all, routedGuest(number+1)...)
			}
			mustChange(b, f, append(all, routedGuest(others+2)...), nil)
			one := routedGuest(others + 1)
			run := func(name string, timed, after func()) {
				b.Run(fmt.Sprintf("%s/%d/%s", v, others, name), func(b *testing.B) {
					for b.Loop() {
						timed()
						b.StopTimer()
						after()
						b.StartTimer()
					}
				})
			}
			add := func() {
				_, err := f.InForce(background, one)
				require.NoError(b, err)
				mustChange(b, f, one, nil)
			}
			remove := func() { mustChange(b, f, nil, one) }
			run("add", add, remove)
			add()
			run("look", func() { wantInForce(b, f, true, one...) }, func() {})
			run("remove", remove, add)
		}
	}
}
