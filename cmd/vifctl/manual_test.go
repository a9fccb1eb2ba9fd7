package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

// The manual page has every command, every option and every example of the
// table, and the program that shows manual pages finds no fault with it.
func TestManPage(t *testing.T) {
	t.Parallel()
	code, page, stderr := call(t, "vifctl", "help", "--man")
	require.Equal(t, done, code)
	require.Empty(t, stderr)
	plain := strings.NewReplacer(`\-`, "-", `\e`, `\`, `\&`, "").Replace(page)
	for _, c := range commands() {
		require.Contains(t, plain, "\n.SS "+c.name, c.name)
		for _, o := range manualOf(c.name).options {
			require.Contains(t, plain, "\n.B "+o.usage()+"\n")
		}
		for _, e := range manualOf(c.name).examples {
			require.Contains(t, plain, "\n"+e.line+"\n")
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
	for _, c := range commands() {
		code, text, stderr := call(t, "vifctl", "help", c.name)
		require.Equal(t, done, code, c.name)
		require.Empty(t, stderr)
		require.True(t, strings.HasPrefix(text, "vifctl "+c.name), text)
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, len([]rune(line)), 121, line)
		}
		if c.name != "xenstore" {
			_, again, _ := call(t, "vifctl", c.name, "--help")
			require.Equal(t, text, again)
		}
	}
	code, _, stderr := call(t, "vifctl", "help", "docter")
	require.Equal(t, usage, code)
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
		require.Equal(t, usage, code, tc[0])
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
	for _, c := range commands() {
		require.NotEmpty(t, manualOf(c.name).examples, c.name)
		for _, e := range manualOf(c.name).examples {
			r := d.Run("sh", "-c", "cd /run/try; PATH=$PATH:/etc/xen/scripts; "+e.line)
			require.Zero(t, r.Exit, "%s\n%s%s", e.line, r.Stdout, r.Stderr)
			wrote := strings.Contains(e.line, ">") || strings.Contains(e.line, "report.txt") || strings.Contains(e.line, "--once")
			require.Equal(t, !wrote || strings.Contains(e.line, "report.txt"), r.Stdout != "", e.line)
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
		require.Equal(t, done, code)
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
