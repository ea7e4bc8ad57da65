package isa

import "starling/arch/amd64/userabi"

// What a tracer sees of registers (ptrace(2)).
type (
	// Outcome says what a tracer's store to a register did.
	Outcome = userabi.Outcome
	// Regset is one register set.
	Regset = userabi.Regset
)

// Outcomes, and sizes in bytes.
const (
	Stored      = userabi.Stored
	BadRegister = userabi.BadRegister
	BadValue    = userabi.BadValue
	BadLength   = userabi.BadLength

	RegistersSize     = userabi.RegistersSize
	MaximumRegset     = userabi.MaximumRegset
	InstructionLength = userabi.InstructionLength
	HasBlockStep      = userabi.HasBlockStep
)

// Regsets is the register sets that a thread has: general registers, floating point, all
// that is saved of it.
func Regsets() []Regset { return userabi.Regsets[:] }

// PeekUser reads a word of struct user.
func PeekUser(f *Frame, forced bool, off uint64) (uint64, Outcome) {
	return userabi.PeekUser(f, forced, off)
}

// PokeUser writes a word of struct user; debug: a debug register (MaskDebug).
func PokeUser(f *Frame, forced *bool, off, v uint64) (debug bool, o Outcome) {
	return userabi.PokeUser(f, forced, off, v)
}

// StartStep makes the next instruction trap (MaskControl).
func StartStep(f *Frame, forced bool, next []byte) bool { return userabi.StartStep(f, forced, next) }

// StopStep ends stepping (MaskControl).
func StopStep(f *Frame, forced bool) { userabi.StopStep(f, forced) }

// DebugTrap brings what a tracer sees in line with a debug exception; true: MaskControl changed.
func DebugTrap(f *Frame) bool { return userabi.DebugTrap(f) }

// ClearDebug removes all breakpoints (MaskDebug); false: there were none.
func ClearDebug(f *Frame) bool { return userabi.ClearDebug(f) }

// IsDebugTrap reports whether an exception is a step, breakpoint or watchpoint.
func IsDebugTrap(vector uint16) bool { return userabi.IsDebugTrap(vector) }

// StepReport is the signal of a step over a system call.
func StepReport() Signal { return userabi.StepReport() }

// Steps reports whether the next instruction traps.
func Steps(f *Frame) bool { return userabi.Steps(f) }
