package journal_test

import (
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

var port = plan.Dev{Name: "vif7.1", Index: 12}

func up(want bool) plan.Step  { return plan.Up{Dev: port, Want: want} }
func mtu(bytes int) plan.Step { return plan.MTU{Dev: port, Want: bytes} }
func mac(text string) plan.Step {
	return plan.MAC{Dev: port, Want: text, Tolerant: true}
}

func route(dst string) plan.Step {
	return plan.Route{Dev: port, Route: plan.RouteEntry{Dst: netip.MustParsePrefix(dst), Metric: 2}}
}

func noRoute(dst string) plan.Step {
	s := route(dst).(plan.Route)
	s.Absent = true
	return s
}

func proxy(ip string) plan.Step {
	return plan.ProxyNeighbour{Dev: plan.Dev{Name: "eth0", Index: 2}, IP: netip.MustParseAddr(ip)}
}

var (
	connected = plan.XenstoreWrite{Path: "backend/vif/7/1/hotplug-status", Value: "connected"}
	hook      = plan.HookRun{Path: "/etc/xen/scripts/vif-post.d/10.hook"}
	proxyARP  = plan.Sysctl{Dev: plan.Dev{Name: "eth0", Index: 2}, Table: "ipv4/conf", Name: "proxy_arp", Want: "1", Host: true}
)

func did(s plan.Step, undo ...plan.Step) plan.Action { return plan.Action{Step: s, Undo: undo} }
func wasSo(s plan.Step) plan.Action                  { return plan.Action{Step: s, Satisfied: true} }

func entry(s plan.Step, undo ...plan.Step) journal.Entry { return journal.Entry{Step: s, Undo: undo} }

func TestMerge(t *testing.T) {
	t.Parallel()
	type entries = []journal.Entry
	for name, tc := range map[string]struct {
		old     entries
		actions []plan.Action
		want    entries
		stale   entries
	}{
		"a new port": {
			actions: []plan.Action{did(mtu(9000), mtu(1500)), did(up(true), up(false))},
			want:    entries{entry(mtu(9000), mtu(1500)), entry(up(true), up(false))},
		},
		"twice is once": {
			old:     entries{entry(mtu(9000), mtu(1500)), entry(up(true), up(false))},
			actions: []plan.Action{wasSo(mtu(9000)), wasSo(up(true))},
			want:    entries{entry(mtu(9000), mtu(1500)), entry(up(true), up(false))},
		},
		"what was so is wanted, but not ours to undo": {
			actions: []plan.Action{wasSo(up(true))},
			want:    entries{entry(up(true))},
		},
		"the state the first call found is the one to go back to": {
			old:     entries{entry(mtu(9000), mtu(1500))},
			actions: []plan.Action{did(mtu(9000), mtu(4000))},
			want:    entries{entry(mtu(9000), mtu(1500))},
		},
		"what was so at first is to be so at last, whatever happened since": {
			old:     entries{entry(up(true))},
			actions: []plan.Action{did(up(true), up(false))},
			want:    entries{entry(up(true), up(true))},
		},
		"the other port's undo stays the other port's": {
			old:     entries{entry(proxy("2001:db8::1"))},
			actions: []plan.Action{wasSo(proxy("2001:db8::1"))},
			want:    entries{entry(proxy("2001:db8::1"))},
		},
		"what was taken away stays away": {
			old:     entries{entry(noRoute("192.0.2.9/32"), route("192.0.2.9/32")), entry(up(true), up(false))},
			actions: []plan.Action{wasSo(up(true))},
			want:    entries{entry(noRoute("192.0.2.9/32"), route("192.0.2.9/32")), entry(up(true), up(false))},
		},
		"what is new stands where the plan has it": {
			old:     entries{entry(route("192.0.2.1/32"), noRoute("192.0.2.1/32"))},
			actions: []plan.Action{did(route("192.0.2.2/32"), noRoute("192.0.2.2/32")), wasSo(route("192.0.2.1/32"))},
			want: entries{
				entry(route("192.0.2.2/32"), noRoute("192.0.2.2/32")),
				entry(route("192.0.2.1/32"), noRoute("192.0.2.1/32")),
			},
		},
		"what is wanted no longer is undone, newest first": {
			old: entries{
				entry(route("192.0.2.1/32"), noRoute("192.0.2.1/32")),
				entry(route("192.0.2.2/32"), noRoute("192.0.2.2/32")),
				entry(up(true), up(false)),
				entry(route("192.0.2.3/32"), noRoute("192.0.2.3/32")),
			},
			actions: []plan.Action{wasSo(up(true))},
			want:    entries{entry(up(true), up(false))},
			stale: entries{
				entry(route("192.0.2.3/32"), noRoute("192.0.2.3/32")),
				entry(route("192.0.2.2/32"), noRoute("192.0.2.2/32")),
				entry(route("192.0.2.1/32"), noRoute("192.0.2.1/32")),
			},
		},
		"what was so and is wanted no longer is let go": {
			old: entries{entry(route("192.0.2.1/32"))},
		},
		"nothing is wanted": {
			old:   entries{entry(up(true), up(false))},
			stale: entries{entry(up(true), up(false))},
		},
		"one object twice: down, renamed, up": {
			actions: []plan.Action{did(up(false), up(true)), did(mac("fe:ff:ff:ff:ff:ff")), did(up(true), up(false))},
			want:    entries{entry(up(false), up(true)), entry(mac("fe:ff:ff:ff:ff:ff")), entry(up(true), up(false))},
		},
		"one object twice, again": {
			old:     entries{entry(up(false), up(true)), entry(mac("fe:ff:ff:ff:ff:ff")), entry(up(true), up(false))},
			actions: []plan.Action{wasSo(mac("fe:ff:ff:ff:ff:ff")), wasSo(up(true))},
			want:    entries{entry(up(false), up(true)), entry(mac("fe:ff:ff:ff:ff:ff")), entry(up(true), up(false))},
		},
		"the host's are not the port's": {
			actions: []plan.Action{did(proxyARP), did(hook), did(connected)},
		},
		"the NIC's are": {
			actions: []plan.Action{did(proxy("2001:db8::1"), proxy("2001:db8::1"))},
			want:    entries{entry(proxy("2001:db8::1"), proxy("2001:db8::1"))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, stale := journal.Merge(tc.old, tc.actions)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.stale, stale)
		})
	}
}

