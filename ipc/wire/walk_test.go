package wire_test

import (
	flatbuffers "github.com/google/flatbuffers/go"

	"starling/ipc/wire"
)

// walk reads every field that a description names, the way generated accessors
// do, for any schema. What the walk reads is only safe after Verify.
func walk(s *wire.Schema, buf []byte) (sum int) {
	w := walker{s: s, buf: buf}
	w.table(flatbuffers.GetUOffsetT(buf), s.Root)
	return w.sum
}

type walker struct {
	s   *wire.Schema
	buf []byte
	sum int
}

func (w *walker) bytes(at flatbuffers.UOffsetT, n int) {
	for _, c := range w.buf[at : int(at)+n] {
		w.sum += int(c)
	}
}

func (w *walker) table(at flatbuffers.UOffsetT, object int) {
	o := &w.s.Objects[object]
	if o.Struct {
		w.bytes(at, int(o.Size))
		return
	}
	t := flatbuffers.Table{Bytes: w.buf, Pos: at}
	for i := range o.Fields {
		f := &o.Fields[i]
		off := flatbuffers.UOffsetT(t.Offset(flatbuffers.VOffsetT(4 + 2*f.ID)))
		if off == 0 {
			continue
		}
		w.value(&t, off, f)
	}
}

func (w *walker) value(t *flatbuffers.Table, off flatbuffers.UOffsetT, f *wire.Field) {
	at := t.Pos + off
	switch f.Base {
	case wire.String:
		w.sum += len(t.String(at))
	case wire.Object:
		if w.s.Objects[f.Index].Struct {
			w.table(at, f.Index)
		} else {
			w.table(t.Indirect(at), f.Index)
		}
	case wire.Vector:
		for i := range t.VectorLen(off) {
			w.element(t, t.Vector(off), i, f)
		}
	case wire.Union:
		var u flatbuffers.Table
		t.Union(&u, off)
		kind := t.Offset(flatbuffers.VOffsetT(4 + 2*(f.ID-1)))
		for _, v := range w.s.Unions[f.Index].Variants {
			if v.Value == t.GetByte(t.Pos+flatbuffers.UOffsetT(kind)) && v.Base == wire.Object {
				w.table(u.Pos, v.Index)
			}
		}
	default:
		w.bytes(at, width[f.Base])
	}
}

func (w *walker) element(t *flatbuffers.Table, first flatbuffers.UOffsetT, i int, f *wire.Field) {
	switch f.Element {
	case wire.String:
		w.sum += len(t.String(first + flatbuffers.UOffsetT(4*i)))
	case wire.Object:
		o := &w.s.Objects[f.Index]
		if o.Struct {
			w.bytes(first+flatbuffers.UOffsetT(i*int(o.Size)), int(o.Size))
		} else {
			w.table(t.Indirect(first+flatbuffers.UOffsetT(4*i)), f.Index)
		}
	default:
		w.bytes(first+flatbuffers.UOffsetT(i*width[f.Element]), width[f.Element])
	}
}

var width = map[wire.Base]int{wire.UnionType: 1, wire.Bool: 1, wire.Int8: 1, wire.Uint8: 1, wire.Int16: 2, wire.Uint16: 2,
	wire.Int32: 4, wire.Uint32: 4, wire.Float32: 4, wire.Int64: 8, wire.Uint64: 8, wire.Float64: 8}
