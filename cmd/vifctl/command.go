package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"vifctl/configs"
	"vifctl/xenscripts"
)

// command is one word that vifctl understands.
type command struct {
	name string
	args string
	// about is one line for the help.
	about string
	run   func(context.Context, invocation) int
}

func commands() []command {
	return []command{
		{name: "online", args: "[type_if=vif] [KEY=VALUE…]", about: "bring a vif up, as xl asks for it", run: hookCall},
		{name: "offline", args: "[type_if=vif] [KEY=VALUE…]", about: "undo what online did", run: hookCall},
		{name: "add", args: "type_if=tap [KEY=VALUE…]", about: "bring an emulated NIC's tap up", run: hookCall},
		{name: "remove", args: "type_if=tap [KEY=VALUE…]", about: "undo what add did", run: hookCall},
		{name: "plan", args: "CALL… | FILE.cfg | PORT…", about: "print what would be done for a call, a guest's file or a port", run: planCommand},
		{name: "repair", args: "[--dry-run] [NAME…] | --garbage", about: "put back what ports that are up have lost", run: repairCommand},
		{name: "status", args: "[--watch] [--json] [PORT | GUEST]…", about: "what every guest's interface is like now", run: statusCommand},
		{name: "doctor", args: "[--probe] [PORT | GUEST]…", about: "what is wrong with the guests' network, and what to do", run: doctorCommand},
		{name: "map", args: "[--svg]", about: "the guests' network as a tree, or as a picture", run: mapCommand},
		{name: "watch", args: "[--once] [--metrics SOCKET] …", about: "bring up late taps, put back what goes missing", run: watchCommand},
		{name: "network", args: "start|stop|status|confirm …", about: "make the host a bridge or a router, without cutting it off", run: networkCommand},
		{name: "config", args: "check|example|dnsmasq|import …", about: "check the configuration; print one, or what xend's comes to", run: configCommand},
		{name: "install", args: "[--dir DIR] [--without-units]", about: "take over Xen's scripts, keeping a backup", run: installCommand},
		{name: "uninstall", args: "[--dir DIR]", about: "give Xen's scripts back as they were", run: uninstallCommand},
		{name: "xenstore", args: "read PATH | write PATH VALUE…", about: "read or write the xenstore, for hooks", run: xenstoreCommand},
		{name: "completion", args: "bash | zsh | fish", about: "print what a shell needs to complete these words", run: completionCommand},
		{name: "version", about: "print the version", run: versionCommand},
		{name: "help", args: "[COMMAND] | --man", about: "print this, all about one command, or the manual page", run: helpCommand},
	}
}

func (inv invocation) run(ctx context.Context) int {
	if slices.ContainsFunc(inv.Args, isHelp) && inv.Args[0] != "xenstore" {
		return helpCommand(ctx, inv)
	}
	if inv.Name == "qemu-ifup" {
		return qemuIfup(ctx, inv)
	}
	if slices.Contains(xenscripts.NetworkNames, inv.Name) {
		return networkScript(ctx, inv)
	}
	if slices.Contains(xenscripts.Names, inv.Name) {
		return hookCall(ctx, inv)
	}
	if !strings.HasPrefix(inv.Name, "vifctl") {
		inv.complain("vifctl has no script of this name; there are %s", strings.Join(xenscripts.Names, ", "))
		return usage
	}
	if len(inv.Args) == 0 {
		inv.Stdout = inv.Stderr
		generalHelp(ctx, inv)
		return usage
	}
	word := inv.Args[0]
	if word == "--version" {
		word = "version"
	}
	all := commands()
	for _, c := range all {
		if c.name == word {
			inv.Args = inv.Args[1:]
			for _, arg := range inv.Args {
				if !strings.HasPrefix(arg, "--") {
					continue
				}
				if meant := c.mistyped(arg); meant != "" {
					inv.complain("%s: there is no option %q%s", word, arg, meant)
					return usage
				}
			}
			if isCall(word) {
				inv.Args = append([]string{word}, inv.Args...)
			}
			return c.run(ctx, inv)
		}
	}
	if word == "lab" {
		inv.complain("the pretend dom0 is a program of its own: run vifctl-lab")
		return usage
	}
	inv.complain("there is no command %q%s; `vifctl help` lists them", word, suggestion(word, all))
	return usage
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// isCall reports whether a word is a hook call's command.
func isCall(word string) bool {
	return slices.Contains([]string{"online", "offline", "add", "remove"}, word)
}

// isHookCall reports whether this is a call of the toolstack's rather than a
// person's.
func (inv invocation) isHookCall() bool {
	return slices.Contains(xenscripts.Names, inv.Name) || len(inv.Args) > 0 && isCall(inv.Args[0])
}

// complain prints one sentence for the person in front of the terminal, or for
// xl's log.
func (inv invocation) complain(format string, args ...any) {
	fmt.Fprintf(inv.Stderr, "%s: %s\n", inv.Name, fmt.Sprintf(format, args...))
}

// generalHelp lists the commands.
func generalHelp(_ context.Context, inv invocation) int {
	fmt.Fprint(inv.Stdout, "vifctl brings the network interfaces of Xen guests up and down.\n\n")
	t := tabwriter.NewWriter(inv.Stdout, 0, 0, 2, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(t, "  vifctl %s\t%s\n", strings.TrimSpace(c.name+" "+c.args), c.about)
	}
	if t.Flush() != nil {
		return failed
	}
	_, err := io.WriteString(inv.Stdout, `
Called by the name of one of Xen's scripts
(`+strings.Join(xenscripts.PortNames, ", ")+`,
`+strings.Join(xenscripts.NetworkNames, ", ")+`),
it takes that script's arguments and environment. Every such call takes --dry-run,
which prints the steps as commands and changes nothing, and --json.

`+"`vifctl help COMMAND` says all about one command."+`

Exit codes: 0 done, 1 failed, 2 not understood.
`)
	if err != nil {
		return failed
	}
	return done
}

// suggestion finds the command that a mistyped word may have meant.
func suggestion(word string, all []command) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.name
	}
	return configs.DidYouMean(word, names)
}
