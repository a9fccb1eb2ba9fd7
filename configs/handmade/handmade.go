// Package handmade reads a NAT that was made by hand (rules of iptables, addresses, the lines of an
// rc.local) and proposes the entries of vifctl's configuration that come to the same, and what
// is to be removed then. It reads text, and nothing else.
package handmade

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vifctl/configs"
)

// Host is what was read of one.
type Host struct {
	Rules     []Rules
	Addresses []Address
	Files     []File
	// Guests are the names of guests, by their private addresses.
	Guests map[netip.Addr]string
	// Uplink by name, "" where it is not known: then all interfaces are taken for it.
	Uplink string
}

// Rules are what an iptables-save printed; Program is the iptables that deletes a rule of it.
type Rules struct{ Program, Text string }

// Address is one on an interface of the host's.
type Address struct {
	Dev    string
	Prefix netip.Prefix
}

// File is a file of commands: its name and its text.
type File struct{ Name, Text string }

// Result is what is proposed.
type Result struct {
	guests []*guest
	// Remove are commands that take out of the running host what vifctl does from then on, and
	// TakeOut lines of files: FILE:LINE: the line.
	Remove, TakeOut []string
	// Unknown are the rules and lines that were not understood, and why.
	Unknown []string
}

// guest is one entry that is proposed.
type guest struct {
	private          netip.Addr
	public           netip.Addr
	masqueraded      bool
	masqueradeAs     netip.Addr
	forwards         []string
	name             string
	isPublic, isSNAT bool
}

// importer is a reading of a host.
type importer struct {
	Result
	host   Host
	guests map[netip.Addr]*guest
	// later are the rules that masquerade whole networks, which are no guest's own.
	later []found
	// commands of files are judged last.
	commands []func()
}

// found is a rule and where it was found.
type found struct {
	rule
	// where is a sentence's subject; remove takes the rule away, once it is understood.
	where  string
	remove func()
}

// Import reads a host. Its error is a proposal that vifctl would not take.
func Import(h Host) (Result, error) {
	i := &importer{host: h, guests: map[netip.Addr]*guest{}}
	for _, r := range h.Rules {
		i.saved(r)
	}
	for _, f := range h.Files {
		i.file(f)
	}
	for _, f := range i.later {
		i.network(f)
	}
	for _, judge := range i.commands {
		judge()
	}
	for _, a := range slices.SortedFunc(maps.Keys(i.guests), netip.Addr.Compare) {
		i.Result.guests = append(i.Result.guests, i.guests[a])
	}
	i.aliases()
	_, err := configs.Parse("the proposed configuration", i.TOML())
	return i.Result, err
}

// Empty reports whether there is nothing to tell.
func (r Result) Empty() bool {
	return len(r.guests)+len(r.Remove)+len(r.TakeOut)+len(r.Unknown) == 0
}

func (i *importer) guest(private netip.Addr) *guest {
	g := i.guests[private]
	if g == nil {
		g = &guest{private: private, name: i.host.Guests[private]}
		i.guests[private] = g
	}
	return g
}

func (i *importer) unknown(where, why, line string) {
	i.Unknown = append(i.Unknown, fmt.Sprintf("%s: not understood (%s): %s", where, why, configs.OneLine(line)))
}

// Translation is one rule of the table nat that is not vifctl's, and the command that deletes it.
type Translation struct {
	// Chain and Jump as iptables has them. Src and Dst are the zero prefix where none is named.
	Chain, Jump string
	Src, Dst    netip.Prefix
	Proto       string
	// Ports as in the configuration, 80 or 80-90; To is the zero address where there is none.
	Ports        []string
	To           netip.Addr
	Line, Delete string
}

// Translations are the rules of the table nat that can be told. Our own chains are not by hand.
func Translations(r Rules) (all []Translation) {
	for line := range natRules(r.Text) {
		words, why := split(line)
		if why != "" {
			continue
		}
		if p, why := parse(append([]string{"-t", "nat"}, words...)); why == "" {
			all = append(all, Translation{p.chain, p.jump, p.src, p.dst, p.proto, p.ports, p.to.Addr(), line, r.deletes(line)})
		}
	}
	return all
}

// natRules are the lines of the table nat that add a rule, but for vifctl's.
func natRules(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		table := ""
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if name, ok := strings.CutPrefix(line, "*"); ok {
				table = name
			}
			if table == "nat" && strings.HasPrefix(line, "-A ") && !strings.Contains(line, "VIFCTL-") && !yield(line) {
				return
			}
		}
	}
}

// deletes is the command that takes a rule away.
func (r Rules) deletes(line string) string {
	return r.Program + " -w 5 -t nat -D " + strings.TrimPrefix(line, "-A ")
}

