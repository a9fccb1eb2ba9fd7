package watch

import (
	"strings"
	"time"

	"vifctl/hooks/plan"
)

// What an interface is to the watcher.
type What int

// What an interface can be.
const (
	// Other: nothing that a script of Xen's is called for.
	Other What = iota
	// Up: a port that a call of ours has brought up, or is bringing up.
	Up
	// Late: a tap that xl has not called us for, of a vif that is up.
	Late
	// Early: a tap whose vif is not up by a call of ours, or not yet.
	Early
	// Uncalled: a vif that is not up by a call of ours, or not yet.
	Uncalled
	// Second: a tap of a NIC that has another.
	Second
	// Numbered: tap<N>, whose guest only the configuration could tell.
	Numbered
)

// Finding is what was found out about an interface.
type Finding struct {
	What What
	// NIC it belongs to, of all but Other and Numbered.
	NIC plan.NIC
	// Called is when the journal last heard of the vif of a Late tap.
	Called time.Time
	// Rival is the other interface of a Second.
	Rival string
}

// Decide says what an interface is. An interface that has a record is what the
// record says, whatever its name; another is known by its name, and by the
// names that the journal has given to vifs.
func (h *Host) Decide(l Link) Finding {
	if key, ok := h.owner[l.Index]; ok {
		return Finding{What: Up, NIC: key.nic}
	}
	if nic, ok := h.tapOf(l.Name); ok {
		return h.decideTap(nic)
	}
	if nic, ok := strings.CutPrefix(l.Name, "vif"); ok {
		if nic, ok := nicIn(nic, "."); ok {
			return Finding{What: Uncalled, NIC: nic}
		}
	}
	if number, ok := strings.CutPrefix(l.Name, "tap"); ok && strings.Trim(number, "0123456789") == "" && number != "" {
		return Finding{What: Numbered}
	}
	return Finding{}
}

func (h *Host) decideTap(nic plan.NIC) Finding {
	if own, ok := h.port(nic, plan.Tap); ok {
		return Finding{What: Second, NIC: nic, Rival: h.links[own.Index]}
	}
	vif, ok := h.port(nic, plan.Vif)
	if !ok {
		return Finding{What: Early, NIC: nic}
	}
	return Finding{What: Late, NIC: nic, Called: vif.Written}
}

// tapOf reads a tap's name: <vif>-emu, or tap<X> beside vif<X>, where the vif's
// name is one that the journal has given it, or Xen's own.
func (h *Host) tapOf(name string) (plan.NIC, bool) {
	vif, ok := strings.CutSuffix(name, emu)
	if !ok {
		rest, tap := strings.CutPrefix(name, "tap")
		if !tap {
			return plan.NIC{}, false
		}
		vif = "vif" + rest
	}
	if nic, ok := h.vifs[vif]; ok {
		return nic, true
	}
	numbers, ok := strings.CutPrefix(vif, "vif")
	if !ok {
		return plan.NIC{}, false
	}
	return nicIn(numbers, ".")
}
