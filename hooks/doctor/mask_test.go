package doctor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/doctor"
)

func TestMask(t *testing.T) {
	t.Parallel()
	for was, masked := range map[string]string{
		"203.0.113.44 stands for 192.168.1.2":               "public4-1 stands for 192.168.1.2",
		"8.8.8.8 and 9.9.9.9, 8.8.8.8/32 again":             "public4-1 and public4-2, public4-1/32 again",
		"10.0.0.1 127.0.0.1 172.16.5.4 169.254.1.1 0.0.0.0": "10.0.0.1 127.0.0.1 172.16.5.4 169.254.1.1 0.0.0.0",
		"2001:db8::7 dev eth0, 2001:0DB8::7":                "public6-1 dev eth0, public6-1",
		"fd00::1 fe80::1 ff02::1 ::1":                       "fd00::1 fe80::1 ff02::1 ::1",
		"fe80::216:3eff:fe01:100 is the guest's":            "linklocal-1 is the guest's",
		"00:16:3e:01:01:00 and 00:16:3E:01:01:00":           "mac-1 and mac-1",
		"fe:ff:ff:ff:ff:ff":                                 "fe:ff:ff:ff:ff:ff",
		"5f2b7a00-0000-4000-8000-000000000001":              "uuid-1",
		"[2001:db8::1]:80 11.22.33.40:3389":                 "[public6-1]:80 public4-1:3389",
		"/etc/xen/vifctl.toml:2:1: a mistake at 12:34:56":   "/etc/xen/vifctl.toml:2:1: a mistake at 12:34:56",
		"vncpasswd = \"hush hush\"\nname = \"web\"":         "vncpasswd = masked\nname = \"web\"",
		"password: hush, api_key=abc; token='x y'":          "password: masked api_key=masked token=masked",
		"backend/vif/1/0/mac is 00:16:3e:00:00:01: wrong":   "backend/vif/1/0/mac is mac-1: wrong",
		"1.2.3.4.5 and 1.2.3 and v0.1.0":                    "public4-1.5 and 1.2.3 and v0.1.0",
		"2001:db8::7: no answer":                            "public6-1: no answer",
		"::ffff:8.8.8.8":                                    "::ffff:public4-1",
	} {
		require.Equal(t, masked, doctor.Mask(was))
	}
}
