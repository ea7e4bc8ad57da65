package isa

import "starling/arch/amd64/userabi"

// Probed is an instruction under a breakpoint of a probe.
type Probed = userabi.Probed

// Sizes in bytes of probes, and the breakpoint.
const (
	ProbeContextSize = userabi.ProbeContextSize
	ProbeSlot        = userabi.ProbeSlot
	Breakpoint       = userabi.Breakpoint
)

// ProbeContext writes the registers as programs of bpf(2) see them.
func ProbeContext(f *Frame, b *[ProbeContextSize]byte) { userabi.ProbeContext(f, b) }

// IsBreakpoint reports whether an exception is that of Breakpoint.
func IsBreakpoint(vector uint16) bool { return userabi.IsBreakpoint(vector) }

// BreakpointAddress is where the breakpoint lies that has just been hit.
func BreakpointAddress(f *Frame) uint64 { return userabi.BreakpointAddress(f) }

// AnalyzeProbe looks at an instruction; false: it cannot be probed.
func AnalyzeProbe(code []byte) (Probed, bool) { return userabi.AnalyzeProbe(code) }

// InstructionSize is how long an instruction is, 0 if that cannot be told.
func InstructionSize(code []byte) int { return userabi.InstructionSize(code) }

// EndProbeCall ends the step of a system call instruction (MaskGeneral, MaskControl).
func EndProbeCall(f *Frame, at, slot uint64, ownStep bool) {
	userabi.EndProbeCall(f, at, slot, ownStep)
}

// HijackReturn makes the function that was just entered return elsewhere; the result is where it would have.
func HijackReturn(f *Frame, to uint64, load func(va uint64) (uint64, bool), store func(va, v uint64) bool) (uint64, bool) {
	return userabi.HijackReturn(f, to, load, store)
}

// ProbeAlive reports whether a function that was entered with a stack pointer has not returned.
func ProbeAlive(f *Frame, stack uint64, called bool) bool {
	return userabi.ProbeAlive(f, stack, called)
}
