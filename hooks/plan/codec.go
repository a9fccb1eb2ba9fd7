package plan

import (
	"encoding/json"
	"fmt"
	"sync"
)

// zeros is the union, spelt out: the JSON name of every step.
var zeros = sync.OnceValue(func() map[string]Step {
	return map[string]Step{
		"name":            Name{},
		"mac":             MAC{},
		"mtu":             MTU{},
		"master":          Master{},
		"up":              Up{},
		"address":         Address{},
		"route":           Route{},
		"proxy_neighbour": ProxyNeighbour{},
		"neighbour":       Neighbour{},
		"flows":           Flows{},
		"sysctl":          Sysctl{},
		"rule":            Rule{},
		"dhcp_host":       DHCPHost{},
		"limit":           Limit{},
		"bridge_vlan":     BridgeVLAN{},
		"switch_port":     SwitchPort{},
		"switch_guard":    SwitchGuard{},
		"xenstore_write":  XenstoreWrite{},
		"hook_run":        HookRun{},
		"announce":        Announce{},
		"bridge":          Bridge{},
		"setting":         Setting{},
		"forwarding":      Forwarding{},
		"answers":         Answers{},
	}
})

// OfKind returns a zero step by its JSON name.
func OfKind(name string) (Step, bool) {
	s, ok := zeros()[name]
	return s, ok
}

// KindOf returns the JSON name of s.
func KindOf(s Step) string {
	switch s.(type) {
	case Name:
		return "name"
	case MAC:
		return "mac"
	case MTU:
		return "mtu"
	case Master:
		return "master"
	case Up:
		return "up"
	case Address:
		return "address"
	case Route:
		return "route"
	case ProxyNeighbour:
		return "proxy_neighbour"
	case Neighbour:
		return "neighbour"
	case Flows:
		return "flows"
	case Sysctl:
		return "sysctl"
	case Rule:
		return "rule"
	case DHCPHost:
		return "dhcp_host"
	case Limit:
		return "limit"
	case BridgeVLAN:
		return "bridge_vlan"
	case SwitchPort:
		return "switch_port"
	case SwitchGuard:
		return "switch_guard"
	case XenstoreWrite:
		return "xenstore_write"
	case HookRun:
		return "hook_run"
	case Announce:
		return "announce"
	case Bridge:
		return "bridge"
	case Setting:
		return "setting"
	case Forwarding:
		return "forwarding"
	case Answers:
		return "answers"
	}
	panic(fmt.Sprintf("plan: step of type %T has no JSON name", s))
}

// Steps is a list of steps for JSON: each is an object whose "step" names its
// type.
type Steps []Step

// MarshalJSON writes each step as its own object with "step" in front.
func (steps Steps) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, s := range steps {
		body, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", s.Key(), err)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"step":%q`, KindOf(s))
		if len(body) > 2 {
			out = append(out, ',')
		}
		out = append(out, body[1:]...)
	}
	return append(out, ']'), nil
}
