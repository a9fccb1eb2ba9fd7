package hooks

import "context"

// Drops counts the packets that antispoofing has dropped, by the reason; it is
// empty with a firewall that does not count.
func (f *HostFirewall) Drops(ctx context.Context) (map[string]uint64, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	if counter, ok := fw.Firewall.(interface {
		Drops(context.Context) (map[string]uint64, error)
	}); ok {
		drops, err := counter.Drops(ctx)
		return drops, explain(err)
	}
	return nil, nil
}
