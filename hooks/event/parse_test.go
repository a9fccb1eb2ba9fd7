package event_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/event"
	"vifctl/hooks/plan"
)

// env is a caller's environment.
type env map[string]string

func (e env) get(name string) string { return e[name] }

// libxl is the environment that libxl adds for interface 1 of domain 7.
func libxl(more ...string) env {
	e := env{
		"script":           "/etc/xen/scripts/vif-bridge",
		"XENBUS_TYPE":      "vif",
		"XENBUS_PATH":      "backend/vif/7/1",
		"XENBUS_BASE_PATH": "backend",
		"netdev":           "",
		"vif":              "vif7.1",
	}
	for i := 0; i < len(more); i += 2 {
		e[more[i]] = more[i+1]
	}
	return e
}

// hvm is the same for an HVM NIC.
func hvm(more ...string) env {
	return libxl(append([]string{"INTERFACE", "vif7.1-emu"}, more...)...)
}

// xend is what its udev rules say of a tap.
func xend(more ...string) env {
	e := env{"INTERFACE": "tap7.1"}
	for i := 0; i < len(more); i += 2 {
		e[more[i]] = more[i+1]
	}
	return e
}

var nic71 = plan.NIC{Domid: 7, Devid: 1}

func TestParseCalls(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args    string
		env     env
		command event.Command
		kind    plan.Kind
		device  string
		backend string
	}{
		"libxl, PV vif up":         {"online type_if=vif", libxl(), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"libxl, PV vif down":       {"offline type_if=vif", libxl(), event.Offline, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"libxl, HVM's vif":         {"online type_if=vif", hvm(), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"libxl, emulated NIC up":   {"add type_if=tap", hvm(), event.Add, plan.Tap, "vif7.1-emu", "backend/vif/7/1"},
		"libxl, emulated NIC down": {"remove type_if=tap", hvm(), event.Remove, plan.Tap, "vif7.1-emu", "backend/vif/7/1"},

		"type_if missing means vif":     {"online", libxl(), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"type_if missing, HVM's vif":    {"online", hvm(), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"type_if empty means vif":       {"online type_if=", libxl(), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"type_if in front":              {"type_if=vif online", libxl(), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"type_if in the environment is": {"online", libxl("type_if", "tap"), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},

		"xend, tap up":                  {"add", xend(), event.Add, plan.Tap, "tap7.1", "backend/vif/7/1"},
		"xend, tap down":                {"remove", xend(), event.Remove, plan.Tap, "tap7.1", "backend/vif/7/1"},
		"xend, tap with type_if":        {"add type_if=tap", xend(), event.Add, plan.Tap, "tap7.1", "backend/vif/7/1"},
		"xend, tap with path":           {"add", xend("XENBUS_PATH", "backend/vif/7/1"), event.Add, plan.Tap, "tap7.1", "backend/vif/7/1"},
		"xend, today's tap name":        {"add", xend("INTERFACE", "vif7.1-emu"), event.Add, plan.Tap, "vif7.1-emu", "backend/vif/7/1"},
		"a panel's tap":                 {"add", xend("INTERFACE", "tapvm7.1", "XENBUS_PATH", "backend/vif/7/1"), event.Add, plan.Tap, "tapvm7.1", "backend/vif/7/1"},
		"a renamed tap":                 {"add type_if=tap", hvm("INTERFACE", "alice.1-emu"), event.Add, plan.Tap, "alice.1-emu", "backend/vif/7/1"},
		"xend, absolute path":           {"online", libxl("XENBUS_PATH", "/local/domain/0/backend/vif/7/1"), event.Online, plan.Vif, "vif7.1", "/local/domain/0/backend/vif/7/1"},
		"driver domain, absolute path":  {"online", libxl("XENBUS_PATH", "/local/domain/12/backend/vif/7/1"), event.Online, plan.Vif, "vif7.1", "/local/domain/12/backend/vif/7/1"},
		"vif missing: the default name": {"online", libxl("vif", ""), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"a panel's vif":                 {"online", libxl("vif", "vifvm7.1"), event.Online, plan.Vif, "vifvm7.1", "backend/vif/7/1"},

		"argv overrides the environment: path":      {"online XENBUS_PATH=backend/vif/8/2 vif=vif8.2", libxl(), event.Online, plan.Vif, "vif8.2", "backend/vif/8/2"},
		"argv overrides the environment: INTERFACE": {"add type_if=tap INTERFACE=tap7.1", hvm(), event.Add, plan.Tap, "tap7.1", "backend/vif/7/1"},
		"an empty argument is unset":                {"online vif=", libxl(), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
		"the last of two arguments":                 {"online XENBUS_PATH=backend/vif/9/9 XENBUS_PATH=backend/vif/7/1", libxl(), event.Online, plan.Vif, "vif7.1", "backend/vif/7/1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := event.Parse("vif-bridge", strings.Fields(tc.args), tc.env.get)
			require.NoError(t, err)
			require.Empty(t, c.Ignored)
			require.Equal(t, "vif-bridge", c.Script)
			require.Equal(t, tc.command, c.Command)
			require.Equal(t, tc.command == event.Online || tc.command == event.Add, c.Command.Up())
			require.Equal(t, tc.kind, c.Kind)
			require.Equal(t, tc.device, c.Device)
			require.Equal(t, tc.backend, c.Backend)
			require.Equal(t, tc.backend+"/hotplug-status", c.Key("hotplug-status"))
			if !strings.Contains(tc.args, "8/2") {
				require.Equal(t, nic71, c.NIC)
				require.Equal(t, "/local/domain/7/device/vif/1/mtu", c.FrontendMTU())
			}
		})
	}
}

// A call whose command and type do not belong together does nothing, and is no
// error, whatever else is missing.
func TestParseIgnored(t *testing.T) {
	t.Parallel()
	for args, tc := range map[string]struct {
		env env
		why string
	}{
		"online type_if=tap":  {hvm(), "online is not for a tap"},
		"offline type_if=tap": {hvm(), "offline is not for a tap"},
		"add type_if=vif":     {hvm(), "add is not for a vif"},
		"remove type_if=vif":  {hvm(), "remove is not for a vif"},
		"add":                 {libxl(), "add is not for a vif"},
		"remove":              {libxl("INTERFACE", "eth0"), "remove is not for a vif"},
		"add type_if=vif ":    {env{}, "add is not for a vif"},
		"remove ":             {libxl("XENBUS_PATH", "$(id)"), "remove is not for a vif"},
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			c, err := event.Parse("vif-route", strings.Fields(args), tc.env.get)
			require.NoError(t, err)
			require.Equal(t, tc.why, c.Ignored)
		})
	}
}

func TestParseBad(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args       []string
		env        env
		key, value string
		says       string
	}{
		"nothing at all":       {nil, libxl(), "command", "", "online or offline for a vif, add or remove for a tap"},
		"no command":           {[]string{"type_if=vif"}, libxl(), "command", "", "online or offline"},
		"unknown command":      {[]string{"up"}, libxl(), "command", "up", "online or offline"},
		"command in capitals":  {[]string{"ONLINE"}, libxl(), "command", "ONLINE", "online or offline"},
		"empty command":        {[]string{""}, libxl(), "command", "", "online or offline"},
		"two commands":         {[]string{"online", "offline"}, libxl(), "argument", "offline", "one command is enough"},
		"unknown key":          {[]string{"online", "brigde=xenbr0"}, libxl(), "brigde", "xenbr0", "bridge"},
		"xend's vifnum":        {[]string{"online", "vifnum=0"}, libxl(), "vifnum", "0", "no such argument"},
		"key of other case":    {[]string{"online", "Bridge=x"}, libxl(), "Bridge", "x", "no such argument"},
		"empty key":            {[]string{"online", "=x"}, libxl(), "", "x", "no such argument"},
		"shell in a key":       {[]string{"online", "$(id)=x"}, libxl(), "$(id)", "x", "no such argument"},
		"unknown type_if":      {[]string{"online", "type_if=vbd"}, libxl(), "type_if", "vbd", "vif or tap"},
		"path missing":         {[]string{"online"}, env{"vif": "vif7.1"}, "XENBUS_PATH", "", "backend/vif/1/0"},
		"path missing, no tap": {[]string{"add", "type_if=tap"}, env{"INTERFACE": "tap5"}, "XENBUS_PATH", "", "backend/vif/1/0"},
		"a disk's path":        {[]string{"online"}, libxl("XENBUS_PATH", "backend/vbd/7/51712"), "XENBUS_PATH", "backend/vbd/7/51712", "backend/vif/DOMID/DEVID"},
		"the frontend's path":  {[]string{"online"}, libxl("XENBUS_PATH", "/local/domain/7/device/vif/1"), "XENBUS_PATH", "/local/domain/7/device/vif/1", "backend/vif/DOMID/DEVID"},
		"path and slash":       {[]string{"online"}, libxl("XENBUS_PATH", "backend/vif/7/1/"), "XENBUS_PATH", "backend/vif/7/1/", "backend/vif/DOMID/DEVID"},
		"path and newline":     {[]string{"online"}, libxl("XENBUS_PATH", "backend/vif/7/1\n"), "XENBUS_PATH", "backend/vif/7/1\n", "backend/vif/DOMID/DEVID"},
		"path going up":        {[]string{"online"}, libxl("XENBUS_PATH", "backend/vif/7/../8/1"), "XENBUS_PATH", "backend/vif/7/../8/1", "backend/vif/DOMID/DEVID"},
		"negative domid":       {[]string{"online"}, libxl("XENBUS_PATH", "backend/vif/-7/1"), "XENBUS_PATH", "backend/vif/-7/1", "backend/vif/DOMID/DEVID"},
		"huge domid":           {[]string{"online"}, libxl("XENBUS_PATH", "backend/vif/7777777/1"), "XENBUS_PATH", "backend/vif/7777777/1", "backend/vif/DOMID/DEVID"},
		"Arabic digits":        {[]string{"online"}, libxl("XENBUS_PATH", "backend/vif/٧/1"), "XENBUS_PATH", "backend/vif/٧/1", "backend/vif/DOMID/DEVID"},
		"another NIC's vif":    {[]string{"online"}, libxl("vif", "vif7.10"), "vif", "vif7.10", "backend/vif/7/1"},
		"another NIC's tap":    {[]string{"add", "type_if=tap"}, hvm("INTERFACE", "vif17.1-emu"), "INTERFACE", "vif17.1-emu", "backend/vif/7/1"},
		"tap without a name":   {[]string{"add", "type_if=tap"}, libxl(), "INTERFACE", "", "vif7.1-emu"},
		"an option as vif":     {[]string{"online"}, libxl("vif", "-x"), "vif", "-x", "letter or a digit"},
		"a command as vif":     {[]string{"online"}, libxl("vif", "$(id)"), "vif", "$(id)", "letter or a digit"},
		"two commands as vif":  {[]string{"online"}, libxl("vif", "a;b"), "vif", "a;b", "letter or a digit"},
		"newline in vif":       {[]string{"online"}, libxl("vif", "vif7.1\n"), "vif", "vif7.1\n", "letter or a digit"},
		"slash in vif":         {[]string{"online"}, libxl("vif", "../eth0"), "vif", "../eth0", "letter or a digit"},
		"16 characters":        {[]string{"online"}, libxl("vif", "abcdefghijklmnop"), "vif", "abcdefghijklmnop", "15 characters"},
		"all":                  {[]string{"online"}, libxl("vif", "all"), "vif", "all", "kernel"},
		"default":              {[]string{"online"}, libxl("vif", "default"), "vif", "default", "kernel"},
		"a tap called all":     {[]string{"add", "type_if=tap"}, hvm("INTERFACE", "all"), "INTERFACE", "all", "kernel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := event.Parse("vif-bridge", tc.args, tc.env.get)
			requireBad(t, err, tc.key, tc.value, tc.says)
		})
	}
}

// A number has one way to be written: with others, one backend would go by the
// name of another NIC in the journal and its locks.
func TestParsePathHasOneSpelling(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"backend/vif/07/1", "backend/vif/7/01", "/local/domain/00/backend/vif/7/1"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			_, err := event.Parse("vif-bridge", []string{"online"}, env{"XENBUS_PATH": path}.get)
			requireBad(t, err, "XENBUS_PATH", path, "backend/vif/DOMID/DEVID")
		})
	}
}

