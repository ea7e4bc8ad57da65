package userabi

import "golang.org/x/arch/x86/x86asm"

// Probed is an instruction under a breakpoint: how it is executed all the same
// (Linux arch/x86/kernel/uprobes.c). What cannot be emulated is stepped in a copy elsewhere, with its
// dependence on its place taken out or made good for afterwards.
type Probed struct {
	Length int
	// Code is the copy.
	Code [InstructionLength]byte

	how    execution
	fix    fixes
	borrow borrowed
	to     int64 // of relative jumps: from the next instruction
	cond   byte  // of conditional ones
	reg    byte  // of a push
}

// execution says how an instruction is executed.
type execution uint8

const (
	byStep execution = iota
	byNothing
	byJump
	byCondition
	byCall
	byPush
)

// fixes says what a step leaves wrong.
type fixes uint8

const (
	fixIP     fixes = 1 << iota // it went on behind the copy, not behind the original
	fixReturn                   // it pushed the address behind the copy
	fixFlags                    // it pushed the flags, the step flag among them
	keepStep                    // it loaded the flags: the step flag is what it loaded
)

// borrowed is the register that stands for the instruction pointer in the copy.
type borrowed uint8

const (
	borrowNone borrowed = iota
	borrowSI
	borrowDI
	borrowBX
)

// Breakpoint is the instruction that a probe plants, and BreakpointLength its length.
const (
	Breakpoint       = 0xcc
	BreakpointLength = 1

	vectorBreakpoint = 3
)

// IsBreakpoint reports whether an exception is that of Breakpoint.
func IsBreakpoint(vector uint16) bool { return vector == vectorBreakpoint }

// BreakpointAddress is where the breakpoint lies that has just been hit.
func BreakpointAddress(f *Frame) uint64 { return f.Regs.IP - BreakpointLength }

// refused are instructions that are never probed: privileged ones, traps, far transfers, and those after which
// the processor holds back the single-step trap (SDM 3A 6.8.3).
var refused = map[x86asm.Op]bool{
	x86asm.HLT: true, x86asm.CLI: true, x86asm.STI: true, x86asm.IN: true, x86asm.OUT: true,
	x86asm.INSB: true, x86asm.INSW: true, x86asm.INSD: true, x86asm.OUTSB: true, x86asm.OUTSW: true, x86asm.OUTSD: true,
	x86asm.INT: true, x86asm.INTO: true, x86asm.ICEBP: true, x86asm.IRET: true, x86asm.IRETD: true, x86asm.IRETQ: true,
	x86asm.LRET: true, x86asm.LCALL: true, x86asm.LJMP: true, x86asm.SYSENTER: true, x86asm.SYSEXIT: true, x86asm.SYSRET: true,
	x86asm.RSM: true, x86asm.WRMSR: true, x86asm.RDMSR: true, x86asm.RDPMC: true, x86asm.CLTS: true, x86asm.INVD: true, x86asm.WBINVD: true,
	x86asm.INVLPG: true, x86asm.LGDT: true, x86asm.LIDT: true, x86asm.LLDT: true, x86asm.LTR: true, x86asm.LMSW: true,
	x86asm.SWAPGS: true, x86asm.MONITOR: true, x86asm.MWAIT: true,
	x86asm.XABORT: true, x86asm.XBEGIN: true, x86asm.LSS: true,
}

