package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Steps is a list of steps that survives JSON: each is an object whose "step"
// names its type. The journal and `--json` are written this way.
type Steps []Step

// decoders is the union, spelt out: the JSON name of every step.
var decoders = map[string]func([]byte) (Step, error){
	"name":            decode[Name],
	"mac":             decode[MAC],
	"mtu":             decode[MTU],
	"master":          decode[Master],
	"up":              decode[Up],
	"address":         decode[Address],
	"route":           decode[Route],
	"proxy_neighbour": decode[ProxyNeighbour],
	"neighbour":       decode[Neighbour],
	"flows":           decode[Flows],
	"sysctl":          decode[Sysctl],
	"rule":            decode[Rule],
	"dhcp_host":       decode[DHCPHost],
	"limit":           decode[Limit],
	"bridge_vlan":     decode[BridgeVLAN],
	"switch_port":     decode[SwitchPort],
	"switch_guard":    decode[SwitchGuard],
	"xenstore_write":  decode[XenstoreWrite],
	"hook_run":        decode[HookRun],
	"announce":        decode[Announce],
	"bridge":          decode[Bridge],
	"setting":         decode[Setting],
	"forwarding":      decode[Forwarding],
	"answers":         decode[Answers],
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

// UnmarshalJSON refuses unknown steps and unknown fields: a journal of another
// version must not be half understood.
func (steps *Steps) UnmarshalJSON(data []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	list := make(Steps, 0, len(raw))
	for i, body := range raw {
		// "step" is the first field, as MarshalJSON writes it.
		rest, ok := bytes.CutPrefix(body, []byte(`{"step":"`))
		kind, rest, found := bytes.Cut(rest, []byte(`"`))
		if !ok || !found {
			return fmt.Errorf("step %d does not begin with its type", i)
		}
		dec, ok := decoders[string(kind)]
		if !ok {
			return fmt.Errorf("step %d is of the unknown type %q", i, kind)
		}
		// What is left is `,"field":…}` or `}`.
		s, err := dec(append([]byte{'{'}, bytes.TrimPrefix(rest, []byte{','})...))
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i, kind, err)
		}
		list = append(list, s)
	}
	*steps = list
	return nil
}

func decode[T Step](data []byte) (Step, error) {
	var s T
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(&s)
	return s, err
}
