package bpf

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// span is memory that an instruction or a helper touches: between low and high from where a
// pointer points, size bytes.
type span struct {
	base  value
	r     uint8 // the register, for the log
	low   int64
	high  int64
	size  int64
	write bool
}

func spanOf(base value, r uint8, off int64, size int64, write bool) span {
	return span{base, r, int64(base.off) + off + int64(base.umin), int64(base.off) + off + int64(base.umax), size, write}
}

// inside checks that all of the span is in what the pointer points to.
func (v *verifier) inside(s *span) *refusal {
	limit := int64(0)
	switch s.base.kind {
	case kindStack:
		if s.low != s.high || s.low < -stackSize || s.low+s.size > 0 {
			return refuse(unix.EACCES, "invalid stack access off=%d size=%d", s.low, s.size)
		}
		return nil
	case kindContext:
		if s.write {
			return refuse(unix.EACCES, "R%d: the context cannot be written", s.r)
		}
		if s.low != s.high || s.low < 0 || s.low+s.size > int64(v.context) {
			return refuse(unix.EACCES, "invalid bpf_context access off=%d size=%d", s.low, s.size)
		}
		v.reads = true
		return nil
	case kindValue:
		m := v.maps[s.base.index]
		if s.write && m.Flags&flagProgRead != 0 || !s.write && m.Flags&flagProgWrite != 0 {
			return refuse(unix.EACCES, "R%d: the map does not allow that to programs", s.r)
		}
		limit = int64(m.ValueSize)
	case kindRecord:
		limit = int64(s.base.size)
	case kindNumber, kindNone:
		return refuse(unix.EACCES, "R%d invalid mem access 'scalar'", s.r)
	default:
		return refuse(unix.EACCES, "R%d invalid mem access to %s", s.r, s.base.kind)
	}
	if s.low < 0 || s.high+s.size > limit {
		return refuse(unix.EACCES, "invalid access to %s, value_size=%d off=%d to %d size=%d", s.base.kind, limit, s.low, s.high, s.size)
	}
	return nil
}

// cellAt is the cell of a byte of stack, and the place in it. at is below 0.
func cellAt(at int64) (c, i int) {
	c = int(-at-1) / slotBytes
	return c, int(at) + slotBytes*(c+1)
}

// cell is one cell of a frame, made if it was not used before.
func (f *frame) cell(c int) *cell {
	for len(f.cells) <= c {
		f.cells = append(f.cells, cell{})
	}
	return &f.cells[c]
}

// set marks one byte of stack.
func (f *frame) set(at int64, m mark) {
	n, i := cellAt(at)
	c := f.cell(n)
	if c.bytes[i] == markSaved {
		// The rest of what was spilled is only numbers now.
		for k := range c.bytes {
			if c.bytes[k] == markSaved {
				c.bytes[k] = markData
			}
		}
		c.saved = value{}
	}
	c.bytes[i] = m
}

func (f *frame) mark(at int64) mark {
	n, i := cellAt(at)
	if n >= len(f.cells) {
		return markNone
	}
	return f.cells[n].bytes[i]
}

// initialised checks that all bytes of a span of stack were written.
func (v *verifier) initialised(p *path, s *span) *refusal {
	if s.base.kind != kindStack {
		return nil
	}
	f := &p.frames[s.base.index]
	for i := range s.size {
		if f.mark(s.low+i) == markNone {
			return refuse(unix.EACCES, "invalid read from stack off %d+%d size %d: it was never written", s.low, i, s.size)
		}
	}
	return nil
}

// load is a load into a register.
func (v *verifier) load(p *path, x *instruction) *refusal {
	base, r := v.read(p, x.src)
	if r != nil {
		return r
	}
	size := int64(x.op.size())
	s := spanOf(base, x.src, int64(x.off), size, false)
	if r := v.inside(&s); r != nil {
		return r
	}
	if base.kind == kindContext && s.low%size != 0 {
		return refuse(unix.EACCES, "misaligned context access off=%d size=%d", s.low, size)
	}
	if r := v.initialised(p, &s); r != nil {
		return r
	}
	got := unknown()
	switch {
	case x.op >= opLoadSX8 && x.op <= opLoadSX32:
		got.smin, got.smax = -1<<(8*size-1), 1<<(8*size-1)-1
	case size < 8:
		got = between(0, 1<<(8*size)-1)
	}
	if base.kind == kindStack {
		got = v.loadStack(&p.frames[base.index], &s, got)
	}
	return v.write(p, x.dst, got)
}

