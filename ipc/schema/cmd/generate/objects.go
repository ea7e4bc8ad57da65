package main

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"starling/ipc/wire"
)

// object is a table or struct as a Go struct: what wire.Codec makes of it.
type object struct {
	name   string // without the namespace
	fields []objectField
}

type objectField struct{ name, goName, goType string }

// baseTypes are the Go types of scalars and strings.
var baseTypes = [...]string{wire.Bool: "bool", wire.Int8: "int8", wire.Uint8: "byte", wire.Int16: "int16", wire.Uint16: "uint16",
	wire.Int32: "int32", wire.Uint32: "uint32", wire.Int64: "int64", wire.Uint64: "uint64", wire.Float32: "float32",
	wire.Float64: "float64", wire.String: "string"}

// objectsOf lists the objects of a binary schema, in its order.
func objectsOf(s node) ([]object, error) {
	all := s.list(schemaObjects)
	list := make([]object, len(all))
	for i, o := range all {
		list[i].name = bare(o.text(objectName))
		fields := o.list(objectFields)
		slices.SortFunc(fields, func(a, b node) int { return cmp.Compare(a.number(fieldID, 2, 0), b.number(fieldID, 2, 0)) })
		for _, f := range fields {
			w, err := field(f)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", list[i].name, w.Name, err)
			}
			if w.Deprecated {
				continue
			}
			t, err := goType(w, all)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", list[i].name, w.Name, err)
			}
			list[i].fields = append(list[i].fields, objectField{w.Name, camel(w.Name), t})
		}
	}
	return list, nil
}

// goType is the type of a field.
func goType(w wire.Field, objects []node) (string, error) {
	base, prefix := w.Base, ""
	if base == wire.Vector {
		base, prefix = w.Element, "[]"
	}
	if base == wire.Object {
		return prefix + "*" + bare(objects[w.Index].text(objectName)) + "T", nil
	}
	if int(base) >= len(baseTypes) || baseTypes[base] == "" {
		return "", fmt.Errorf("base type %d has no place in an object", base)
	}
	return prefix + baseTypes[base], nil
}

// bare is a name without its namespace.
func bare(name string) string { return name[strings.LastIndex(name, ".")+1:] }

// camel turns a schema's names into Go's: words between underscores begin with a capital.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// write writes the Go struct.
func (o *object) write(w *bytes.Buffer) {
	fmt.Fprintf(w, "// %sT is %s of the schema.\ntype %sT struct {\n", o.name, o.name, o.name)
	for _, f := range o.fields {
		fmt.Fprintf(w, "%s %s `json:%q`\n", f.goName, f.goType, f.name)
	}
	fmt.Fprintf(w, "}\n\n")
}

// goStructs writes the structs of a job whose messages package wire turns into objects and
// back.
func (j *job) goStructs(root, name string, files Files) error {
	b, err := binarySchema(root, j.dir, name)
	if err != nil {
		return err
	}
	space, objects, err := rooted(b)
	if err != nil || objects == nil {
		return err
	}
	var w bytes.Buffer
	fmt.Fprintf(&w, "\npackage %s\n\n", space)
	for _, o := range objects {
		if !j.apart[o.name] {
			o.write(&w)
		}
	}
	return files.add(filepath.Join(j.out, space, "objects.go"), name, w.Bytes())
}

// rooted is the namespace and the objects of a schema with a root table, nothing for others.
func rooted(b node) (space string, objects []object, err error) {
	t, ok := b.table(schemaRoot)
	if !ok {
		return "", nil, nil
	}
	space, _, _ = strings.Cut(t.text(objectName), ".")
	objects, err = objectsOf(b)
	return space, objects, err
}
