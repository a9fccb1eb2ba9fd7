package inventory

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
	"vifctl/hooks/engine"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/limit"
	"vifctl/hooks/openvswitch"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
	"vifctl/hooks/xenstore/embedded"
	"vifctl/tests/dom0"
	"vifctl/tests/netns"
)

// scene is a host in a network namespace of its own, with a xenstore, where guests' ports
// are brought up as xl does it.
type scene struct {
	*testing.T
	*engine.Engine
	store *xenstore.Client
}

func onScene(t *testing.T, f func(scene), lines ...string) {
	t.Helper()
	dom0.Need(t, "ip")
	dir, err := os.MkdirTemp("", "xs") //nolint:usetesting // a socket's path has to be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	server, err := embedded.Start(filepath.Join(dir, "socket"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	store, err := xenstore.DialPath(t.Context(), server.Path())
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	config := filepath.Join(t.TempDir(), "vifctl.toml")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	netns.Run(t, func(k *kernel.Kernel) {
		log := slog.New(slog.DiscardHandler)
		s := scene{T: t, store: store, Engine: &engine.Engine{
			Xenstore: store,
			Reader:   &engine.Reader{Kernel: k, Switch: openvswitch.Host{}, Limits: limit.Host{}},
			Executor: &engine.Executor{Kernel: k, Tools: engine.Tools{Xenstore: store, Switch: openvswitch.Host{}, Limits: limit.Host{}, Log: log}},
			Journal:  journal.Open(t.TempDir()),
			Log:      log,
		}}
		s.Config, err = configs.Load(config)
		require.NoError(t, err)
		f(s)
	}, append([]string{
		"link add xenbr0 index 90 type bridge", "link set xenbr0 up", "link add eth0 type veth peer name lan", "link set lan up", "link set eth0 up",
		"address add 192.0.2.1/24 dev eth0", "route add default via 192.0.2.254",
	}, lines...)...)
}

const text = `
[[guest]]
name = "web"
address = ["10.9.0.2", "2001:db8:1::2"]
`

// guest writes what libxl does of one NIC of a guest.
func (s scene) guest(domid int, name string, more ...string) {
	s.Helper()
	base := fmt.Sprintf("backend/vif/%d/0/", domid)
	keys := append([]string{
		fmt.Sprintf("/local/domain/%d/name", domid), name,
		fmt.Sprintf("/local/domain/%d/vm", domid), "/vm/" + uuid(name),
		base + "frontend-id", fmt.Sprint(domid), base + "state", "4", base + "script", "/etc/xen/scripts/vif-bridge",
		base + "bridge", "xenbr0", base + "mac", "00:16:3E:00:00:0A",
	}, more...)
	for i := 0; i < len(keys); i += 2 {
		require.NoError(s, s.store.Write(s.Context(), keys[i], keys[i+1]))
	}
}

func uuid(name string) string { return fmt.Sprintf("%032x", name) }

// online calls the script of a port as xl does.
func (s scene) online(domid int, args ...string) {
	s.Helper()
	call, err := event.Parse("vif-bridge", append([]string{fmt.Sprintf("XENBUS_PATH=backend/vif/%d/0", domid)}, args...), func(string) string { return "" })
	require.NoError(s, err)
	_, err = s.Engine.Run(s.Context(), call)
	require.NoError(s, err)
}

func (s scene) read() *Facts {
	s.Helper()
	f, err := Read(s.Context(), Sources{Engine: s.Engine, Xenstore: s.store})
	require.NoError(s, err)
	require.NoError(s, f.XenstoreErr)
	require.NoError(s, f.JournalErr)
	return f
}

// one is the only NIC there is.
func (s scene) one(f *Facts) *NIC {
	s.Helper()
	require.Len(s, f.NICs, 1)
	return &f.NICs[0]
}

func (s scene) gone(domid int) {
	s.Helper()
	for _, path := range []string{fmt.Sprintf("/local/domain/%d", domid), fmt.Sprintf("backend/vif/%d", domid)} {
		require.NoError(s, s.store.Remove(s.Context(), path))
	}
}

const (
	vif1 = "link add vif1.0 index 21 type veth peer name guest1"
	tap1 = "tuntap add vif1.0-emu mode tap"
	vif8 = "link add vif8.0 index 28 type veth peer name guest8"
)