func (v *verifier) loadStack(f *frame, s *span, got value) value {
	n, i := cellAt(s.low)
	if s.size == slotBytes && i == 0 && f.cells[n].bytes[0] == markSaved {
		return f.cells[n].saved
	}
	for i := range s.size {
		if f.mark(s.low+i) != markZero {
			return got
		}
	}
	return number(0)
}

// store is a store of a register or a constant.
func (v *verifier) store(p *path, x *instruction) *refusal {
	base, r := v.read(p, x.dst)
	if r != nil {
		return r
	}
	what, r := v.operand(p, x)
	if r != nil {
		return r
	}
	s := spanOf(base, x.dst, int64(x.off), int64(x.op.size()), true)
	if r := v.inside(&s); r != nil {
		return r
	}
	if base.kind != kindStack {
		if what.kind.orNull() || what.kind == kindRecord {
			return refuse(unix.EACCES, "%s cannot be stored there", what.kind)
		}
		return nil
	}
	return v.storeStack(&p.frames[base.index], &s, what)
}

func (v *verifier) storeStack(f *frame, s *span, what value) *refusal {
	n, i := cellAt(s.low)
	if s.size == slotBytes && i == 0 {
		c := f.cell(n)
		for k := range c.bytes {
			c.bytes[k] = markSaved
		}
		c.saved = what
		if what.constant() && what.umin == 0 {
			*c = cell{}
			for k := range c.bytes {
				c.bytes[k] = markZero
			}
		}
		return nil
	}
	if what.kind.pointer() {
		return refuse(unix.EACCES, "invalid size of register spill")
	}
	m := markData
	if what.constant() && what.umin == 0 {
		m = markZero
	}
	for i := range s.size {
		f.set(s.low+i, m)
	}
	return nil
}

// written marks a span as filled with numbers.
func (v *verifier) written(p *path, s *span) {
	if s.base.kind == kindStack {
		f := &p.frames[s.base.index]
		for i := range s.size {
			f.set(s.low+i, markData)
		}
	}
}

// atomic is an atomic operation on memory.
func (v *verifier) atomic(p *path, x *instruction) *refusal {
	base, r := v.read(p, x.dst)
	if r != nil {
		return r
	}
	what, r := v.read(p, x.src)
	if r != nil {
		return r
	}
	if what.kind.pointer() {
		return refuse(unix.EACCES, "R%d is %s, not a number", x.src, what.kind)
	}
	if base.kind != kindStack && base.kind != kindValue && base.kind != kindRecord {
		return refuse(unix.EACCES, "R%d atomic operations on %s prohibited", x.dst, base.kind)
	}
	op := asm.AtomicOp(x.imm << 8)
	size := int64(x.op.size())
	for _, write := range []bool{false, true} {
		s := spanOf(base, x.dst, int64(x.off), size, write)
		if r := v.inside(&s); r != nil {
			return r
		}
		if r := v.initialised(p, &s); r != nil {
			return r
		}
		if write {
			v.written(p, &s)
		}
	}
	got := unknown()
	if size == 4 {
		got = between(0, 1<<32-1)
	}
	switch {
	case op == asm.CmpXchg:
		old, r := v.read(p, 0)
		if r != nil {
			return r
		}
		if old.kind.pointer() {
			return refuse(unix.EACCES, "R0 is %s, not a number", old.kind)
		}
		return v.write(p, 0, got)
	case op&atomicFetch != 0:
		return v.write(p, x.src, got)
	}
	return nil
}

// atomicFetch marks the operations that return what was there.
const atomicFetch = asm.FetchAdd &^ asm.AddAtomic
