package watch

import (
	"fmt"
	"strings"
	"time"
)

// bounds are a histogram's, in seconds. A call is to take some milliseconds, and
// must not take 40 s.
var bounds = [...]float64{0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 25}

// histogram counts durations.
type histogram struct {
	upTo [len(bounds)]int // cumulative
	all  int
	sum  time.Duration
}

func (h *histogram) add(d time.Duration) {
	h.all++
	h.sum += d
	for i, most := range bounds {
		if d.Seconds() <= most {
			h.upTo[i]++
		}
	}
}

// text is what Prometheus reads of it; labels are its own, as in `mode="route"`.
func (h *histogram) text(out *strings.Builder, name, labels string) {
	for i, most := range bounds {
		fmt.Fprintf(out, "vifctl_%s_bucket{%s,le=\"%g\"} %d\n", name, labels, most, h.upTo[i])
	}
	fmt.Fprintf(out, "vifctl_%s_bucket{%s,le=\"+Inf\"} %d\n", name, labels, h.all)
	fmt.Fprintf(out, "vifctl_%s_sum{%s} %g\nvifctl_%s_count{%s} %d\n", name, labels, h.sum.Seconds(), name, labels, h.all)
}
