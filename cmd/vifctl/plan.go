package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"vifctl/configs"
	"vifctl/configs/xlcfg"
	"vifctl/hooks"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// xlConf is where xl's own configuration is.
const xlConf = "/etc/xen/xl.conf"

// planCommand shows what would be done: for a call, for a guest's file whose
// guest does not run, or for a port that is up.
func planCommand(ctx context.Context, inv invocation) int {
	rest, shell := without(inv.Args, "--shell")
	words, flags := takeFlags(rest)
	switch {
	case len(words) == 0:
		inv.complain("plan needs a call, as in `vifctl plan online type_if=vif`, a guest's file or a port")
		return usage
	case isCall(words[0]) || slices.Contains(xenscripts.Names, words[0]):
		inv.Args = rest
		return planCall(ctx, inv)
	case len(words) == 1 && looksLikeFile(words[0]):
		return planFile(ctx, inv, words[0], flags.json, shell)
	case !strings.HasPrefix(words[0], "-"):
		if code, ok := planPorts(ctx, inv, words, flags.json, shell); ok {
			return code
		}
	}
	inv.complain("plan takes a call (online, offline, add, remove, or a script's name before it), a guest's file or a port: %q is none of them%s",
		words[0], configs.DidYouMean(words[0], append([]string{"online", "offline", "add", "remove"}, xenscripts.Names...)))
	return usage
}

// without takes a flag off the arguments.
func without(args []string, flag string) (rest []string, found bool) {
	rest = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == flag })
	return rest, len(rest) < len(args)
}

// planPorts shows what the named ports, or those of the named guests, lack; ok
// is false where there are none of these names.
func planPorts(ctx context.Context, inv invocation, words []string, asJSON, shell bool) (code int, ok bool) {
	s := dial(ctx, inv)
	defer s.close()
	if err := s.open(inv, true, true); err != nil {
		inv.complain("%v", err)
		return failed, true
	}
	ports, err := s.portsNamed(words)
	if err != nil {
		return 0, false
	}
	for _, p := range ports {
		w, err := s.Check(ctx, p.Port)
		if err == nil {
			switch {
			case asJSON:
				err = w.WriteJSON(inv.Stdout)
			case shell:
				err = w.WriteRepair(inv.Stdout)
			default:
				err = w.WriteDifference(inv.Stdout)
			}
		}
		if err != nil {
			inv.complain("%v", err)
			code = failed
		}
	}
	return code, true
}

// looksLikeFile tells a guest's file from a port, whose name can hold dots.
func looksLikeFile(word string) bool {
	if strings.Contains(word, "/") || strings.HasSuffix(word, ".cfg") || strings.HasSuffix(word, ".xl") {
		return true
	}
	info, err := os.Stat(word)
	return err == nil && info.Mode().IsRegular()
}

func planFile(ctx context.Context, inv invocation, path string, asJSON, shell bool) int {
	foresight, err := foresee(ctx, inv, path)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	switch {
	case asJSON:
		err = foresight.writeJSON(inv.Stdout)
	case shell:
		err = foresight.writeShell(inv.Stdout)
	default:
		err = foresight.writeText(inv.Stdout)
	}
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	if foresight.refused() {
		return failed
	}
	return done
}

// foresight is what a guest's file comes to.
type foresight struct {
	file  *xlcfg.File
	guest xlcfg.Guest
	// domid the guest is shown with; running is that of the guest if it runs,
	// else 0.
	domid, running int
	nics           []hooks.Foreseen
	origins        [][]configs.Origin
}

func foresee(ctx context.Context, inv invocation, path string) (*foresight, error) {
	f := &foresight{}
	var err error
	if f.file, err = readGuestFile(path); err != nil {
		return nil, err
	}
	if f.guest, err = f.file.Guest(); err != nil {
		return nil, err
	}
	conf, err := readGuestFile(xlConf)
	switch {
	case err == nil:
		f.guest.Default(conf)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	s := dial(ctx, inv)
	defer s.close()
	if err := s.open(inv, true, true); err != nil {
		return nil, err
	}
	if f.domid, f.running, err = nextDomid(ctx, s, f.guest.Name); err != nil {
		return nil, err
	}
	f.nics = s.Foresee(ctx, f.guest, f.domid)
	toml, err := trustedPath(inv, "VIFCTL_CONFIG", configs.Default)
	if err != nil {
		return nil, err
	}
	for _, n := range f.nics {
		m := configs.Match{Name: f.guest.Name, UUID: f.guest.UUID, MAC: n.Said.Get("mac"), Devid: n.Said.Devid}
		origins, err := configs.Origins(toml, m)
		if err != nil {
			return nil, err
		}
		f.origins = append(f.origins, origins)
	}
	return f, nil
}

// mostGuestFile is more than any guest's file has, in bytes: a disk image named
// by mistake is told from one.
const mostGuestFile = 1 << 20

func readGuestFile(path string) (*xlcfg.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostGuestFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > mostGuestFile || strings.ContainsRune(string(text), 0):
		return nil, fmt.Errorf("%s: this is no guest's file", path)
	}
	return xlcfg.Parse(path, string(text))
}

