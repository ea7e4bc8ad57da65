package bpf

import (
	"math"
	"math/bits"

	"golang.org/x/sys/unix"
)

// operand is the second operand of an instruction.
func (v *verifier) operand(p *path, x *instruction) (value, *refusal) {
	if x.src == regImm {
		return number(uint64(x.imm)), nil
	}
	return v.read(p, x.src)
}

// read is a register that must have been written.
func (v *verifier) read(p *path, r uint8) (value, *refusal) {
	s := p.top().regs[r]
	if s.kind == kindNone {
		return s, refuse(unix.EACCES, "R%d !read_ok", r)
	}
	return s, nil
}

// write sets a register.
func (v *verifier) write(p *path, r uint8, s value) *refusal {
	if r == regFrame {
		return refuse(unix.EACCES, "frame pointer is read only")
	}
	p.top().regs[r] = s
	return nil
}

func (v *verifier) loadImm(p *path, x *instruction) *refusal {
	switch x.ref {
	case refMap:
		return v.write(p, x.dst, value{kind: kindMap, index: x.index})
	case refValue:
		return v.write(p, x.dst, value{kind: kindValue, index: x.index, off: int32(x.imm)})
	}
	return v.write(p, x.dst, number(uint64(x.imm)))
}

// alu is arithmetic, moves and swaps.
func (v *verifier) alu(p *path, x *instruction) *refusal {
	op, narrow := x.op.is32()
	b, r := v.operand(p, x)
	if r != nil {
		return r
	}
	if op == opMov {
		if narrow {
			if b.kind.pointer() {
				b = between(0, math.MaxUint32)
			}
			b = b.low32()
		}
		return v.write(p, x.dst, b)
	}
	if op >= opMovSX8 && op <= opMovSX32 {
		if b.kind.pointer() {
			return refuse(unix.EACCES, "R%d sign-extension part of pointer", x.src)
		}
		return v.write(p, x.dst, extended(b, op, narrow))
	}
	a, r := v.read(p, x.dst)
	if r != nil {
		return r
	}
	if x.op == opToLittle || x.op == opToBig || x.op == opSwap {
		if a.kind.pointer() {
			return refuse(unix.EACCES, "R%d pointer arithmetic with a byte swap", x.dst)
		}
		return v.write(p, x.dst, swapped(a, x))
	}
	if a.kind.pointer() || b.kind.pointer() {
		return v.pointerMath(p, x, op, narrow, a, b)
	}
	if narrow {
		a, b = a.low32(), b.low32()
	}
	s := arithmetic(op, a, b, narrow)
	if narrow {
		s = s.low32()
	}
	return v.write(p, x.dst, s)
}

func extended(b value, op operation, narrow bool) value {
	width := [...]uint{8, 16, 32}[op-opMovSX8]
	if b.constant() {
		n := uint64(int64(b.umin<<(64-width)) >> (64 - width))
		if narrow {
			n = uint64(uint32(n))
		}
		return number(n)
	}
	if b.smin >= 0 && b.umax < 1<<(width-1) {
		return b
	}
	if narrow {
		return between(0, math.MaxUint32)
	}
	s := unknown()
	s.smin, s.smax = -1<<(width-1), 1<<(width-1)-1
	return s
}

func swapped(a value, x *instruction) value {
	width := uint(x.imm)
	if x.op == opToLittle {
		if width == 64 || a.umax < 1<<width {
			return a
		}
	}
	if width == 64 {
		return unknown()
	}
	return between(0, 1<<width-1)
}

