package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// rateScene: rate= for an emulated NIC, of which netback knows nothing.
var rateScene = Scene{
	Name:  "rate",
	About: "what a guest sends by its emulated NIC is limited, too, and what it receives is not",
	Host: func(d *Dom0) error {
		if err := d.Do(limitTrouble); err != nil {
			return notHere{fmt.Errorf("this kernel has no nf_tables that limits what comes from a tap (%w)", err)}
		}
		return nil
	},
	Play: playRate,
}

// The limit, as libxl writes rate=100KB/s: bytes in so many microseconds. What may come at once is 128 KiB.
const (
	rate      = "5000,50000"
	datagrams = 600
	datagram  = 1000
	atOnce    = 128 << 10
	perSecond = 100_000
)

// limitTrouble says why nothing can be limited here; nil where it can.
func limitTrouble() error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open a socket to nf_tables: %w", err)
	}
	t := c.AddTable(&nftables.Table{Name: "probe", Family: nftables.TableFamilyNetdev})
	chain := c.AddChain(&nftables.Chain{
		Name: "probe", Table: t, Type: nftables.ChainTypeFilter, Device: "lo",
		Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter,
	})
	c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
		&expr.Limit{Type: expr.LimitTypePktBytes, Rate: 1, Unit: expr.LimitTimeSecond, Over: true, Burst: 1},
	}})
	c.DelTable(t)
	return c.Flush()
}

func playRate(ctx context.Context, d *Dom0) error {
	tape, err := d.Start(ctx, Guest{
		Name: "tape", Domid: 8, HVM: true, Script: "vif-bridge", Bridge: "xenbr0", Rate: rate,
		IP: "192.0.2.18", Addresses: prefixes("192.0.2.18/24"),
	})
	if err != nil {
		return err
	}
	own, client := tape.Addresses[0].Addr(), clientLAN[0].Addr()
	arrived, took, err := tape.flood(d.Client, client)
	// While it sends, more is let through.
	if most := atOnce + int(took.Seconds()*perSecond); err == nil && arrived > most+20*datagram {
		err = fmt.Errorf("%d kB arrived in %s", arrived/1000, took)
	}
	d.Report.Check(Check{
		What:  fmt.Sprintf("tape → client: of %d kB, what 100 kB a second allow", datagrams*datagram/1000),
		Found: fmt.Sprintf("%d kB", arrived/1000), Err: err,
	})
	arrived, _, err = d.Client.flood(tape.Machine, own)
	if err == nil && arrived < 2*atOnce {
		err = fmt.Errorf("%d kB arrived", arrived/1000)
	}
	d.Report.Check(Check{
		What:  fmt.Sprintf("client → tape: of %d kB, all", datagrams*datagram/1000),
		Found: fmt.Sprintf("%d kB", arrived/1000), Err: err,
	})
	return nil
}

// flood sends datagrams to another machine as fast as that can take them in, and returns how many bytes arrived there and how
// long it took.
func (m *Machine) flood(to *Machine, at netip.Addr) (arrived int, took time.Duration, err error) {
	ear, err := to.datagrams(netip.AddrPortFrom(at, servicePort))
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = ear.Close() }()
	mouth, err := m.datagrams(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = mouth.Close() }()
	counted := make(chan int)
	go func() {
		n := 0
		for room := make([]byte, 2*datagram); ; {
			got, err := ear.Read(room)
			if err != nil {
				counted <- n
				return
			}
			n += got
			_ = ear.SetReadDeadline(time.Now().Add(talkPatience))
		}
	}()
	began := time.Now()
	for i := range datagrams {
		_, e := mouth.WriteToUDPAddrPort(make([]byte, datagram), netip.AddrPortFrom(at, servicePort))
		err = errors.Join(err, e)
		// An ordinary user's socket holds no more than some hundred of them.
		if i%50 == 49 {
			time.Sleep(time.Millisecond)
		}
	}
	_ = ear.SetReadDeadline(time.Now().Add(talkPatience))
	took = time.Since(began)
	return <-counted, took, err
}
