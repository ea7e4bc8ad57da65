package userabi

// Executing a probed instruction, and return probes.

const (
	// ProbeSlot is the room for a copy of an instruction in bytes.
	ProbeSlot = 64
	wordBytes = 8
)

// Emulate executes a probed instruction at an address if it is one of the simple ones. store writes a word
// of the stack. False: it has to be stepped. Groups MaskGeneral and MaskControl.
func (p *Probed) Emulate(f *Frame, at uint64, store func(va, v uint64) bool) bool {
	r := &f.Regs
	next := at + uint64(p.Length)
	switch p.how {
	case byNothing:
	case byJump:
		next += uint64(p.to)
	case byCondition:
		if holds(p.cond, r.Flags) {
			next += uint64(p.to)
		}
	case byCall:
		if !store(r.SP-wordBytes, next) {
			return false
		}
		r.SP -= wordBytes
		next += uint64(p.to)
	case byPush:
		v := *registers(f)[p.reg]
		if !store(r.SP-wordBytes, v) {
			return false
		}
		r.SP -= wordBytes
	default:
		return false
	}
	r.IP = next
	return true
}

// registers are the general registers by their numbers in instructions.
func registers(f *Frame) [16]*uint64 {
	r := &f.Regs
	return [16]*uint64{&r.AX, &r.CX, &r.DX, &r.BX, &r.SP, &r.BP, &r.SI, &r.DI, &r.R8, &r.R9, &r.R10, &r.R11, &r.R12, &r.R13, &r.R14, &r.R15}
}

// Flags that conditions look at (SDM 1 3.4.3).
const (
	flagCarry    = 1 << 0
	flagParity   = 1 << 2
	flagZero     = 1 << 6
	flagSign     = 1 << 7
	flagOverflow = 1 << 11
)

// holds reports whether a condition is true; the lowest bit of its number inverts it.
func holds(cond byte, flags uint64) bool {
	less := (flags&flagSign != 0) != (flags&flagOverflow != 0)
	var is bool
	switch cond >> 1 {
	case 0:
		is = flags&flagOverflow != 0
	case 1:
		is = flags&flagCarry != 0
	case 2:
		is = flags&flagZero != 0
	case 3:
		is = flags&(flagCarry|flagZero) != 0
	case 4:
		is = flags&flagSign != 0
	case 5:
		is = flags&flagParity != 0
	case 6:
		is = less
	case 7:
		is = less || flags&flagZero != 0
	}
	return is != (cond&1 != 0)
}

// borrowedRegister is the register that stands for the instruction pointer, nil if none does.
func (p *Probed) borrowedRegister(f *Frame) *uint64 {
	switch p.borrow {
	case borrowSI:
		return &f.Regs.SI
	case borrowDI:
		return &f.Regs.DI
	case borrowBX:
		return &f.Regs.BX
	}
	return nil
}

// BeginProbeStep makes the thread execute the copy at slot of the instruction at an address, and trap behind it. It
// returns what EndProbeStep and UndoProbeStep want to know.
func (p *Probed) BeginProbeStep(f *Frame, at, slot uint64) (saved uint64, ownStep bool) {
	ownStep = f.Regs.Flags&flagStep != 0
	f.Regs.Flags |= flagStep
	f.Regs.IP = slot
	if r := p.borrowedRegister(f); r != nil {
		saved, *r = *r, at+uint64(p.Length)
	}
	return saved, ownStep
}

// UndoProbeStep makes it so that the instruction was not begun: it faulted.
func (p *Probed) UndoProbeStep(f *Frame, at, saved uint64, ownStep bool) {
	f.Regs.IP = at
	if r := p.borrowedRegister(f); r != nil {
		*r = saved
	}
	if !ownStep {
		f.Regs.Flags &^= flagStep
	}
}

// EndProbeStep makes good for the place where the instruction was executed. load and store reach words of the
// stack. False: the stack is gone meanwhile.
func (p *Probed) EndProbeStep(f *Frame, at, slot, saved uint64, ownStep bool, load func(va uint64) (uint64, bool), store func(va, v uint64) bool) bool {
	r := &f.Regs
	if p.fix&fixIP != 0 {
		r.IP += at - slot
	}
	if b := p.borrowedRegister(f); b != nil {
		*b = saved
	}
	if !ownStep && p.fix&keepStep == 0 {
		r.Flags &^= flagStep
	}
	if p.fix&fixReturn != 0 && !store(r.SP, at+uint64(p.Length)) {
		return false
	}
	if p.fix&fixFlags != 0 && !ownStep {
		v, ok := load(r.SP)
		if !ok || !store(r.SP, v&^flagStep) {
			return false
		}
	}
	return true
}

// EndProbeCall is EndProbeStep for a probed SYSCALL: the thread is in the call now.
func EndProbeCall(f *Frame, at, slot uint64, ownStep bool) {
	r := &f.Regs
	r.IP += at - slot
	r.CX += at - slot
	if !ownStep {
		r.Flags &^= flagStep
		r.R11 &^= flagStep
	}
}

// HijackReturn makes the function that the thread has just entered return to another address. It
// returns where it would have returned to.
func HijackReturn(f *Frame, to uint64, load func(va uint64) (uint64, bool), store func(va, v uint64) bool) (uint64, bool) {
	was, ok := load(f.Regs.SP)
	return was, ok && (was == to || store(f.Regs.SP, to))
}

// ProbeAlive reports whether a function entered with stack pointer stack has not returned yet; called: the thread
// is at the entry of another one (arch_uretprobe_is_alive of Linux).
func ProbeAlive(f *Frame, stack uint64, called bool) bool {
	if called {
		return f.Regs.SP < stack
	}
	return f.Regs.SP <= stack
}
