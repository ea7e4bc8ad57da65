// Package isa is the instruction set the project is built for, as packages see
// it that must not name a register: every name here is the one of arch/<isa>/userabi,
// chosen by build tag. A port supplies the same names.
package isa

import "starling/arch/amd64/userabi"

// Types of the user ABI.
type (
	Frame         = userabi.Frame
	CPU           = userabi.CPU
	Signal        = userabi.Signal
	Fault         = userabi.Fault
	AltStack      = userabi.AltStack
	SignalFrame   = userabi.SignalFrame
	SignalContext = userabi.SignalContext
	FPArea        = userabi.FPArea
)

// Numbers of the user ABI.
const (
	Machine            = userabi.Machine
	Platform           = userabi.Platform
	ELFMachine         = userabi.ELFMachine
	AuditArch          = userabi.AuditArch
	ClockTick          = userabi.ClockTick
	PageSize           = userabi.PageSize
	TaskSize           = userabi.TaskSize
	StackTop           = userabi.StackTop
	DynamicBase        = userabi.DynamicBase
	MinimumAddress     = userabi.MinimumAddress
	LowStart           = userabi.LowStart
	LowEnd             = userabi.LowEnd
	MapRandomBits      = userabi.MapRandomBits
	StackRandomBits    = userabi.StackRandomBits
	BreakRandom        = userabi.BreakRandom
	MinimumSignalStack = userabi.MinimumSignalStack
	SignalInfoSize     = userabi.SignalInfoSize
	SignalFrameSize    = userabi.SignalFrameSize
	SignalContextSize  = userabi.SignalContextSize
	FPHeaderSize       = userabi.FPHeaderSize
	FPAlign            = userabi.FPAlign
	NoCall             = userabi.NoCall
)

// Number is the system call number of the frame.
func Number(f *Frame) int32 { return userabi.Number(f) }

// InCall reports whether the frame is in a system call that can be restarted.
func InCall(f *Frame) bool { return userabi.InCall(f) }

// SetNumber changes the system call number; NoCall ends the call.
func SetNumber(f *Frame, n uint64) { userabi.SetNumber(f, n) }

// Arguments copies the six arguments of the call.
func Arguments(f *Frame, a *[6]uint64) { userabi.Arguments(f, a) }

// Result is the result register.
func Result(f *Frame) int64 { return userabi.Result(f) }

// SetResult sets the result register (group MaskResult).
func SetResult(f *Frame, v int64) { userabi.SetResult(f, v) }

// Restart makes the thread execute a system call again as number n (MaskGeneral, MaskControl).
func Restart(f *Frame, n uint64) { userabi.Restart(f, n) }

// RestartSame makes the thread execute its system call again.
func RestartSame(f *Frame) { userabi.RestartSame(f) }

// IP is the instruction pointer.
func IP(f *Frame) uint64 { return userabi.IP(f) }

// SetIP sets the instruction pointer (MaskControl).
func SetIP(f *Frame, v uint64) { userabi.SetIP(f, v) }

// SP is the stack pointer.
func SP(f *Frame) uint64 { return userabi.SP(f) }

// SetSP sets the stack pointer (MaskControl).
func SetSP(f *Frame, v uint64) { userabi.SetSP(f, v) }

// ReportPreemption asks the kernel to report the thread when it was preempted. It counts at once.
func ReportPreemption(f *Frame, on bool) { userabi.ReportPreemption(f, on) }

// SetTLS sets the thread pointer (MaskSegments).
func SetTLS(f *Frame, v uint64) { userabi.SetTLS(f, v) }

// CopyForChild copies what a new thread starts with.
func CopyForChild(dst, src *Frame) { userabi.CopyForChild(dst, src) }

// Start makes the frame what a program begins with (all groups).
func Start(f *Frame, ip, sp uint64) { userabi.Start(f, ip, sp) }

// ResetFP makes the floating-point state initial (MaskFP).
func ResetFP(f *Frame) { userabi.ResetFP(f) }

// Baseline is the least processor of the instruction set.
func Baseline() CPU { return userabi.Baseline() }

// NeedsFP reports whether Exception has to see the floating-point state.
func NeedsFP(vector uint16) bool { return userabi.NeedsFP(vector) }

// Exception says which signal an exception is.
func Exception(f *Frame, vector uint16) Signal { return userabi.Exception(f, vector) }

// PageFault describes a page fault for the signal frame.
func PageFault(address uint64, present, write, execute bool) Fault {
	return userabi.PageFault(address, present, write, execute)
}

// BelowRedZone is where a signal frame may start on the interrupted stack.
func BelowRedZone(sp uint64) uint64 { return userabi.BelowRedZone(sp) }

// PlaceSignal says where signal frame and floating-point area go below sp.
func PlaceSignal(cpu *CPU, sp uint64) (frame, fp uint64) { return userabi.PlaceSignal(cpu, sp) }

// SignalSize is how many bytes a placed signal frame takes.
func SignalSize(cpu *CPU, addr, fp uint64) int { return userabi.SignalSize(cpu, addr, fp) }

// SignalFrameIn is the signal frame at the beginning of b.
func SignalFrameIn(b []byte) *SignalFrame { return userabi.SignalFrameIn(b) }