// arithmetic is an operation on numbers: exact on constants, on ranges what is certain.
func arithmetic(op operation, a, b value, narrow bool) value {
	if a.constant() && b.constant() {
		return number(compute(op, a.umin, b.umin, narrow))
	}
	s := unknown()
	switch op {
	case opAdd:
		if n, carry := bits.Add64(a.umax, b.umax, 0); carry == 0 {
			s.umin, s.umax = a.umin+b.umin, n
		}
		low, ok1 := addSigned(a.smin, b.smin)
		high, ok2 := addSigned(a.smax, b.smax)
		if ok1 && ok2 && !narrow {
			s.smin, s.smax = low, high
		}
	case opSub:
		if a.umin >= b.umax {
			s.umin, s.umax = a.umin-b.umax, a.umax-b.umin
		}
		if b.smin != math.MinInt64 && b.smax != math.MinInt64 && !narrow {
			low, ok1 := addSigned(a.smin, -b.smax)
			high, ok2 := addSigned(a.smax, -b.smin)
			if ok1 && ok2 {
				s.smin, s.smax = low, high
			}
		}
	case opMul:
		if high, low := bits.Mul64(a.umax, b.umax); high == 0 {
			s.umin, s.umax = a.umin*b.umin, low
		}
	case opAnd:
		s.umax = min(a.umax, b.umax)
	case opOr, opXor:
		s.umax = ones(a.umax | b.umax)
		if op == opOr {
			s.umin = max(a.umin, b.umin)
		}
	case opDiv:
		if b.constant() && b.umin != 0 {
			s.umin, s.umax = a.umin/b.umin, a.umax/b.umin
		} else {
			s.umax = a.umax // also of a division by zero, which gives 0
		}
	case opMod:
		if b.constant() && b.umin != 0 {
			s.umax = min(a.umax, b.umin-1)
		} else {
			s.umax = a.umax
		}
	case opLSh:
		if b.constant() {
			n := shiftOf(b.umin, narrow)
			if a.umax <= math.MaxUint64>>n {
				s.umin, s.umax = a.umin<<n, a.umax<<n
			}
		}
	case opRSh:
		if b.constant() {
			n := shiftOf(b.umin, narrow)
			s.umin, s.umax = a.umin>>n, a.umax>>n
		} else {
			s.umax = a.umax
		}
	case opArSh:
		if b.constant() && !narrow {
			n := shiftOf(b.umin, narrow)
			s.smin, s.smax = a.smin>>n, a.smax>>n
		}
	}
	return s.settled()
}

// ones is the smallest number of only ones that is not below n.
func ones(n uint64) uint64 { return 1<<bits.Len64(n) - 1 }

func shiftOf(n uint64, narrow bool) uint64 {
	if narrow {
		return n & 31
	}
	return n & 63
}

func addSigned(a, b int64) (int64, bool) {
	s := a + b
	return s, (a < 0) != (b < 0) || (s < 0) == (a < 0)
}

// pointerMath is arithmetic with a pointer: adding and subtracting numbers, and the
// difference of two.
func (v *verifier) pointerMath(p *path, x *instruction, op operation, narrow bool, a, b value) *refusal {
	if narrow {
		return refuse(unix.EACCES, "R%d 32-bit pointer arithmetic prohibited", x.dst)
	}
	switch {
	case op == opSub && a.kind.pointer() && b.kind.pointer():
		return v.write(p, x.dst, unknown())
	case op == opAdd && b.kind.pointer() && !a.kind.pointer():
		a, b = b, a
	case op != opAdd && op != opSub || b.kind.pointer():
		return refuse(unix.EACCES, "R%d pointer arithmetic of this kind prohibited", x.dst)
	}
	if a.kind.orNull() {
		return refuse(unix.EACCES, "R%d pointer arithmetic on %s prohibited, null-check it first", x.dst, a.kind)
	}
	if a.kind == kindMap {
		return refuse(unix.EACCES, "R%d pointer arithmetic on %s prohibited", x.dst, a.kind)
	}
	if b.constant() {
		n := int64(b.umin)
		if op == opSub {
			n = -n
		}
		if n <= -maxOffset || n >= maxOffset || int64(a.off)+n <= -maxOffset || int64(a.off)+n >= maxOffset {
			return refuse(unix.EACCES, "R%d: an offset of %d is too large", x.dst, n)
		}
		a.off += int32(n)
		return v.write(p, x.dst, a)
	}
	if op == opSub || b.smin < 0 || b.umax >= maxOffset || a.umax+b.umax >= maxOffset {
		return refuse(unix.EACCES, "R%d: the number added to %s has no bound: make it unsigned and compare it first", x.dst, a.kind)
	}
	if a.kind == kindContext || a.kind == kindStack {
		return refuse(unix.EACCES, "R%d variable access to %s prohibited", x.dst, a.kind)
	}
	a.umin, a.umax = a.umin+b.umin, a.umax+b.umax
	a.smin, a.smax = int64(a.umin), int64(a.umax)
	return v.write(p, x.dst, a)
}
