package fault

import (
	"encoding/binary"
	"reflect"
	"unsafe"

	"starling/ipc/envelope"
	"starling/ipc/frame"
	"starling/ipc/pagerwire"
)

// field is where a value of a schema lies, in bytes.
type field struct{ offset, size int }

// fieldsOf lists the fields of a struct that is laid out like its schema.
func fieldsOf(v any) (list []field) {
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		if f := t.Field(i); f.Name != "_" {
			list = append(list, field{int(f.Offset), int(f.Type.Size())})
		}
	}
	return list
}

var (
	pagerHeader      = []field{{0, 4}, {4, 4}, {8, 4}, {12, 4}} // ipc/schema/pager.fbs
	pagerOp          = fieldsOf(pagerwire.Command{})
	pagerResult      = fieldsOf(pagerwire.Outcome{})
	consoleRequest   = []field{{0, 2}, {2, 2}, {4, 4}, {8, 8}}                                      // console.fbs
	consoleAnswer    = []field{{0, 4}, {4, 4}, {8, 4}, {12, 4}, {16, 4}, {20, 4}, {24, 2}, {26, 2}} // console.fbs
	superviseRequest = []field{{0, 4}}                                                              // supervise.fbs
	superviseAnswer  = []field{{0, 4}, {4, 4}, {8, 4}, {12, 4}, {16, 4}}                            // supervise.fbs
	registerFields   = fieldsOf(frame.Registers{})
)

// schema is the fields of a message.
func (p *Place) schema() (fields []field) {
	shift := func(list []field, by int) {
		for _, f := range list {
			fields = append(fields, field{f.offset + by, f.size})
		}
	}
	answer := p.Class == Answer
	switch server := p.server(); {
	case server == "pager":
		shift(pagerHeader, 0)
		if answer {
			shift(pagerResult, pagerwire.HeaderSize)
		} else {
			shift(pagerOp, pagerwire.HeaderSize)
		}
	case server == "console" && answer:
		shift(consoleAnswer, 0)
	case server == "console":
		shift(consoleRequest, 0)
	case answer:
		shift(superviseAnswer, 0)
	default:
		shift(superviseRequest, 0)
	}
	return fields
}

// server is who gets the calls of the wire.
func (p *Place) server() string {
	for i := range p.Wire {
		if p.Wire[i] == '>' {
			return p.Wire[i+1:]
		}
	}
	return ""
}

// Damage does to a message of n bytes in its envelope what a rule says, and returns its length. Kinds that are not
// about bytes leave it alone.
func (r *Rule) Damage(buf []byte, n int) int {
	switch r.Kind {
	case Flip:
		flip(buf[:n], r.Arg)
	case Field:
		hostile(buf[:n], r.Place.schema(), r.Arg)
	case Truncate:
		return int(r.Arg % uint64(max(n, 1)))
	case StaleGeneration, StaleSequence:
		body, session, counter, ok := envelope.Open(buf, n)
		if !ok {
			break
		}
		if r.Kind == StaleGeneration {
			session += 1 + uint32(r.Arg%1000)
		} else {
			counter -= min(counter, 1+uint32(r.Arg%3))
		}
		return envelope.Seal(buf, body, session, counter)
	}
	return n
}

// DamageFrame does the same to the registers of a frame.
func (r *Rule) DamageFrame(f *frame.Registers) {
	b := bytesOf(f)
	if r.Kind == Flip {
		flip(b, r.Arg)
	} else {
		hostile(b, registerFields, r.Arg)
	}
}

// Word is a 64-bit value with what the rule does to it.
func (r *Rule) Word(v uint64) uint64 {
	if r.Kind == Flip {
		return v ^ 1<<(r.Arg%64)
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	hostile(b[:], []field{{0, 8}}, r.Arg)
	return binary.LittleEndian.Uint64(b[:])
}

func flip(b []byte, arg uint64) {
	if len(b) > 0 {
		b[arg/8%uint64(len(b))] ^= 1 << (arg % 8)
	}
}

// hostile gives one of the fields that lie within b a value that programs get wrong.
func hostile(b []byte, fields []field, arg uint64) {
	var in []field
	for _, f := range fields {
		if f.offset+f.size <= len(b) {
			in = append(in, f)
		}
	}
	if len(in) == 0 {
		return
	}
	f := in[arg%uint64(len(in))]
	v, top := uint64(0), uint64(1)<<(8*f.size-1)
	for i := range f.size {
		v |= uint64(b[f.offset+i]) << (8 * i)
	}
	list := [...]uint64{0, ^uint64(0), v + 1, v - 1, top, top - 1, v ^ top, v << 8, 0x8000_0000_0000, 4095}
	was := v
	v = list[arg/uint64(len(in))%uint64(len(list))]
	if mask := top | (top - 1); v&mask == was&mask {
		v = was ^ 1
	}
	for i := range f.size {
		b[f.offset+i] = byte(v >> (8 * i))
	}
}

// bytesOf is the memory of registers.
func bytesOf(r *frame.Registers) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r))
}