// FPAreaIn is the floating-point area at the beginning of b.
func FPAreaIn(cpu *CPU, b []byte) *FPArea { return userabi.FPAreaIn(cpu, b) }

// EnterHandler writes the registers to a placed signal frame, and makes them those that a handler begins with (MaskGeneral,
// MaskControl, and MaskSegments where the program was not Native).
func EnterHandler(f *Frame, s *SignalFrame, addr, fp uint64, number int32, ip uint64) {
	userabi.EnterHandler(f, s, addr, fp, number, ip)
}

// SaveFP writes the floating-point state to an area, and makes it what handlers begin with (MaskFP).
func SaveFP(cpu *CPU, f *Frame, a *FPArea) { userabi.SaveFP(cpu, f, a) }

// Live reports whether the floating-point state is in the processor (ipc.MaskLive), NotLive makes that false.
func Live(f *Frame) bool { return userabi.Live(f) }
func NotLive(f *Frame)   { userabi.NotLive(f) }

// SavedFP is SaveFP when the state has been stored in the area already. InitialFP makes an area of b, of FPAreaSize+FPAlign bytes,
// that is what handlers begin with.
func SavedFP(cpu *CPU, f *Frame, a *FPArea) { userabi.SavedFP(cpu, f, a) }
func InitialFP(cpu *CPU, b []byte) *FPArea  { return userabi.InitialFP(cpu, b) }

// LoadableFP reports whether the processor takes an area from where it is, with the outcome of RestoreFP; TakeFP is RestoreFP for such
// a one, at addr here (MaskFP).
func LoadableFP(cpu *CPU, a *FPArea) bool     { return userabi.LoadableFP(cpu, a) }
func TakeFP(cpu *CPU, f *Frame, addr uintptr) { userabi.TakeFP(cpu, f, addr) }

// SignalFrameOn, SignalContextOn and FPAreaOn are what lies on one page of the program; nil: it goes on on another.
func SignalFrameOn(cpu *CPU, page *[PageSize]byte, addr, fp uint64) (*SignalFrame, *FPArea) {
	return userabi.SignalFrameOn(cpu, page, addr, fp)
}
func SignalContextOn(page *[PageSize]byte, addr uint64) *SignalContext {
	return userabi.SignalContextOn(page, addr)
}
func FPAreaOn(cpu *CPU, page *[PageSize]byte, addr uint64) *FPArea {
	return userabi.FPAreaOn(cpu, page, addr)
}

// SetFault says what an instruction did last that faulted.
func SetFault(s *SignalFrame, address, code, vector uint64) { s.SetFault(address, code, vector) }

// FPOf is the address of the floating-point area that a context names; 0: initial state.
func FPOf(c *SignalContext) uint64 { return c.FP() }

// SignalReturn is the address of the context in the signal frame of a thread in sigreturn.
func SignalReturn(f *Frame) uint64 { return userabi.SignalReturn(f) }

// SignalContextIn is the context of a signal frame at the beginning of b.
func SignalContextIn(b []byte) *SignalContext { return userabi.SignalContextIn(b) }

// Native reports whether the program runs code of the kind that the personality starts, ChangesCode whether the
// context of a signal frame has another kind than the registers. Then MaskSegments changes.
func Native(f *Frame) bool                        { return userabi.Native(f) }
func ChangesCode(f *Frame, c *SignalContext) bool { return userabi.ChangesCode(f, c) }

// ProtectionVector is the number of the exception that a return to a segment that is none raises.
const ProtectionVector = userabi.ProtectionVector

// RestoreSignal takes the registers out of the context (MaskGeneral, MaskControl, and MaskSegments if it ChangesCode);
// not ok: the return to them faults, for selector.
func RestoreSignal(f *Frame, c *SignalContext) (selector uint64, ok bool) {
	return userabi.RestoreSignal(f, c)
}

// FPAreaSize is the size of a floating-point area with all that the processor has.
func FPAreaSize(cpu *CPU) int { return userabi.FPAreaSize(cpu) }

// FPSize says how many bytes of a floating-point area RestoreFP wants.
func FPSize(cpu *CPU, low, high []byte) int { return userabi.FPSize(cpu, low, high) }

// RestoreWholeFP is RestoreFP for an area in one piece in which all that the processor has is present; false: it is another one.
func RestoreWholeFP(cpu *CPU, f *Frame, a *FPArea) bool { return userabi.RestoreWholeFP(cpu, f, a) }

// RestoreFP takes the floating-point state out of an area (MaskFP); false when the
// processor would refuse it.
func RestoreFP(cpu *CPU, f *Frame, low, high []byte, n int) bool {
	return userabi.RestoreFP(cpu, f, low, high, n)
}

// SignalStackNeed is the most a signal frame takes of a stack.
func SignalStackNeed(cpu *CPU) int { return userabi.SignalStackNeed(cpu) }

// ThreadBase is what a code of arch_prctl(2) does (MaskSegments).
func ThreadBase(f *Frame, code uint64) (set func(*Frame, uint64), get func(*Frame) uint64, invalid bool) {
	return userabi.ThreadBase(f, code)
}

// Describe is the text of /proc/cpuinfo.
func Describe(cpu *CPU) string { return userabi.Describe(cpu) }

// Detect asks the processor what it is, as the kernel has set it up for programs.
func Detect() CPU { return userabi.Detect() }
