package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"vifctl/tests/bench/figures"
	"vifctl/tests/speed"
)

// What is measured of a way.
const (
	add        = "add"
	remove     = "remove"
	online     = "online"
	offline    = "offline"
	floor      = "floor"
	packet     = "packet"
	flow       = "flow"
	connection = "connection"
)

// whole stands for the calls with and without antispoofing among the sizes of slowness.
const whole = -1

// A key is who did what, with how many other guests there.
type key struct {
	who, what string
	size      int
}

// A sample is what many times took.
type sample struct{ wall, cpu []time.Duration }

// A report is all that was measured.
type report struct {
	scope   scope
	samples map[key]*sample
	// slowness is how slow the machine was, by size; that of the calls with and without antispoofing is at whole.
	slowness map[int]float64
}

func newReport(s scope) *report {
	return &report{scope: s, samples: map[key]*sample{}, slowness: map[int]float64{}}
}

// measureSpeed measures how slow the machine is before what is measured next.
func (r *report) measureSpeed(size int) (err error) {
	r.slowness[size], err = speed.Slowness()
	return err
}

const explanation = `A guest's rules, by vifctl: from the opening of its backend to the kernel's answer, looking at what is there included, without a
process of ours; by hand: from the shell's fork to the end of the wait for it. A whole call: from its fork to the end of the wait
for it. Of four tries in a round the quickest counts, of the rounds the median; CPU is user and system, of the thread or process
and of all it waited for. Through the router: from one send to the next, as the sender sees it, the median of batches of 20. slow:
how many times slower than a good machine this one was before a block of rounds (tests/speed).
`

func (r *report) add(k key, t timing) {
	if r.samples[k] == nil {
		r.samples[k] = &sample{}
	}
	s := r.samples[k]
	s.wall, s.cpu = append(s.wall, t.wall), append(s.cpu, t.cpu)
}

// median is the middle of values; 0 where there are none.
func median(values []time.Duration) time.Duration {
	if len(values) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// took is the median of what something took by the clock; 0 where it was not measured.
func (r *report) took(who, what string, size int) time.Duration {
	if s := r.samples[key{who, what, size}]; s != nil {
		return median(s.wall)
	}
	return 0
}

// used is the median of its CPU time.
func (r *report) used(who, what string, size int) time.Duration {
	if s := r.samples[key{who, what, size}]; s != nil {
		return median(s.cpu)
	}
	return 0
}

func (r *report) print(out io.Writer) error {
	fmt.Fprintf(out, "\n%s\n\n%s", r.machine(), explanation)
	r.table(out, "ms, a guest's rules", func(y way, size int) []string {
		var cells []string
		for _, c := range [][2]string{{add, online}, {remove, offline}, {floor, floor}} {
			what := c[0]
			if y.name == debian {
				what = c[1]
			}
			cells = append(cells, millis(r.took(y.name, what, size)), millis(r.used(y.name, what, size)))
		}
		return cells
	}, "add", "CPU", "remove", "CPU", "iptables alone", "CPU")
	r.table(out, "ms, a whole call", func(y way, size int) []string {
		var cells []string
		for _, command := range []string{online, offline} {
			cells = append(cells, millis(r.took(y.name, command, size)), millis(r.used(y.name, command, size)))
		}
		return cells
	}, "online", "CPU", "offline", "CPU")
	r.table(out, "through the router", func(y way, size int) []string {
		return []string{
			nanos(r.took(y.name, packet, size)), perSecond(r.took(y.name, flow, size)), perSecond(r.took(y.name, connection, size)),
		}
	}, "ns/packet", "new flows/s", "connects/s")
	fmt.Fprintf(out, "%s: its whole call, as it does no less, without translating anything\n", debian)
	fmt.Fprintln(out, "iptables alone: iptables-restore adds one rule, with nothing of vifctl's; it is in the figure beside it")
	r.printAntispoofing(out)
	fmt.Fprintln(out)
	for _, v := range r.verdicts() {
		fmt.Fprintln(out, v)
	}
	return nil
}

// table is one line for each way and number of guests of which anything is known.
func (r *report) table(out io.Writer, title string, cells func(y way, size int) []string, heads ...string) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\n%s\tguests\t%s\tslow\t\n", title, strings.Join(heads, "\t"))
	for _, y := range ways {
		for _, size := range r.scope.sizes {
			row := cells(y, size)
			if y.alone || strings.Join(row, "") == "" {
				continue
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%.1f\t\n", y.name, size, strings.Join(row, "\t"), r.slowness[size])
		}
	}
	_ = t.Flush()
}

func (r *report) printAntispoofing(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nms, antispoofing\tstrict\tCPU\toff\tCPU\tmore\tCPU\tslow\t\n")
	for _, what := range r.checkedCalls() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f\t\n", what,
			millis(r.took(strict, what, 0)), millis(r.used(strict, what, 0)), millis(r.took(off, what, 0)), millis(r.used(off, what, 0)),
			millis(r.took(strict, what, 0)-r.took(off, what, 0)), millis(r.used(strict, what, 0)-r.used(off, what, 0)), r.slowness[whole])
	}
	_ = t.Flush()
}

// checkedCalls are the calls that were made with and without antispoofing.
func (r *report) checkedCalls() (calls []string) {
	for k := range r.samples {
		if k.who == strict {
			calls = append(calls, k.what)
		}
	}
	slices.SortFunc(calls, func(a, b string) int {
		modeA, commandA, _ := strings.Cut(a, " ")
		modeB, commandB, _ := strings.Cut(b, " ")
		if modeA != modeB {
			return strings.Compare(modeA, modeB)
		}
		return -strings.Compare(commandA, commandB)
	})
	return calls
}

// machine says on what was measured, and how often.
func (r *report) machine() string {
	return fmt.Sprintf("%s; medians of %d rounds (of nftables), of %d calls with and without antispoofing",
		figures.Machine(), r.scope.rounds, r.scope.calls)
}

func millis(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", figures.MS(d))
}

func nanos(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprint(d.Nanoseconds())
}

func perSecond(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprint(int(time.Second / d))
}