// nextDomid is the number that the next guest gets, as far as the xenstore
// tells, and that of the named guest where it runs already.
func nextDomid(ctx context.Context, s *session, guest string) (next, running int, err error) {
	xs, ok := s.Xenstore.(*xenstore.Client)
	if !ok {
		return 1, 0, nil
	}
	domids, err := xs.List(ctx, "/local/domain")
	if errors.Is(err, xenstore.ErrNotExist) {
		return 1, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("list the guests: %w", err)
	}
	for _, d := range domids {
		n, err := strconv.Atoi(d)
		if err != nil {
			continue
		}
		next = max(next, n)
		if name, err := xs.Read(ctx, "/local/domain/"+d+"/name"); err == nil && name == guest && n > 0 {
			running = n
		}
	}
	return next + 1, running, nil
}

func (f *foresight) refused() bool {
	for _, n := range f.nics {
		for _, p := range n.Ports {
			if p.Refusal != nil {
				return true
			}
		}
	}
	return false
}

// from writes a place for a person.
func (f *foresight) from(s xlcfg.Said) string {
	name := f.file.Name
	if s.File != "" {
		name = s.File
	}
	return fmt.Sprintf("%s:%d:%d", name, s.Line, s.Column)
}

// fact is one thing that holds for an interface, and where it was said.
type fact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// facts lists what holds for an interface: the configuration's say first, then
// the guest's own file's, then what holds without either.
func (f *foresight) facts(i int) []fact {
	n := f.nics[i]
	var all []fact
	add := func(key, value, from string) { all = append(all, fact{key, value, from}) }
	said := map[string]configs.Origin{}
	for _, o := range f.origins[i] {
		said[o.Key] = o
	}
	place := func(o configs.Origin) string {
		where := fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
		if o.Host {
			where += " [host]"
		}
		return where
	}
	// The guest's file's keys by the configuration's names for them.
	xl := map[string]string{"address": "ip", "bridge": "bridge", "uplink": "gatewaydev", "mac": "mac"}
	take := func(key, standard, why string) {
		o, configured := said[key]
		own, written := n.Said.Said[xl[key]]
		if key == "uplink" && written {
			configured = false // gatewaydev= wins
		}
		switch {
		case configured && written && o.Value != own.Value && key != "mac":
			add(key, o.Value, place(o)+", instead of "+own.Value+" at "+f.from(own))
		case configured:
			add(key, o.Value, place(o))
		case written:
			add(key, own.Value, f.from(own))
		case standard != "":
			add(key, standard, why)
		}
	}
	script, written := n.Said.Said["script"]
	switch {
	case written:
		add("script", script.Value, f.from(script))
	default:
		add("script", "vif-bridge", "xl's own default")
	}
	if n.Foreign != "" {
		return all
	}
	mode := ""
	for _, p := range n.Ports {
		if p.Work != nil {
			mode = p.Work.Mode
		}
	}
	if o, ok := said["mode"]; ok {
		add("mode", o.Value, place(o))
	} else if mode != "" {
		add("mode", mode, "the script")
	}
	take("mac", hooks.PretendMAC, "none is given: xl makes another up at every start")
	if v, ok := n.Said.Said["vifname"]; ok {
		add("vifname", v.Value, f.from(v))
	}
	take("address", "", "")
	take("public", "", "")
	if mode == "bridge" {
		take("bridge", "xenbr0", "xl's own default")
	} else {
		take("gateway", gatewayOf(n), "the mode's own rule")
		take("uplink", "the default route's device", "vifctl's own default")
		for _, key := range []string{"masquerade", "nat66", "forward"} {
			take(key, "", "")
		}
	}
	take("antispoof", "off", "vifctl's own default")
	take("link_local", "", "")
	for _, key := range []string{"mtu", "rate", "vlan"} {
		if v, ok := n.Said.Said[key]; ok {
			add(key, v.Value, f.from(v))
		}
	}
	return all
}

// gatewayOf is the address that the host would have on an interface's port, as
// its plan has it.
func gatewayOf(n hooks.Foreseen) string {
	var all []string
	for _, p := range n.Ports[:1] {
		if p.Work == nil {
			continue
		}
		for _, a := range p.Work.Actions {
			if s, ok := a.Step.(plan.Address); ok && !s.Absent && !s.NIC {
				all = append(all, s.Addr.Prefix.Addr().String())
			}
		}
	}
	return strings.Join(all, " ")
}

// portText is what each port would get, as lines of a script.
func (f *foresight) portText(p hooks.ForeseenPort) ([]string, error) {
	var text strings.Builder
	if err := p.Work.WriteText(&text); err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n"), nil
}

