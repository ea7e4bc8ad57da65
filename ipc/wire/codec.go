package wire

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"unsafe"
)

// Codec turns messages of a schema into Go objects and back, and sums the objects up.
// The objects are like those of flatc's object API: a Go struct for each table and struct of
// the schema, with the fields in the order of their ids, the deprecated ones left out. What flatc's own Pack and UnPack do
// field by field, with an offset looked up for each, is done here by a plan for each
// table, in a tenth of the instructions: a swap waits for it.
//
// The message is little-endian and so must be the machine. What is empty or 0 is left
// out, and comes back as nil or 0. Schemas with unions have no codec.
type Codec[T any] struct {
	plan
}

// plan is what a codec knows.
type plan struct {
	schema *Schema
	types  []goType // by object
	known  []byte
	size   int // of the last message: a guess at the next
}

// goType is how a table or struct lies in memory.
type goType struct {
	elem, slice reflect.Type // the struct; a slice of it
	pointers    reflect.Type // a slice of pointers to it
	fields      []goField    // those in use, as they lie in a table: the largest first; of a struct: by offset
}

// goField is one field.
type goField struct {
	id       uint16
	base     Base
	element  Base
	size     uint8 // in a table; of an element, if it is a vector
	inline   bool  // a struct, or a vector of structs
	required bool
	// expendable: see Field.
	expendable bool
	index      int     // of the object
	offset     uintptr // in the Go struct
	// probe is where the Go struct has what is 0 when the field is empty, probeSize how large that is.
	probe     uintptr
	probeSize uint8
	name      string
}

// NewCodec makes the codec of a schema whose root is a T. It panics when they do not go
// together: both are generated from one file.
func NewCodec[T any](s *Schema) *Codec[T] {
	c := &Codec[T]{plan{schema: s, types: make([]goType, len(s.Objects))}}
	c.learn(s.Root, reflect.TypeFor[T]())
	c.known = s.Known()
	return c
}

// learn plans one type and those that it refers to.
func (p *plan) learn(object int, t reflect.Type) {
	g := &p.types[object]
	if g.elem != nil {
		return
	}
	*g = goType{elem: t, slice: reflect.SliceOf(t), pointers: reflect.SliceOf(reflect.PointerTo(t))}
	o := &p.schema.Objects[object]
	if o.Struct {
		if uintptr(o.Size) != t.Size() {
			panic(fmt.Sprintf("wire: struct %s has %d bytes, in Go %d", o.Name, o.Size, t.Size()))
		}
		for i := range t.NumField() {
			f := t.Field(i)
			g.fields = append(g.fields, goField{base: scalarBase(f.Type), size: uint8(f.Type.Size()), offset: f.Offset, name: f.Name})
		}
		return
	}
	g.fields = make([]goField, 0, len(o.Fields))
	for i := range o.Fields {
		if f := &o.Fields[i]; !f.Deprecated {
			n := len(g.fields)
			if n == t.NumField() {
				panic(fmt.Sprintf("wire: %s has no field for %s.%s", t, o.Name, f.Name))
			}
			g.fields = append(g.fields, p.field(f, t.Field(n)))
		}
	}
	slices.SortStableFunc(g.fields, func(a, b goField) int { return cmp.Compare(p.room(&b), p.room(&a)) })
}

// field plans one field of a table.
func (p *plan) field(f *Field, goes reflect.StructField) goField {
	g := goField{id: f.ID, base: f.Base, element: f.Element, required: f.Required, expendable: f.Expendable, index: f.Index, offset: goes.Offset, name: f.Name}
	kind, t := f.Base, goes.Type
	if f.Base == Vector {
		kind, t = f.Element, t.Elem()
	}
	switch kind {
	case Object:
		g.inline = p.schema.Objects[f.Index].Struct
		if t.Kind() != reflect.Pointer {
			panic(fmt.Sprintf("wire: %s is a %s", f.Name, t))
		}
		p.learn(f.Index, t.Elem())
	case String:
		if t.Kind() != reflect.String {
			panic(fmt.Sprintf("wire: %s is a %s", f.Name, t))
		}
	case Union, UnionType:
		panic("wire: no codec for unions: " + p.schema.Name)
	default:
		if t.Size() != uintptr(sizes[kind]) {
			panic(fmt.Sprintf("wire: %s is a %s", f.Name, t))
		}
	}
	g.size = uint8(sizes[kind])
	g.probe, g.probeSize = g.offset, g.size
	switch f.Base {
	case Vector, String: // the length is the second word of both
		g.probe, g.probeSize = g.offset+wordSize, wordSize
	case Object:
		g.probeSize = wordSize
	}
	return g
}

