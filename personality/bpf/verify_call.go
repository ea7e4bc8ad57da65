package bpf

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// call checks the call of a helper.
func (v *verifier) call(p *path, x *instruction) *refusal {
	h := helpers[asm.BuiltinFunc(x.imm)]
	switch {
	case h == nil:
		return refuse(unix.EINVAL, "unknown func %s#%d", asm.BuiltinFunc(x.imm), x.imm)
	case h.gpl && !v.gpl:
		return refuse(unix.EINVAL, "cannot call GPL-restricted function from non-GPL compatible program")
	}
	c := callCheck{v: v, p: p, h: h}
	for i := range h.args {
		if r := c.argument(uint8(i + 1)); r != nil {
			return r
		}
	}
	f := p.top()
	if c.record != 0 {
		p.forget(c.record)
	}
	for i := 0; i <= 5; i++ {
		f.regs[i] = value{}
	}
	switch h.result {
	case resultNumber:
		f.regs[0] = unknown()
	case resultValue:
		v.lookup(p.at, c.number)
		f.regs[0] = value{kind: kindValueOrNull, index: c.number, id: v.newID()}
	case resultRecord:
		if len(p.owed) >= maxOwed {
			return refuse(unix.E2BIG, "more than %d records at once", maxOwed)
		}
		f.regs[0] = value{kind: kindRecordOrNull, size: c.size, id: v.newID()}
		p.owed = append(p.owed, f.regs[0].id)
	}
	return nil
}

// maxOwed is how many records may be reserved at once.
const maxOwed = 16

// callCheck is the check of one call.
type callCheck struct {
	v      *verifier
	p      *path
	h      *helper
	m      *Map
	number int32  // of the map
	size   int32  // of a record that is reserved
	record uint32 // that is given back
}

// argument checks register r.
func (c *callCheck) argument(r uint8) *refusal {
	want := c.h.args[r-1]
	if want == argNone {
		return nil
	}
	s, bad := c.v.read(c.p, r)
	if bad != nil {
		return bad
	}
	wrong := func(expected string) *refusal {
		return refuse(unix.EACCES, "R%d type is %s, expected %s by bpf_%s", r, s.kind, expected, c.h.name)
	}
	switch want {
	case argContext:
		if s.kind != kindContext || s.off != 0 {
			return wrong("the context")
		}
	case argMap:
		if s.kind != kindMap {
			return wrong("a map")
		}
		return c.useMap(s.index)
	case argKey:
		return c.memory(s, r, int64(c.m.KeySize), false, true)
	case argValue:
		return c.memory(s, r, int64(c.m.ValueSize), false, true)
	case argMemory, argOutput:
		return c.sized(s, r, want == argOutput)
	case argConstant:
		if !s.constant() {
			return wrong("a known constant")
		}
		if s.umin > maxRecord {
			return refuse(unix.EINVAL, "a record of %d bytes", s.umin)
		}
		c.size = int32(s.umin)
	case argRecord:
		if s.kind != kindRecord || s.off != 0 || s.umax != 0 {
			return wrong("the beginning of a record")
		}
		if !c.p.paid(s.id) {
			return refuse(unix.EINVAL, "R%d is a record that was given back", r)
		}
		c.record = s.id
	case argSize, argSizeOrZero:
		if s.kind != kindNumber {
			return wrong("a size")
		}
	}
	return nil
}

// useMap checks that a helper is for the map, and what the map allows programs.
func (c *callCheck) useMap(number int32) *refusal {
	c.m, c.number = c.v.maps[number], number
	if c.h.use != c.m.use() {
		return refuse(unix.EINVAL, "cannot pass map_type %d into func bpf_%s", c.m.Type, c.h.name)
	}
	change := c.h.args[1] == argKey && c.h.result != resultValue
	if change && c.m.Flags&flagProgRead != 0 || !change && c.m.Flags&flagProgWrite != 0 {
		return refuse(unix.EACCES, "the map does not allow bpf_%s to programs", c.h.name)
	}
	return nil
}

// sized checks memory whose size is in the next register.
func (c *callCheck) sized(s value, r uint8, write bool) *refusal {
	n, bad := c.v.read(c.p, r+1)
	switch {
	case bad != nil:
		return bad
	case n.kind != kindNumber:
		return refuse(unix.EACCES, "R%d type is %s, expected a size by bpf_%s", r+1, n.kind, c.h.name)
	case n.smin < 0 || n.umax >= maxOffset:
		return refuse(unix.EACCES, "R%d unbounded memory access, make it unsigned and compare it with a constant", r+1)
	case n.umin == 0 && c.h.args[r] == argSize:
		return refuse(unix.EACCES, "R%d invalid zero-sized read", r+1)
	}
	// What is written only in part has to be there before.
	return c.memory(s, r, int64(n.umax), write, !write || !n.constant())
}

// memory checks n bytes of memory.
func (c *callCheck) memory(s value, r uint8, n int64, write, filled bool) *refusal {
	at := spanOf(s, r, 0, n, write)
	if s.kind == kindContext {
		return refuse(unix.EACCES, "R%d type is the context, expected memory by bpf_%s", r, c.h.name)
	}
	if bad := c.v.inside(&at); bad != nil {
		return bad
	}
	if filled {
		if bad := c.v.initialised(c.p, &at); bad != nil {
			return bad
		}
	}
	if write {
		c.v.written(c.p, &at)
	}
	return nil
}

// forget makes all that points to a record unusable.
func (p *path) forget(id uint32) {
	p.eachValue(func(s *value) {
		if s.id == id && (s.kind == kindRecord || s.kind == kindRecordOrNull) {
			*s = value{}
		}
	})
	for i := range p.frames {
		for n := range p.frames[i].cells {
			c := &p.frames[i].cells[n]
			if c.bytes[0] == markSaved && c.saved.kind == kindNone {
				*c = cell{}
			}
		}
	}
}
