package amd64

import (
	"math/bits"

	"github.com/usbarmory/tamago/amd64/lapic"
	"github.com/usbarmory/tamago/soc/intel/rtc"
)

// Clock turns the time stamp counter into ns since boot: (ticks-Start)*Mult>>32.
type Clock struct{ Start, Mult uint64 }

// Nanoseconds is the time at a value of the counter.
func (c *Clock) Nanoseconds(ticks uint64) int64 {
	return c.Duration(ticks - c.Start)
}

// Duration converts a number of ticks to ns.
func (c *Clock) Duration(ticks uint64) int64 {
	high, low := bits.Mul64(ticks, c.Mult)
	return int64(high<<32 | low>>32)
}

// The interval timer (8254 data sheet): channel 0 counts down at a known rate.
// Its speaker gate, port 0x61, does not exist on microvm, so channel 0 it is.
const (
	pitCounter0 = 0x40
	pitControl  = 0x43
	pitRateMode = 0x34 // channel 0, both bytes, mode 2
	pitLatch0   = 0x00
	pitHz       = 1193182

	calibrateTicks  = pitHz / 100 // 10 ms
	calibratePolls  = 1 << 22
	calibrateTries  = 5
	plausibleLowHz  = 100_000_000
	plausibleHighHz = 20_000_000_000
)

func pitRead() uint16 {
	out8(pitControl, pitLatch0)
	low := in(pitCounter0, 1)
	return uint16(low | in(pitCounter0, 1)<<8)
}

// measureTicks counts the time stamp counter's ticks per second; ok is false when
// the interval timer does not count.
func measureTicks() (hz uint64, ok bool) {
	out8(pitControl, pitRateMode)
	out8(pitCounter0, 0xff)
	out8(pitCounter0, 0xff)
	first := pitRead()
	for poll := 0; poll < calibratePolls; poll++ { // the new count is loaded with the next tick
		c := pitRead()
		d := first - c
		first = c
		if poll > 2 && d > 0 && d < 1000 {
			break
		}
	}
	start := Ticks()
	for range calibratePolls {
		d := first - pitRead()
		if d >= calibrateTicks {
			return (Ticks() - start) * pitHz / uint64(d), true
		}
	}
	return 0, false
}

// Calibrate measures the time stamp counter and the local APIC's timer. start is the
// counter's value at boot. A machine without a working interval timer stops.
func Calibrate(start uint64) Clock {
	for range calibrateTries {
		hz, ok := measureTicks()
		if !ok || hz < plausibleLowHz || hz > plausibleHighHz {
			continue
		}
		mult, _ := bits.Div64(1_000_000_000>>32, 1_000_000_000<<32&(1<<64-1), hz)
		c := Clock{Start: start, Mult: mult}
		measureTimer(&c)
		processor.clock = c // the short way's
		return c
	}
	fail("no plausible time from the interval timer: cannot calibrate the clock")
	return Clock{}
}

// timerMult: the local APIC's timer counts ns*timerMult>>32 in ns.
var timerMult uint64

const timerSample = 1_000_000 // ns

// measureTimer counts the local APIC's timer against the calibrated clock.
func measureTimer(c *Clock) {
	lapicWrite(lapicTimerInitial, 1<<32-1)
	begin := Ticks()
	first := lapicRead(lapicTimerCurrent)
	for c.Duration(Ticks()-begin) < timerSample {
	}
	counted := uint64(first - lapicRead(lapicTimerCurrent))
	ns := uint64(c.Duration(Ticks() - begin))
	lapicWrite(lapicTimerInitial, 0)
	if counted == 0 {
		fail("the local APIC's timer does not count")
	}
	timerMult = counted << 32 / ns
	lapicWrite(lapic.LAPIC_LVT_TIMER, vectorTimer)
}

// TimerMax is the longest time that TimerArm can wait, at least.
const TimerMax = 10_000_000_000

// TimerArm makes the timer interrupt once in ns from now, at most TimerMax.
func TimerArm(ns int64) {
	ns = max(min(ns, TimerMax), 0)
	high, low := bits.Mul64(uint64(ns), timerMult)
	count := high<<32 | low>>32
	lapicWrite(lapicTimerInitial, uint32(max(min(count, 1<<32-1), 1)))
}

const wallTries = 1 << 26 // ticks

// WallClock reads the real-time clock: ns since 1970, 0 when there is none.
func WallClock() int64 {
	var clock rtc.RTC
	for end := Ticks() + wallTries; Ticks() < end; { // an update takes 2 ms at most
		if t, err := clock.Now(); err == nil {
			if t.Year() < 1970 || t.Year() > 2262 {
				return 0
			}
			return t.UnixNano()
		}
	}
	return 0
}
