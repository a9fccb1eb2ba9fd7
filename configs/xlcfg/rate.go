package xlcfg

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// standardInterval is how often, in microseconds, a guest's credit is filled up
// where its rate= does not say.
const standardInterval = 50_000

// rate reads 10Mb/s, 250KB/s, 1MB/s@20ms into what libxl writes for netback:
// bytes in each interval, and the interval in microseconds (libxlu_vif.c).
func rate(s string) (key string, ok bool) {
	amount, interval, given := strings.Cut(s, "@")
	number, unit, ok := numberOf(amount)
	if !ok {
		return "", false
	}
	scale := map[string]uint64{"": 1, "K": 1e3, "M": 1e6, "G": 1e9}
	unit, ok = strings.CutSuffix(unit, "/s")
	if !ok || unit == "" {
		return "", false
	}
	by, known := scale[unit[:len(unit)-1]]
	if !known {
		return "", false
	}
	perSecond := number * by
	switch unit[len(unit)-1] {
	case 'B':
	case 'b':
		perSecond /= 8
	default:
		return "", false
	}
	usecs := uint64(standardInterval)
	if given {
		number, unit, ok := numberOf(interval)
		scale, known := map[string]uint64{"us": 1, "ms": 1e3, "s": 1e6, "": 1e6, "u": 1, "m": 1e3}[unit]
		if !ok || !known || number*scale > math.MaxUint32 {
			return "", false
		}
		usecs = number * scale
	}
	high, low := bits.Mul64(perSecond, usecs)
	if high != 0 {
		return "", false
	}
	return fmt.Sprintf("%d,%d", low/1e6, usecs), true
}

// numberOf takes the digits off: more than 0, and 32 bits at most.
func numberOf(s string) (n uint64, rest string, ok bool) {
	rest = strings.TrimLeft(s, "0123456789")
	n, err := strconv.ParseUint(s[:len(s)-len(rest)], 10, 32)
	return n, rest, err == nil && n > 0
}