// The record tells what the port's plan wants now: status and repair go by it.
func TestMergeKeepsTheNewWish(t *testing.T) {
	t.Parallel()
	got, _ := journal.Merge(
		[]journal.Entry{entry(mtu(9000), mtu(1500))},
		[]plan.Action{did(mtu(4000), mtu(9000))},
	)
	require.Equal(t, []journal.Entry{entry(mtu(4000), mtu(1500))}, got)
}

// Nothing is lost: each undo of before is kept or returned, and each wish is in
// the record.
func TestMergeLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var old []journal.Entry
		seen := map[string]bool{}
		for _, s := range rapid.SliceOfN(steps(), 0, 8).Draw(t, "old") {
			if s.Traits().Owner == plan.OwnerHost || seen[s.Key()] {
				continue
			}
			seen[s.Key()] = true
			old = append(old, entry(s, rapid.SliceOfN(steps(), 0, 2).Draw(t, "undo")...))
		}
		var actions []plan.Action
		wanted := map[string]bool{}
		for _, s := range rapid.SliceOfN(steps(), 0, 8).Draw(t, "now") {
			actions = append(actions, did(s, rapid.SliceOfN(steps(), 0, 2).Draw(t, "undo")...))
			wanted[s.Key()] = true
		}
		if len(old) > 0 && rapid.Bool().Draw(t, "overlap") {
			i := rapid.IntRange(0, len(old)-1).Draw(t, "which")
			actions = append(actions, did(old[i].Step))
			wanted[old[i].Step.Key()] = true
		}
		got, stale := journal.Merge(old, actions)
		r := &journal.Record{Entries: got}
		for _, a := range actions {
			if a.Step.Traits().Owner != plan.OwnerHost && indexOf(r.Entries, a.Step.Key()) < 0 {
				t.Fatalf("%s is lost", a.Step.Key())
			}
		}
		var undone []string
		for _, e := range old {
			if wanted[e.Step.Key()] || e.Step.Traits().Absent {
				if len(e.Undo) > 0 {
					require.Equal(t, e.Undo, got[indexOf(got, e.Step.Key())].Undo)
				}
			} else if len(e.Undo) > 0 {
				undone = append([]string{e.Step.Key()}, undone...)
			}
		}
		var staleKeys []string
		for _, e := range stale {
			staleKeys = append(staleKeys, e.Step.Key())
			require.Contains(t, old, e)
		}
		require.Equal(t, undone, staleKeys)
	})
}

func indexOf(entries []journal.Entry, key string) int {
	return slices.IndexFunc(entries, func(e journal.Entry) bool { return e.Step.Key() == key })
}

