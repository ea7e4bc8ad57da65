package runtime

import (
	"internal/runtime/math"
	_ "unsafe"
)

// bareClockParams turn the counter into time: ns since boot = (ticks-TSC0)*Mult>>32,
// and Wall is the ns since 1970 at boot.
type bareClockParams struct {
	TSC0, Mult, Wall uint64
}

//go:nosplit
func bareNanotime() int64 {
	c := bareClock()
	hi, lo := math.Mul64(uint64(bareTicks())-c.TSC0, c.Mult)
	return int64(hi<<32 | lo>>32)
}

//go:linkname time_now time.now
func time_now() (sec int64, nsec int32, mono int64) {
	mono = bareNanotime()
	w := mono + int64(bareClock().Wall)
	return w / 1e9, int32(w % 1e9), mono
}

//go:nosplit
func walltime() (sec int64, nsec int32) {
	w := bareNanotime() + int64(bareClock().Wall)
	return w / 1e9, int32(w % 1e9)
}
