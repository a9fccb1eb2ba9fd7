package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vifctl/configs"
	"vifctl/hooks/journal"
	"vifctl/hooks/session"
	"vifctl/xenscripts"
)

// completionCommand prints what a shell needs to complete our words. `names` is
// what those scripts ask for: the ports and guests that are up.
func completionCommand(_ context.Context, inv invocation) int {
	shells := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	if len(inv.Args) == 1 && inv.Args[0] == "names" {
		return names(inv)
	}
	if len(inv.Args) != 1 || shells[inv.Args[0]] == nil {
		meant := ""
		if len(inv.Args) > 0 {
			meant = configs.DidYouMean(inv.Args[0], []string{"bash", "zsh", "fish"})
		}
		inv.complain("completion takes the name of a shell: bash, zsh or fish%s", meant)
		return usage
	}
	return written(inv, shells[inv.Args[0]]())
}

// names are read from the journal alone: a shell that completes must not wait.
func names(inv invocation) int {
	dir, err := session.RunDir(inv.Getenv)
	if err != nil {
		return failed
	}
	all, _ := journal.Open(dir).All()
	var words []string
	for _, p := range all {
		for _, w := range []string{p.Name, p.Guest} {
			// What is no plain word would be a shell's to evaluate.
			plainWord := w != "" && strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
			if plainWord && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	slices.Sort(words)
	for _, w := range words {
		fmt.Fprintln(inv.Stdout, w)
	}
	return done
}

// wordsAfter are the words that may follow a command, besides its options; files
// and names tell what else.
func wordsAfter(c command) (words []string, names, files bool) {
	switch c.name {
	case "plan":
		return append([]string{"online", "offline", "add", "remove"}, xenscripts.Names()...), true, true
	case "config":
		return []string{"check", "dnsmasq", "example", "import"}, false, true
	case "xenstore":
		return []string{"read", "write"}, false, false
	case "completion":
		return []string{"bash", "zsh", "fish"}, false, false
	case "help":
		for _, c := range commands() {
			words = append(words, c.name)
		}
		return words, false, false
	case "network":
		return []string{"start", "stop", "status", "confirm", "bridge", "route", "nat"}, false, false
	}
	return nil, strings.Contains(c.args, "PORT") || strings.Contains(c.args, "NAME"), false
}

func commandNames() (all []string) {
	for _, c := range commands() {
		all = append(all, c.name)
	}
	return all
}

func bashCompletion() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion for vifctl: vifctl completion bash > /etc/bash_completion.d/vifctl
_vifctl() {
  local word=${COMP_WORDS[COMP_CWORD]} words= names= files=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '%s' -- "$word"))
    return
  fi
  case ${COMP_WORDS[1]} in
`, strings.Join(commandNames(), " "))
	for _, c := range commands() {
		words, names, files := wordsAfter(c)
		fmt.Fprintf(&b, "  %s) words='%s'", c.name, strings.Join(append(words, c.flags()...), " "))
		if names {
			b.WriteString(" names=1")
		}
		if files {
			b.WriteString(" files=1")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString(`  esac
  [ -z "$names" ] || words="$words $("${COMP_WORDS[0]}" completion names 2>/dev/null)"
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [ -z "$files" ] || COMPREPLY+=($(compgen -f -- "$word"))
}
complete -F _vifctl vifctl
`)
	return b.String()
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString(`#compdef vifctl
# zsh completion for vifctl: vifctl completion zsh > _vifctl, in a folder of fpath
_vifctl() {
  local -a words_of
  if (( CURRENT == 2 )); then
    words_of=(
`)
	for _, c := range commands() {
		fmt.Fprintf(&b, "      '%s:%s'\n", c.name, strings.ReplaceAll(c.about, "'", `'\''`))
	}
	b.WriteString(`    )
    _describe command words_of
    return
  fi
  case $words[2] in
`)
	for _, c := range commands() {
		words, names, files := wordsAfter(c)
		fmt.Fprintf(&b, "  %s) words_of=(%s)", c.name, strings.Join(append(words, c.flags()...), " "))
		if names {
			b.WriteString(` && words_of+=(${(f)"$($words[1] completion names 2>/dev/null)"})`)
		}
		if files {
			b.WriteString(" && _files")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString(`  esac
  compadd -a words_of
}
if [ "$funcstack[1]" = _vifctl ]; then
  _vifctl "$@"
else
  compdef _vifctl vifctl
fi
`)
	return b.String()
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# fish completion for vifctl: vifctl completion fish > /etc/fish/completions/vifctl.fish\ncomplete -c vifctl -f\n")
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" }
	for _, c := range commands() {
		fmt.Fprintf(&b, "complete -c vifctl -n __fish_use_subcommand -a %s -d %s\n", c.name, quote(c.about))
	}
	for _, c := range commands() {
		after := fmt.Sprintf("-n '__fish_seen_subcommand_from %s'", c.name)
		words, names, files := wordsAfter(c)
		if len(words) > 0 {
			fmt.Fprintf(&b, "complete -c vifctl %s -a %s\n", after, quote(strings.Join(words, " ")))
		}
		about := map[string]option{}
		for _, o := range manualOf(c.name).options {
			about[o.name] = o
		}
		for _, f := range c.flags() {
			fmt.Fprintf(&b, "complete -c vifctl %s -l %s -d %s", after, strings.TrimPrefix(f, "--"), quote(about[f].about))
			if about[f].arg != "" {
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
		if names {
			fmt.Fprintf(&b, "complete -c vifctl %s -a '(vifctl completion names 2>/dev/null)'\n", after)
		}
		if files {
			fmt.Fprintf(&b, "complete -c vifctl %s -F\n", after)
		}
	}
	return b.String()
}
