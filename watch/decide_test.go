package watch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/watch"
)

const boot = "this boot"

// host is one with these records and interfaces; an interface's ifindex is
// its place, from 1.
func host(records []journal.Stored, names ...string) *watch.Host {
	h := watch.NewHost(boot)
	for i, name := range names {
		h.SetLink(watch.Link{Index: i + 1, Name: name})
	}
	for _, r := range records {
		h.SetPort(r.NIC, r.Kind, &r)
	}
	return h
}

func record(kind plan.Kind, nic plan.NIC, name string, index int) journal.Stored {
	return journal.Stored{Port: journal.Port{NIC: nic, Kind: kind, Name: name, Index: index, Boot: boot}, Written: time.Unix(1000, 0)}
}

func vif(name string, index int) journal.Stored {
	return record(plan.Vif, plan.NIC{Domid: 1}, name, index)
}

func tap(name string, index int) journal.Stored {
	return record(plan.Tap, plan.NIC{Domid: 1}, name, index)
}

func TestDecide(t *testing.T) {
	t.Parallel()
	nic := plan.NIC{Domid: 1}
	late := watch.Finding{What: watch.Late, NIC: nic, Called: time.Unix(1000, 0)}
	early := watch.Finding{What: watch.Early, NIC: nic}
	uncalled := watch.Finding{What: watch.Uncalled, NIC: nic}
	up := watch.Finding{What: watch.Up, NIC: nic}
	other := watch.Finding{}
	rebooted := vif("vif1.0", 1)
	rebooted.Boot = "the boot before"
	// The interface that is asked about is the last.
	for name, tc := range map[string]struct {
		records []journal.Stored
		links   []string
		want    watch.Finding
	}{
		"today's name":                      {[]journal.Stored{vif("vif1.0", 1)}, []string{"vif1.0", "vif1.0-emu"}, late},
		"today's name, a renamed vif":       {[]journal.Stored{vif("web0", 1)}, []string{"web0", "vif1.0-emu"}, late},
		"a renamed vif's tap":               {[]journal.Stored{vif("web0", 1)}, []string{"web0", "web0-emu"}, late},
		"an older toolstack's":              {[]journal.Stored{vif("vif1.0", 1)}, []string{"vif1.0", "tap1.0"}, late},
		"an older toolstack's, renamed vif": {[]journal.Stored{vif("web0", 1)}, []string{"web0", "tap1.0"}, late},
		"a hosting panel's":                 {[]journal.Stored{vif("vifvm101.0", 1)}, []string{"vifvm101.0", "tapvm101.0"}, late},
		"a panel's without the vif":         {nil, []string{"tapvm101.0"}, other},
		"another panel's guest":             {[]journal.Stored{vif("vifvm101.0", 1)}, []string{"vifvm101.0", "tapvm102.0"}, other},
		"another NIC's": {
			[]journal.Stored{vif("vif1.0", 1)},
			[]string{"vif1.0", "vif1.1-emu"},
			watch.Finding{What: watch.Early, NIC: plan.NIC{Domid: 1, Devid: 1}},
		},
		"of a vif that has numbers of another's": {
			[]journal.Stored{vif("vif1.0", 1), record(plan.Vif, plan.NIC{Domid: 10}, "vif10.0", 2)},
			[]string{"vif1.0", "vif10.0", "vif10.0-emu"},
			watch.Finding{What: watch.Late, NIC: plan.NIC{Domid: 10}, Called: time.Unix(1000, 0)},
		},

		"no call":                        {nil, []string{"vif1.0", "vif1.0-emu"}, early},
		"the vif is not there yet":       {nil, []string{"vif1.0-emu"}, early},
		"the vif has gone":               {[]journal.Stored{vif("vif1.0", 9)}, []string{"vif1.0-emu"}, early},
		"the vif is another by now":      {[]journal.Stored{vif("vif1.0", 9)}, []string{"vif1.0", "vif1.0-emu"}, early},
		"a record of the boot before":    {[]journal.Stored{rebooted}, []string{"vif1.0", "vif1.0-emu"}, early},
		"a vif without a call":           {nil, []string{"vif1.0"}, uncalled},
		"a vif with another's record":    {[]journal.Stored{vif("vif1.0", 9)}, []string{"vif1.0"}, uncalled},
		"a vif of ours":                  {[]journal.Stored{vif("vif1.0", 1)}, []string{"vif1.0"}, up},
		"a vif of ours, renamed":         {[]journal.Stored{vif("web0", 1)}, []string{"web0"}, up},
		"a vif of ours, by its old name": {[]journal.Stored{vif("web0", 1)}, []string{"vif1.0"}, up},

		"a tap that is done":             {[]journal.Stored{vif("vif1.0", 1), tap("vif1.0-emu", 2)}, []string{"vif1.0", "vif1.0-emu"}, up},
		"done, its vif down":             {[]journal.Stored{tap("vif1.0-emu", 1)}, []string{"vif1.0-emu"}, up},
		"done, by another name":          {[]journal.Stored{vif("web0", 1), tap("web0-emu", 2)}, []string{"web0", "tap1.0"}, up},
		"a device model's next one":      {[]journal.Stored{vif("vif1.0", 1), tap("vif1.0-emu", 9)}, []string{"vif1.0", "vif1.0-emu"}, late},
		"a second one beside a done one": {[]journal.Stored{vif("vif1.0", 1), tap("vif1.0-emu", 2)}, []string{"vif1.0", "vif1.0-emu", "tap1.0"}, watch.Finding{What: watch.Second, NIC: nic, Rival: "vif1.0-emu"}},

		"a number":                     {[]journal.Stored{vif("vif1.0", 1)}, []string{"vif1.0", "tap7"}, watch.Finding{What: watch.Numbered}},
		"tap alone":                    {nil, []string{"tap"}, other},
		"another program's tap":        {nil, []string{"tapestry"}, other},
		"another program's -emu":       {nil, []string{"qemu-emu"}, other},
		"-emu alone":                   {nil, []string{"-emu"}, other},
		"the uplink":                   {nil, []string{"eth0"}, other},
		"a domid written otherwise":    {[]journal.Stored{vif("vif1.0", 1)}, []string{"vif1.0", "vif01.0-emu"}, other},
		"a domid with a sign":          {[]journal.Stored{vif("vif1.0", 1)}, []string{"vif1.0", "tap+1.0"}, other},
		"a VLAN on a vif":              {[]journal.Stored{vif("vif1.0", 1)}, []string{"vif1.0", "vif1.0.7"}, other},
		"a NIC without a number":       {nil, []string{"vif1"}, other},
		"twice -emu":                   {[]journal.Stored{vif("vif1.0", 1)}, []string{"vif1.0", "vif1.0-emu-emu"}, other},
		"the tap of a vif called -emu": {[]journal.Stored{vif("a-emu", 1)}, []string{"a-emu", "a-emu-emu"}, late},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(tc.records, tc.links...)
			n := len(tc.links)
			require.Equal(t, tc.want, h.Decide(watch.Link{Index: n, Name: tc.links[n-1]}))
		})
	}
}

