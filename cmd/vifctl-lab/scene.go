package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vifctl/tests/dom0"
)

// A scene is one mode shown at work, in a dom0 of its own. A new one is a file with its scene and a line in scenes.
type scene struct {
	// name is what a person types, about what is shown.
	name, about string
	// programs of the machine's are what it takes beside vifctl.
	programs []string
	// filters says that it takes a kernel with nf_tables.
	filters bool
	// host is what the host is made of; admin, if not nil, what its administrator does before the first guest comes. An admin
	// that returns a notHere leaves the scene out.
	host  dom0.Options
	admin func(*stage) error
	// guests are plugged in before acts begins. acts brings them up and checks what they reach. An error is that the scene
	// could not go on; that a check failed is none.
	guests []guest
	acts   func(*stage) error
}

// scenes lists all there are, in the order they play.
func scenes() []scene {
	return []scene{guestScene, networkScene, bridgeScene, routeScene, natScene, dhcpScene, rateScene, vlanScene, switchScene}
}

func sceneNames() []string {
	var names []string
	for _, s := range scenes() {
		names = append(names, s.name)
	}
	return names
}

// notHere says what a scene needs and this machine has not.
type notHere struct{ error }

// Unwrap lets errors.Is see the cause.
func (n notHere) Unwrap() error { return n.error }

// play plays a scene from its first guest to its last. An error is that no dom0 could be made; all else is in the report.
func play(s scene, r *report, keep bool, scripts dom0.Scripts) error {
	if err := dom0.Missing(s.programs...); err != nil {
		r.notHere(s, err)
		return nil
	}
	s.host.Scripts = scripts
	host, err := dom0.Start(s.host)
	if err != nil {
		return fmt.Errorf("the %s scene: %w", s.name, err)
	}
	defer host.Close()
	st := &stage{Dom0: host, report: r}
	defer st.close()
	err = st.prepare(s)
	if errors.As(err, &notHere{}) {
		r.notHere(s, err)
		return nil
	}
	r.scene(s)
	if err == nil {
		err = s.acts(st)
	}
	r.stopped(err)
	if keep {
		if err := shell(r.out, st); err != nil {
			return err
		}
	}
	if len(st.guests) > 0 {
		r.note("")
		r.note("xl destroy calls it again:")
		r.stopped(st.shutdown())
	}
	return nil
}

// prepare lets the host's administrator work and plugs the guests in.
func (s *stage) prepare(of scene) error {
	if of.filters {
		if err := s.Do(noFilters); err != nil {
			return notHere{fmt.Errorf("this kernel has no nf_tables (%w)", err)}
		}
	}
	if of.admin != nil {
		if err := of.admin(s); err != nil {
			return err
		}
	}
	for _, g := range of.guests {
		if err := s.plug(g); err != nil {
			return err
		}
	}
	s.Settle()
	s.before = s.State()
	return nil
}

// shutdown takes every guest down, the last one first, and looks at what is left.
func (s *stage) shutdown() error {
	var failed []error
	for _, g := range slices.Backward(s.guests) {
		failed = append(failed, s.offline(g))
	}
	what, err := "dom0 is as it was: links, addresses, routes, neighbours, settings", s.same()
	s.report.check(check{what: what, err: err})
	if rules := s.rules(); rules != "" {
		s.report.check(check{what: "no rule of nftables names a guest any more", err: s.named(rules)})
	}
	for _, g := range s.guests {
		failed = append(failed, g.Unplug(), s.Remove(g.Backend))
	}
	return errors.Join(failed...)
}

// same compares the host with what it was before the first guest came up, but for taps, which went with their device models,
// and for the rules, since vifctl's tables are the host's and stay.
func (s *stage) same() error {
	facts := func(state string) []string {
		return slices.DeleteFunc(lines(state), func(line string) bool {
			return strings.HasPrefix(line, "nft ") || strings.Contains(line, "-emu")
		})
	}
	if changed := difference(facts(s.before), facts(s.State())); len(changed) > 0 {
		return errors.New(strings.Join(changed, "; "))
	}
	return nil
}

// rules is what nftables holds, "" where it is empty or the machine has no program to look.
func (s *stage) rules() string {
	if dom0.Missing("nft") != nil {
		return ""
	}
	return s.Run("nft", "list", "ruleset").Stdout
}

// named says which guest is still named in rules.
func (s *stage) named(rules string) error {
	var failed []error
	for _, g := range s.guests {
		for _, word := range append(g.plain(), g.Vif, g.MAC, g.public) {
			if word != "" && strings.Contains(rules, word) {
				failed = append(failed, fmt.Errorf("%s of %s is there", word, g.Guest))
			}
		}
	}
	return errors.Join(failed...)
}