func TestReadWriteDelete(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run", "vifctl")
	j := journal.Open(dir)
	r, err := j.Read(nic, plan.Vif)
	require.NoError(t, err)
	require.Nil(t, r)
	require.NoDirExists(t, dir, "looking makes nothing")
	require.NoError(t, j.Delete(nic, plan.Vif))

	vif, tap := record(nic, plan.Vif, entry(up(true), up(false))), record(nic, plan.Tap, entry(mtu(9000)))
	other := record(plan.NIC{Domid: 7, Devid: 10}, plan.Vif, entry(mtu(1400)))
	for _, r := range []*journal.Record{vif, tap, other} {
		require.NoError(t, j.Write(r))
	}
	for _, want := range []*journal.Record{vif, tap, other} {
		got, err := j.Read(want.NIC, want.Kind)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files := recorded(t, dir)
	require.Len(t, files, 3)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}

	require.NoError(t, j.Delete(nic, plan.Vif))
	require.NoError(t, j.Delete(nic, plan.Vif), "forgetting twice")
	r, err = j.Read(nic, plan.Vif)
	require.NoError(t, err)
	require.Nil(t, r)
	r, err = j.Read(nic, plan.Tap)
	require.NoError(t, err)
	require.NotNil(t, r)
}

const good = `{"nic":{"domid":7,"devid":1},"kind":"vif","ifindex":12,"boot":"b007","name":"vif7.1","device":"vif7.1","mode":"bridge","entries":[]}`

func TestDamaged(t *testing.T) {
	t.Parallel()
	with := func(entries string) string { return strings.Replace(good, "[]", entries, 1) }
	for name, text := range map[string]string{
		"empty":                  "",
		"cut off":                good[:40],
		"zeroes":                 strings.Repeat("\x00", 200),
		"no record":              `"vif7.1"`,
		"a list":                 `[]`,
		"two records":            good + good,
		"another type":           strings.Replace(good, "12", `"12"`, 1),
		"an unknown step":        with(`[{"step":{"step":"format_disk"}}]`),
		"an unknown undo":        with(`[{"step":{"step":"up","dev":{"name":"a","index":1},"want":true},"undo":[{"step":"rm"}]}]`),
		"no step":                with(`[{"step":{}}]`),
		"no step's name":         with(`[{"step":{"dev":{"name":"a","index":1}}}]`),
		"two steps in one entry": with(`[{"step":[{"step":"up"},{"step":"up"}]}]`),
		"a step's unknown field": with(`[{"step":{"step":"up","dev":{"name":"a","index":1},"want":true,"soon":1}}]`),
		"a step's wrong type":    with(`[{"step":{"step":"mtu","dev":{"name":"a","index":1},"want":"9000"}}]`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, path := damaged(t, text)
			r, err := j.Read(nic, plan.Vif)
			require.ErrorContains(t, err, path)
			require.Nil(t, r)

			to, err := j.SetAside(nic, plan.Vif)
			require.NoError(t, err)
			kept, err := os.ReadFile(to)
			require.NoError(t, err)
			require.Equal(t, text, string(kept))
			r, err = j.Read(nic, plan.Vif)
			require.NoError(t, err)
			require.Nil(t, r)
		})
	}
}

// JSON that is no record of this port, or of another version, must not be half
// understood either: what is not understood is not undone.
func TestNotARecordOfThisPort(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"null":                   `null`,
		"an empty object":        `{}`,
		"another port":           strings.Replace(good, `"devid":1`, `"devid":2`, 1),
		"the other kind":         strings.Replace(good, `"kind":"vif"`, `"kind":"tap"`, 1),
		"an unknown field":       strings.Replace(good, `"mode"`, `"leases":["192.0.2.1"],"mode"`, 1),
		"an entry's own unknown": strings.Replace(good, "[]", `[{"step":{"step":"up","dev":{"name":"a","index":1},"want":true},"redo":[]}]`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, path := damaged(t, text)
			_, err := j.Read(nic, plan.Vif)
			require.ErrorContains(t, err, path)
		})
	}
}

func damaged(t *testing.T, text string) (j *journal.Journal, path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "7.1.vif.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return journal.Open(dir), path
}

