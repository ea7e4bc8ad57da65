package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	flatbuffers "github.com/google/flatbuffers/go"

	"starling/ipc/wire"
)

// A binary schema is itself a FlatBuffer. These are the field numbers of
// FlatBuffers' reflection/reflection.fbs that are needed here.
const (
	schemaObjects, schemaEnums, schemaIdent, schemaRoot                   = 0, 1, 2, 4
	objectName, objectFields, objectIsStruct, objectAlign, objectByteSize = 0, 1, 2, 3, 4
	fieldName, fieldType, fieldID, fieldOffset                            = 0, 1, 2, 3
	fieldDeprecated, fieldRequired, fieldAttributes                       = 6, 7, 9
	attributeKey                                                          = 0
	typeBase, typeElement, typeIndex                                      = 0, 1, 2
	enumName, enumValues, enumIsUnion                                     = 0, 1, 2
	enumValName, enumValValue, enumValUnionType                           = 0, 1, 3
)

// node is a table of the binary schema.
type node struct{ flatbuffers.Table }

func (n node) at(field int) flatbuffers.UOffsetT {
	o := n.Offset(flatbuffers.VOffsetT(4 + 2*field))
	if o == 0 {
		return 0
	}
	return n.Pos + flatbuffers.UOffsetT(o)
}

func (n node) text(field int) string {
	if at := n.at(field); at != 0 {
		return n.String(at)
	}
	return ""
}

func (n node) table(field int) (node, bool) {
	at := n.at(field)
	if at == 0 {
		return node{}, false
	}
	return node{flatbuffers.Table{Bytes: n.Bytes, Pos: n.Indirect(at)}}, true
}

func (n node) list(field int) []node {
	at := n.at(field)
	if at == 0 {
		return nil
	}
	at -= n.Pos
	list := make([]node, n.VectorLen(at))
	for i := range list {
		e := n.Vector(at) + flatbuffers.UOffsetT(4*i)
		list[i] = node{flatbuffers.Table{Bytes: n.Bytes, Pos: n.Indirect(e)}}
	}
	return list
}

func (n node) number(field int, size int, absent int64) int64 {
	at := n.at(field)
	switch {
	case at == 0:
		return absent
	case size == 1:
		return int64(n.GetInt8(at))
	case size == 2:
		return int64(n.GetUint16(at))
	case size == 4:
		return int64(n.GetInt32(at))
	}
	return n.GetInt64(at)
}

// binarySchema compiles a schema to its binary form.
func binarySchema(root, dir, name string) (node, error) {
	temp, err := flatc(root, dir, name, "-b", "--schema")
	if err != nil {
		return node{}, err
	}
	defer os.RemoveAll(temp)
	b, err := os.ReadFile(filepath.Join(temp, strings.TrimSuffix(name, ".fbs")+".bfbs"))
	if err != nil {
		return node{}, err
	}
	return node{flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}}, nil
}

// describe turns a binary schema into a description. It returns nil when there
// is no root table.
func describe(s node) (*wire.Schema, error) {
	rootTable, ok := s.table(schemaRoot)
	if !ok {
		return nil, nil
	}
	d := &wire.Schema{Name: rootTable.text(objectName), Identifier: s.text(schemaIdent), Root: -1}
	for i, o := range s.list(schemaObjects) {
		t := wire.ObjectType{Name: o.text(objectName), Struct: o.number(objectIsStruct, 1, 0) != 0}
		if t.Name == d.Name {
			d.Root = i
		}
		if t.Struct {
			t.Size, t.Align = uint32(o.number(objectByteSize, 4, 0)), uint32(o.number(objectAlign, 4, 1))
		} else {
			t.Fields = make([]wire.Field, len(o.list(objectFields)))
			for _, f := range o.list(objectFields) {
				w, err := field(f)
				if err != nil {
					return nil, fmt.Errorf("%s.%s: %w", t.Name, w.Name, err)
				}
				t.Fields[w.ID] = w
			}
		}
		d.Objects = append(d.Objects, t)
	}
	for _, e := range s.list(schemaEnums) {
		u := wire.UnionVariants{Name: e.text(enumName)}
		if e.number(enumIsUnion, 1, 0) != 0 {
			for _, v := range e.list(enumValues) {
				t, ok := v.table(enumValUnionType)
				if base := wire.Base(t.number0(ok)); base != wire.None {
					u.Variants = append(u.Variants, wire.Variant{Value: uint8(v.number(enumValValue, 8, 0)),
						Base: base, Index: int(t.number(typeIndex, 4, -1))})
				}
			}
		}
		d.Unions = append(d.Unions, u)
	}
	return d, nil
}

// number0 is the base type of a union member, None when it has none.
func (n node) number0(ok bool) int64 {
	if !ok {
		return 0
	}
	return n.number(typeBase, 1, 0)
}

func field(f node) (wire.Field, error) {
	w := wire.Field{Name: f.text(fieldName), ID: uint16(f.number(fieldID, 2, 0)), Required: f.number(fieldRequired, 1, 0) != 0,
		Deprecated: f.number(fieldDeprecated, 1, 0) != 0}
	for _, a := range f.list(fieldAttributes) {
		w.Expendable = w.Expendable || a.text(attributeKey) == "expendable"
	}
	t, _ := f.table(fieldType)
	w.Base, w.Element = wire.Base(t.number(typeBase, 1, 0)), wire.Base(t.number(typeElement, 1, 0))
	kind := w.Base
	if kind == wire.Vector {
		kind = w.Element
	}
	switch kind {
	case wire.Object, wire.Union:
		w.Index = int(t.number(typeIndex, 4, -1))
	}
	if w.Base > wire.Union || w.Element >= wire.Union {
		return w, fmt.Errorf("type %d, element %d has no place in a table", w.Base, w.Element)
	}
	return w, nil
}
