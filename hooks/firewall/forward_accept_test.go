package firewall

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// docker is what dockerd writes, in either family.
const docker = `*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING ! -o docker0 -s NETWORK -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination CONTAINER
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
`

// neighbours set up others' firewalls on a machine.
var neighbours = map[string]struct {
	variant Variant
	setUp   func(*machine)
}{
	"docker (nft)":    {VariantNFT, func(m *machine) { m.docker(VariantNFT) }},
	"docker (legacy)": {VariantLegacy, func(m *machine) { m.docker(VariantLegacy) }},
	"ufw":             {VariantNFT, func(m *machine) { m.ufw("enable") }},
	"policy DROP": {VariantLegacy, func(m *machine) {
		for _, program := range []string{"iptables", "ip6tables"} {
			m.run(program+"-legacy", "-w", "-P", "FORWARD", "DROP")
		}
	}},
}

func (m *machine) docker(v Variant) {
	for program, r := range map[string]*strings.Replacer{
		"iptables":  strings.NewReplacer("NETWORK", "172.17.0.0/16", "CONTAINER", "172.17.0.2:80"),
		"ip6tables": strings.NewReplacer("NETWORK", "fd0d::/64", "CONTAINER", "[fd0d::2]:80"),
	} {
		m.feed(r.Replace(docker), program+"-"+string(v)+"-restore", "-w")
	}
}

// ufw runs ufw itself, on files of the test's own: it and the line that
// keeps it from the host's settings write into copies.
func (m *machine) ufw(command string) {
	need(m.t, "ufw", "unshare")
	m.run("unshare", "-m", "sh", "-ec", `
		for d in /etc/ufw /etc/default /var/lib/ufw; do
			[ -d $d ] || continue
			mount -t tmpfs none "$1"; cp -a $d/. "$1"; mount --move "$1" $d
		done
		sed -i s/^IPT_SYSCTL=.*// /etc/default/ufw
		exec ufw --force "$2"`, "sh", m.t.TempDir(), command)
}

// TestBesideOthers: a guest that docker's, ufw's or an administrator's FORWARD policy
// cuts off is connected, and their rules are what they were.
func TestBesideOthers(t *testing.T) {
	for name, other := range neighbours {
		for backendName, b := range map[string]backend{"nftables": nftablesBackend, "iptables": iptablesOn(other.variant)} {
			t.Run(name+"/"+backendName, func(t *testing.T) {
				t.Parallel()
				besideOthers(t, b, other.variant, other.setUp)
			})
		}
	}
}

func besideOthers(t *testing.T, b backend, v Variant, setUp func(*machine)) {
	w := newWorld(t)
	setUp(w.host)
	foreign := func() string { return empty.ReplaceAllString(ours.ReplaceAllString(w.host.saved(v), ""), "") }
	before := foreign()
	inner := b.open(w.host, Options{})
	f := w.host.withForwardAccept(inner, Options{})
	var rules []plan.Rule
	for _, family := range families {
		rules = append(rules, natRules(family)...)
	}
	connected := func(want bool, patience time.Duration) {
		t.Helper()
		for _, family := range families {
			in, out, host := "", "", ""
			if want {
				in, out, host = "a:80 from "+family.client, "client:80 from "+family.publicA, "c:80 from "+family.client
			}
			require.Equal(t, in, w.client.ask("tcp", family.client, family.publicA, 80, patience))
			require.Equal(t, out, w.a.ask("tcp", "", family.client, 80, patience))
			require.Equal(t, host, w.client.ask("tcp", family.client, family.forward, 8080, patience))
		}
	}
	mustChange(t, inner, rules, nil)
	connected(false, 100*time.Millisecond)
	wantInForce(t, inner, true, rules...)
	routed := plan.Rule{Kind: plan.RuleRouted, Dev: portOf(1)}
	routed.Dev.Index = 0
	wantInForce(t, f, false, routed)

	mustChange(t, f, rules, nil)
	wantInForce(t, f, true, rules...)
	connected(true, patience)
	wantDump(t, before, foreign())
	once := w.host.saved(v)
	mustChange(t, f, rules, nil)
	wantDump(t, once, w.host.saved(v))

	mustChange(t, f, nil, rules)
	wantDump(t, before, foreign())
	require.LessOrEqual(t, strings.Count(w.host.saved(v), "-j VIFCTL-MARK"), 2, "one rule a family, however many guests")
}

// empty are the lines of tables and chains that exist and have no rule.
var empty = regexp.MustCompile(`(?m)^(\*\w+|:\w+ ACCEPT|COMMIT)\n`)

// withForwardAccept looks after the rule from inside the machine.
func (m *machine) withForwardAccept(f Firewall, o Options) Firewall {
	o.Lock = m.records.lock
	accepting := accepting{m: m}
	if i, ok := f.(inside); ok {
		f, accepting.recorded = i.f, true
	}
	m.visit(func() { accepting.f = WithForwardAccept(f, o) })
	return accepting
}

type accepting struct {
	m *machine
	f *ForwardAccept
	// recorded: the firewall asks for records.
	recorded bool
}

func (i accepting) Change(ctx context.Context, add, remove []plan.Rule) (err error) {
	if i.recorded {
		i.m.records.add(add)
		defer i.m.records.remove(withoutRules(remove, add))
	}
	i.m.visit(func() { err = i.f.Change(ctx, add, remove) })
	return err
}

func (i accepting) InForce(ctx context.Context, rules []plan.Rule) (all map[string]bool, err error) {
	i.m.visit(func() { all, err = i.f.InForce(ctx, rules) })
	return all, err
}

func (i accepting) Close() error { return nil }

// TestForwardAcceptIsOne: all guests start at once, and an administrator takes the rule away.
func TestForwardAcceptIsOne(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.docker(VariantNFT)
	routed := func(n int) []plan.Rule { return []plan.Rule{{Kind: plan.RuleRouted, Dev: portOf(n)}} }
	var wg sync.WaitGroup
	errs := make([]error, 5)
	for i := range errs {
		f := m.withForwardAccept(m.open(Options{}), Options{})
		wg.Go(func() { errs[i] = f.Change(background, routed(i+1), nil) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	count := func() int { return strings.Count(m.saved(VariantNFT), "-A DOCKER-USER -j VIFCTL-MARK-10000000") }
	require.Equal(t, 2, count())
	f := m.withForwardAccept(m.open(Options{}), Options{})
	for _, damage := range [][]string{
		{"-F", "DOCKER-USER"}, {"-F", "VIFCTL-MARK-10000000"}, {"-A", "VIFCTL-MARK-10000000", "-j", "RETURN"},
	} {
		m.run("iptables-nft", damage...)
		wantInForce(t, f, false, routed(1)...)
		mustChange(t, f, routed(1), nil)
		wantInForce(t, f, true, routed(1)...)
		require.Equal(t, 2, count())
	}
	// Where nothing is dropped, nothing is done.
	quiet := newMachine(t)
	f = quiet.withForwardAccept(quiet.open(Options{}), Options{})
	mustChange(t, f, routed(1), nil)
	wantInForce(t, f, true, routed(1)...)
	require.NotContains(t, quiet.saved(VariantNFT), "VIFCTL")
}
