package bpf

import "github.com/cilium/ebpf/asm"

// operation is what an instruction does, as verifier and interpreter want it: dense, and with the
// width apart. Names follow RFC 9669.
type operation uint8

const (
	opNone operation = iota

	// ALU, 64 bits; each has its 32-bit twin at +alu32.
	opAdd
	opSub
	opMul
	opDiv
	opSDiv
	opOr
	opAnd
	opLSh
	opRSh
	opNeg
	opMod
	opSMod
	opXor
	opMov
	opArSh
	opMovSX8
	opMovSX16
	opMovSX32
	aluEnd
)

const (
	alu32 = aluEnd - opAdd

	opAdd32 = opAdd + alu32
	opMov32 = opMov + alu32
)

const (
	// Conversions; imm is the width in bits.
	opToLittle operation = iota + aluEnd + alu32
	opToBig
	opSwap

	opLoadImm // a constant of 64 bits, a map, or a place in the value of one

	opLoad8
	opLoad16
	opLoad32
	opLoad64
	opLoadSX8
	opLoadSX16
	opLoadSX32
	opStore8
	opStore16
	opStore32
	opStore64
	opAtomic32 // imm is the asm.AtomicOp
	opAtomic64

	opJump
	opCall      // a helper; imm is its number
	opLookup    // map_lookup_elem in the array index, as the verifier has found it
	opCallLocal // a function of the program
	opExit

	// Conditional jumps, 64 bits; each has its 32-bit twin at +jump32.
	opJEq
	opJNE
	opJGT
	opJGE
	opJLT
	opJLE
	opJSGT
	opJSGE
	opJSLT
	opJSLE
	opJSet
	jumpEnd
)

const jump32 = jumpEnd - opJEq

var aluOps = map[asm.ALUOp]operation{
	asm.Add: opAdd, asm.Sub: opSub, asm.Mul: opMul, asm.Div: opDiv, asm.SDiv: opSDiv, asm.Or: opOr, asm.And: opAnd,
	asm.LSh: opLSh, asm.RSh: opRSh, asm.Neg: opNeg, asm.Mod: opMod, asm.SMod: opSMod, asm.Xor: opXor, asm.Mov: opMov,
	asm.ArSh: opArSh, asm.MovSX8: opMovSX8, asm.MovSX16: opMovSX16, asm.MovSX32: opMovSX32,
}

var jumpOps = map[asm.JumpOp]operation{
	asm.JEq: opJEq, asm.JNE: opJNE, asm.JGT: opJGT, asm.JGE: opJGE, asm.JLT: opJLT, asm.JLE: opJLE,
	asm.JSGT: opJSGT, asm.JSGE: opJSGE, asm.JSLT: opJSLT, asm.JSLE: opJSLE, asm.JSet: opJSet,
}

// is32 splits an ALU operation or a conditional jump into the operation and its width.
func (o operation) is32() (operation, bool) {
	switch {
	case o >= opAdd32 && o < aluEnd+alu32:
		return o - alu32, true
	case o >= jumpEnd && o < jumpEnd+jump32:
		return o - jump32, true
	}
	return o, false
}

func (o operation) isALU() bool  { return o >= opAdd && o < aluEnd+alu32 }
func (o operation) isJump() bool { return o >= opJEq && o < jumpEnd+jump32 }
func (o operation) isLoad() bool { return o >= opLoad8 && o <= opLoadSX32 }
func (o operation) isStore() bool {
	return o >= opStore8 && o <= opStore64
}

// size is how many bytes a load, store or atomic operation moves.
func (o operation) size() int {
	switch o {
	case opLoad8, opLoadSX8, opStore8:
		return 1
	case opLoad16, opLoadSX16, opStore16:
		return 2
	case opLoad32, opLoadSX32, opStore32, opAtomic32:
		return 4
	}
	return 8
}

// Registers.
const (
	regFrame = 10 // the frame pointer, read-only
	regImm   = 11 // holds the constant while an instruction with one runs
	regCount = 11 // that a program can name
)

// instruction is one decoded instruction.
type instruction struct {
	op     operation
	dst    uint8
	src    uint8 // regImm: the operand is imm
	ref    reference
	off    int16
	target int32 // of jumps and calls: index of an instruction
	index  int32 // of ref and opLookup: the map, as an index into Program.maps
	imm    int64
	helper *helper // of opCall
}

// reference says what an opLoadImm loads.
type reference uint8

const (
	refNone  reference = iota
	refMap             // the map
	refValue           // imm is an offset into the value of an array's only element
)
