package userabi

import "starling/ipc/frame"

// What a tracer sees of a thread's registers (ptrace(2)): struct user_regs_struct, the
// register sets of ELF notes, and struct user by offset. A refused value leaves the
// register as it was.

// Outcome says what a tracer's store to a register did.
type Outcome uint8

const (
	// Stored: the register has the value.
	Stored Outcome = iota
	// BadRegister: there is no such place, or the value can never be in it (EIO).
	BadRegister
	// BadValue: the value does not make sense (EINVAL).
	BadValue
	// BadLength: a set that is only taken as a whole is not all there (EFAULT).
	BadLength
)

// RegistersSize is the size of struct user_regs_struct in bytes.
const RegistersSize = 27 * 8

// Offsets in struct user_regs_struct, which has the order of frame.Registers.
const (
	offCS     = 17 * 8
	offFlags  = 18 * 8
	offSS     = 20 * 8
	offFSBase = 21 * 8
	offGSBase = 22 * 8
	offDS     = 23 * 8
)

// words is the registers in that order.
func words(r *frame.Registers) [RegistersSize / 8]*uint64 {
	return [...]*uint64{&r.R15, &r.R14, &r.R13, &r.R12, &r.BP, &r.BX, &r.R11, &r.R10, &r.R9, &r.R8,
		&r.AX, &r.CX, &r.DX, &r.SI, &r.DI, &r.OrigAX, &r.IP, &r.CS, &r.Flags, &r.SP, &r.SS,
		&r.FSBase, &r.GSBase, &r.DS, &r.ES, &r.FS, &r.GS}
}

// GetRegisters writes the user_regs_struct. forced: the step flag is the tracer's own and not shown.
func GetRegisters(f *Frame, forced bool, b *[RegistersSize]byte) {
	for i, p := range words(&f.Regs) {
		put64(b[8*i:], *p)
	}
	if forced {
		put64(b[offFlags:], f.Regs.Flags&^flagStep)
	}
}

// SetRegisters takes the first len(b)/8 registers of a user_regs_struct, up to the first that
// is refused (groups MaskGeneral, MaskControl and MaskSegments).
func SetRegisters(f *Frame, forced *bool, b []byte) Outcome {
	list := words(&f.Regs)
	for i := 0; i < len(b)/8 && i < len(list); i++ {
		if o := setWord(f, list[i], 8*i, get64(b[8*i:]), forced); o != Stored {
			return o
		}
	}
	return Stored
}

// tracerFlags are the flags a tracer may set (FLAG_MASK of arch/x86/kernel/ptrace.c).
const tracerFlags = settableFlags | 1<<14

// setWord is putreg of Linux's arch/x86/kernel/ptrace.c.
func setWord(f *Frame, p *uint64, off int, v uint64, forced *bool) Outcome {
	switch {
	case off == offFlags:
		if v&flagStep != 0 {
			*forced = false // the program's own from now on
		} else if *forced {
			v |= flagStep
		}
		v = f.Regs.Flags&^tracerFlags | v&tracerFlags
	case off == offFSBase || off == offGSBase:
		if v >= TaskSize {
			return BadRegister
		}
	case off == offCS || off == offSS || off >= offDS:
		v &= 0xffff
		if v != 0 && v&3 != 3 || v == 0 && off < offDS {
			return BadRegister
		}
	}
	*p = v
	return Stored
}

// Places in struct user (sys/user.h), in bytes.
const (
	// UserSize is its size.
	UserSize     = 928
	offDebug     = 848
	offDebugEnd  = offDebug + 8*8
	userWordMask = 7
)

// PeekUser reads the word at an offset of struct user. What is neither a register nor a debug
// register reads as 0, as on Linux. The offset is checked.
func PeekUser(f *Frame, forced bool, off uint64) (uint64, Outcome) {
	switch {
	case off&userWordMask != 0 || off >= UserSize:
		return 0, BadRegister
	case off < RegistersSize:
		v := *words(&f.Regs)[off/8]
		if off == offFlags && forced {
			v &^= flagStep
		}
		return v, Stored
	case off >= offDebug && off < offDebugEnd:
		return debugRegister(&f.Debug, int(off-offDebug)/8), Stored
	}
	return 0, Stored
}

// PokeUser writes the word at an offset of struct user. debug: it was a debug
// register (group MaskDebug), else the groups of SetRegisters.
func PokeUser(f *Frame, forced *bool, off, v uint64) (debug bool, o Outcome) {
	switch {
	case off&userWordMask != 0 || off >= UserSize:
		return false, BadRegister
	case off < RegistersSize:
		return false, setWord(f, words(&f.Regs)[off/8], int(off), v, forced)
	case off >= offDebug && off < offDebugEnd:
		return true, setDebugRegister(&f.Debug, int(off-offDebug)/8, v)
	}
	return false, BadRegister
}