// A reader beside writers sees a whole record, the old or the new one.
func TestWriteIsAtomic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	small, large := record(nic, plan.Vif, entry(mtu(1400))), record(nic, plan.Vif)
	for range 400 {
		large.Entries = append(large.Entries, entry(route("192.0.2.1/32"), noRoute("192.0.2.1/32")))
	}
	require.NoError(t, j.Write(small))
	done := make(chan error)
	go func() {
		var err error
		for i := 0; i < 100 && err == nil; i++ {
			r := large
			if i%2 == 1 {
				r = small
			}
			err = journal.Open(dir).Write(r)
		}
		done <- err
	}()
	for reads := 0; ; reads++ {
		select {
		case err := <-done:
			require.NoError(t, err)
			require.NotZero(t, reads)
			require.Len(t, recorded(t, dir), 1, "nothing is left beside it")
			return
		default:
		}
		r, err := j.Read(nic, plan.Vif)
		require.NoError(t, err)
		require.NotNil(t, r)
		require.Contains(t, []int{len(small.Entries), len(large.Entries)}, len(r.Entries))
	}
}

// The caller's environment is hostile: no file of the journal's is made in a
// folder that TMPDIR names, where another user could exchange it.
func TestWriteStaysInItsFolder(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	elsewhere := filepath.Join(base, "elsewhere")
	require.NoError(t, os.Mkdir(elsewhere, 0o777))
	before := time.Unix(1000000000, 0)
	require.NoError(t, os.Chtimes(elsewhere, before, before))

	dir := filepath.Join(base, "run")
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
	cmd.Env = []string{roleVariable + "=write", "TMPDIR=" + elsewhere}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.FileExists(t, filepath.Join(dir, "7.1.vif.json"))

	info, err := os.Stat(elsewhere)
	require.NoError(t, err)
	require.True(t, info.ModTime().Equal(before), "a file came and went in %s", elsewhere)
}

// What is written is read again as it was, whatever the steps.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	j := journal.Open(t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		r := &journal.Record{
			Port: journal.Port{
				NIC:    plan.NIC{Domid: rapid.IntRange(0, 32751).Draw(t, "domid"), Devid: rapid.IntRange(0, 9999).Draw(t, "devid")},
				Kind:   rapid.SampledFrom([]plan.Kind{plan.Vif, plan.Tap}).Draw(t, "kind"),
				UUID:   rapid.String().Draw(t, "uuid"),
				Index:  rapid.IntRange(1, 1<<31-1).Draw(t, "ifindex"),
				Boot:   rapid.String().Draw(t, "boot"),
				Name:   rapid.String().Draw(t, "name"),
				Device: rapid.String().Draw(t, "device"),
			},
			Mode: rapid.String().Draw(t, "mode"), Guest: rapid.String().Draw(t, "guest"), Bridge: rapid.String().Draw(t, "bridge"),
			Entries: []journal.Entry{},
		}
		for _, s := range rapid.SliceOfN(steps(), 1, 6).Draw(t, "steps") {
			e := entry(s)
			if undo := rapid.SliceOfN(steps(), 0, 3).Draw(t, "undo"); len(undo) > 0 {
				e.Undo = undo
			}
			r.Entries = append(r.Entries, e)
		}
		require.NoError(t, j.Write(r))
		again, err := j.Read(r.NIC, r.Kind)
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}

// Every kind of step is generated here.
func TestRoundTripKnowsEveryStep(t *testing.T) {
	t.Parallel()
	var known []string
	for _, s := range plan.Kinds() {
		known = append(known, s.Traits().Kind)
	}
	generated := map[string]bool{}
	for i := range 1000 {
		generated[steps().Example(i).Traits().Kind] = true
	}
	require.ElementsMatch(t, known, slices.Collect(maps.Keys(generated)))
}

