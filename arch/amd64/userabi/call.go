package userabi

import "starling/ipc/frame"

// Frame is the register frame of a thread.
type Frame = frame.Frame

// NoCall is the call number of a frame that is not in a system call.
const NoCall = ^uint64(0)

// Number is the system call number as the program gave it. Linux looks at
// the low 32 bits only.
func Number(f *Frame) int32 { return int32(f.Regs.OrigAX) }

// InCall reports whether the frame was left by a system call that can still be restarted.
func InCall(f *Frame) bool { return int64(f.Regs.OrigAX) >= 0 }

// SetNumber changes the system call number.
func SetNumber(f *Frame, n uint64) { f.Regs.OrigAX = n }

// Arguments copies the six arguments (syscall(2): rdi rsi rdx r10 r8 r9).
func Arguments(f *Frame, a *[6]uint64) {
	r := &f.Regs
	a[0], a[1], a[2], a[3], a[4], a[5] = r.DI, r.SI, r.DX, r.R10, r.R8, r.R9
}

// Result is the result register.
func Result(f *Frame) int64 { return int64(f.Regs.AX) }

// SetResult sets the result register (register group MaskResult).
func SetResult(f *Frame, v int64) { f.Regs.AX = uint64(v) }

// callLength is the length of the SYSCALL instruction.
const callLength = 2

// Restart makes the thread execute its system call again, with the number n
// (groups MaskGeneral and MaskControl).
func Restart(f *Frame, n uint64) {
	f.Regs.AX = n
	f.Regs.IP -= callLength
}

// RestartSame is Restart with the number the program gave.
func RestartSame(f *Frame) { Restart(f, f.Regs.OrigAX) }

// IP is the instruction pointer.
func IP(f *Frame) uint64 { return f.Regs.IP }

// SetIP sets the instruction pointer.
func SetIP(f *Frame, v uint64) { f.Regs.IP = v }

// ReportPreemption asks the kernel to report the thread when it was preempted.
func ReportPreemption(f *Frame, on bool) {
	f.Options = frame.Options{}
	if on {
		f.Options.ReportPreemption = 1
	}
}

// SP is the stack pointer.
func SP(f *Frame) uint64 { return f.Regs.SP }

// SetSP sets the stack pointer.
func SetSP(f *Frame, v uint64) { f.Regs.SP = v }

// SetTLS sets the thread pointer (CLONE_SETTLS).
func SetTLS(f *Frame, v uint64) { f.Regs.FSBase = v }

// CopyForChild makes dst what a new thread starts with: all registers of src,
// floating-point state included, which must have been synced. Breakpoints are not passed on.
func CopyForChild(dst, src *Frame) {
	dst.Regs, dst.Debug, dst.XSave = src.Regs, frame.Debug{}, src.XSave
}
