package command

import (
	"fmt"
	"slices"
	"strings"
)

// Shells are those that Completion knows.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion is what a shell needs to complete the program's words. For ports and
// guests it asks the program itself, by `completion names`.
func (t Table) Completion(shell string) (script string, ok bool) {
	switch shell {
	case "bash":
		return t.bash(), true
	case "zsh":
		return t.zsh(), true
	case "fish":
		return t.fish(), true
	}
	return "", false
}

// words are those that may follow a command, besides its flags.
func (t Table) words(c Command) []string {
	if c.Commands {
		return slices.Concat(c.Words, t.Names())
	}
	return c.Words
}

// offered are the words and the flags that may follow a command.
func (t Table) offered(c Command) string {
	return strings.Join(slices.Concat(t.words(c), c.flags()), " ")
}

func (t Table) bash() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion for %[1]s: %[1]s completion bash > /etc/bash_completion.d/%[1]s
_%[1]s() {
  local word=${COMP_WORDS[COMP_CWORD]} words= names= files=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '%[2]s' -- "$word"))
    return
  fi
  case ${COMP_WORDS[1]} in
`, t.Program, strings.Join(t.Names(), " "))
	for _, c := range t.Commands {
		fmt.Fprintf(&b, "  %s) words='%s'", c.Name, t.offered(c))
		if c.Names {
			b.WriteString(" names=1")
		}
		if c.Files {
			b.WriteString(" files=1")
		}
		b.WriteString(" ;;\n")
	}
	fmt.Fprintf(&b, `  esac
  [ -z "$names" ] || words="$words $("${COMP_WORDS[0]}" completion names 2>/dev/null)"
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [ -z "$files" ] || COMPREPLY+=($(compgen -f -- "$word"))
}
complete -F _%[1]s %[1]s
`, t.Program)
	return b.String()
}

func (t Table) zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef %[1]s
# zsh completion for %[1]s: %[1]s completion zsh > _%[1]s, in a folder of fpath
_%[1]s() {
  local -a words_of
  if (( CURRENT == 2 )); then
    words_of=(
`, t.Program)
	for _, c := range t.Commands {
		fmt.Fprintf(&b, "      '%s:%s'\n", c.Name, strings.ReplaceAll(c.About, "'", `'\''`))
	}
	b.WriteString(`    )
    _describe command words_of
    return
  fi
  case $words[2] in
`)
	for _, c := range t.Commands {
		fmt.Fprintf(&b, "  %s) words_of=(%s)", c.Name, t.offered(c))
		if c.Names {
			b.WriteString(` && words_of+=(${(f)"$($words[1] completion names 2>/dev/null)"})`)
		}
		if c.Files {
			b.WriteString(" && _files")
		}
		b.WriteString(" ;;\n")
	}
	fmt.Fprintf(&b, `  esac
  compadd -a words_of
}
if [ "$funcstack[1]" = _%[1]s ]; then
  _%[1]s "$@"
else
  compdef _%[1]s %[1]s
fi
`, t.Program)
	return b.String()
}

func (t Table) fish() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %[1]s: %[1]s completion fish > /etc/fish/completions/%[1]s.fish\ncomplete -c %[1]s -f\n", t.Program)
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" }
	for _, c := range t.Commands {
		fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", t.Program, c.Name, quote(c.About))
	}
	for _, c := range t.Commands {
		after := fmt.Sprintf("complete -c %s -n '__fish_seen_subcommand_from %s'", t.Program, c.Name)
		if words := t.words(c); len(words) > 0 {
			fmt.Fprintf(&b, "%s -a %s\n", after, quote(strings.Join(words, " ")))
		}
		for _, f := range c.Flags {
			fmt.Fprintf(&b, "%s -l %s -d %s", after, f.Name, quote(f.Help))
			if f.Value != "" {
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
		if c.Names {
			fmt.Fprintf(&b, "%s -a '(%s completion names 2>/dev/null)'\n", after, t.Program)
		}
		if c.Files {
			fmt.Fprintf(&b, "%s -F\n", after)
		}
	}
	return b.String()
}