// wordSize is the size of a pointer and of a length in bytes.
const wordSize = 8

// empty reports whether a field of the struct at from is left out.
func (f *goField) empty(from unsafe.Pointer) bool {
	p := unsafe.Add(from, f.probe)
	switch f.probeSize {
	case 8:
		return *(*uint64)(p) == 0
	case 4:
		return *(*uint32)(p) == 0
	case 2:
		return *(*uint16)(p) == 0
	}
	return *(*uint8)(p) == 0
}

// scalarBase tells bools from other scalars, which is all that matters inside a struct:
// it lies in a message as it does in memory.
func scalarBase(t reflect.Type) Base {
	switch t.Kind() {
	case reflect.Bool:
		return Bool
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Uint64
	}
	panic("wire: no codec for a struct with a " + t.String())
}

// room is how much of a table a field takes, and its alignment, which for a struct is
// less: structs go first, where everything is aligned.
func (p *plan) room(f *goField) uint32 {
	if f.base == Object && f.inline {
		return p.schema.Objects[f.index].Size
	}
	return sizes[f.base]
}

// knownWords is how many words of bits stand for the fields of one table.
const (
	knownWords = 2
	nameSize   = 8 // of the hash of its name
)

// fieldSet is a set of fields of a table, by number.
type fieldSet [knownWords]uint64

func (s *fieldSet) add(id uint16)      { s[id/64] |= 1 << (id % 64) }
func (s *fieldSet) has(id uint16) bool { return s[id/64]>>(id%64)&1 != 0 }

// knowledge is what a build knows of a table: which fields it uses, and which it knows
// of and no longer uses. A struct has its size in place of both.
type knowledge struct{ used, retired fieldSet }

// Known lists what this build knows of every table, in the same order in every build.
func (s *Schema) Known() []byte {
	type entry struct {
		name uint64
		knowledge
	}
	list := make([]entry, len(s.Objects))
	for i := range s.Objects {
		o := &s.Objects[i]
		list[i].name = nameHash(o.Name)
		if o.Struct {
			list[i].used[0] = uint64(o.Size)
		}
		for _, f := range o.Fields {
			to := &list[i].used
			if f.Deprecated {
				to = &list[i].retired
			}
			if f.ID >= 64*knownWords {
				panic("wire: more fields than a list of them has room for: " + o.Name)
			}
			to.add(f.ID)
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	out := make([]byte, 0, len(list)*(nameSize+2+8*knownWords))
	for _, e := range list {
		out = binary.LittleEndian.AppendUint64(out, e.name)
		out = e.retired.append(e.used.append(out))
	}
	return out
}

// append writes a set: how many words, and those. Few tables need more than one.
func (s *fieldSet) append(b []byte) []byte {
	n := knownWords
	for n > 0 && s[n-1] == 0 {
		n--
	}
	b = append(b, byte(n))
	for _, w := range s[:n] {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// read is the opposite, and what follows. A list that is cut off has no more.
func (s *fieldSet) read(b []byte) []byte {
	if len(b) == 0 || int(b[0]) > knownWords || len(b) < 1+8*int(b[0]) {
		return nil
	}
	n := int(b[0])
	for i := range n {
		s[i] = binary.LittleEndian.Uint64(b[1+8*i:])
	}
	return b[1+8*n:]
}

// knowledgeOf reads a list of Known, by object of this schema. A table that the other
// build does not have stays empty.
func (s *Schema) knowledgeOf(peer []byte) []knowledge {
	theirs := map[uint64]knowledge{}
	for len(peer) >= nameSize {
		var k knowledge
		name := binary.LittleEndian.Uint64(peer)
		peer = k.retired.read(k.used.read(peer[nameSize:]))
		theirs[name] = k
	}
	all := make([]knowledge, len(s.Objects))
	for i := range s.Objects {
		all[i] = theirs[nameHash(s.Objects[i].Name)]
	}
	return all
}

func nameHash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// Known lists what this build knows of the schema's tables (Schema.Known).
func (c *Codec[T]) Known() []byte { return c.known }
