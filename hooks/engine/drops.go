package engine

import "context"

// Drops counts the packets that antispoofing has dropped, by the reason; it is
// empty with a firewall that does not count.
func (f *HostFirewall) Drops(ctx context.Context) (map[string]uint64, error) {
	return counted(f, func(c dropCounter) (map[string]uint64, error) { return c.Drops(ctx) })
}

// DropsByPort counts them by the port they came from, since it
// was brought up; it is nil with a firewall that does not count by port.
func (f *HostFirewall) DropsByPort(ctx context.Context) (map[string]uint64, error) {
	return counted(f, func(c dropCounter) (map[string]uint64, error) { return c.DropsByPort(ctx) })
}

type dropCounter interface {
	Drops(context.Context) (map[string]uint64, error)
	DropsByPort(context.Context) (map[string]uint64, error)
}

func counted[K comparable](f *HostFirewall, ask func(dropCounter) (map[K]uint64, error)) (map[K]uint64, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	counter, ok := fw.Firewall.(dropCounter)
	if !ok {
		return nil, nil
	}
	drops, err := ask(counter)
	return drops, explain(err)
}