func TestReadPVGuest(t *testing.T) {
	t.Parallel()
	onScene(t, func(s scene) {
		s.guest(1, "db", "backend/vif/1/0/ip", "10.0.0.5 2001:db8::5")
		s.online(1, "online", "type_if=vif")
		f := s.read()
		n := s.one(f)
		require.Equal(t, plan.NIC{Domid: 1}, n.NIC)
		require.Equal(t, "db", n.Guest)
		require.Equal(t, uuid("db"), n.UUID)
		require.Equal(t, "00:16:3e:00:00:0a", n.MAC)
		require.Equal(t, "bridge", n.Mode)
		require.Equal(t, "/etc/xen/scripts/vif-bridge", n.Script)
		require.Equal(t, "connected", n.Status())
		require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.5/32"), netip.MustParsePrefix("2001:db8::5/128")}, n.Addresses)
		require.True(t, n.Alive)
		require.Nil(t, n.Tap)
		require.Len(t, n.Ports(), 1)
		require.Equal(t, 21, n.Vif.Link.Index)
		require.NotNil(t, n.Vif.Record)
		require.NoError(t, n.Vif.WorkErr)
		require.NotNil(t, n.Vif.Work)
		require.True(t, n.Vif.Right())
		require.Empty(t, n.Vif.Missing())
		require.Same(t, n.Vif, n.Carrier())
		require.Equal(t, "xenbr0", f.Bridge(n))
		require.Equal(t, "xenbr0", n.WantedBridge())
		require.Equal(t, "eth0", f.Uplink(n))
		require.Empty(t, f.Stale)
		at, port := f.PortOf(21)
		require.Same(t, n, at)
		require.Same(t, n.Vif, port)
		at, _ = f.PortOf(90)
		require.Nil(t, at)

		// What is taken from it is missing.
		require.NoError(t, s.Executor.Do(t.Context(), plan.Up{Dev: n.Vif.Link.Dev, Want: false}))
		n = s.one(s.read())
		require.False(t, n.Vif.Right())
		require.Len(t, n.Vif.Missing(), 1)
		require.False(t, n.Up())
	}, vif1)
}

func TestReadHVMGuest(t *testing.T) {
	t.Parallel()
	onScene(t, func(s scene) {
		s.guest(1, "win", "backend/vif/1/0/type", "vif_ioemu")
		s.online(1, "online", "type_if=vif")
		s.online(1, "add", "type_if=tap", "INTERFACE=vif1.0-emu")
		f := s.read()
		n := s.one(f)
		require.Len(t, n.Ports(), 2)
		require.Equal(t, plan.Tap, n.Tap.Kind)
		require.Equal(t, "vif1.0-emu", n.Tap.Name)
		for _, p := range n.Ports() {
			require.NotNil(t, p.Record, p.Name)
			require.NoError(t, p.WorkErr, p.Name)
			require.True(t, p.Right(), p.Name)
			require.Equal(t, 90, p.Link.Master, p.Name)
		}
		require.Equal(t, "xenbr0", f.Bridge(n))
	}, vif1, tap1)
}

// The interface of a stub domain stands for the tap of the guest it works for.
func TestReadStubDomain(t *testing.T) {
	t.Parallel()
	onScene(t, func(s scene) {
		s.guest(1, "win", "backend/vif/1/0/type", "vif_ioemu")
		s.guest(8, "win-dm", "/local/domain/8/target", "1")
		s.online(1, "online", "type_if=vif")
		s.online(8, "online", "type_if=vif")
		f := s.read()
		n := s.one(f)
		require.Equal(t, plan.NIC{Domid: 1}, n.NIC)
		require.NotNil(t, n.Stub)
		require.Equal(t, plan.NIC{Domid: 8}, n.Stub.NIC)
		require.Equal(t, "win", n.Stub.Guest)
		require.NotNil(t, n.Tap)
		require.Equal(t, 28, n.Tap.Link.Index)
		require.NotNil(t, n.Tap.Record)
		require.True(t, n.Tap.Right())
		require.Empty(t, f.Stale)
		at, _ := f.PortOf(28)
		require.Same(t, n, at)

		// Where the guest has gone, it stands alone.
		s.gone(1)
		require.NoError(t, s.Journal.Delete(plan.NIC{Domid: 1}, plan.Vif))
		n = s.one(s.read())
		require.Equal(t, plan.NIC{Domid: 8}, n.NIC)
		require.Nil(t, n.Stub)
	}, vif1, vif8)
}

// A guest's own tap stands before a stub domain's interface.
func TestReadStubDomainBesideATap(t *testing.T) {
	t.Parallel()
	onScene(t, func(s scene) {
		s.guest(1, "win", "backend/vif/1/0/type", "vif_ioemu")
		s.guest(8, "win-dm", "/local/domain/8/target", "1")
		s.online(1, "online", "type_if=vif")
		s.online(1, "add", "type_if=tap", "INTERFACE=vif1.0-emu")
		s.online(8, "online", "type_if=vif")
		f := s.read()
		require.Len(t, f.NICs, 2)
		require.Equal(t, "vif1.0-emu", f.NICs[0].Tap.Name)
		require.Nil(t, f.NICs[0].Stub)
		require.Equal(t, "vif8.0", f.NICs[1].Vif.Name)
	}, vif1, tap1, vif8)
}

