package wire

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"unsafe"
)

// Decode makes the object of a message, after Verify.
func (c *Codec[T]) Decode(buf []byte) (*T, error) {
	if err := Verify(c.schema, buf); err != nil {
		return nil, err
	}
	d := decoder{plan: &c.plan, buf: buf, layouts: make([][]contents, len(c.types))}
	to := new(T)
	d.table(uint64(binary.LittleEndian.Uint32(buf)), c.schema.Root, unsafe.Pointer(to))
	return to, nil
}

// decoder reads what was verified: it checks nothing. Every store goes to the field
// that the plan has for it, whose type it was made from.
type decoder struct {
	*plan
	buf     []byte
	layouts [][]contents // by object
}

// contents is what tables with a certain vtable have in them.
type contents struct {
	vtable uint64
	places []place
}

// place is where a field is in a table.
type place struct {
	field *goField
	at    int
}

// contents finds out what a vtable says.
func (d *decoder) contents(vtable uint64, object int) []place {
	for i := range d.layouts[object] {
		if c := &d.layouts[object][i]; c.vtable == vtable {
			return c.places
		}
	}
	c := contents{vtable: vtable}
	slots := (d.u16(vtable) - 4) / 2
	fields := d.types[object].fields
	for i := range fields {
		if f := &fields[i]; uint64(f.id) < slots {
			if o := d.u16(vtable + 4 + 2*uint64(f.id)); o != 0 {
				c.places = append(c.places, place{f, int(o)})
			}
		}
	}
	if len(d.layouts[object]) < maxLayouts {
		d.layouts[object] = append(d.layouts[object], c)
	}
	return c.places
}

// maxLayouts bounds how long the search for one takes in a message of nothing but vtables.
const maxLayouts = 64

func (d *decoder) u16(at uint64) uint64 { return uint64(binary.LittleEndian.Uint16(d.buf[at:])) }
func (d *decoder) u32(at uint64) uint64 { return uint64(binary.LittleEndian.Uint32(d.buf[at:])) }

// table fills the object at to.
func (d *decoder) table(at uint64, object int, to unsafe.Pointer) {
	vtable := uint64(int64(at) - int64(int32(d.u32(at))))
	places := d.contents(vtable, object)
	for i := range places {
		f, at := places[i].field, at+uint64(places[i].at)
		p := unsafe.Add(to, f.offset)
		switch f.base {
		case Vector:
			d.vector(at+d.u32(at), f, p)
		case String:
			*(*string)(p) = d.string(at)
		case Object:
			*(*unsafe.Pointer)(p) = d.object(at, f)
		default:
			d.scalar(at, f.base, f.size, p)
		}
	}
}

func (d *decoder) scalar(at uint64, base Base, size uint8, p unsafe.Pointer) {
	switch size {
	case 1:
		v := d.buf[at]
		if base == Bool && v != 0 {
			v = 1 // no other bit is good in a bool
		}
		*(*uint8)(p) = v
	case 2:
		*(*uint16)(p) = binary.LittleEndian.Uint16(d.buf[at:])
	case 4:
		*(*uint32)(p) = binary.LittleEndian.Uint32(d.buf[at:])
	case 8:
		*(*uint64)(p) = binary.LittleEndian.Uint64(d.buf[at:])
	}
}

// string is what the offset at a position leads to.
func (d *decoder) string(at uint64) string {
	to := at + d.u32(at)
	return string(d.buf[to+4 : to+4+d.u32(to)])
}

// object makes what a field holds: a table or a struct.
func (d *decoder) object(at uint64, f *goField) unsafe.Pointer {
	made := reflect.New(d.types[f.index].elem).UnsafePointer()
	if f.inline {
		d.structure(at, f.index, made)
	} else {
		d.table(at+d.u32(at), f.index, made)
	}
	return made
}

// structure copies a struct.
func (d *decoder) structure(at uint64, object int, to unsafe.Pointer) {
	fields := d.types[object].fields
	for i := range fields {
		f := &fields[i]
		d.scalar(at+uint64(f.offset), f.base, f.size, unsafe.Add(to, f.offset))
	}
}

// vector makes the slice of the vector at a position. An empty one stays nil.
func (d *decoder) vector(at uint64, f *goField, p unsafe.Pointer) {
	n := d.u32(at)
	if n == 0 {
		return
	}
	at += 4
	switch f.element {
	case Object:
		d.objects(at, n, f, p)
	case String:
		all := make([]string, n)
		for i := range all {
			all[i] = d.string(at + 4*uint64(i))
		}
		*(*[]string)(p) = all
	case Bool:
		all := make([]bool, n)
		for i := range all {
			all[i] = d.buf[at+uint64(i)] != 0
		}
		*(*[]bool)(p) = all
	default:
		d.scalars(d.buf[at:at+n*uint64(f.size)], n, f.size, p)
	}
}

// scalars copies a vector of numbers, whose slice has the layout of any of numbers of that size.
func (d *decoder) scalars(from []byte, n uint64, size uint8, p unsafe.Pointer) {
	var to unsafe.Pointer
	switch size {
	case 1:
		*(*[]uint8)(p) = bytes.Clone(from)
		return
	case 2:
		all := make([]uint16, n)
		to, *(*[]uint16)(p) = unsafe.Pointer(&all[0]), all
	case 4:
		all := make([]uint32, n)
		to, *(*[]uint32)(p) = unsafe.Pointer(&all[0]), all
	case 8:
		all := make([]uint64, n)
		to, *(*[]uint64)(p) = unsafe.Pointer(&all[0]), all
	}
	copy(unsafe.Slice((*byte)(to), len(from)), from)
}

// objects makes a slice of pointers to tables or structs, which lie in one piece.
func (d *decoder) objects(at, n uint64, f *goField, p unsafe.Pointer) {
	t := &d.types[f.index]
	size := t.elem.Size()
	first := reflect.MakeSlice(t.slice, int(n), int(n)).UnsafePointer()
	list := reflect.MakeSlice(t.pointers, int(n), int(n)).UnsafePointer()
	all := unsafe.Slice((*unsafe.Pointer)(list), n)
	for i := range all {
		made := unsafe.Add(first, uintptr(i)*size)
		if f.inline {
			d.structure(at+uint64(i)*uint64(size), f.index, made)
		} else {
			e := at + 4*uint64(i)
			d.table(e+d.u32(e), f.index, made)
		}
		all[i] = made
	}
	*(*[]unsafe.Pointer)(p) = all
}
