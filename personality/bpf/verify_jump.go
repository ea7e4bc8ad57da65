package bpf

import (
	"math"

	"golang.org/x/sys/unix"
)

// inverse is the condition that holds where a jump is not taken.
var inverse = map[operation]operation{
	opJEq: opJNE, opJNE: opJEq, opJGT: opJLE, opJLE: opJGT, opJGE: opJLT, opJLT: opJGE,
	opJSGT: opJSLE, opJSLE: opJSGT, opJSGE: opJSLT, opJSLT: opJSGE,
}

// branch follows a conditional jump both ways, or the one that is possible.
func (v *verifier) branch(p *path, x *instruction) (ended bool, r *refusal) {
	op, narrow := x.op.is32()
	a, r := v.read(p, x.dst)
	if r != nil {
		return false, r
	}
	b, r := v.operand(p, x)
	if r != nil {
		return false, r
	}
	if a.kind == kindMap || b.kind == kindMap {
		return false, refuse(unix.EACCES, "R%d pointer comparison prohibited", x.dst)
	}
	taken, passed := p.split(x.target), p
	var go1, go2 bool
	switch {
	case a.kind.orNull() && (op == opJEq || op == opJNE) && !narrow && b.constant() && b.umin == 0:
		taken.settleNull(a.id, op == opJEq)
		passed.settleNull(a.id, op != opJEq)
		go1, go2 = true, true
	case a.kind.pointer() && b.constant() && b.umin == 0 && !narrow && !a.kind.orNull() && (op == opJEq || op == opJNE):
		go1, go2 = op == opJNE, op == opJEq // it is not NULL
	case a.kind.pointer() || b.kind.pointer():
		go1, go2 = true, true
	default:
		go1 = narrows(taken.top(), x, op, a, b, narrow)
		if not, ok := inverse[op]; ok {
			go2 = narrows(passed.top(), x, not, a, b, narrow)
		} else {
			go2 = !(a.constant() && b.constant() && a.umin&b.umin&widthMask(narrow) != 0)
		}
	}
	if int(p.at)+1 >= len(v.list) {
		return false, refuse(unix.EINVAL, "the program runs past its end")
	}
	switch {
	case go1 && go2:
		passed.at++
		return false, v.later(taken)
	case go1:
		*p = *taken
	case go2:
		passed.at++
	default:
		return true, nil // nothing can be here at all
	}
	return false, nil
}

func widthMask(narrow bool) uint64 {
	if narrow {
		return math.MaxUint32
	}
	return math.MaxUint64
}

// narrows makes the operands what they have to be where the condition holds. False: it never does.
func narrows(f *frame, x *instruction, op operation, a, b value, narrow bool) bool {
	if narrow {
		signed := op == opJSGT || op == opJSGE || op == opJSLT || op == opJSLE
		limit := uint64(math.MaxUint32)
		if signed {
			limit = math.MaxInt32
		}
		if a.constant() && b.constant() {
			return compare(op, a.umin, b.umin, true)
		}
		b = b.low32()
		if a.umax > limit || b.umax > limit {
			return true
		}
	}
	if op == opJSet {
		return !(a.constant() && b.constant()) || a.umin&b.umin != 0
	}
	a, b = restrict(op, a, b)
	if a.impossible() || b.impossible() {
		return false
	}
	f.regs[x.dst] = a
	if x.src != regImm && !narrow {
		f.regs[x.src] = b
	}
	return true
}

// never is a range without numbers.
func never() value {
	v := number(0)
	v.umin, v.smin = 1, 1
	return v
}

// restrict is what a and b can be when a op b holds.
func restrict(op operation, a, b value) (value, value) {
	switch op {
	case opJEq:
		a.umin, a.umax = max(a.umin, b.umin), min(a.umax, b.umax)
		a.smin, a.smax = max(a.smin, b.smin), min(a.smax, b.smax)
		b.umin, b.umax, b.smin, b.smax = a.umin, a.umax, a.smin, a.smax
	case opJNE:
		return without(a, b), without(b, a)
	case opJGT:
		if b.umin == math.MaxUint64 || a.umax == 0 {
			return never(), b
		}
		a.umin, b.umax = max(a.umin, b.umin+1), min(b.umax, a.umax-1)
	case opJGE:
		a.umin, b.umax = max(a.umin, b.umin), min(b.umax, a.umax)
	case opJSGT:
		if b.smin == math.MaxInt64 || a.smax == math.MinInt64 {
			return never(), b
		}
		a.smin, b.smax = max(a.smin, b.smin+1), min(b.smax, a.smax-1)
	case opJSGE:
		a.smin, b.smax = max(a.smin, b.smin), min(b.smax, a.smax)
	default: // the others are these, the other way round
		b, a = restrict(map[operation]operation{opJLT: opJGT, opJLE: opJGE, opJSLT: opJSGT, opJSLE: opJSGE}[op], b, a)
		return a, b
	}
	if a.impossible() || b.impossible() {
		return never(), b
	}
	return a.settled(), b.settled()
}

// without is a range that does not have the constant b at its ends.
func without(a, b value) value {
	if !b.constant() {
		return a
	}
	if a.constant() && a.umin == b.umin {
		return never()
	}
	if a.umin == b.umin {
		a.umin++
	}
	if a.umax == b.umin {
		a.umax--
	}
	if a.smin == b.smin {
		a.smin++
	}
	if a.smax == b.smin {
		a.smax--
	}
	return a.settled()
}

// settleNull makes every copy of a pointer that may be NULL what a comparison has shown.
func (p *path) settleNull(id uint32, null bool) {
	p.eachValue(func(s *value) {
		if s.id != id || !s.kind.orNull() {
			return
		}
		switch {
		case null:
			*s = number(0)
		case s.kind == kindValueOrNull:
			s.kind, s.id = kindValue, 0
		default:
			s.kind = kindRecord
		}
	})
	if null {
		p.paid(id)
	}
}

// paid takes a record off the list of those that are owed.
func (p *path) paid(id uint32) bool {
	for i, o := range p.owed {
		if o == id {
			p.owed = append(p.owed[:i:i], p.owed[i+1:]...)
			return true
		}
	}
	return false
}

// eachValue calls fn for all registers and all that was spilled.
func (p *path) eachValue(fn func(s *value)) {
	for i := range p.frames {
		f := &p.frames[i]
		for r := range f.regs {
			fn(&f.regs[r])
		}
		for c := range f.cells {
			if f.cells[c].bytes[0] == markSaved {
				fn(&f.cells[c].saved)
			}
		}
	}
}