// generators draw one type of step each.
var generators = []*rapid.Generator[plan.Step]{
	custom(func(t *rapid.T) plan.Step { return plan.Name{Dev: dev(t), Want: text(t)} }),
	custom(func(t *rapid.T) plan.Step { return plan.MAC{Dev: dev(t), Want: text(t), Tolerant: yes(t)} }),
	custom(func(t *rapid.T) plan.Step { return plan.MTU{Dev: dev(t), Want: number(t), Tolerant: yes(t)} }),
	custom(func(t *rapid.T) plan.Step {
		s := plan.Master{Dev: dev(t), Guarded: yes(t)}
		if yes(t) {
			s.Bridge = dev(t)
		}
		return s
	}),
	custom(func(t *rapid.T) plan.Step { return plan.Up{Dev: dev(t), Want: yes(t)} }),
	custom(func(t *rapid.T) plan.Step {
		s := plan.Address{Dev: dev(t), Absent: yes(t), Addr: plan.Addr{
			Prefix: prefix(t), Scope: number(t) % 256, Label: text(t), NoPrefixRoute: yes(t), NoDAD: yes(t),
		}}
		if yes(t) {
			s.Addr.Peer = prefix(t)
		}
		if yes(t) {
			s.Addr.Broadcast = prefix(t).Addr()
		}
		return s
	}),
	custom(func(t *rapid.T) plan.Step {
		s := plan.Route{Dev: dev(t), Absent: yes(t), Route: plan.RouteEntry{Dst: prefix(t), Metric: number(t), Protocol: number(t) % 256}}
		if yes(t) {
			s.Route.Source = prefix(t).Addr()
		}
		return s
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.Neighbour{Dev: dev(t), IP: prefix(t).Addr(), MAC: text(t), Absent: yes(t)}
	}),
	custom(func(t *rapid.T) plan.Step { return plan.Flows{IP: prefix(t).Addr(), Without: yes(t)} }),
	custom(func(t *rapid.T) plan.Step {
		return plan.ProxyNeighbour{Dev: dev(t), IP: prefix(t).Addr(), Absent: yes(t)}
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.Sysctl{Dev: dev(t), Table: text(t), Name: text(t), Want: text(t), Host: yes(t), Optional: yes(t)}
	}),
	custom(func(t *rapid.T) plan.Step {
		port := rapid.Uint16()
		s := plan.Rule{
			Kind: plan.RuleKind(text(t)), Dev: dev(t), Bridged: yes(t), MAC: text(t), Protocol: text(t),
			First: port.Draw(t, "first"), Last: port.Draw(t, "last"), To: port.Draw(t, "to"), Absent: yes(t),
		}
		if yes(t) {
			s.Prefix, s.From = prefix(t), prefix(t)
		}
		if yes(t) {
			s.Public, s.Private = prefix(t).Addr(), prefix(t).Addr()
		}
		return s
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.DHCPHost{Port: dev(t), MAC: text(t), IP: prefix(t).Addr(), Name: text(t), Absent: yes(t)}
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.Limit{Dev: dev(t), Rate: plan.Rate{BytesPerSecond: uint64(number(t)), Burst: uint32(number(t))}, Absent: yes(t)}
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.BridgeVLAN{Dev: dev(t), VLANs: []plan.VLANRange{{First: number(t), Last: number(t), Untagged: yes(t), PVID: yes(t)}}}
	}),
	custom(func(t *rapid.T) plan.Step {
		s := plan.SwitchPort{Dev: dev(t), Bridge: text(t), Tag: number(t)}
		if yes(t) {
			s.Trunks, s.IDs = []int{number(t), number(t)}, map[string]string{text(t): text(t)}
		}
		return s
	}),
	custom(func(t *rapid.T) plan.Step {
		s := plan.SwitchGuard{
			Dev: dev(t), Bridge: text(t), NIC: plan.NIC{Domid: number(t), Devid: number(t)}, Kind: plan.Kind(text(t)),
			MAC: text(t), Strict: yes(t), Tagged: yes(t), Absent: yes(t),
		}
		if yes(t) {
			s.Own = []netip.Prefix{prefix(t), prefix(t)}
		}
		return s
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.XenstoreWrite{Path: text(t), Value: text(t), Tolerant: yes(t)}
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.Announce{Dev: dev(t), IP: prefix(t).Addr(), MAC: text(t), Router: yes(t)}
	}),
	custom(func(t *rapid.T) plan.Step {
		return plan.HookRun{Path: text(t), Vars: rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "vars")}
	}),
}

func steps() *rapid.Generator[plan.Step] {
	return rapid.OneOf(slices.Concat(generators, hostGenerators)...)
}

func custom(f func(*rapid.T) plan.Step) *rapid.Generator[plan.Step] { return rapid.Custom(f) }

func dev(t *rapid.T) plan.Dev {
	return plan.Dev{Name: text(t), Index: number(t)}
}

func text(t *rapid.T) string { return rapid.String().Draw(t, "text") }
func number(t *rapid.T) int  { return rapid.IntRange(0, 1<<31-1).Draw(t, "number") }
func yes(t *rapid.T) bool    { return rapid.Bool().Draw(t, "yes") }

func prefix(t *rapid.T) netip.Prefix {
	if yes(t) {
		b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "IPv4")
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b)), rapid.IntRange(0, 32).Draw(t, "bits"))
	}
	b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "IPv6")
	a := netip.AddrFrom16([16]byte(b)).Unmap()
	return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
}

// recorded are the files of a journal's folder, without the folder of ports' names.
func recorded(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	return slices.DeleteFunc(files, func(f os.DirEntry) bool { return f.IsDir() && f.Name() == "names" })
}
