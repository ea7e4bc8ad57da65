package bpf

import "math"

// kind says what the verifier knows of a register.
type kind uint8

const (
	kindNone         kind = iota // never written: may not be read
	kindNumber                   // a number in a range
	kindContext                  // the context
	kindStack                    // place in the stack of frame index
	kindMap                      // the map index
	kindValue                    // place in a value of the map index
	kindValueOrNull              // the beginning of a value, or NULL
	kindRecord                   // place in a record of size bytes
	kindRecordOrNull             // a record, or NULL
)

var kindNames = [...]string{"nothing", "a number", "the context", "the stack", "a map", "a map value", "a map value or NULL", "a record", "a record or NULL"}

func (k kind) String() string { return kindNames[k] }

func (k kind) pointer() bool { return k >= kindContext }

// orNull reports whether a pointer has to be compared with NULL before it is used.
func (k kind) orNull() bool { return k == kindValueOrNull || k == kindRecordOrNull }

// value is what the verifier knows of a register or of 8 bytes of stack. For a number the
// ranges hold its value; for a pointer what was added to off.
type value struct {
	kind       kind
	index      int32  // map or frame
	size       int32  // of a record
	id         uint32 // of what a lookup or a reservation returned: copies have the same
	off        int32
	umin, umax uint64
	smin, smax int64
}

// maxOffset bounds what may be added to a pointer.
const maxOffset = 1 << 28

func number(n uint64) value {
	return value{kind: kindNumber, umin: n, umax: n, smin: int64(n), smax: int64(n)}
}

// unknown is any number.
func unknown() value {
	return value{kind: kindNumber, umax: math.MaxUint64, smin: math.MinInt64, smax: math.MaxInt64}
}

// between is a number in an unsigned range.
func between(low, high uint64) value {
	v := unknown()
	v.umin, v.umax = low, high
	return v.settled()
}

// settled derives each range from the other (Linux __reg_deduce_bounds).
func (v value) settled() value {
	if int64(v.umin) <= int64(v.umax) {
		// The unsigned range does not cross the sign bit.
		v.smin = max(v.smin, int64(v.umin))
		v.smax = min(v.smax, int64(v.umax))
	}
	if v.smin >= 0 || v.smax < 0 {
		v.umin = max(v.umin, uint64(v.smin))
		v.umax = min(v.umax, uint64(v.smax))
	}
	return v
}

// impossible: no number is in the range, so that the path is never taken.
func (v value) impossible() bool { return v.umin > v.umax || v.smin > v.smax }

func (v value) constant() bool { return v.kind == kindNumber && v.umin == v.umax }

// low32 is what the lower 32 bits of a number are, the upper being cleared.
func (v value) low32() value {
	switch {
	case v.umax <= math.MaxUint32:
		return v
	case v.umin == v.umax:
		return number(uint64(uint32(v.umin)))
	case v.umin>>32 == v.umax>>32:
		return between(uint64(uint32(v.umin)), uint64(uint32(v.umax)))
	}
	return between(0, math.MaxUint32)
}

// matcher compares the values of two states whose ids mean the same if they pair up.
type matcher struct{ pairs [][2]uint32 }

// same reports whether ids a and b may stand for each other.
func (m *matcher) same(a, b uint32) bool {
	if a == 0 || b == 0 {
		return a == b
	}
	for _, p := range m.pairs {
		if p[0] == a || p[1] == b {
			return p[0] == a && p[1] == b
		}
	}
	m.pairs = append(m.pairs, [2]uint32{a, b})
	return true
}

// covers reports whether all that b may be, a may be too.
func (m *matcher) covers(a, b *value) bool {
	if a.kind == kindNone {
		return true // who goes on from a does not read it
	}
	if a.kind != b.kind {
		return false
	}
	if a.umin > b.umin || a.umax < b.umax || a.smin > b.smin || a.smax < b.smax {
		return false
	}
	return a.kind == kindNumber || a.index == b.index && a.size == b.size && a.off == b.off && m.same(a.id, b.id)
}
