// Package figures is what the benchmarks' reports have in common: on what was measured, and how a promise is judged.
package figures

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Verdict is one promise, and whether it was kept.
type Verdict struct {
	Kept  bool
	Words string
}

// Judge is the verdict in these words, as of fmt.Sprintf.
func Judge(kept bool, format string, args ...any) Verdict {
	return Verdict{Kept: kept, Words: fmt.Sprintf(format, args...)}
}

// String implements fmt.Stringer.
func (v Verdict) String() string {
	if v.Kept {
		return "yes  " + v.Words
	}
	return "NO   " + v.Words
}

// MS is a duration in milliseconds.
func MS(d time.Duration) float64 { return d.Seconds() * 1000 }

// Machine says on what was measured: the kernel, the processors, Go.
func Machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	model := "?"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("Linux %s, %d × %s, %s", unix.ByteSliceToString(u.Release[:]), runtime.NumCPU(), model, runtime.Version())
}
