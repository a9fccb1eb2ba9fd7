package configs

// checkIdentities looks for entries that are about the same NIC.
func (r *reader) checkIdentities() {
	macs := map[string]*entry{}
	same := map[string][]*entry{}
	for _, e := range r.entries {
		if e.MAC != "" {
			if first, ok := macs[e.MAC]; ok {
				r.mistakes.clash(e.at.at("mac"), first.at.at("mac"), "%s is the hardware address of %s already, at {other}: every NIC needs its own", e.MAC, first.Guest)
				continue
			}
			macs[e.MAC] = e
		}
		for _, key := range []string{"name " + e.Name, "uuid " + e.UUID} {
			if len(key) == len("name ") {
				continue
			}
			if first := twin(e, same[key]); first != nil {
				r.mistakes.clash(e.at, first.at, "%s has another entry, at {other}: move its settings there, or give the two entries different nic numbers", e.Guest)
				break
			}
		}
		for _, key := range []string{"name " + e.Name, "uuid " + e.UUID} {
			if len(key) > len("name ") {
				same[key] = append(same[key], e)
			}
		}
	}
}

// twin finds the first of the entries which have a name or a UUID in common
// with e that is about one of e's NICs.
func twin(e *entry, others []*entry) *entry {
	for _, o := range others {
		if !differ(e.Name, o.Name) && !differ(e.UUID, o.UUID) && shareNIC(e, o) {
			return o
		}
	}
	return nil
}

// shareNIC reports whether two entries about one guest are surely about one NIC.
// One that knows the NIC by its index and one that knows it by its hardware
// address may or may not be.
func shareNIC(a, b *entry) bool {
	if a.NIC != AnyNIC && b.NIC != AnyNIC {
		return a.NIC == b.NIC && !differ(a.MAC, b.MAC)
	}
	if a.NIC == AnyNIC && b.NIC == AnyNIC {
		return !differ(a.MAC, b.MAC)
	}
	byIndex, other := a, b
	if a.NIC == AnyNIC {
		byIndex, other = b, a
	}
	return other.MAC == "" || other.MAC == byIndex.MAC
}

// differ: both are given and are not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }
