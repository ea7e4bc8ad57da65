package bpf

import (
	"encoding/binary"
	"math"
	"math/bits"
	"testing"
)

// The table of opcodes of RFC 9669, appendix A, as bytes: an instruction computes with R0 and R2, which are
// d and s, and leaves a result in R0. What it is to be is the RFC's description.

// word is one instruction: opcode, registers, offset, constant.
func word(op byte, dst, src byte, off int16, imm int32) []byte {
	b := []byte{op, src<<4 | dst, 0, 0, 0, 0, 0, 0}
	binary.LittleEndian.PutUint16(b[2:], uint16(off))
	binary.LittleEndian.PutUint32(b[4:], uint32(imm))
	return b
}

// calculation is an operation of the ALU; the opcode is that of 64 bits with a constant.
type calculation struct {
	name   string
	op     byte
	off    int16
	wide   func(d, s uint64) uint64
	narrow func(d, s uint32) uint32 // nil: there is none
	// registers: there is no form with a constant.
	registers bool
}

func guard[T uint32 | uint64](s, zero T, f func() T) T {
	if s == 0 {
		return zero
	}
	return f()
}

var calculations = []calculation{
	{"add", 0x07, 0, func(d, s uint64) uint64 { return d + s }, func(d, s uint32) uint32 { return d + s }, false},
	{"sub", 0x17, 0, func(d, s uint64) uint64 { return d - s }, func(d, s uint32) uint32 { return d - s }, false},
	{"mul", 0x27, 0, func(d, s uint64) uint64 { return d * s }, func(d, s uint32) uint32 { return d * s }, false},
	{"div", 0x37, 0, func(d, s uint64) uint64 { return guard(s, 0, func() uint64 { return d / s }) },
		func(d, s uint32) uint32 { return guard(s, 0, func() uint32 { return d / s }) }, false},
	{"sdiv", 0x37, 1, func(d, s uint64) uint64 { return guard(s, 0, func() uint64 { return uint64(int64(d) / int64(s)) }) },
		func(d, s uint32) uint32 { return guard(s, 0, func() uint32 { return uint32(int32(d) / int32(s)) }) }, false},
	{"or", 0x47, 0, func(d, s uint64) uint64 { return d | s }, func(d, s uint32) uint32 { return d | s }, false},
	{"and", 0x57, 0, func(d, s uint64) uint64 { return d & s }, func(d, s uint32) uint32 { return d & s }, false},
	{"lsh", 0x67, 0, func(d, s uint64) uint64 { return d << (s & 63) }, func(d, s uint32) uint32 { return d << (s & 31) }, false},
	{"rsh", 0x77, 0, func(d, s uint64) uint64 { return d >> (s & 63) }, func(d, s uint32) uint32 { return d >> (s & 31) }, false},
	{"mod", 0x97, 0, func(d, s uint64) uint64 { return guard(s, d, func() uint64 { return d % s }) },
		func(d, s uint32) uint32 { return guard(s, d, func() uint32 { return d % s }) }, false},
	{"smod", 0x97, 1, func(d, s uint64) uint64 { return guard(s, d, func() uint64 { return uint64(int64(d) % int64(s)) }) },
		func(d, s uint32) uint32 { return guard(s, d, func() uint32 { return uint32(int32(d) % int32(s)) }) }, false},
	{"xor", 0xa7, 0, func(d, s uint64) uint64 { return d ^ s }, func(d, s uint32) uint32 { return d ^ s }, false},
	{"mov", 0xb7, 0, func(_, s uint64) uint64 { return s }, func(_, s uint32) uint32 { return s }, false},
	{"movsx8", 0xb7, 8, func(_, s uint64) uint64 { return uint64(int8(s)) }, func(_, s uint32) uint32 { return uint32(int8(s)) }, true},
	{"movsx16", 0xb7, 16, func(_, s uint64) uint64 { return uint64(int16(s)) }, func(_, s uint32) uint32 { return uint32(int16(s)) }, true},
	{"movsx32", 0xb7, 32, func(_, s uint64) uint64 { return uint64(int32(s)) }, nil, true},
	{"arsh", 0xc7, 0, func(d, s uint64) uint64 { return uint64(int64(d) >> (s & 63)) }, func(d, s uint32) uint32 { return uint32(int32(d) >> (s & 31)) }, false},
}

