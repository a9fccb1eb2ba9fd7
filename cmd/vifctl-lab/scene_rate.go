package main

import (
	"fmt"

	"vifctl/tests/dom0"
)

// The limit, as libxl writes rate=100KB/s: bytes in so many microseconds. What may come at once is 128 KiB.
const (
	rate      = "5000,50000"
	perSecond = 100_000
	atOnce    = 128 << 10
)

// rateScene: rate= for an emulated NIC, of which netback knows nothing.
var rateScene = scene{
	name:    "rate",
	about:   "what a guest sends by its emulated NIC is limited, too, and what it receives is not",
	filters: true,
	host:    bridged,
	guests: []guest{{
		entry:     dom0.NIC{Domid: 8, Guest: "tape", HVM: true, Rate: rate},
		addresses: []string{"10.0.0.18/24"},
	}},
	acts: func(s *stage) error {
		tape := s.guests[0]
		if err := s.online(tape); err != nil {
			return err
		}
		const all = dom0.Datagrams * dom0.DatagramSize
		arrived, took, err := tape.inside.Flood(s.Client, dom0.ClientAddress)
		arrived *= dom0.DatagramSize
		// While it sends, more is let through.
		if most := atOnce + int(took.Seconds()*perSecond); err == nil && arrived > most+20*dom0.DatagramSize {
			err = fmt.Errorf("%d kB arrived in %s", arrived/1000, took)
		}
		s.report.check(check{
			what:  fmt.Sprintf("tape → client: of %d kB, what 100 kB a second allow", all/1000),
			found: fmt.Sprintf("%d kB", arrived/1000), err: err,
		})
		arrived, _, err = s.Client.Flood(tape.inside, tape.plain()[0])
		arrived *= dom0.DatagramSize
		if err == nil && arrived < 2*atOnce {
			err = fmt.Errorf("%d kB arrived", arrived/1000)
		}
		s.report.check(check{
			what:  fmt.Sprintf("client → tape: of %d kB, all", all/1000),
			found: fmt.Sprintf("%d kB", arrived/1000), err: err,
		})
		return nil
	},
}