func (f *foresight) writeText(out io.Writer) error {
	page := &page{out: out}
	page.line("%s", f.title())
	for _, odd := range f.file.Odd {
		page.line("warning: %s", odd.Error())
	}
	if len(f.nics) == 0 {
		page.line("It has no network interface (vif).")
	}
	for i, n := range f.nics {
		page.line("")
		page.line("interface %d", n.Said.Devid)
		page.table("  ", f.facts(i))
		if n.Foreign != "" {
			page.line("  %s", n.Foreign)
		}
		for _, p := range n.Ports {
			if p.Refusal != nil {
				page.line("  %s would be refused: %v", p.Device, p.Refusal)
				continue
			}
			lines, err := f.portText(p)
			if err != nil {
				return err
			}
			page.line("  %s gets", p.Device)
			for _, l := range lines {
				switch {
				case strings.HasPrefix(l, "# online ") || strings.HasPrefix(l, "# add ") || strings.HasPrefix(l, "# guest ") || strings.HasPrefix(l, "# mode "):
				case strings.HasPrefix(l, "# firewall: "):
					page.line("    %s", strings.TrimPrefix(l, "# "))
				default:
					page.line("    %s", strings.TrimPrefix(l, "# "))
				}
			}
		}
	}
	return page.err
}

// title says who this is about.
func (f *foresight) title() string {
	kind := map[string]string{"pv": "PV", "pvh": "PVH", "hvm": "HVM"}[f.guest.Type]
	if f.running != 0 {
		return fmt.Sprintf("%s: %s guest %s, which runs as domain %d; had it been started now, as domain %d:", f.file.Name, kind, f.guest.Name, f.running, f.domid)
	}
	return fmt.Sprintf("%s: %s guest %s, not running; started now, as domain %d:", f.file.Name, kind, f.guest.Name, f.domid)
}

// writeShell writes what would be done as a script to paste.
func (f *foresight) writeShell(out io.Writer) error {
	page := &page{out: out}
	page.line("# %s", f.title())
	for i, n := range f.nics {
		page.line("# interface %d", n.Said.Devid)
		for _, fact := range f.facts(i) {
			page.line("#   %s %s (%s)", fact.Key, fact.Value, fact.From)
		}
		if n.Foreign != "" {
			page.line("# %s", n.Foreign)
		}
		for _, p := range n.Ports {
			if p.Refusal != nil {
				page.line("# %s would be refused: %v", p.Device, p.Refusal)
				continue
			}
			lines, err := f.portText(p)
			if err != nil {
				return err
			}
			for _, l := range lines {
				page.line("%s", l)
			}
		}
	}
	return page.err
}

// foresightJSON is the stable form of `vifctl plan FILE --json`.
type foresightJSON struct {
	File    string             `json:"file"`
	Guest   string             `json:"guest"`
	UUID    string             `json:"uuid,omitempty"`
	Type    string             `json:"type"`
	Domid   int                `json:"domid"`
	Running int                `json:"running,omitempty"`
	Odd     []string           `json:"odd,omitempty"`
	NICs    []foresightNICJSON `json:"nics"`
}

type foresightNICJSON struct {
	Devid   int                 `json:"devid"`
	Facts   []fact              `json:"facts"`
	Foreign string              `json:"foreign,omitempty"`
	Ports   []foresightPortJSON `json:"ports"`
}

type foresightPortJSON struct {
	Device  string      `json:"device"`
	Refusal string      `json:"refusal,omitempty"`
	Plan    *hooks.Work `json:"plan,omitempty"`
}

func (f *foresight) writeJSON(out io.Writer) error {
	doc := foresightJSON{
		File: f.file.Name, Guest: f.guest.Name, UUID: f.guest.UUID, Type: f.guest.Type, Domid: f.domid, Running: f.running,
		NICs: []foresightNICJSON{},
	}
	for _, odd := range f.file.Odd {
		doc.Odd = append(doc.Odd, odd.Error())
	}
	for i, n := range f.nics {
		nic := foresightNICJSON{Devid: n.Said.Devid, Facts: f.facts(i), Foreign: n.Foreign, Ports: []foresightPortJSON{}}
		for _, p := range n.Ports {
			port := foresightPortJSON{Device: p.Device, Plan: p.Work}
			if p.Refusal != nil {
				port.Refusal = p.Refusal.Error()
			}
			nic.Ports = append(nic.Ports, port)
		}
		doc.NICs = append(doc.NICs, nic)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// page writes lines until one fails.
type page struct {
	out io.Writer
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// table writes facts in columns.
func (p *page) table(indent string, facts []fact) {
	key, value := 0, 0
	for _, f := range facts {
		key = max(key, len([]rune(f.Key)))
		if n := len([]rune(f.Value)); n <= widest {
			value = max(value, n)
		}
	}
	for _, f := range facts {
		p.line("%s%-*s  %-*s  %s", indent, key, f.Key, value, f.Value, f.From)
	}
}

// widest is how wide a column of values gets for the sake of a long one.
const widest = 40
