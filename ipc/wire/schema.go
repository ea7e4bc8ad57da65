package wire

// Base is the base type of a field, numbered as in FlatBuffers' reflection.fbs.
type Base uint8

const (
	None Base = iota
	UnionType
	Bool
	Int8
	Uint8
	Int16
	Uint16
	Int32
	Uint32
	Int64
	Uint64
	Float32
	Float64
	String
	Vector
	Object
	Union
	Array
)

// sizes of the base types in bytes where they stand in a table; objects
// that are structs have their own.
var sizes = [...]uint32{UnionType: 1, Bool: 1, Int8: 1, Uint8: 1, Int16: 2, Uint16: 2, Int32: 4, Uint32: 4,
	Int64: 8, Uint64: 8, Float32: 4, Float64: 8, String: 4, Vector: 4, Object: 4, Union: 4, Array: 0}

// Schema describes the tables and structs that can be reached from a root table.
type Schema struct {
	// Name of the root table, for errors.
	Name string
	// Identifier is the four bytes at offset 4, or empty.
	Identifier string
	Root       int // index in Objects
	Objects    []ObjectType
	Unions     []UnionVariants
}

// ObjectType is a table or a struct.
type ObjectType struct {
	Name   string
	Struct bool
	Size   uint32 // bytes, structs only
	Align  uint32 // bytes, structs only
	Fields []Field
}

// Field is one field of a table. Structs have no offsets inside, so that their
// fields need no description.
type Field struct {
	Name     string
	ID       uint16 // vtable slot
	Base     Base
	Element  Base // of a vector; Go's FlatBuffers has no vectors of unions
	Index    int  // of Objects or Unions, when Base or Element is Object or Union
	Required bool
	// Deprecated: read by nobody any more; its place in the table stays taken.
	Deprecated bool
	// Expendable: a build that has never heard of it may take over, and it is lost then
	// (attribute "expendable").
	Expendable bool
}

// UnionVariants says what the values of a union's type field stand for.
type UnionVariants struct {
	Name     string
	Variants []Variant
}

// Variant is one member of a union.
type Variant struct {
	Value uint8
	Base  Base // String or Object
	Index int  // of Objects
}

// At is the schema of the messages whose root is the table of that name. It panics when
// there is none.
func (s *Schema) At(table string) *Schema {
	at := *s
	for at.Root = range s.Objects {
		if s.Objects[at.Root].Name == table {
			return &at
		}
	}
	panic("wire: " + s.Name + " has no table " + table)
}
