package event_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"vifctl/hooks/event"
	"vifctl/hooks/plan"
)

var (
	fuzzName    = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9_.-]{0,14}\z`)
	fuzzBackend = regexp.MustCompile(`\A(/local/domain/[0-9]+/)?backend/vif/[0-9]+/[0-9]+\z`)
)

// FuzzParse: argv is one argument a line, so that none holds a newline, but
// where "\r" stands for one.
func FuzzParse(f *testing.F) {
	f.Add("online\ntype_if=vif", "backend/vif/7/1", "vif7.1", "", "")
	f.Add("add\ntype_if=tap", "backend/vif/7/1", "vif7.1", "vif7.1-emu", "eth0")
	f.Add("remove", "", "", "tap7.1", "")
	f.Add("online\nbridge=a;b\nvif=$(id)", "/local/domain/0/backend/vif/7/1", "-x", "all", "default")
	f.Add("offline\nXENBUS_PATH=backend/vif/32751/0\nip=::1", "", "", "", "")
	f.Add("online\nbogus\r=1", "", "", "", "")
	f.Fuzz(func(t *testing.T, argv, path, vif, iface, netdev string) {
		args := strings.Split(argv, "\n")
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "\r", "\n")
		}
		e := env{"XENBUS_PATH": path, "vif": vif, "INTERFACE": iface, "netdev": netdev}
		c, err := event.Parse("vif-bridge", args, e.get)
		if c.Backend != "" && !fuzzBackend.MatchString(c.Backend) {
			t.Fatalf("backend %q", c.Backend)
		}
		if err != nil {
			fuzzError(t, err)
			return
		}
		if c.Ignored != "" {
			requireOneLine(t, c.Ignored)
			return
		}
		if !fuzzName.MatchString(c.Device) || c.Device == "all" || c.Device == "default" {
			t.Fatalf("device %q", c.Device)
		}
		if c.Backend == "" {
			t.Fatal("a call without a backend")
		}
		if tap := c.Command == event.Add || c.Command == event.Remove; tap != (c.Kind == plan.Tap) {
			t.Fatalf("%s of a %s", c.Command, c.Kind)
		}
		ev, err := c.Event(nil)
		fuzzEvent(t, ev, err)
	})
}

func FuzzEvent(f *testing.F) {
	f.Add(false, "alice.0=emu", "xenbr0", "eth0", "192.0.2.1 2001:db8::/64", "00:16:3e:00:00:01", "9000", "vif")
	f.Add(true, "abcdefghij1", "", "", "192.0.2.5/24 ff02::1", "", "68", "vif_ioemu")
	f.Add(false, "-x", "$(id)", "a\nb", "fe80::1%a\x1b", "\xff", "+1", "")
	f.Add(true, "all", "br0.5:6", "a;b", "::ffff:1.2.3.4", "x", "65518", "")
	f.Fuzz(func(t *testing.T, tap bool, vifname, bridge, gatewaydev, ip, mac, mtu, nicType string) {
		args, e := []string{"online"}, libxl()
		if tap {
			args, e = []string{"add", "type_if=tap"}, hvm()
		}
		c, err := event.Parse("vif-bridge", args, e.get)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := c.Event(keys{
			"vifname": vifname, "bridge": bridge, "gatewaydev": gatewaydev, "ip": ip, "mac": mac, "mtu": mtu, "type": nicType,
		})
		fuzzEvent(t, ev, err)
		if err == nil && tap && vifname != "" && !strings.HasSuffix(ev.Name, "-emu") {
			t.Fatalf("the tap is called %q", ev.Name)
		}
	})
}

func fuzzEvent(t *testing.T, e event.Event, err error) {
	t.Helper()
	if err != nil {
		fuzzError(t, err)
		return
	}
	for _, name := range []string{e.Name, e.Bridge, e.Uplink} {
		if name != "" && !fuzzName.MatchString(name) {
			t.Fatalf("name %q", name)
		}
	}
	if e.Name == "" || e.Name == "all" || e.Name == "default" {
		t.Fatalf("name %q", e.Name)
	}
	for _, p := range e.IPs {
		a := p.Addr()
		if !p.IsValid() || p.Masked() != p || a.Zone() != "" || a.Is4In6() || a.IsMulticast() || a.IsLoopback() {
			t.Fatalf("address %q", p)
		}
	}
	if e.MTU != 0 && (e.MTU < 68 || e.MTU > 65517) {
		t.Fatalf("MTU %d", e.MTU)
	}
}

// fuzzError: what is wrong is told in one sentence that a terminal and the
// xenstore can hold.
func fuzzError(t *testing.T, err error) {
	t.Helper()
	var bad *event.BadInput
	if !errors.As(err, &bad) {
		t.Fatalf("%v is no BadInput", err)
	}
	requireOneLine(t, err.Error())
}