// A host is what was last said of it.
func TestHostForgets(t *testing.T) {
	t.Parallel()
	nic := plan.NIC{Domid: 1}
	h := host([]journal.Stored{vif("web0", 1)}, "web0", "web0-emu")
	emu := watch.Link{Index: 2, Name: "web0-emu"}
	require.Equal(t, watch.Late, h.Decide(emu).What)
	require.ElementsMatch(t, []int{1, 1, 2}, h.Concerned(nic))

	h.SetPort(nic, plan.Vif, nil)
	require.Equal(t, watch.Other, h.Decide(emu).What, "no other program names a vif so")
	renamed := vif("www", 1)
	h.SetPort(nic, plan.Vif, &renamed)
	require.Equal(t, watch.Other, h.Decide(emu).What)
	h.SetLink(watch.Link{Index: 2, Name: "www-emu"})
	require.Equal(t, watch.Late, h.Decide(watch.Link{Index: 2, Name: "www-emu"}).What)

	done := tap("www-emu", 2)
	h.SetPort(nic, plan.Tap, &done)
	require.Equal(t, watch.Up, h.Decide(emu).What)
	_, left := h.Left(nic)
	require.False(t, left)
	h.DropLink(2)
	_, left = h.Left(nic)
	require.False(t, left, "xl calls for it when the vif goes down")
	h.SetPort(nic, plan.Vif, nil)
	gone, left := h.Left(nic)
	require.True(t, left)
	require.Equal(t, done.Port, gone)
	h.SetPort(nic, plan.Tap, nil)
	_, left = h.Left(nic)
	require.False(t, left)
}

// A name goes from one interface to another: the order in which that is told
// is the kernel's.
func TestNameChangesHands(t *testing.T) {
	t.Parallel()
	h := host([]journal.Stored{vif("vif1.0", 3)}, "vif1.0-emu", "other", "vif1.0")
	h.SetLink(watch.Link{Index: 1, Name: "old"})
	h.SetLink(watch.Link{Index: 2, Name: "vif1.0-emu"})
	require.ElementsMatch(t, []int{3, 3, 2}, h.Concerned(plan.NIC{Domid: 1}))
	h.DropLink(1)
	require.ElementsMatch(t, []int{3, 3, 2}, h.Concerned(plan.NIC{Domid: 1}))
}
