package wire

import (
	"encoding/binary"
	"unsafe"
)

// Encode makes the message of an object. Equal objects make equal messages.
func (c *Codec[T]) Encode(v *T) []byte {
	e := encoder{plan: &c.plan, buf: make([]byte, 0, max(c.size, 256)), variants: make([][]variant, len(c.types))}
	// The root's offset and the identifier, and what keeps the first table aligned.
	e.grow(8)
	copy(e.buf[4:8], c.schema.Identifier)
	binary.LittleEndian.PutUint32(e.buf, uint32(e.table(unsafe.Pointer(v), c.schema.Root)))
	c.size = len(e.buf) + len(e.buf)/8
	return e.buf
}

// encoder writes a message from the front to the back: a table comes before what it
// refers to, and a vtable before the first table that has it.
type encoder struct {
	*plan
	buf      []byte
	variants [][]variant // by object
}

// variant is a vtable: a table in which certain fields are present.
type variant struct {
	present fieldSet // by the number of the field in the plan
	vtable  int      // where it is
	size    int      // of such a table
	align   int
	places  []place
}

// grow adds n bytes of 0 and returns where they are.
func (e *encoder) grow(n int) int {
	at := len(e.buf)
	if at+n > cap(e.buf) {
		larger := make([]byte, at, 2*(at+n))
		copy(larger, e.buf)
		e.buf = larger
	}
	e.buf = e.buf[:at+n] // never written: 0 since it was made
	return at
}

// align adds bytes until what comes lead bytes later is aligned.
func (e *encoder) align(to, lead int) {
	if over := (len(e.buf) + lead) & (to - 1); over != 0 {
		e.grow(to - over)
	}
}

func (e *encoder) put32(at, v int) { binary.LittleEndian.PutUint32(e.buf[at:], uint32(v)) }

// table writes a table and all below it, and returns where it is.
func (e *encoder) table(from unsafe.Pointer, object int) int {
	v := e.variant(object, e.present(from, object))
	e.align(v.align, offsetSize)
	at := e.grow(v.size)
	e.put32(at, at-v.vtable)
	for i := range v.places {
		f, at := v.places[i].field, at+v.places[i].at
		p := unsafe.Add(from, f.offset)
		switch {
		case f.base == Object && f.inline:
			e.structure(at, f.index, *(*unsafe.Pointer)(p))
		case f.base == Object:
			e.put32(at, e.table(*(*unsafe.Pointer)(p), f.index)-at)
		case f.base == String:
			e.put32(at, e.string(*(*string)(p))-at)
		case f.base == Vector:
			e.put32(at, e.vector(f, p)-at)
		default:
			e.scalar(at, f.size, p)
		}
	}
	return at
}

// offsetSize is the size of a table's first field, which leads to its vtable, and of
// the length of a vector.
const offsetSize = 4

// present finds the fields that are not empty and not 0.
func (e *encoder) present(from unsafe.Pointer, object int) (set fieldSet) {
	fields := e.types[object].fields
	for i := range fields {
		if f := &fields[i]; f.required || !f.empty(from) {
			set.add(uint16(i))
		}
	}
	return set
}

// variant finds a vtable, or writes it.
func (e *encoder) variant(object int, present fieldSet) *variant {
	all := e.variants[object]
	for i := range all {
		if all[i].present == present {
			return &all[i]
		}
	}
	v := variant{present: present, size: offsetSize, align: offsetSize}
	fields := e.types[object].fields
	slots := 0
	for i := range fields {
		f := &fields[i]
		if !present.has(uint16(i)) {
			continue
		}
		size, align := int(f.size), int(f.size)
		switch {
		case f.base == Object && f.inline:
			o := &e.schema.Objects[f.index]
			size, align = int(o.Size), int(o.Align)
		case f.base == Vector || f.base == String || f.base == Object:
			size, align = offsetSize, offsetSize
		}
		// The offset in front of the fields is of 4 bytes: alignment counts from behind it.
		v.size = (v.size-offsetSize+align-1)&^(align-1) + offsetSize
		v.places = append(v.places, place{f, v.size})
		v.size += size
		v.align = max(v.align, align)
		slots = max(slots, int(f.id)+1)
	}
	e.align(2, 0)
	v.vtable = e.grow(4 + 2*slots)
	binary.LittleEndian.PutUint16(e.buf[v.vtable:], uint16(4+2*slots))
	binary.LittleEndian.PutUint16(e.buf[v.vtable+2:], uint16(v.size))
	for _, p := range v.places {
		binary.LittleEndian.PutUint16(e.buf[v.vtable+4+2*int(p.field.id):], uint16(p.at))
	}
	e.variants[object] = append(all, v)
	return &e.variants[object][len(all)]
}

func (e *encoder) scalar(at int, size uint8, p unsafe.Pointer) {
	switch size {
	case 1:
		e.buf[at] = *(*uint8)(p)
	case 2:
		binary.LittleEndian.PutUint16(e.buf[at:], *(*uint16)(p))
	case 4:
		binary.LittleEndian.PutUint32(e.buf[at:], *(*uint32)(p))
	case 8:
		binary.LittleEndian.PutUint64(e.buf[at:], *(*uint64)(p))
	}
}

func (e *encoder) structure(at, object int, from unsafe.Pointer) {
	fields := e.types[object].fields
	for i := range fields {
		f := &fields[i]
		e.scalar(at+int(f.offset), f.size, unsafe.Add(from, f.offset))
	}
}

// string writes a string, with the NUL behind it.
func (e *encoder) string(s string) int {
	e.align(offsetSize, 0)
	at := e.grow(offsetSize + len(s) + 1)
	e.put32(at, len(s))
	copy(e.buf[at+offsetSize:], s)
	return at
}

// vector writes the slice at p.
func (e *encoder) vector(f *goField, p unsafe.Pointer) int {
	switch f.element {
	case Object:
		return e.objects(f, *(*[]unsafe.Pointer)(p))
	case String:
		all := *(*[]string)(p)
		at := e.elements(len(all), offsetSize, offsetSize)
		for i, s := range all {
			to := at + offsetSize*(1+i)
			e.put32(to, e.string(s)-to)
		}
		return at
	}
	raw := *(*[]byte)(p) // whatever it is: address and length in elements
	size := int(f.size)
	at := e.elements(len(raw), size, size)
	copy(e.buf[at+offsetSize:], unsafe.Slice(unsafe.SliceData(raw), len(raw)*size))
	return at
}

// elements makes room for n elements with their number in front.
func (e *encoder) elements(n, size, align int) int {
	e.align(max(align, offsetSize), offsetSize)
	at := e.grow(offsetSize + n*size)
	e.put32(at, n)
	return at
}

func (e *encoder) objects(f *goField, all []unsafe.Pointer) int {
	if f.inline {
		o := &e.schema.Objects[f.index]
		at := e.elements(len(all), int(o.Size), int(o.Align))
		for i, p := range all {
			e.structure(at+offsetSize+i*int(o.Size), f.index, p)
		}
		return at
	}
	at := e.elements(len(all), offsetSize, offsetSize)
	for i, p := range all {
		to := at + offsetSize*(1+i)
		e.put32(to, e.table(p, f.index)-to)
	}
	return at
}
