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
	why     string
	where   uint64
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
	fields := v.s.Objects[object].Fields
	for i := range fields {
		if !v.field(&t, &fields[i], depth) {
			return false
		}
	}
	return true
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

func (v *verifier) field(t *tableAt, f *Field, depth int) bool {
	size, align := uint64(sizes[f.Base]), uint64(sizes[f.Base])
	inline := f.Base == Object && v.s.Objects[f.Index].Struct
	if inline {
		o := &v.s.Objects[f.Index]
		size, align = uint64(o.Size), uint64(o.Align)
	}
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