// Xen gives out domids below DOMID_FIRST_RESERVED, 0x7ff0.
func TestParseDomidLimit(t *testing.T) {
	t.Parallel()
	for domid, valid := range map[string]bool{"0": true, "32751": true, "32752": false, "99999": false} {
		t.Run(domid, func(t *testing.T) {
			t.Parallel()
			path := "backend/vif/" + domid + "/0"
			_, err := event.Parse("vif-bridge", []string{"online"}, env{"XENBUS_PATH": path}.get)
			if valid {
				require.NoError(t, err)
				return
			}
			requireBad(t, err, "XENBUS_PATH", path, "")
		})
	}
}

// xl shows what is found at the backend, so a call that names one tells it
// there, whatever else is wrong and wherever in argv it stands.
func TestParseErrorStillNamesTheBackend(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		env  env
	}{
		"unknown key, path in the environment":  {[]string{"online", "bogus=1"}, libxl()},
		"unknown type_if":                       {[]string{"online", "type_if=x"}, libxl()},
		"bad device":                            {[]string{"online"}, libxl("vif", "-x")},
		"path before the unknown key":           {[]string{"online", "XENBUS_PATH=backend/vif/7/1", "bogus=1"}, env{}},
		"path behind the unknown key":           {[]string{"online", "bogus=1", "XENBUS_PATH=backend/vif/7/1"}, env{}},
		"path behind the unknown command":       {[]string{"onlien", "XENBUS_PATH=backend/vif/7/1"}, env{}},
		"environment's path is overridden":      {[]string{"online", "bogus=1", "XENBUS_PATH=backend/vif/7/1"}, libxl("XENBUS_PATH", "backend/vif/8/1")},
		"no path, but the tap's name has it":    {[]string{"add", "bogus=1"}, xend()},
		"no command, path in the environment":   {nil, libxl()},
		"two commands, path in the environment": {[]string{"online", "online"}, libxl()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := event.Parse("vif-bridge", tc.args, tc.env.get)
			require.Error(t, err)
			require.Equal(t, "backend/vif/7/1", c.Backend)
			require.Equal(t, nic71, c.NIC)
		})
	}
}

