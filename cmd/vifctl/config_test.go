package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/configs/dnsmasq"
)

// What a person is told about FILE, and about what lies beside it.
func TestConfigCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, beside string
		code         command.Code
		says         string
	}{
		"nothing in it": {"# nothing\n", "", command.Done, "FILE: 0 guests, no mistake\n"},
		"one guest":     {"[[guest]]\nname = \"a\"\n", "", command.Done, "FILE: 1 guest, no mistake\n"},
		"the example":   {configs.Example, "", command.Done, fmt.Sprintf("FILE: %d guests, no mistake\n", strings.Count(configs.Example, "[[guest]]"))},
		"a guest beside": {
			"[[guest]]\nname = \"a\"\n", "[[guest]]\nname = \"b\"\n", command.Done, "FILE: 2 guests, no mistake\n",
		},
		"mistakes": {
			"[host]\nuplnik = \"eth0\"\nfirewall = \"nft\"\n", "", command.Failed,
			"FILE:2:1: host.uplnik is not a setting: did you mean uplink?\n" +
				"FILE:3:12: firewall cannot be \"nft\": write \"auto\", \"nftables\" or \"iptables\"\n",
		},
		"no TOML": {"[host\n", "", command.Failed, "FILE:1:1: the brackets do not match: write [host]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "vifctl.toml")
			require.NoError(t, os.WriteFile(file, []byte(tc.text), 0o600))
			if tc.beside != "" {
				require.NoError(t, os.Mkdir(configs.Folder(file), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(configs.Folder(file), "b.toml"), []byte(tc.beside), 0o600))
			}
			code, stdout, stderr := call(t, "vifctl", "config", "check", file)
			require.Equal(t, tc.code, code)
			require.Equal(t, strings.ReplaceAll(tc.says, "FILE:", file+":"), stdout)
			require.Empty(t, stderr)
		})
	}
}

func TestConfigCheckWithoutAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "vifctl.toml")
	code, stdout, _ := call(t, "vifctl", "config", "check", file)
	require.Equal(t, command.Failed, code)
	require.Equal(t, file+": there is no such file\n", stdout)
}

func TestConfigExample(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := call(t, "vifctl", "config", "example")
	require.Equal(t, command.Done, code)
	require.Equal(t, configs.Example, stdout)
	require.Empty(t, stderr)
	code, stdout, stderr = call(t, "vifctl", "config", "dnsmasq")
	require.Equal(t, command.Done, code)
	require.Equal(t, dnsmasq.Conf, stdout)
	require.Empty(t, stderr)
}

func TestConfigUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"chek"}, {"check", "a", "b"}, {"example", "a"}} {
		code, stdout, stderr := call(t, "vifctl", append([]string{"config"}, args...)...)
		require.Equal(t, command.Usage, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "check [FILE]")
	}
}
