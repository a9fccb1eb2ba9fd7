package session_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
	"vifctl/hooks/session"
)

// env is an environment of some variables.
func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// The name decides by which script's rules a call goes; vif-setup stands for
// another.
func TestParse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	foreign := filepath.Join(dir, "own")
	require.NoError(t, os.WriteFile(foreign, []byte("#!/bin/sh\n"), 0o755))
	open := filepath.Join(dir, "open")
	require.NoError(t, os.WriteFile(open, []byte("#!/bin/sh\n"), 0o755))
	require.NoError(t, os.Chmod(open, 0o777))
	for _, tc := range []struct {
		name, script string
		args         []string
		as, rules    string
		foreign      string
		says         string
	}{
		{name: "vif-route", as: "vif-route", rules: "vif-route"},
		{name: "vif-hook", as: "vif-hook", rules: "vifctl"},
		{name: "vifctl", script: "/etc/xen/scripts/vif-nat", as: "vifctl", rules: "vifctl"},
		{name: "vif-setup", as: "vif-bridge", rules: "vif-bridge"},
		{name: "vif-setup", script: "/nowhere/vif-nat", as: "vif-nat", rules: "vif-nat"},
		{name: "vif-setup", script: "/nowhere/vif-nat", args: []string{"script=/nowhere/vif-route"}, as: "vif-route", rules: "vif-route"},
		{name: "vif-setup", script: foreign, as: "vif-setup", foreign: foreign},
		{name: "vif-setup", script: open, as: "vif-setup", says: "can be written to by others"},
		{name: "vif-setup", script: "own", as: "vif-setup", says: "it must be an absolute path"},
		{name: "vif-route", args: []string{"brigde=x"}, as: "vif-route", rules: "vif-route", says: `brigde="x" cannot be used`},
	} {
		getenv := env(map[string]string{"script": tc.script, "XENBUS_PATH": "backend/vif/7/1"})
		c := session.Parse(tc.name, append([]string{"online"}, tc.args...), getenv)
		require.Equal(t, tc.as, c.Name, "%+v", tc)
		require.Equal(t, tc.foreign, c.Foreign, "%+v", tc)
		if tc.rules != "" {
			require.Equal(t, tc.rules, c.Script, "%+v", tc)
		}
		if tc.says == "" {
			require.NoError(t, c.Err)
		} else {
			require.ErrorContains(t, c.Err, tc.says)
			require.Equal(t, "backend/vif/7/1", c.Backend, "where it can be told")
		}
	}
}

// The environment names folders for tests, which others cannot write to.
func TestPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
	require.NoError(t, os.Mkdir(ours, 0o755))
	require.NoError(t, os.Mkdir(theirs, 0o755))
	require.NoError(t, os.Chmod(theirs, 0o777))

	path, err := session.RunDir(env(nil))
	require.NoError(t, err)
	require.Equal(t, "/run/vifctl", path)
	path, err = session.RunDir(env(map[string]string{"VIFCTL_RUN_DIR": ours}))
	require.NoError(t, err)
	require.Equal(t, ours, path)
	_, err = session.RunDir(env(map[string]string{"VIFCTL_RUN_DIR": theirs + "/run"}))
	require.ErrorContains(t, err, "VIFCTL_RUN_DIR=")

	path, err = session.ConfigPath(env(nil))
	require.NoError(t, err)
	require.Equal(t, configs.Default, path)
	path, err = session.ConfigPath(env(map[string]string{"VIFCTL_CONFIG": ours + "/a.toml"}))
	require.NoError(t, err)
	require.Equal(t, ours+"/a.toml", path)
	require.NoError(t, os.Symlink(theirs, ours+"/a.d"))
	_, err = session.ConfigPath(env(map[string]string{"VIFCTL_CONFIG": ours + "/a.toml"}))
	require.Error(t, err, "what goes on from the file is in a folder that others can write to")
}

// The toolstack shows one sentence.
func TestOneMistake(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "vifctl.toml")
	require.NoError(t, os.WriteFile(file, []byte("[host]\nuplnik = \"eth0\"\nfirewall = \"nft\"\n"), 0o600))
	_, err := configs.Load(file)
	require.EqualError(t, session.OneMistake(err), file+":2:1: host.uplnik is not a setting: did you mean uplink?; and 1 more: see `vifctl config check`")
	other := errors.New("another")
	require.Equal(t, other, session.OneMistake(other))
	require.NoError(t, session.OneMistake(nil))
}

func TestLog(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := slog.New(session.NewHandler(&b, "vif-route", slog.LevelWarn)).With("port", "vif1.0")
	log.Info("all is well")
	log.Warn("no MTU", "guest", "web", "mode", "")
	log.Error("it broke")
	require.Equal(t, "vif-route: warning: no MTU (port vif1.0, guest web)\nvif-route: error: it broke (port vif1.0)\n", b.String())
}