// The environment is hostile: nothing but the contract's names is looked at.
func TestParseAsksForTheContractsNamesOnly(t *testing.T) {
	t.Parallel()
	allowed := []string{"vif", "INTERFACE", "XENBUS_PATH", "XENBUS_TYPE", "XENBUS_BASE_PATH", "script", "netdev", "bridge", "ip"}
	_, err := event.Parse("vif-bridge", []string{"online"}, func(name string) string {
		require.Contains(t, allowed, name)
		return libxl()[name]
	})
	require.NoError(t, err)
}

// A key is hostile, too: it comes from the same argv as its value.
func TestBadKeyIsShownLikeAValue(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"newline":          "bog\nvif-bridge: all is well",
		"escape sequence":  "\x1b[2Jbogus",
		"long":             strings.Repeat("bogus", 1000),
		"not even UTF-8":   "bogus\xff\xfe",
		"line separator":   "bogus\u2028x",
		"right to left":    "bogus\u202ex",
		"NEL, a C1 letter": "bogus\u0085x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := event.Parse("vif-bridge", []string{"online", key + "=1"}, libxl().get)
			require.Error(t, err)
			requireOneLine(t, err.Error())
		})
	}
}

// requireBad: err is a *BadInput of that key and value, and its sentence names
// both and says what would be valid.
func requireBad(t *testing.T, err error, key, value, says string) {
	t.Helper()
	var bad *event.BadInput
	require.ErrorAs(t, err, &bad)
	require.Equal(t, key, bad.Key)
	require.Equal(t, value, bad.Value)
	require.NotEmpty(t, bad.Valid)
	text := err.Error()
	require.Contains(t, text, key)
	require.Contains(t, text, says)
	if len(value) < 60 && !strings.ContainsFunc(value, unicode.IsControl) {
		require.Contains(t, text, value)
	}
	requireOneLine(t, text)
}

// requireOneLine: text can be shown on a terminal and kept in the xenstore.
func requireOneLine(t testing.TB, text string) {
	t.Helper()
	require.Less(t, len(text), 600, "%.700q", text)
	require.True(t, utf8.ValidString(text), "%q", text)
	for _, r := range text {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\u202e' {
			require.Failf(t, "not fit for a terminal", "%q has %U", text, r)
		}
	}
}
