package event

import (
	"fmt"

	"starling/personality/vfs"
)

// Describe appends the lines of /proc/PID/fdinfo (proc(5)).
func (eventOps) Describe(f *vfs.File, b []byte) []byte {
	x, ok := f.Private.(*eventFD)
	if !ok {
		return b
	}
	return fmt.Appendf(b, "eventfd-count: %16x\neventfd-id: %d\n", x.Count, x.Id)
}

// Describe appends the lines of /proc/PID/fdinfo (proc(5)).
func (o timerOps) Describe(f *vfs.File, b []byte) []byte {
	x := TimerOf(f)
	if x == nil {
		return b
	}
	const second = 1_000_000_000
	value, interval := o.m.Settings(x)
	return fmt.Appendf(b, "clockid: %d\nticks: %d\nsettime flags: 0%o\nit_value: (%d, %d)\nit_interval: (%d, %d)\n",
		x.Clock, x.Expirations, x.Flags, value/second, value%second, interval/second, interval%second)
}

// Describe appends the line of /proc/PID/fdinfo (proc(5)): the signals it reads.
func (signalOps) Describe(f *vfs.File, b []byte) []byte {
	return fmt.Appendf(b, "sigmask:\t%016x\n", f.Key0)
}
