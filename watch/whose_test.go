package watch

import (
	"testing"

	"vifctl/hooks/plan"
)

// What guests have that is not their own is logged once, at the start and when the host gets
// an address, and again after it was mended and has come back.
func TestWhatIsNotTheirOwn(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(plan.NIC{Domid: 1}, plan.Vif, "vif1.0", 1, true)
	p.start("vif1.0", "eth0")
	p.soon(func() bool { return p.asked() > 0 }, "at the start")
	found := func(sentences ...string) {
		p.mu.Lock()
		p.found = sentences
		p.mu.Unlock()
		before := p.asked()
		p.hint(hint{index: 2, came: true})
		p.soon(func() bool { return p.asked() > before }, "when an address has come")
	}
	const sentence = "vif1.0 of guest web has what is not its own"
	found(sentence)
	p.soon(func() bool { return p.said(sentence) == 1 }, "logged")
	found(sentence)
	found()
	found(sentence)
	p.soon(func() bool { return p.said(sentence) == 2 }, "logged when it is back")
	// An address of the guest's own port is none of the host's.
	before := p.asked()
	p.hint(hint{index: 1, came: true})
	p.never(func() bool { return p.asked() > before }, "for a guest's port")
}

func (p *pretend) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.judged
}