// saved reads what an iptables-save printed. Only the table nat has to do with what vifctl
// translates.
func (i *importer) saved(r Rules) {
	for line := range natRules(r.Text) {
		where := r.Program + " -t nat"
		words, why := split(line)
		var parsed rule
		if why == "" {
			parsed, why = parse(append([]string{"-t", "nat"}, words...))
		}
		if why == "" {
			why = i.rule(found{parsed, where, func() { i.Remove = append(i.Remove, r.deletes(line)) }})
		}
		if why != "" {
			i.unknown(where, why, line)
		}
	}
}

// rule takes one into the proposal, or says why it cannot.
func (i *importer) rule(f found) (why string) {
	to, isAddr := f.target()
	switch {
	case f.dev != "" && i.host.Uplink != "" && f.dev != i.host.Uplink:
		return f.dev + " is not the uplink, " + i.host.Uplink
	case f.table != "nat":
		return "it does not translate: vifctl's own rules do not replace it"
	case f.jump == "DNAT" && f.chain == "PREROUTING" && isAddr && len(f.ports) == 0 && f.to.Port() == 0:
		if !f.dst.IsSingleIP() || f.src.IsValid() || f.proto != "" {
			return "a public address is led to one guest whole, whoever asks"
		}
		if g := i.guest(to); g.isPublic && g.public != f.dst.Addr() {
			return fmt.Sprintf("%s has the public address %s already", to, g.public)
		}
		g := i.guest(to)
		g.public, g.isPublic = f.dst.Addr(), true
	case f.jump == "DNAT" && f.chain == "PREROUTING" && isAddr:
		if f.proto != "tcp" && f.proto != "udp" || len(f.ports) == 0 {
			return "a forward is of tcp or udp, and of ports"
		}
		if f.dst.IsValid() && !f.dst.IsSingleIP() {
			return "a forward listens on one address"
		}
		if len(f.ports) > 1 && f.to.Port() != 0 {
			return "several ports lead to one"
		}
		g := i.guest(to)
		for _, p := range f.ports {
			if text := f.forward(p); !slices.Contains(g.forwards, text) {
				g.forwards = append(g.forwards, text)
			}
		}
	case f.jump == "SNAT" && f.chain == "POSTROUTING" && isAddr && f.to.Port() == 0 && f.src.IsValid() && !f.dst.IsValid() && f.proto == "":
		if !f.src.IsSingleIP() {
			i.later = append(i.later, f)
			return ""
		}
		g := i.guest(f.src.Addr())
		g.isSNAT, g.masqueradeAs = true, to
	case f.jump == "MASQUERADE" && f.chain == "POSTROUTING" && f.src.IsValid() && !f.dst.IsValid() && f.proto == "":
		if !f.src.IsSingleIP() {
			i.later = append(i.later, f)
			return ""
		}
		i.guest(f.src.Addr()).masqueraded = true
	case f.jump == "MASQUERADE" || f.jump == "SNAT":
		return "it is about more than guests: `vifctl network start nat` and `masquerade` say what can take its place"
	default:
		return "no setting comes to the same"
	}
	f.remove()
	return ""
}

// network takes a rule about a whole network for all guests that are in it.
func (i *importer) network(f found) {
	members := 0
	for a, g := range i.guests {
		if !f.src.Contains(a) {
			continue
		}
		members++
		if to, ok := f.target(); ok && !g.isSNAT {
			g.isSNAT, g.masqueradeAs = true, to
		}
		g.masqueraded = true
	}
	if members == 0 {
		i.unknown(f.where, "no guest of that network is named by another rule: write an entry for each, and `vifctl network start nat`", f.text)
		return
	}
	f.remove()
}

// aliases are addresses that vifctl puts on the uplink itself: those that stand for a guest.
func (i *importer) aliases() {
	for _, a := range i.host.Addresses {
		for _, g := range i.Result.guests {
			if g.isPublic && g.public == a.Prefix.Addr() {
				i.Remove = append(i.Remove, fmt.Sprintf("ip address del %s dev %s", a.Prefix, a.Dev))
			}
		}
	}
}

// TOML is the proposal as a file.
func (r Result) TOML() string {
	var b strings.Builder
	for n, g := range r.guests {
		if n > 0 {
			b.WriteString("\n")
		}
		b.WriteString("[[guest]]\n")
		if g.name == "" {
			fmt.Fprintf(&b, "# Which guest has %s could not be told: write its name.\n", g.private)
		}
		fmt.Fprintf(&b, "name = %s\nmode = \"nat\"\naddress = %q\n", strconv.Quote(cmp.Or(g.name, "guest-"+strings.ReplaceAll(g.private.String(), ":", "-"))), g.private)
		if g.isPublic {
			fmt.Fprintf(&b, "public = %q\n", g.public)
		}
		switch {
		case g.isSNAT && g.masqueradeAs != g.public:
			fmt.Fprintf(&b, "masquerade = %q\n", g.masqueradeAs)
		case !g.isSNAT && !g.masqueraded && !g.isPublic:
			b.WriteString("masquerade = false\n")
		}
		for _, f := range g.forwards {
			b.WriteString("\n  [[guest.forward]]\n" + f)
		}
	}
	return b.String()
}
