package userabi

import "starling/ipc/frame"

// Debug registers as tracers use them (SDM 3B 18.2). The frame holds what the tracer
// wrote, all bits of it; the kernel masks what a program may not have. A thread starts without
// any: Linux neither copies them at clone(2) nor keeps them over execve(2).

const (
	// dr6Polarity is the bits that read as one when nothing happened (DR6_RESERVED of
	// Linux): a tracer sees the status in the frame with them turned around.
	dr6Polarity = 0xffff0ff0

	kindExecute = 0
	kindIO      = 2
)

// debugRegister reads register n as Linux shows it.
func debugRegister(d *frame.Debug, n int) uint64 {
	switch n {
	case 0, 1, 2, 3:
		return *addressRegister(d, n)
	case 6:
		return d.DR6 ^ dr6Polarity
	case 7:
		return d.DR7
	}
	return 0
}

func addressRegister(d *frame.Debug, n int) *uint64 {
	return [...]*uint64{&d.DR0, &d.DR1, &d.DR2, &d.DR3}[n]
}

// setDebugRegister writes register n. BadValue as Linux's hw_breakpoint_arch_parse:
// addresses that are not the program's, lengths that do not fit the address or kind, I/O
// breakpoints.
func setDebugRegister(d *frame.Debug, n int, v uint64) Outcome {
	switch n {
	case 0, 1, 2, 3:
		if !breakpointFits(d.DR7, n, v) {
			return BadValue
		}
		*addressRegister(d, n) = v
	case 6:
		d.DR6 = v ^ dr6Polarity
	case 7:
		for i := range 4 {
			if enabled(v, i) && !breakpointFits(v, i, *addressRegister(d, i)) {
				return BadValue
			}
		}
		d.DR7 = v
	default:
		return BadRegister
	}
	return Stored
}

func enabled(dr7 uint64, n int) bool { return dr7>>(2*n)&3 != 0 }

// breakpointFits reports whether breakpoint n of dr7 can be at an address. One that is
// switched off only has to be at an address of the program.
func breakpointFits(dr7 uint64, n int, address uint64) bool {
	if !enabled(dr7, n) {
		return address < TaskSize
	}
	kind, length := dr7>>(16+4*n)&3, dr7>>(18+4*n)&3
	size := [...]uint64{1, 2, 8, 4}[length]
	switch kind {
	case kindIO:
		return false
	case kindExecute:
		if length != 0 {
			return false
		}
		size = 1
	}
	return address < TaskSize && address+size-1 < TaskSize && address&(size-1) == 0
}

// DebugTrap brings the registers that a tracer sees in line with a debug exception: the
// status, and the resume flag after an instruction breakpoint, which would stop
// the thread again (SDM 3B 18.3.1.1). It reports whether the flags were changed (MaskControl).
func DebugTrap(f *Frame) bool {
	status := f.Event.DebugStatus
	f.Debug.DR6 = status & dr6Step
	resume := false
	for n := range 4 {
		if status>>n&1 != 0 && enabled(f.Debug.DR7, n) {
			f.Debug.DR6 |= 1 << n
			resume = resume || f.Debug.DR7>>(16+4*n)&3 == kindExecute
		}
	}
	if resume {
		f.Regs.Flags |= flagResume
	}
	return resume
}

// ClearDebug removes all breakpoints (group MaskDebug). It reports whether there were any.
func ClearDebug(f *Frame) bool {
	had := f.Debug != frame.Debug{}
	f.Debug = frame.Debug{}
	return had
}
