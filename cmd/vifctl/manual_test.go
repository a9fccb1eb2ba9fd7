package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/command"
	"vifctl/tests/dom0"
)

// The manual page has every command, every option and every example of the
// table, and the program that shows manual pages finds no fault with it.
func TestManPage(t *testing.T) {
	t.Parallel()
	code, page, stderr := call(t, "vifctl", "help", "--man")
	require.Equal(t, command.Done, code)
	require.Empty(t, stderr)
	plain := strings.NewReplacer(`\-`, "-", `\e`, `\`, `\&`, "").Replace(page)
	for _, c := range table().Commands {
		require.Contains(t, plain, "\n.SS "+c.Name, c.Name)
		for _, f := range c.Flags {
			require.Contains(t, plain, "\n.B "+strings.TrimSpace("--"+f.Name+" "+f.Value)+"\n")
		}
		for _, e := range c.Examples {
			require.Contains(t, plain, "\n"+e.Line+"\n")
		}
	}
	for _, r := range page {
		require.Less(t, r, rune(128), "%q is not for every terminal", r)
	}
	dom0.Need(t, "groff")
	groff := exec.Command("groff", "-man", "-ww", "-Tascii")
	groff.Stdin = strings.NewReader(page)
	var complaints strings.Builder
	groff.Stderr = &complaints
	out, err := groff.Output()
	require.NoError(t, err)
	require.Empty(t, complaints.String())
	require.Contains(t, string(out), "vifctl repair web")
}

// All about one command, and what it understands.
func TestHelpOfACommand(t *testing.T) {
	t.Parallel()
	for _, c := range table().Commands {
		code, text, stderr := call(t, "vifctl", "help", c.Name)
		require.Equal(t, command.Done, code, c.Name)
		require.Empty(t, stderr)
		require.True(t, strings.HasPrefix(text, "vifctl "+c.Name), text)
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, len([]rune(line)), 121, line)
		}
		if c.Name != "xenstore" {
			_, again, _ := call(t, "vifctl", c.Name, "--help")
			require.Equal(t, text, again)
		}
	}
	code, _, stderr := call(t, "vifctl", "help", "docter")
	require.Equal(t, command.Usage, code)
	require.Contains(t, stderr, "did you mean doctor?")
}

// A mistyped option is told from one there is.
func TestMistypedOption(t *testing.T) {
	t.Parallel()
	for _, tc := range [][2]string{
		{"status --jsno", "--json"},
		{"doctor --prob", "--probe"},
		{"install --dri=/x", "--dir"},
		{"watch --ocne", "--once"},
		{"repair --dryrun", "--dry-run"},
		{"map --svgs", "--svg"},
		{"online --dry-rnu", "--dry-run"},
	} {
		code, stdout, stderr := call(t, "vifctl", strings.Fields(tc[0])...)
		require.Equal(t, command.Usage, code, tc[0])
		require.Empty(t, stdout)
		require.Contains(t, stderr, "(did you mean "+tc[1]+"?)")
		require.Equal(t, 1, strings.Count(stderr, "\n"))
	}
}

// Every command has examples, and every example of the help works, in a dom0 with
// two guests.
func TestExamples(t *testing.T) {
	d := dom0.New(t, dom0.Options{Router: true, Bridges: []dom0.Bridge{{Name: "xenbr0", Ports: []string{dom0.Uplink}}}})
	for i, name := range []string{"web", "win"} {
		p, err := d.Attach(dom0.NIC{Domid: i + 1, Guest: name, IP: []string{"10.0.0.5", "10.0.0.6"}[i], HVM: name == "win"})
		require.NoError(t, err)
		require.Zero(t, p.Call("vif-bridge", "online", "type_if=vif").Exit)
		if name == "win" {
			require.Zero(t, p.Call("vif-bridge", "add", "type_if=tap").Exit)
		}
		require.Zero(t, d.Run("xenstore-write", p.Backend+"/state", "4").Exit)
		require.Zero(t, d.Run("ip", "neigh", "flush", "all").Exit)
	}
	guest, err := d.Guest(1)
	require.NoError(t, err)
	require.Zero(t, guest.Run("ip", "address", "add", "10.0.0.5/24", "dev", "eth0").Exit)
	d.Settle()
	require.NoError(t, d.WriteFile("/run/try/web.cfg", "name = 'other'\nvif = [ 'bridge=xenbr0' ]\n", 0o644))
	for _, c := range table().Commands {
		require.NotEmpty(t, c.Examples, c.Name)
		for _, e := range c.Examples {
			r := d.Run("sh", "-c", "cd /run/try; PATH=$PATH:/etc/xen/scripts; "+e.Line)
			require.Zero(t, r.Exit, "%s\n%s%s", e.Line, r.Stdout, r.Stderr)
			wrote := strings.Contains(e.Line, ">") || strings.Contains(e.Line, "report.txt") || strings.Contains(e.Line, "--once")
			require.Equal(t, !wrote || strings.Contains(e.Line, "report.txt"), r.Stdout != "", e.Line)
		}
	}
}

// Each shell completes our words, by the scripts that we print for it.
func TestCompletion(t *testing.T) {
	dom0.Need(t, "bash", "zsh", "fish")
	program := filepath.Join(t.TempDir(), "vifctl")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho web\necho vif1.0\n"), 0o755))
	script := func(shell string) string {
		code, text, _ := call(t, "vifctl", "completion", shell)
		require.Equal(t, command.Done, code)
		file := filepath.Join(t.TempDir(), "completion")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	run := func(name string, args ...string) []string {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.Fields(string(out))
	}
	bash := func(words ...string) []string {
		return run("bash", "-c", `. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vifctl; echo "${COMPREPLY[@]}"`,
			"bash", script("bash"), "vifctl", words[0], words[len(words)-1])
	}
	require.Equal(t, []string{"plan"}, run("bash", "-c", `. "$1"; COMP_WORDS=(vifctl pl); COMP_CWORD=1; _vifctl; echo "${COMPREPLY[@]}"`, "bash", script("bash")))
	require.Equal(t, []string{"--probe"}, bash("doctor", "--p"))
	require.Equal(t, []string{"web"}, bash("doctor", "we"))
	require.Subset(t, bash("plan", "vif"), []string{"vif-bridge", "vif1.0"})

	fish := func(line string) string {
		return strings.Join(run("fish", "-N", "-c", `source $argv[1]; complete -C $argv[2]`, script("fish"), line), " ")
	}
	require.Contains(t, fish("vifctl sta"), "status")
	require.Contains(t, fish("vifctl doctor --pr"), "--probe")
	require.Contains(t, fish("vifctl doctor we"), "web")

	run("zsh", "-n", script("zsh"))
	zsh := run("zsh", "-f", "-c", `compdef() { :; }; compadd() { print -rl -- $words_of; }; _describe() { print -rl -- $words_of; }; . $1
words=(vifctl doctor ""); CURRENT=3; _vifctl`, "zsh", script("zsh"))
	require.Contains(t, zsh, "--probe")
	require.Contains(t, zsh, "web")
}
