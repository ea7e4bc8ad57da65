package bpf

import (
	"math/rand/v2"
	"testing"
)

// holds reports whether a number is one of those that v may be.
func (v value) holds(n uint64) bool {
	return n >= v.umin && n <= v.umax && int64(n) >= v.smin && int64(n) <= v.smax
}

// ranged is a random range and a number in it.
func ranged(r *rand.Rand) (value, uint64) {
	pick := func() uint64 {
		n := operands[r.IntN(len(operands))]
		if r.IntN(2) == 0 {
			n += uint64(r.IntN(16)) - 8
		}
		if r.IntN(4) == 0 {
			n = r.Uint64() >> r.IntN(64)
		}
		return n
	}
	n := pick()
	v := unknown()
	switch r.IntN(4) {
	case 0:
		return number(n), n
	case 1:
		other := pick()
		v = between(min(n, other), max(n, other))
	case 2:
		other := int64(pick())
		v.smin, v.smax = min(int64(n), other), max(int64(n), other)
		v = v.settled()
	}
	return v, n
}

// What the verifier believes of a result is true of every result.
func TestRangesHoldResults(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ops := []operation{opAdd, opSub, opMul, opDiv, opSDiv, opOr, opAnd, opLSh, opRSh, opMod, opSMod, opXor, opArSh}
	jumps := []operation{opJEq, opJNE, opJGT, opJGE, opJLT, opJLE, opJSGT, opJSGE, opJSLT, opJSLE, opJSet}
	for range 2_000_000 {
		a, x := ranged(r)
		b, y := ranged(r)
		if !a.holds(x) || !b.holds(y) {
			t.Fatalf("%+v does not hold %#x, or %+v does not hold %#x", a, x, b, y)
		}
		narrow := r.IntN(2) == 0
		if !a.low32().holds(x & 0xffffffff) {
			t.Fatalf("low32 of %+v does not hold %#x", a, x)
		}
		switch r.IntN(3) {
		case 0:
			op := ops[r.IntN(len(ops))]
			got := compute(op, x, y, narrow)
			c := arithmetic(op, a, b, false)
			if narrow {
				c = arithmetic(op, a.low32(), b.low32(), true).low32()
			}
			if !c.holds(got) {
				t.Fatalf("%d narrow %v: %+v with %+v gives %+v, but %#x with %#x gives %#x", op, narrow, a, b, c, x, y, got)
			}
		case 1:
			op := opMovSX8 + operation(r.IntN(3))
			narrow = narrow && op != opMovSX32
			if got := compute(op, 0, x, narrow); !extended(a, op, narrow).holds(got) {
				t.Fatalf("%d narrow %v: %+v gives %+v, but %#x gives %#x", op, narrow, a, extended(a, op, narrow), x, got)
			}
			i := instruction{op: opToLittle + operation(r.IntN(3)), imm: []int64{16, 32, 64}[r.IntN(3)]}
			if got := swap(i.op, x, i.imm); !swapped(a, &i).holds(got) {
				t.Fatalf("swap %+v: %+v gives %+v, but %#x gives %#x", i, a, swapped(a, &i), x, got)
			}
		default:
			judgeJump(t, jumps[r.IntN(len(jumps))], narrow, a, b, x, y)
		}
	}
}

// judgeJump follows a jump as branch does: the way that is gone must be thought possible, and the numbers must be held
// by what is believed there.
func judgeJump(t *testing.T, op operation, narrow bool, a, b value, x, y uint64) {
	t.Helper()
	f := frame{}
	f.regs[1], f.regs[2] = a, b
	i := &instruction{dst: 1, src: 2}
	if !compare(op, x, y, narrow) {
		not, ok := inverse[op]
		if !ok {
			return
		}
		op = not
	}
	if !narrows(&f, i, op, a, b, narrow) {
		t.Fatalf("%d narrow %v: never with %+v and %+v, but with %#x and %#x", op, narrow, a, b, x, y)
	}
	if !f.regs[1].holds(x) || !f.regs[2].holds(y) {
		t.Fatalf("%d narrow %v: %+v and %+v become %+v and %+v, which do not hold %#x and %#x", op, narrow, a, b, f.regs[1], f.regs[2], x, y)
	}
}
