package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// servicePort is where guests answer: the remote desktop's, which a Windows guest has.
const servicePort = "3389"

// connection is a TCP connection to be made to the service port. From is one of the caller's addresses, or "" for its kernel's
// choice.
type connection struct{ from, to string }

// connect makes a connection and returns who answers, and as whom the caller is seen there.
func (c connection) connect(caller *dom0.Namespace) (name, seen string, took time.Duration, err error) {
	began := time.Now()
	conn, err := caller.Dial(c.from, net.JoinHostPort(c.to, servicePort))
	if err != nil {
		return "", "", 0, err
	}
	defer conn.Close()
	name, seen, err = dom0.Ask(conn, patience)
	return name, seen, time.Since(began), err
}

// connects checks that one reaches another, and is seen there with an address, where that is given.
func (s *stage) connects(from, to *dom0.Namespace, c connection, seen string) {
	name, as, took, err := c.connect(from)
	what := fmt.Sprintf("%s → %s %s", from.Name, to.Name, c.to)
	if c.from != "" {
		what += " from " + c.from
	}
	if seen != "" && seen != c.from {
		what += ", seen as " + seen
	}
	switch {
	case err != nil:
	case name != to.Name:
		err = fmt.Errorf("it was %s who answered", name)
	case seen != "" && as != seen:
		err = fmt.Errorf("seen as %s", as)
	}
	s.report.check(check{what: what, found: milliseconds(float64(took) / float64(time.Millisecond)), err: err})
}

// refused checks that a connection that no forward is for ends at dom0.
func (s *stage) refused(from *dom0.Namespace, c connection) {
	name, _, _, err := c.connect(from)
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		err = nil
	case err == nil:
		err = fmt.Errorf("%s answered", name)
	}
	s.report.check(check{what: fmt.Sprintf("%s → %s from %s: refused", from.Name, c.to, c.from), err: err})
}

// word is a datagram: what it says, who says it, and by which addresses it goes.
type word struct {
	text     string
	speaker  *dom0.Namespace
	from, to netip.Addr
}

// wordPort is where words are listened for.
const wordPort = 3390

// How often words are said, since the first ones may be lost while interfaces settle, and how long each time is listened.
const (
	wordTries    = 15
	wordPatience = 200 * time.Millisecond
)

// hearsOnly has two words said to a listener, the unheard before the other one, which arrives. That it does shows that there is
// a way, so no time has to pass to know that the unheard one was lost; hearing it is the error.
func hearsOnly(listener *dom0.Namespace, unheard, heard word) error {
	var ear *net.UDPConn
	err := listener.Do(func() (err error) {
		ear, err = net.ListenUDP("udp4", &net.UDPAddr{Port: wordPort})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", listener.Name, err)
	}
	defer func() { _ = ear.Close() }()
	// The second word alone, or the unheard one would be who asks for the way's hardware addresses, in vain.
	for _, words := range [][]word{{heard}, {unheard, heard}} {
		arrived, err := sayUntilHeard(ear, words)
		if err != nil {
			return fmt.Errorf("%s: %w", listener.Name, err)
		}
		if strings.Contains(arrived, unheard.text) {
			return fmt.Errorf("%s heard %q", listener.Name, unheard.text)
		}
	}
	return nil
}

// sayUntilHeard says words time and again until the last of them arrives, and returns all that did.
func sayUntilHeard(ear *net.UDPConn, words []word) (string, error) {
	last := words[len(words)-1].text
	heard := ""
	for range wordTries {
		for _, w := range words {
			if err := w.say(); err != nil {
				return "", err
			}
		}
		arrived, err := listen(ear, last)
		heard += arrived
		if err == nil {
			return heard, nil
		}
	}
	return heard, fmt.Errorf("nothing arrived, not even %q", last)
}

// listen returns all that arrives, to a moment after the wanted text: what was sent before may still come.
func listen(ear *net.UDPConn, wanted string) (arrived string, err error) {
	const moment = 5 * time.Millisecond
	deadline := time.Now().Add(wordPatience)
	found := false
	for buffer := make([]byte, 1500); ; {
		if err := ear.SetReadDeadline(deadline); err != nil {
			return arrived, err
		}
		n, err := ear.Read(buffer)
		if err != nil && found {
			return arrived, nil
		}
		if err != nil {
			return arrived, err
		}
		arrived += string(buffer[:n]) + "\n"
		if !found && string(buffer[:n]) == wanted {
			found, deadline = true, time.Now().Add(moment)
		}
	}
}

func (w word) say() error {
	err := w.speaker.Do(func() error {
		mouth, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(w.from, 0)))
		if err != nil {
			return err
		}
		defer func() { _ = mouth.Close() }()
		_, err = mouth.WriteToUDPAddrPort([]byte(w.text), netip.AddrPortFrom(w.to, wordPort))
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: say %q to %s: %w", w.speaker.Name, w.text, w.to, err)
	}
	return nil
}
