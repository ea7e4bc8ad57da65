package userabi

// Single steps by the trap flag (Linux arch/x86/kernel/step.c).

const (
	flagStep   = 1 << 8
	flagResume = 1 << 16

	// InstructionLength is how many bytes an instruction has at most.
	InstructionLength = 15
	// HasBlockStep: no; the kernel does not offer branch stepping (DEBUGCTL.BTF).
	HasBlockStep = false
)

// StartStep makes the next instruction trap (group MaskControl). next is the bytes at the
// instruction pointer, as many as could be read. The result says whether the step flag
// is the tracer's: forced says whether it was before.
func StartStep(f *Frame, forced bool, next []byte) bool {
	was := f.Regs.Flags&flagStep != 0
	f.Regs.Flags |= flagStep
	switch {
	case setsStep(next):
		return false
	case was:
		return forced
	}
	return true
}

// StopStep ends stepping. The step flag goes only if it was the tracer's (group MaskControl).
func StopStep(f *Frame, forced bool) {
	if forced {
		f.Regs.Flags &^= flagStep
	}
}

// setsStep reports whether an instruction loads the flags: POPF or IRET behind any prefixes.
// What the flag is afterwards is the program's doing.
func setsStep(code []byte) bool {
	for _, b := range code {
		switch {
		case b == 0x9d || b == 0xcf:
			return true
		case b == 0x66 || b == 0x67 || b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e ||
			b == 0x64 || b == 0x65 || b == 0xf0 || b == 0xf2 || b == 0xf3 || b&0xf0 == 0x40:
		default:
			return false
		}
	}
	return false
}

// IsDebugTrap reports whether an exception is #DB: a step, breakpoint or watchpoint.
func IsDebugTrap(vector uint16) bool { return vector == vectorDebug }

// StepReport is the signal of a step over a system call: the instruction trapped into the
// kernel, so the kernel says that it was one (user_single_step_report).
func StepReport() Signal { return Signal{Number: sigTRAP, Code: trapBrkpt, AtIP: true} }

// Steps reports whether the step flag is set.
func Steps(f *Frame) bool { return f.Regs.Flags&flagStep != 0 }