// jumps; the opcode is that of 64 bits with a constant.
var comparisons = []struct {
	name   string
	op     byte
	wide   func(d, s uint64) bool
	narrow func(d, s uint32) bool
}{
	{"jeq", 0x15, func(d, s uint64) bool { return d == s }, func(d, s uint32) bool { return d == s }},
	{"jgt", 0x25, func(d, s uint64) bool { return d > s }, func(d, s uint32) bool { return d > s }},
	{"jge", 0x35, func(d, s uint64) bool { return d >= s }, func(d, s uint32) bool { return d >= s }},
	{"jset", 0x45, func(d, s uint64) bool { return d&s != 0 }, func(d, s uint32) bool { return d&s != 0 }},
	{"jne", 0x55, func(d, s uint64) bool { return d != s }, func(d, s uint32) bool { return d != s }},
	{"jsgt", 0x65, func(d, s uint64) bool { return int64(d) > int64(s) }, func(d, s uint32) bool { return int32(d) > int32(s) }},
	{"jsge", 0x75, func(d, s uint64) bool { return int64(d) >= int64(s) }, func(d, s uint32) bool { return int32(d) >= int32(s) }},
	{"jlt", 0xa5, func(d, s uint64) bool { return d < s }, func(d, s uint32) bool { return d < s }},
	{"jle", 0xb5, func(d, s uint64) bool { return d <= s }, func(d, s uint32) bool { return d <= s }},
	{"jslt", 0xc5, func(d, s uint64) bool { return int64(d) < int64(s) }, func(d, s uint32) bool { return int32(d) < int32(s) }},
	{"jsle", 0xd5, func(d, s uint64) bool { return int64(d) <= int64(s) }, func(d, s uint32) bool { return int32(d) <= int32(s) }},
}

// Bits of opcodes: the operand is a register; the class of 32 bits instead of 64 of ALU and of jumps.
const (
	withRegister = 0x08
	alu32Class   = 0x03 // 7 is 64 bits, 4 is 32
	jump32Class  = 0x03 // 5 is 64 bits, 6 is 32
)

var operands = []uint64{0, 1, 2, 7, 31, 32, 63, 0x7f, 0x80, 0xff80, 0x12345678, math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32,
	0x123456789abcdef0, math.MaxInt64, 1 << 63, math.MaxUint64, math.MaxUint64 - 8, 0xffffffff80000000}

// outcome loads and runs a program in which R0 is d and R2 is s, numbers that the verifier does not know.
func outcome(t *testing.T, name string, d, s uint64, middle ...[]byte) uint64 {
	t.Helper()
	code := append(word(0x79, 0, 1, 0, 0), word(0x79, 2, 1, 8, 0)...) // from the context
	for _, m := range middle {
		code = append(code, m...)
	}
	code = append(code, word(0x95, 0, 0, 0, 0)...)
	w := newWorld(t)
	p, log, e := w.load(code)
	if e != 0 {
		t.Fatalf("%s: %v %s", name, e, log)
	}
	on := occasion()
	binary.LittleEndian.PutUint64(on.Context, d)
	binary.LittleEndian.PutUint64(on.Context[8:], s)
	got := p.Run(&environment{}, on)
	if w.o.Violations != 0 {
		t.Errorf("%s: broke a rule", name)
	}
	return got
}

func TestRFCArithmetic(t *testing.T) {
	for _, c := range calculations {
		for _, d := range operands {
			for _, s := range operands {
				check := func(form string, got, want uint64) {
					if got != want {
						t.Errorf("%s %s: %#x, %#x gives %#x, want %#x", c.name, form, d, s, got, want)
					}
				}
				check("register", outcome(t, c.name, d, s, word(c.op|withRegister, 0, 2, c.off, 0)), c.wide(d, s))
				if c.narrow != nil {
					check("register, 32 bits", outcome(t, c.name, d, s, word((c.op|withRegister)^alu32Class, 0, 2, c.off, 0)), uint64(c.narrow(uint32(d), uint32(s))))
				}
				imm := int32(s)
				shift, division := c.op == 0x67 || c.op == 0x77 || c.op == 0xc7, c.op == 0x37 || c.op == 0x97
				if c.registers || division && imm == 0 || shift && (imm < 0 || imm > 31) {
					continue // refused before they run
				}
				check("constant", outcome(t, c.name, d, s, word(c.op, 0, 0, c.off, imm)), c.wide(d, uint64(imm)))
				check("constant, 32 bits", outcome(t, c.name, d, s, word(c.op^alu32Class, 0, 0, c.off, imm)), uint64(c.narrow(uint32(d), uint32(imm))))
			}
		}
	}
}

