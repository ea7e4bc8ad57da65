package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Limits of a buffer. Offsets are signed 32-bit numbers in places, which bounds the
// size; a table inside a table inside a table costs stack, which bounds the depth.
const (
	MaxSize  = 1<<31 - 1
	MaxDepth = 64
)

// ErrMalformed is what every error of Verify is.
var ErrMalformed = errors.New("malformed message")

// Verify checks that every offset an accessor of the schema can follow stays in
// buf. It takes time linear in the length of buf: each offset may be
// followed once, so tables that many others share are refused.
func Verify(s *Schema, buf []byte) error {
	if len(buf) < 8 || len(buf) > MaxSize {
		return fmt.Errorf("%w: %s of %d bytes", ErrMalformed, s.Name, len(buf))
	}
	if s.Identifier != "" && string(buf[4:8]) != s.Identifier {
		return fmt.Errorf("%w: not a %s: identifier %q", ErrMalformed, s.Name, buf[4:8])
	}
	v := verifier{s: s, buf: buf, size: uint64(len(buf)), offsets: uint64(len(buf)) / 4}
	if len(buf) > smallMessage {
		v.layouts = make([]layout, layouts)
	}
	at, ok := v.follow(0)
	if !ok || !v.table(at, s.Root, MaxDepth) {
		return fmt.Errorf("%w: %s: %s at byte %d", ErrMalformed, s.Name, v.why, v.where)
	}
	return nil
}

// verifier holds one run. Positions are uint64, so that sums of what the
// bytes say cannot wrap.
type verifier struct {
	s       *Schema
	buf     []byte
	size    uint64
	offsets uint64 // how many more may be followed
	layouts []layout
	why     string
	where   uint64
}

// layout remembers a table that was found good: another one of the same type with the
// same vtable needs no look at its numbers, only at its bounds and its offsets.
type layout struct {
	object int
	vtable uint64
	at     uint64         // of the table
	span   uint64         // bytes from there to the end of its last field
	align  uint64         // of its fields; 0: nothing is remembered
	refs   [maxRefs]uint8 // fields that are offsets, by their place in the schema
	count  int
}

const (
	layouts = 256
	maxRefs = 40
	// smallMessage in bytes has too few tables for it to be worth the memory.
	smallMessage = 512
)

// layout finds where a layout is remembered, nil if nowhere.
func (v *verifier) layout(vtable uint64, object int) *layout {
	if v.layouts == nil {
		return nil
	}
	return &v.layouts[(vtable>>1+uint64(object)*61)%layouts]
}

func (v *verifier) fail(at uint64, why string) bool {
	if v.why == "" {
		v.why, v.where = why, at
	}
	return false
}

// inside is true when n bytes from at are in the buffer and at is aligned.
func (v *verifier) inside(at, n, align uint64) bool {
	return at <= v.size && n <= v.size-at && at%align == 0
}

func (v *verifier) u16(at uint64) uint64 { return uint64(binary.LittleEndian.Uint16(v.buf[at:])) }
func (v *verifier) u32(at uint64) uint64 { return uint64(binary.LittleEndian.Uint32(v.buf[at:])) }

// follow reads the unsigned offset at a position, which must be inside, and
// returns where it leads.
func (v *verifier) follow(at uint64) (uint64, bool) {
	if !v.inside(at, 4, 4) {
		return 0, v.fail(at, "offset outside or not aligned")
	}
	if v.offsets == 0 {
		return 0, v.fail(at, "more offsets than bytes")
	}
	v.offsets--
	o := v.u32(at)
	if o == 0 || o > MaxSize {
		return 0, v.fail(at, "offset out of range")
	}
	return at + o, true
}

// table checks the table at a position and all it refers to.
func (v *verifier) table(at uint64, object, depth int) bool {
	if depth == 0 {
		return v.fail(at, "nested too deeply")
	}
	if !v.inside(at, 4, 4) {
		return v.fail(at, "table outside or not aligned")
	}
	vtable := uint64(int64(at) - int64(int32(v.u32(at))))
	fields := v.s.Objects[object].Fields
	l := v.layout(vtable, object)
	if l != nil && l.align != 0 && l.vtable == vtable && l.object == object && (at-l.at)%l.align == 0 && l.span <= v.size-at {
		t := tableAt{at: at, vtable: vtable, slots: (v.u16(vtable) - 4) / 2}
		for _, i := range l.refs[:l.count] {
			if !v.field(&t, &fields[i], depth) {
				return false
			}
		}
		return true
	}
	if !v.inside(vtable, 4, 2) {
		return v.fail(at, "vtable outside or not aligned")
	}
	vsize := v.u16(vtable)
	if vsize < 4 || vsize%2 != 0 || !v.inside(vtable, vsize, 2) {
		return v.fail(vtable, "vtable of a bad size")
	}
	// The size of the table, behind that of the vtable, is no bound: Go's builder
	// lets tables of different sizes share a vtable when the offsets of their fields
	// are equal. Each field is checked against the buffer instead.
	t := tableAt{at: at, vtable: vtable, slots: (vsize - 4) / 2}
	for i := range fields {
		if !v.field(&t, &fields[i], depth) {
			return false
		}
	}
	if l != nil {
		v.remember(l, &t, object)
	}
	return true
}

