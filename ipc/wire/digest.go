package wire

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// Two builds that know different fields of the same tables can compare an object by
// what both know. Each lists what it knows (Known); Sum leaves out what the other does not.

// Sum is an object summed up.
type Sum struct {
	// Digest is of all fields that both builds use and that are not 0 or empty. When
	// both know the same, those are all there are.
	Digest uint64
	// Records is how many tables and structs there are in lists.
	Records uint64
	// Lost names what would be lost: fields that are not 0 or empty and of which the
	// other build has never heard. Not those that it knows of and has given up, and
	// not those that the schema calls expendable.
	Lost []string
}

// Sum sums an object up for a build that knows peer.
func (c *Codec[T]) Sum(v *T, peer []byte) Sum {
	s := summer{plan: &c.plan, lost: make([]fieldSet, len(c.types))}
	if !bytes.Equal(peer, c.known) {
		s.peer = c.schema.knowledgeOf(peer)
	}
	s.table(unsafe.Pointer(v), c.schema.Root)
	return Sum{s.digest, s.records, s.names()}
}

// summer walks an object.
type summer struct {
	*plan
	peer    []knowledge // by object; nil: the other knows all
	lost    []fieldSet  // by object
	digest  uint64
	records uint64
}

func (s *summer) mix(v uint64) {
	const prime = 0x100000001b3 // of FNV-1a, 64 bits
	d := (s.digest ^ v) * prime
	s.digest = d ^ d>>29
}

func (s *summer) bytes(p []byte) {
	s.mix(uint64(len(p)))
	for ; len(p) >= 8; p = p[8:] {
		s.mix(binary.LittleEndian.Uint64(p))
	}
	last := uint64(0)
	for i, b := range p {
		last |= uint64(b) << (8 * i)
	}
	s.mix(last)
}

func (s *summer) table(from unsafe.Pointer, object int) {
	fields := s.types[object].fields
	for i := range fields {
		f := &fields[i]
		if f.empty(from) {
			continue
		}
		if s.peer != nil && !s.peer[object].used.has(f.id) {
			if !f.expendable && !s.peer[object].retired.has(f.id) {
				s.lost[object].add(f.id)
			}
			continue
		}
		s.mix(uint64(f.id) + 1)
		p := unsafe.Add(from, f.offset)
		switch f.base {
		case Object:
			s.object(f, *(*unsafe.Pointer)(p))
		case String:
			s.string(*(*string)(p))
		case Vector:
			s.vector(f, p)
		default:
			s.mix(scalar(f.size, p))
		}
	}
	s.mix(^uint64(0)) // the end
}

// scalar is a number without its sign.
func scalar(size uint8, p unsafe.Pointer) uint64 {
	switch size {
	case 1:
		return uint64(*(*uint8)(p))
	case 2:
		return uint64(*(*uint16)(p))
	case 4:
		return uint64(*(*uint32)(p))
	}
	return *(*uint64)(p)
}

func (s *summer) string(text string) { s.bytes(unsafe.Slice(unsafe.StringData(text), len(text))) }

func (s *summer) object(f *goField, from unsafe.Pointer) {
	if !f.inline {
		s.table(from, f.index)
		return
	}
	if s.peer != nil && s.peer[f.index].used[0] != uint64(s.schema.Objects[f.index].Size) {
		s.lost[f.index].add(0) // structs have no versions: it is another one
		return
	}
	fields := s.types[f.index].fields
	for i := range fields {
		s.mix(scalar(fields[i].size, unsafe.Add(from, fields[i].offset)))
	}
}

func (s *summer) vector(f *goField, p unsafe.Pointer) {
	switch f.element {
	case Object:
		all := *(*[]unsafe.Pointer)(p)
		s.records += uint64(len(all))
		s.mix(uint64(len(all)))
		for _, o := range all {
			s.object(f, o)
		}
	case String:
		all := *(*[]string)(p)
		s.mix(uint64(len(all)))
		for _, text := range all {
			s.string(text)
		}
	default:
		raw := *(*[]byte)(p) // whatever it is: address and length in elements
		s.bytes(unsafe.Slice(unsafe.SliceData(raw), len(raw)*int(f.size)))
	}
}

// names names the fields that would be lost.
func (s *summer) names() (list []string) {
	for object := range s.lost {
		o := &s.schema.Objects[object]
		if o.Struct && s.lost[object].has(0) {
			list = append(list, o.Name)
		}
		for i := range o.Fields {
			if s.lost[object].has(o.Fields[i].ID) {
				list = append(list, o.Name+"."+o.Fields[i].Name)
			}
		}
	}
	return list
}
