package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Text lists every field that is present in a message that Verify accepts, one
// line each, as path = value: for comparing two messages and for people.
// Structs are shown as bytes.
func Text(s *Schema, buf []byte) ([]string, error) {
	if err := Verify(s, buf); err != nil {
		return nil, err
	}
	t := texter{s: s, buf: buf}
	t.table("", uint64(binary.LittleEndian.Uint32(buf)), s.Root)
	return t.lines, nil
}

// texter reads what was verified: it checks nothing.
type texter struct {
	s     *Schema
	buf   []byte
	lines []string
}

func (t *texter) u32(at uint64) uint64   { return uint64(binary.LittleEndian.Uint32(t.buf[at:])) }
func (t *texter) u16(at uint64) uint64   { return uint64(binary.LittleEndian.Uint16(t.buf[at:])) }
func (t *texter) say(path, value string) { t.lines = append(t.lines, path+" = "+value) }

// position of a field in a table, 0 when absent.
func (t *texter) position(at uint64, id uint64) uint64 {
	vtable := uint64(int64(at) - int64(int32(t.u32(at))))
	if 4+2*id >= t.u16(vtable) {
		return 0
	}
	if o := t.u16(vtable + 4 + 2*id); o != 0 {
		return at + o
	}
	return 0
}

func (t *texter) table(path string, at uint64, object int) {
	o := &t.s.Objects[object]
	if o.Struct {
		t.say(path, fmt.Sprintf("%x", t.buf[at:at+uint64(o.Size)]))
		return
	}
	for i := range o.Fields {
		f := &o.Fields[i]
		if p := t.position(at, uint64(f.ID)); p != 0 {
			t.field(path+"."+f.Name, at, p, f)
		}
	}
}

func (t *texter) field(path string, table, at uint64, f *Field) {
	switch f.Base {
	case Vector:
		to := at + t.u32(at)
		n := t.u32(to)
		size := uint64(sizes[f.Element])
		if f.Element == Object && t.s.Objects[f.Index].Struct {
			size = uint64(t.s.Objects[f.Index].Size)
		}
		if f.Element == Uint8 {
			t.say(path, fmt.Sprintf("%x", t.buf[to+4:to+4+n]))
			return
		}
		for i := range n {
			t.value(path+"["+strconv.FormatUint(i, 10)+"]", to+4+i*size, f.Element, f.Index)
		}
	case Union:
		kind := t.buf[t.position(table, uint64(f.ID)-1)]
		for _, v := range t.s.Unions[f.Index].Variants {
			if v.Value == kind {
				t.value(path, at, v.Base, v.Index)
			}
		}
	default:
		t.value(path, at, f.Base, f.Index)
	}
}

func (t *texter) value(path string, at uint64, b Base, index int) {
	switch b {
	case Object:
		if !t.s.Objects[index].Struct {
			at += t.u32(at)
		}
		t.table(path, at, index)
		return
	case String:
		to := at + t.u32(at)
		t.say(path, strconv.Quote(string(t.buf[to+4:to+4+t.u32(to)])))
		return
	}
	var raw uint64
	size := sizes[b]
	for i := range size {
		raw |= uint64(t.buf[at+uint64(i)]) << (8 * i)
	}
	switch b {
	case Int8, Int16, Int32, Int64:
		up := 64 - 8*size
		t.say(path, strconv.FormatInt(int64(raw<<up)>>up, 10))
	case Float32:
		t.say(path, fmt.Sprint(math.Float32frombits(uint32(raw))))
	case Float64:
		t.say(path, fmt.Sprint(math.Float64frombits(raw)))
	default:
		t.say(path, strconv.FormatUint(raw, 10))
	}
}