func TestRFCOneOperand(t *testing.T) {
	swap16 := func(d uint64) uint64 { return uint64(bits.ReverseBytes16(uint16(d))) }
	swap32 := func(d uint64) uint64 { return uint64(bits.ReverseBytes32(uint32(d))) }
	for _, c := range []struct {
		name string
		code []byte
		want func(d uint64) uint64
	}{
		{"neg", word(0x87, 0, 0, 0, 0), func(d uint64) uint64 { return -d }},
		{"neg32", word(0x84, 0, 0, 0, 0), func(d uint64) uint64 { return uint64(-uint32(d)) }},
		{"le16", word(0xd4, 0, 0, 0, 16), func(d uint64) uint64 { return d & 0xffff }},
		{"le32", word(0xd4, 0, 0, 0, 32), func(d uint64) uint64 { return d & 0xffffffff }},
		{"le64", word(0xd4, 0, 0, 0, 64), func(d uint64) uint64 { return d }},
		{"be16", word(0xdc, 0, 0, 0, 16), swap16},
		{"be32", word(0xdc, 0, 0, 0, 32), swap32},
		{"be64", word(0xdc, 0, 0, 0, 64), bits.ReverseBytes64},
		{"bswap16", word(0xd7, 0, 0, 0, 16), swap16},
		{"bswap32", word(0xd7, 0, 0, 0, 32), swap32},
		{"bswap64", word(0xd7, 0, 0, 0, 64), bits.ReverseBytes64},
		{"lddw", append(word(0x18, 0, 0, 0, 0x11223344), word(0, 0, 0, 0, 0x55667788)...), func(uint64) uint64 { return 0x5566778811223344 }},
	} {
		for _, d := range operands {
			if got := outcome(t, c.name, d, 0, c.code); got != c.want(d) {
				t.Errorf("%s: %#x gives %#x, want %#x", c.name, d, got, c.want(d))
			}
		}
	}
}