// Records of a domain that has gone, and of another run of the kernel, are stale.
func TestReadStale(t *testing.T) {
	t.Parallel()
	onScene(t, func(s scene) {
		s.guest(1, "db")
		s.online(1, "online", "type_if=vif")
		s.gone(1)
		before := &journal.Record{Port: journal.Port{NIC: plan.NIC{Domid: 7}, Kind: plan.Vif, Index: 3, Boot: "an earlier one", Name: "vif7.0", Device: "vif7.0"}, Mode: "route"}
		before.Entries = []journal.Entry{{Step: plan.Up{Dev: plan.Dev{Name: "vif7.0", Index: 3}, Want: true}}}
		require.NoError(t, s.Journal.Write(before))

		f := s.read()
		n := s.one(f)
		require.False(t, n.Alive)
		require.Nil(t, n.Backend)
		require.Equal(t, "db", n.Guest)
		require.Equal(t, "bridge", n.Mode)
		require.Nil(t, n.Vif.Work)
		require.NotNil(t, n.Vif.Link)
		require.Len(t, f.Stale, 2)
		require.Equal(t, plan.NIC{Domid: 7}, f.Stale[0].NIC)
		require.Equal(t, plan.NIC{Domid: 1}, f.Stale[1].NIC)

		// Whoever cannot ask the xenstore calls no domain dead.
		s.Engine.Xenstore = nil
		f, err := Read(t.Context(), Sources{Engine: s.Engine, XenstoreErr: context.DeadlineExceeded})
		require.NoError(t, err)
		require.ErrorIs(t, f.XenstoreErr, context.DeadlineExceeded)
		require.True(t, f.NICs[0].Alive)
		require.Len(t, f.Stale, 1)
	}, vif1)
}

// A port that no call of ours has brought up is found by the names that Xen gives.
func TestReadForeignPorts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, vif, tap string
		keys, lines    []string
	}{
		{name: "neither is there", vif: "vif1.0"},
		{name: "by its own name", vif: "vif1.0", lines: []string{vif1}},
		{name: "renamed", vif: "web0", keys: []string{"backend/vif/1/0/vifname", "web0"}, lines: []string{"link add web0 type veth peer name guest1"}},
		{name: "with a tap", vif: "vif1.0", tap: "vif1.0-emu", lines: []string{vif1, tap1}},
		{name: "with qemu-dm's tap", vif: "vif1.0", tap: "tap1.0", lines: []string{vif1, "tuntap add tap1.0 mode tap"}},
		{
			name: "renamed, with a tap", vif: "web0", tap: "web0-emu", keys: []string{"backend/vif/1/0/vifname", "web0"},
			lines: []string{"link add web0 type veth peer name guest1", "tuntap add web0-emu mode tap"},
		},
		{name: "another domain's", vif: "vif1.0", lines: []string{"link add vif11.0 type veth peer name guest1", "tuntap add vif11.0-emu mode tap"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onScene(t, func(s scene) {
				s.guest(1, "web", c.keys...)
				n := s.one(s.read())
				// The entry's addresses stand.
				require.Equal(t, "10.9.0.2/32", n.Addresses[0].String())
				require.Equal(t, c.vif, n.Vif.Name)
				require.Equal(t, strings.Contains(strings.Join(c.lines, "\n"), c.vif+" "), n.Vif.Link != nil)
				require.Equal(t, c.tap != "", n.Tap != nil)
				if n.Tap != nil {
					require.Equal(t, c.tap, n.Tap.Name)
					require.NotNil(t, n.Tap.Link)
				}
				for _, p := range n.Ports() {
					require.Nil(t, p.Record)
					require.Nil(t, p.Work)
				}
			}, c.lines...)
		})
	}
}

// Without a configuration that can be used, nothing is said of what ports lack.
func TestReadWithoutConfiguration(t *testing.T) {
	t.Parallel()
	onScene(t, func(s scene) {
		s.guest(1, "db")
		s.online(1, "online", "type_if=vif")
		var told []int
		f, err := Read(t.Context(), Sources{
			Engine: s.Engine, Xenstore: s.store, ConfigErr: os.ErrPermission, Progress: func(done, all int) { told = append(told, done, all) },
		})
		require.NoError(t, err)
		require.Nil(t, f.Config)
		n := s.one(f)
		require.Nil(t, n.Vif.Work)
		require.ErrorIs(t, n.Vif.WorkErr, os.ErrPermission)
		require.True(t, n.Vif.Right())
		require.Equal(t, []int{0, 1}, told)
	}, vif1)
}