// AnalyzeProbe looks at the instruction at the beginning of code. False: it cannot be probed.
func AnalyzeProbe(code []byte) (p Probed, ok bool) {
	if len(code) >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && (code[3] == 0xfa || code[3] == 0xfb) {
		return Probed{Length: 4, how: byNothing}, true // ENDBR64, ENDBR32
	}
	if v, is := vexOf(code); is {
		return analyzeVEX(code, v)
	}
	inst, err := decode(code)
	if err != nil {
		return p, false
	}
	p.Length = inst.Len
	p.fix = fixIP
	copy(p.Code[:], code[:inst.Len])
	if inst.Op == x86asm.NOP {
		p.how = byNothing
		return p, true
	}
	if refused[inst.Op] || badPrefix(&inst) || special(&inst) {
		return p, false
	}
	switch inst.Op {
	case x86asm.JMP, x86asm.CALL:
		if rel, is := inst.Args[0].(x86asm.Rel); is {
			if inst.DataSize == 16 {
				return p, false // processors differ in what the prefix does
			}
			p.how, p.to = byJump, int64(rel)
			if inst.Op == x86asm.CALL {
				p.how = byCall
			}
			return p, true
		}
		p.fix = 0
		if inst.Op == x86asm.CALL {
			p.fix = fixReturn
		}
	case x86asm.RET:
		p.fix = 0
	case x86asm.PUSH:
		if r, is := inst.Args[0].(x86asm.Reg); is && r >= x86asm.RAX && r <= x86asm.R15 {
			p.how, p.reg = byPush, byte(r-x86asm.RAX)
		}
	case x86asm.PUSHF, x86asm.PUSHFQ:
		p.fix |= fixFlags
	case x86asm.POPF, x86asm.POPFQ:
		p.fix |= keepStep
	default:
		if rel, is := inst.Args[0].(x86asm.Rel); is {
			if c, is := condition(code[:inst.Len]); is {
				if inst.DataSize == 16 {
					return p, false
				}
				p.how, p.cond, p.to = byCondition, c, int64(rel)
			}
		}
	}
	if m := memoryOf(&inst); m != nil && m.Base == x86asm.RIP {
		return p, p.relocate(inst.PCRelOff-1, 0xff)
	}
	return p, true
}

// decode is x86asm's decoder without what it makes of bytes that are no whole instruction, and of EVEX
// prefixes, which it does not know.
func decode(code []byte) (x86asm.Inst, error) {
	const evex = 0x62
	if i := opcodeAt(code); i >= len(code) || code[i] == evex {
		return x86asm.Inst{}, x86asm.ErrUnrecognized
	}
	inst, err := x86asm.Decode(code, 64)
	if err == nil && (inst.Op == 0 || inst.Len <= opcodeAt(code)) {
		err = x86asm.ErrTruncated
	}
	return inst, err
}

// badPrefix finds prefixes that Linux refuses: LOCK, and segments without a base.
func badPrefix(inst *x86asm.Inst) bool {
	for _, x := range inst.Prefix {
		switch x & 0xff {
		case 0xf0, 0x26, 0x2e, 0x36, 0x3e:
			return true
		}
	}
	return false
}

// special finds moves to and from control, debug and segment registers.
func special(inst *x86asm.Inst) bool {
	for i, a := range inst.Args {
		r, is := a.(x86asm.Reg)
		if !is {
			continue
		}
		switch {
		case r >= x86asm.CR0 && r <= x86asm.CR15, r >= x86asm.DR0 && r <= x86asm.DR15, r >= x86asm.TR0 && r <= x86asm.TR7:
			return true
		case i == 0 && r >= x86asm.ES && r <= x86asm.GS && inst.Op != x86asm.PUSH:
			return true
		}
	}
	return false
}

func memoryOf(inst *x86asm.Inst) *x86asm.Mem {
	for _, a := range inst.Args {
		if m, is := a.(x86asm.Mem); is {
			return &m
		}
	}
	return nil
}

// condition is the condition of a jump that the flags decide (SDM 2A, Jcc).
func condition(code []byte) (byte, bool) {
	i := opcodeAt(code)
	switch {
	case i < len(code) && code[i]&0xf0 == 0x70:
		return code[i] & 15, true
	case i+1 < len(code) && code[i] == 0x0f && code[i+1]&0xf0 == 0x80:
		return code[i+1] & 15, true
	}
	return 0, false
}

// opcodeAt is where the opcode begins, behind the prefixes.
func opcodeAt(code []byte) int {
	for i, b := range code {
		switch b {
		case 0x66, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0, 0xf2, 0xf3:
		default:
			if b&0xf0 != 0x40 {
				return i
			}
		}
	}
	return len(code)
}

