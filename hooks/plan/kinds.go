package plan

import (
	"net/netip"
	"sync"
)

// Kinds lists the union: a zero step of every kind. Everything about a kind is in
// one place, the methods of its type; this table is what finds it by its name.
func Kinds() []Step {
	return []Step{
		// The port itself.
		Name{},
		MAC{},
		MTU{},
		Master{},
		Up{},
		Address{},
		Route{},
		ProxyNeighbour{},
		Neighbour{},
		Sysctl{},
		BridgeVLAN{},
		Limit{},
		// What filters, translates, switches and leases.
		Rule{},
		Flows{},
		SwitchPort{},
		SwitchGuard{},
		DHCPHost{},
		// Effects.
		XenstoreWrite{},
		HookRun{},
		Announce{},
		// The host's side of a mode.
		Bridge{},
		Setting{},
		Forwarding{},
		Reachable{},
	}
}

// OfKind returns a zero step by its JSON name.
func OfKind(name string) (Step, bool) {
	s, ok := byName()[name]
	return s, ok
}

// byName is made when a record is first read.
var byName = sync.OnceValue(func() map[string]Step {
	m := map[string]Step{}
	for _, s := range Kinds() {
		m[s.Traits().Kind] = s
	}
	return m
})

// Traits are what the executor, the journal, the watcher and doctor have to know of a
// step, whatever its kind.
type Traits struct {
	// Kind is the step's name in JSON.
	Kind string
	// Owner tells with whom the object comes and goes.
	Owner Owner
	// Dev is the interface that the object is on: what is done to it goes with it.
	// Zero where there is none, or where the object outlives it.
	Dev Dev
	// Beside is another interface that the step involves: the bridge that a port
	// joins, the uplink that answers for a guest. Zero for none.
	Beside Dev
	// Addresses are those that the step is about, filled up with zeros.
	Addresses [3]netip.Addr
	// Absent: the step wants its object not to be there.
	Absent bool
	// Effect: the step is done, once, and nothing of it can go missing: a hook, a
	// word to the toolstack, an announcement.
	Effect bool
	// Passing: the step is about the moment, or its object goes by itself in time.
	Passing bool
	// Tolerant: a failure is worth a warning and no more.
	Tolerant bool
	// Admits: the step lets a guest's frames in, so it is not taken when one before
	// it, which may have been the guest's filter, has failed.
	Admits bool
	// Unannounced: the kernel tells no listener when the object is changed, so the
	// watcher has to look.
	Unannounced bool
	// Batch names the request that takes several such steps at once, "" for none.
	Batch Batch
	// Rank is the step's place within a batch whose order the kernel decides.
	Rank int
}

// Batch is a request that can take several steps at once.
type Batch string

// The batches.
const (
	// linkMessage is one RTM_SETLINK. Rank is the order in which the kernel takes
	// its attributes (do_setlink of net/core/rtnetlink.c).
	linkMessage Batch = "link"
	// firewallChange is one transaction of the firewall's.
	firewallChange Batch = "firewall"
	// conntrackTable is one walk through the table of connections.
	conntrackTable Batch = "conntrack"
)

// Together reports whether a and b, which follows it, are one request.
func Together(a, b Step) bool {
	x, y := a.Traits(), b.Traits()
	switch {
	case x.Batch == "" || x.Batch != y.Batch:
		return false
	case x.Batch != linkMessage:
		return true
	case x.Dev.Index != y.Dev.Index:
		return false
	}
	if up, ok := a.(Up); ok && !up.Want {
		// Off its bridge and down is as good as down and off its bridge.
		_, ok = b.(Master)
		return ok
	}
	// An MTU that follows leaving a bridge must not be taken while the port is
	// still in it.
	return x.Rank < y.Rank
}
