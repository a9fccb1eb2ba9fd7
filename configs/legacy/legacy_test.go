package legacy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
	"vifctl/configs/legacy"
)

func TestImport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, xend, xl string
		want           string
	}{
		{
			"xend as it came", "# -*- sh -*-\n(xend-relocation-hosts-allow '^localhost$ ^localhost\\\\.localdomain$')\n(network-script network-bridge)\n(vif-script vif-bridge)\n(dom0-cpus 0)\n(vncpasswd '')\n", "",
			"[host]\n# xend-config.sxp:3: (network-script network-bridge)\nnetwork = [\"bridge\"]\n",
		},
		{
			"nat by another card", "(network-script 'network-nat netdev=eth1 dhcp=yes')\n(vif-script vif-nat) # private\n", "",
			"# xend-config.sxp:1: (network-script network-nat netdev=eth1 dhcp=yes): its guests are leased by vifctl-dnsmasq.service, no longer by dhcpd: see dhcp in `vifctl config example`\n" +
				"# xend-config.sxp:2: (vif-script vif-nat): in xl.conf that is vif.default.script=\"vif-nat\", and vifctl answers to it\n\n" +
				"[host]\n# xend-config.sxp:1: (network-script network-nat netdev=eth1 dhcp=yes)\nnetwork = [\"nat netdev=eth1 dhcp=yes\"]\n" +
				"# xend-config.sxp:1: (network-script network-nat netdev=eth1 dhcp=yes)\nuplink = \"eth1\"\n",
		},
		{
			"antispoofing, both kinds of quotes", "(network-script \"network-bridge bridge=xenbr0 netdev=eth0 antispoof=yes\")\n(vif-script 'vif-bridge bridge=xenbr0')", "",
			"# xend-config.sxp:2: (vif-script vif-bridge bridge=xenbr0): in xl.conf that is vif.default.bridge=\"xenbr0\"\n\n" +
				"[host]\n# xend-config.sxp:1: (network-script network-bridge bridge=xenbr0 netdev=eth0 antispoof=yes)\nnetwork = [\"bridge bridge=xenbr0 netdev=eth0 antispoof=yes\"]\n",
		},
		{
			"scripts of one's own", "(network-script /root/bin/my-network)(vif-script\nvif-mine)", "",
			"# xend-config.sxp:1: (network-script /root/bin/my-network): no network script of Xen's, so it has no equivalent: run it at boot as before\n" +
				"# xend-config.sxp:1: (vif-script vif-mine): no script of Xen's, so it has no equivalent: xl calls it where vif.default.script in xl.conf names it\n",
		},
		{"nothing about networks", "(xend-http-server no)", "", ""},
		{
			"xl", "", "autoballoon=\"auto\"\nvif.default.script=\"vif-route\"\nvif.default.bridge=\"xenbr1\"\nvif.default.gatewaydev=\"eth1\"\n",
			"# xl.conf:2: vif.default.script=\"vif-route\": stays as it is: vifctl answers to it\n" +
				"# xl.conf:3: vif.default.bridge=\"xenbr1\": stays as it is: xl tells it to every script\n\n" +
				"[host]\n# xl.conf:4: vif.default.gatewaydev=\"eth1\"\nuplink = \"eth1\"\n",
		},
		{
			"both, of which xend's word is the first", "(network-script 'network-route netdev=eth0')", "vif.default.gatewaydev='eth2'\nvifscript='vif-mine'\n",
			"# xl.conf:1: vif.default.gatewaydev=\"eth2\": uplink is said twice; the first one counts\n" +
				"# xl.conf:2: vifscript=\"vif-mine\": no script of Xen's: xl goes on calling it, and vifctl has no part in it\n\n" +
				"[host]\n# xend-config.sxp:1: (network-script network-route netdev=eth0)\nnetwork = [\"route netdev=eth0\"]\n" +
				"# xend-config.sxp:1: (network-script network-route netdev=eth0)\nuplink = \"eth0\"\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var xend, xl *legacy.File
			if c.xend != "" {
				xend = &legacy.File{Name: "xend-config.sxp", Text: c.xend}
			}
			if c.xl != "" {
				xl = &legacy.File{Name: "xl.conf", Text: c.xl}
			}
			r, err := legacy.Import(xend, xl)
			require.NoError(t, err)
			require.Equal(t, c.want, r.TOML())
			_, err = configs.Parse("x", r.TOML())
			require.NoError(t, err)
		})
	}
}

func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"(a b\n  (c d)":                 "x.sxp:1:1: this ( is never closed",
		"(a b))":                        "x.sxp:1:6: this ) closes nothing",
		"(network-script 'network-nat)": "x.sxp:1:17: this ' is never closed",
		strings.Repeat("(", 101):        "x.sxp:1:101: there are more than 100 lists in each other",
	} {
		_, err := legacy.Import(&legacy.File{Name: "x.sxp", Text: text}, nil)
		require.EqualError(t, err, want)
	}
	_, err := legacy.Import(nil, &legacy.File{Name: "xl.conf", Text: "a = \n"})
	require.ErrorContains(t, err, "xl.conf:")
}

// FuzzImport: whatever the files say, what comes of them is a configuration
// without a mistake, or a mistake.
func FuzzImport(f *testing.F) {
	f.Add("(network-script 'network-bridge netdev=eth1 antispoof=yes')\n(vif-script vif-bridge)", "vif.default.gatewaydev=\"eth0\"")
	f.Add("(a \"\\x41\\101\\n\\\n\" (b (c)) # no\n)(network-script network-dummy)", "")
	f.Add("(network-script \"network-nat netdev=\\\"\")", "vifscript='x'\n")
	f.Fuzz(func(t *testing.T, xend, xl string) {
		r, err := legacy.Import(&legacy.File{Name: "xend", Text: xend}, &legacy.File{Name: "xl", Text: xl})
		if err != nil {
			require.NotContains(t, err.Error(), "\x1b")
			return
		}
		_, err = configs.Parse("x", r.TOML())
		require.NoError(t, err)
	})
}