// remember notes the layout of a table that is good.
func (v *verifier) remember(l *layout, t *tableAt, object int) {
	*l = layout{object: object, vtable: t.vtable, at: t.at, span: 4, align: 4}
	for i := range v.s.Objects[object].Fields {
		f := &v.s.Objects[object].Fields[i]
		size, align := v.extent(f)
		p, _ := v.position(t, uint64(f.ID), size, align)
		if p == 0 {
			continue
		}
		l.span = max(l.span, p-t.at+size)
		l.align = max(l.align, align)
		if f.Base == Vector || f.Base == String || f.Base == Union || f.Base == Object && !v.s.Objects[f.Index].Struct {
			if l.count == maxRefs || i > 255 {
				l.align = 0
				return
			}
			l.refs[l.count] = uint8(i)
			l.count++
		}
	}
}

// tableAt is a table whose header was checked.
type tableAt struct {
	at, vtable, slots uint64
}

// position of a field; 0 when it is absent.
func (v *verifier) position(t *tableAt, id uint64, size, align uint64) (uint64, bool) {
	if id >= t.slots {
		return 0, true
	}
	o := v.u16(t.vtable + 4 + 2*id)
	if o == 0 {
		return 0, true
	}
	if o < 4 || !v.inside(t.at+o, size, align) {
		return 0, v.fail(t.vtable+4+2*id, "field outside or not aligned")
	}
	return t.at + o, true
}

// extent is the size of a field in its table, and its alignment.
func (v *verifier) extent(f *Field) (size, align uint64) {
	if f.Base == Object && v.s.Objects[f.Index].Struct {
		o := &v.s.Objects[f.Index]
		return uint64(o.Size), uint64(o.Align)
	}
	return uint64(sizes[f.Base]), uint64(sizes[f.Base])
}

func (v *verifier) field(t *tableAt, f *Field, depth int) bool {
	inline := f.Base == Object && v.s.Objects[f.Index].Struct
	size, align := v.extent(f)
	at, ok := v.position(t, uint64(f.ID), size, align)
	if !ok {
		v.why = "field " + f.Name + " outside or not aligned"
		return false
	}
	if at == 0 {
		if f.Required {
			return v.fail(t.at, "required field "+f.Name+" absent")
		}
		return true
	}
	switch {
	case inline:
		return true
	case f.Base == String:
		return v.string(at)
	case f.Base == Object:
		to, ok := v.follow(at)
		return ok && v.table(to, f.Index, depth-1)
	case f.Base == Vector:
		return v.vector(at, f, depth)
	case f.Base == Union:
		// The type of a union is the field before it.
		kind, ok := v.position(t, uint64(f.ID)-1, 1, 1)
		if !ok {
			return false
		}
		if kind == 0 || v.buf[kind] == 0 {
			return v.fail(at, "union "+f.Name+" without a type")
		}
		return v.union(at, f.Index, v.buf[kind], depth)
	}
	return true
}

// string checks the string that the offset at a position leads to, its NUL included.
func (v *verifier) string(at uint64) bool {
	to, ok := v.follow(at)
	if !ok {
		return false
	}
	if !v.inside(to, 4, 4) {
		return v.fail(to, "string outside or not aligned")
	}
	n := v.u32(to)
	if !v.inside(to+4, n+1, 1) || v.buf[to+4+n] != 0 {
		return v.fail(to, "string outside or not ended")
	}
	return true
}

func (v *verifier) vector(at uint64, f *Field, depth int) bool {
	to, ok := v.follow(at)
	if !ok {
		return false
	}
	if !v.inside(to, 4, 4) {
		return v.fail(to, "vector outside or not aligned")
	}
	n := v.u32(to)
	size, align := uint64(sizes[f.Element]), uint64(sizes[f.Element])
	inline := f.Element == Object && v.s.Objects[f.Index].Struct
	if inline {
		o := &v.s.Objects[f.Index]
		size, align = uint64(o.Size), uint64(o.Align)
	}
	first := to + 4
	if !v.inside(first, n*size, 1) {
		return v.fail(to, "vector outside")
	}
	if n > 0 && first%align != 0 {
		return v.fail(to, "elements not aligned")
	}
	if inline {
		return true
	}
	switch f.Element {
	case String:
		for i := uint64(0); i < n; i++ {
			if !v.string(first + 4*i) {
				return false
			}
		}
	case Object:
		for i := uint64(0); i < n; i++ {
			e, ok := v.follow(first + 4*i)
			if !ok || !v.table(e, f.Index, depth-1) {
				return false
			}
		}
	}
	return true
}

// union checks one member. A type that the schema does not know is a newer
// peer's: no accessor of ours follows it.
func (v *verifier) union(at uint64, index int, kind uint8, depth int) bool {
	for _, m := range v.s.Unions[index].Variants {
		if m.Value != kind {
			continue
		}
		if m.Base == String {
			return v.string(at)
		}
		to, ok := v.follow(at)
		if !ok {
			return false
		}
		o := &v.s.Objects[m.Index]
		if !o.Struct {
			return v.table(to, m.Index, depth-1)
		}
		if !v.inside(to, uint64(o.Size), uint64(o.Align)) {
			return v.fail(to, "struct of a union outside or not aligned")
		}
	}
	return true
}