// relocate makes an operand relative to the instruction pointer one relative to a register that
// the instruction does not use. modrm is where the ModRM byte is, other another register in use.
func (p *Probed) relocate(modrm int, other byte) bool {
	if modrm < 1 || modrm >= p.Length || p.Code[modrm]&0xc7 != 0x05 {
		return false
	}
	reg := p.Code[modrm] >> 3 & 7
	var base byte
	switch {
	case reg != 6 && other != 6:
		p.borrow, base = borrowSI, 6
	case reg != 7 && other != 7:
		p.borrow, base = borrowDI, 7
	default:
		p.borrow, base = borrowBX, 3
	}
	p.Code[modrm] = 0x80 | reg<<3 | base
	for i := 0; i < modrm; i++ {
		if b := p.Code[i]; b&0xf0 == 0x40 && i+1 == opcodeAt(p.Code[:p.Length]) {
			p.Code[i] &^= 1 // REX.B belongs to the base
		}
	}
	return true
}

// vex is where the parts of an instruction with a VEX prefix are (SDM 2A 2.3).
type vex struct {
	modrm int // 0: none
	size  int
	vvvv  byte
	three int // index of the first byte of a three-byte prefix, -1
}

// vexOf finds a VEX prefix. x86asm does not know it.
func vexOf(code []byte) (v vex, ok bool) {
	i := 0
	for i < len(code) && (code[i] == 0x67 || code[i] == 0x64 || code[i] == 0x65) {
		i++
	}
	v.three = -1
	var table, op byte
	switch {
	case i+2 < len(code) && code[i] == 0xc5:
		table, op = 1, code[i+2]
		v.vvvv = ^code[i+1] >> 3 & 7
		i += 3
	case i+3 < len(code) && code[i] == 0xc4:
		v.three = i
		table, op = code[i+1]&31, code[i+3]
		v.vvvv = ^code[i+2] >> 3 & 7
		i += 4
	default:
		return v, false
	}
	if table == 1 && op == 0x77 { // VZEROUPPER, VZEROALL
		v.size = i
		return v, true
	}
	if i >= len(code) {
		return v, true // size 0: cut off
	}
	v.modrm = i
	m := code[i]
	i++
	if m>>6 != 3 {
		base := m & 7
		if base == 4 {
			if i >= len(code) {
				return v, true
			}
			base = code[i] & 7
			i++
		}
		switch {
		case m>>6 == 1:
			i++
		case m>>6 == 2, m>>6 == 0 && base == 5:
			i += 4
		}
	}
	if table == 3 || table == 1 && (op >= 0x70 && op <= 0x73 || op == 0xc2 || op >= 0xc4 && op <= 0xc6) {
		i++
	}
	if table >= 1 && table <= 3 && i <= len(code) && i <= InstructionLength {
		v.size = i
	}
	return v, true
}

func analyzeVEX(code []byte, v vex) (p Probed, ok bool) {
	if v.size == 0 {
		return p, false
	}
	p.Length, p.fix = v.size, fixIP
	copy(p.Code[:], code[:v.size])
	if v.modrm == 0 || code[v.modrm]&0xc7 != 0x05 {
		return p, true
	}
	if v.three >= 0 {
		p.Code[v.three+1] |= 0x20 // VEX.B, which is inverted, belongs to the base
	}
	return p, p.relocate(v.modrm, v.vvvv)
}

// InstructionSize is how long the instruction at the beginning of code is, 0 if that cannot be told.
func InstructionSize(code []byte) int {
	if v, is := vexOf(code); is {
		return v.size
	}
	if len(code) >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e {
		return 4
	}
	inst, err := decode(code)
	if err != nil {
		return 0
	}
	return inst.Len
}

// Steps reports whether the instruction has to be stepped in a copy.
func (p *Probed) Steps() bool { return p.how == byStep }
