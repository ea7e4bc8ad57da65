package wire

import (
	"bytes"
	"encoding/binary"
	"hash/crc64"
	"hash/fnv"
	"sort"
)

// Two builds that know different fields of the same tables can compare a message by
// what both know. Each lists what it knows (Known); Digest leaves out what the other
// does not.

// knownWords is how many words of bits stand for the fields of one table.
const (
	knownWords = 2
	knownSize  = 8 + 8*knownWords
)

// Known lists the fields that are in use, in the same order in every build: for each
// table 8 bytes of its name's hash and a bit per field, for each struct its size
// instead of the bits.
func (s *Schema) Known() []byte {
	type entry struct {
		name uint64
		bits [knownWords]uint64
	}
	list := make([]entry, len(s.Objects))
	for i := range s.Objects {
		o := &s.Objects[i]
		list[i].name = nameHash(o.Name)
		if o.Struct {
			list[i].bits[0] = uint64(o.Size)
		}
		for _, f := range o.Fields {
			if !f.Deprecated && f.ID < 64*knownWords {
				list[i].bits[f.ID/64] |= 1 << (f.ID % 64)
			}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	out := make([]byte, 0, len(list)*knownSize)
	for _, e := range list {
		out = binary.LittleEndian.AppendUint64(out, e.name)
		for _, w := range e.bits {
			out = binary.LittleEndian.AppendUint64(out, w)
		}
	}
	return out
}

func nameHash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

var digestTable = crc64.MakeTable(crc64.ECMA)

// Digest is a checksum of a message that Verify accepts. peer is what another build
// knows. When that is the same as here, every byte counts; otherwise the fields that both
// know and that are not zero or empty.
func Digest(s *Schema, buf, peer []byte) uint64 {
	if bytes.Equal(peer, s.Known()) {
		return crc64.Checksum(buf, digestTable)
	}
	d := digester{texter: texter{s: s, buf: buf}, shared: s.sharedWith(peer)}
	d.table(uint64(binary.LittleEndian.Uint32(buf)), s.Root)
	return d.sum
}

// sharedWith is, by object and field number, what the other build knows too.
func (s *Schema) sharedWith(peer []byte) [][knownWords]uint64 {
	theirs := map[uint64][knownWords]uint64{}
	for ; len(peer) >= knownSize; peer = peer[knownSize:] {
		var bits [knownWords]uint64
		for i := range bits {
			bits[i] = binary.LittleEndian.Uint64(peer[8+8*i:])
		}
		theirs[binary.LittleEndian.Uint64(peer)] = bits
	}
	shared := make([][knownWords]uint64, len(s.Objects))
	for i := range s.Objects {
		shared[i] = theirs[nameHash(s.Objects[i].Name)]
	}
	return shared
}

// digester walks a message as texter does.
type digester struct {
	texter
	shared [][knownWords]uint64
	sum    uint64
}

func (d *digester) mix(v uint64) {
	const prime = 0x100000001b3 // of FNV-1a, 64 bits
	d.sum = (d.sum ^ v) * prime
	d.sum ^= d.sum >> 29
}

func (d *digester) bytes(p []byte) {
	d.mix(uint64(len(p)))
	d.mix(crc64.Checksum(p, digestTable))
}

func (d *digester) table(at uint64, object int) {
	o := &d.s.Objects[object]
	if o.Struct {
		d.bytes(d.buf[at : at+uint64(o.Size)])
		return
	}
	for i := range o.Fields {
		f := &o.Fields[i]
		if f.Deprecated || f.ID >= 64*knownWords || d.shared[object][f.ID/64]>>(f.ID%64)&1 == 0 {
			continue
		}
		if p := d.position(at, uint64(f.ID)); p != 0 {
			d.field(at, p, f)
		}
	}
	d.mix(^uint64(0)) // the end
}

func (d *digester) field(table, at uint64, f *Field) {
	tag := uint64(f.ID) + 1
	switch f.Base {
	case Vector:
		to := at + d.u32(at)
		n := d.u32(to)
		if n == 0 {
			return
		}
		d.mix(tag)
		d.mix(n)
		size := uint64(sizes[f.Element])
		if f.Element == Object && d.s.Objects[f.Index].Struct {
			d.bytes(d.buf[to+4 : to+4+n*uint64(d.s.Objects[f.Index].Size)])
			return
		}
		if f.Element != Object && f.Element != String {
			d.bytes(d.buf[to+4 : to+4+n*size])
			return
		}
		for i := range n {
			d.value(to+4+i*size, f.Element, f.Index)
		}
	case Union:
		kind := d.buf[d.position(table, uint64(f.ID)-1)]
		for _, v := range d.s.Unions[f.Index].Variants {
			if v.Value == kind {
				d.mix(tag)
				d.value(at, v.Base, v.Index)
			}
		}
	case String:
		if d.u32(at+d.u32(at)) != 0 {
			d.mix(tag)
			d.value(at, f.Base, f.Index)
		}
	case Object:
		d.mix(tag)
		d.value(at, f.Base, f.Index)
	default:
		v := uint64(0)
		for i := range sizes[f.Base] {
			v |= uint64(d.buf[at+uint64(i)]) << (8 * i)
		}
		if v != 0 {
			d.mix(tag)
			d.mix(v)
		}
	}
}

func (d *digester) value(at uint64, base Base, index int) {
	switch {
	case base == String:
		to := at + d.u32(at)
		d.bytes(d.buf[to+4 : to+4+d.u32(to)])
	case d.s.Objects[index].Struct:
		d.table(at, index)
	default:
		d.table(at+d.u32(at), index)
	}
}

// Records counts the tables and structs in the lists of the root table and of the
// tables it names: how much a message is about.
func Records(s *Schema, buf []byte) (n uint64) {
	t := texter{s: s, buf: buf}
	root := uint64(binary.LittleEndian.Uint32(buf))
	n = t.listed(root, s.Root)
	for _, f := range s.Objects[s.Root].Fields {
		if f.Base == Object && !s.Objects[f.Index].Struct {
			if p := t.position(root, uint64(f.ID)); p != 0 {
				n += t.listed(p+t.u32(p), f.Index)
			}
		}
	}
	return n
}

// listed is the lengths of a table's lists of records together.
func (t *texter) listed(at uint64, object int) (n uint64) {
	for _, f := range t.s.Objects[object].Fields {
		if f.Base != Vector || f.Element != Object {
			continue
		}
		if p := t.position(at, uint64(f.ID)); p != 0 {
			n += t.u32(p + t.u32(p))
		}
	}
	return n
}