func TestRFCJumps(t *testing.T) {
	for _, c := range comparisons {
		for _, d := range operands {
			for _, s := range operands {
				check := func(form string, jump []byte, want bool) {
					// Not taken, R0 becomes 0; taken, 1.
					got := outcome(t, c.name, d, s, jump, word(0xb7, 0, 0, 0, 0), word(0x95, 0, 0, 0, 0), word(0xb7, 0, 0, 0, 1))
					if (got == 1) != want {
						t.Errorf("%s %s: %#x, %#x is %v", c.name, form, d, s, !want)
					}
				}
				imm := int32(s)
				check("register", word(c.op|withRegister, 0, 2, 2, 0), c.wide(d, s))
				check("constant", word(c.op, 0, 0, 2, imm), c.wide(d, uint64(imm)))
				check("register, 32 bits", word((c.op|withRegister)^jump32Class, 0, 2, 2, 0), c.narrow(uint32(d), uint32(s)))
				check("constant, 32 bits", word(c.op^jump32Class, 0, 0, 2, imm), c.narrow(uint32(d), uint32(imm)))
			}
		}
	}
	out := word(0x95, 0, 0, 0, 0)
	for name, code := range map[string][][]byte{
		"ja":      {word(0x05, 0, 0, 2, 0), word(0xb7, 0, 0, 0, 9), out, word(0xb7, 0, 0, 0, 1)},
		"ja32":    {word(0x06, 0, 0, 0, 2), word(0xb7, 0, 0, 0, 9), out, word(0xb7, 0, 0, 0, 1)},
		"call +1": {word(0x85, 0, 1, 0, 1), out, word(0xb7, 0, 0, 0, 1)},
		"call 5":  {word(0x85, 0, 0, 0, 5), word(0xb7, 0, 0, 0, 1)},
	} {
		// What is jumped over would be unreachable: it is reached when s is 5.
		if name[0] == 'j' {
			code = append([][]byte{word(0x15, 2, 0, 1, 5)}, code...)
		}
		if got := outcome(t, name, 0, 3, code...); got != 1 {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// memoryForms are loads and stores by size: opcodes of LDX, ST and STX, of LDX with sign extension.
var memoryForms = []struct {
	bits               uint
	load, store, storx byte
	extend             byte // 0: none
}{{8, 0x71, 0x72, 0x73, 0x91}, {16, 0x69, 0x6a, 0x6b, 0x89}, {32, 0x61, 0x62, 0x63, 0x81}, {64, 0x79, 0x7a, 0x7b, 0}}

func TestRFCMemory(t *testing.T) {
	for _, f := range memoryForms {
		mask := uint64(math.MaxUint64) >> (64 - f.bits)
		for _, d := range operands {
			for _, s := range operands {
				whole := word(0x7b, 10, 0, -8, 0) // d into the stack
				check := func(name string, want uint64, code ...[]byte) {
					if got := outcome(t, name, d, s, code...); got != want {
						t.Errorf("%s of %d bits: %#x, %#x gives %#x, want %#x", name, f.bits, d, s, got, want)
					}
				}
				back := word(0x79, 0, 10, -8, 0)
				check("ldx", d&mask, whole, word(f.load, 0, 10, -8, 0))
				check("stx", d&^mask|s&mask, whole, word(f.storx, 10, 2, -8, 0), back)
				check("st", d&^mask|uint64(int32(s))&mask, whole, word(f.store, 10, 0, -8, int32(s)), back)
				if f.extend != 0 {
					check("ldxs", uint64(int64(d<<(64-f.bits))>>(64-f.bits)), whole, word(f.extend, 0, 10, -8, 0))
				}
			}
		}
	}
}

func TestRFCAtomic(t *testing.T) {
	for _, c := range []struct {
		name string
		imm  int32
		new  func(d, s uint64) uint64
	}{
		{"add", 0x00, func(d, s uint64) uint64 { return d + s }}, {"or", 0x40, func(d, s uint64) uint64 { return d | s }},
		{"and", 0x50, func(d, s uint64) uint64 { return d & s }}, {"xor", 0xa0, func(d, s uint64) uint64 { return d ^ s }},
		{"xchg", 0xe0, func(_, s uint64) uint64 { return s }},
	} {
		for _, d := range operands {
			for _, s := range operands {
				for op, mask := range map[byte]uint64{0xc3: math.MaxUint32, 0xdb: math.MaxUint64} {
					want := d&^mask | c.new(d, s)&mask
					whole, back := word(0x7b, 10, 0, -8, 0), word(0x79, 0, 10, -8, 0)
					if c.imm != 0xe0 {
						if got := outcome(t, c.name, d, s, whole, word(op, 10, 2, -8, c.imm), back); got != want {
							t.Errorf("%s: %#x, %#x gives %#x, want %#x", c.name, d, s, got, want)
						}
					}
					fetch := word(op, 10, 2, -8, c.imm|1)
					if got := outcome(t, c.name, d, s, whole, fetch, back); got != want {
						t.Errorf("fetch %s: %#x, %#x gives %#x, want %#x", c.name, d, s, got, want)
					}
					if got := outcome(t, c.name, d, s, whole, fetch, word(0xbf, 0, 2, 0, 0)); got != d&mask {
						t.Errorf("fetch %s: fetched %#x, want %#x", c.name, got, d&mask)
					}
				}
			}
		}
	}
	// Compare and exchange: R0 is what is expected, and becomes what was there.
	for _, d := range operands {
		for _, s := range operands {
			for op, mask := range map[byte]uint64{0xc3: math.MaxUint32, 0xdb: math.MaxUint64} {
				for _, expected := range []uint64{d, d + 1} {
					setup := [][]byte{word(0x7b, 10, 0, -8, 0), word(0x07, 0, 0, 0, int32(expected-d)), word(op, 10, 2, -8, 0xf1)}
					want := d
					if expected&mask == d&mask {
						want = d&^mask | s&mask
					}
					if got := outcome(t, "cmpxchg", d, s, append(setup, word(0x79, 0, 10, -8, 0))...); got != want {
						t.Errorf("cmpxchg: %#x, %#x gives %#x, want %#x", d, s, got, want)
					}
					if got := outcome(t, "cmpxchg", d, s, setup...); got != d&mask {
						t.Errorf("cmpxchg: found %#x, want %#x", got, d&mask)
					}
				}
			}
		}
	}
}

// Every opcode that the RFC's table does not have, or has for packet filters only, is refused.
func TestRFCUnknownOpcodes(t *testing.T) {
	known := map[byte]bool{0x05: true, 0x06: true, 0x18: true, 0x84: true, 0x85: true, 0x87: true, 0x95: true, 0xd4: true, 0xd7: true, 0xdc: true, 0xc3: true, 0xdb: true}
	for _, c := range calculations {
		for _, op := range []byte{c.op, c.op | withRegister} {
			known[op], known[op^alu32Class] = true, true
		}
	}
	for _, c := range comparisons {
		for _, op := range []byte{c.op, c.op | withRegister} {
			known[op], known[op^jump32Class] = true, true
		}
	}
	for _, f := range memoryForms {
		known[f.load], known[f.store], known[f.storx], known[f.extend] = true, true, true, true
	}
	delete(known, 0)
	for op := range 256 {
		if known[byte(op)] {
			continue
		}
		code := append(word(0xb7, 0, 0, 0, 1), word(byte(op), 0, 0, 0, 0)...)
		if _, _, e := newWorld(t).load(append(code, word(0x95, 0, 0, 0, 0)...)); e == 0 {
			t.Errorf("opcode %#02x is accepted", op)
		}
	}
}
