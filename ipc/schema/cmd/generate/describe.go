package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"starling/ipc/wire"
)

// description writes the wire.Schema of a schema with a root table.
func (j *job) description(root, name string, files Files) error {
	b, err := binarySchema(root, j.dir, name)
	if err != nil {
		return err
	}
	d, err := describe(b)
	if err != nil || d == nil {
		return err
	}
	space, table, ok := strings.Cut(d.Name, ".")
	if !ok || strings.Contains(table, ".") {
		return fmt.Errorf("%s: root table %s is not in a namespace of one name", name, d.Name)
	}
	var w bytes.Buffer
	fmt.Fprintf(&w, "\npackage %s\n\nimport \"starling/ipc/wire\"\n\n", space)
	fmt.Fprintf(&w, "// %sSchema describes %s for wire.Verify.\n", table, table)
	fmt.Fprintf(&w, "var %sSchema = wire.Schema{\nName: %q, Identifier: %q, Root: %d,\n", table, d.Name, d.Identifier, d.Root)
	fmt.Fprintf(&w, "Objects: []wire.ObjectType{\n")
	for i := range d.Objects {
		if name := bare(d.Objects[i].Name); j.apart[name] {
			fmt.Fprintf(&w, "%s,\n", apartName(name))
			continue
		}
		describeObject(&w, &d.Objects[i])
		fmt.Fprintf(&w, ",\n")
	}
	fmt.Fprintf(&w, "},\n")
	// Enums that are no unions keep their place, so that indexes stay those of the schema.
	last := -1
	for i, u := range d.Unions {
		if u.Variants != nil {
			last = i
		}
	}
	if last >= 0 {
		fmt.Fprintf(&w, "Unions: []wire.UnionVariants{\n")
		for _, u := range d.Unions[:last+1] {
			fmt.Fprintf(&w, "{Name: %q", u.Name)
			if u.Variants != nil {
				fmt.Fprintf(&w, ", Variants: []wire.Variant{\n")
				for _, v := range u.Variants {
					fmt.Fprintf(&w, "{Value: %d, Base: wire.%s, Index: %d},\n", v.Value, baseNames[v.Base], v.Index)
				}
				fmt.Fprintf(&w, "}")
			}
			fmt.Fprintf(&w, "},\n")
		}
		fmt.Fprintf(&w, "},\n")
	}
	fmt.Fprintf(&w, "}\n")
	return files.add(filepath.Join(j.out, space, strings.ToLower(table)+"_schema.go"), name, w.Bytes())
}

// describeObject writes the description of a table or struct, without its type.
func describeObject(w *bytes.Buffer, o *wire.ObjectType) {
	if o.Struct {
		fmt.Fprintf(w, "{Name: %q, Struct: true, Size: %d, Align: %d}", o.Name, o.Size, o.Align)
		return
	}
	fmt.Fprintf(w, "{Name: %q, Fields: []wire.Field{\n", o.Name)
	for _, f := range o.Fields {
		fmt.Fprintf(w, "{Name: %q, ID: %d, Base: wire.%s", f.Name, f.ID, baseNames[f.Base])
		if f.Base == wire.Vector {
			fmt.Fprintf(w, ", Element: wire.%s", baseNames[f.Element])
		}
		if f.Index != 0 {
			fmt.Fprintf(w, ", Index: %d", f.Index)
		}
		for _, flag := range []struct {
			name string
			set  bool
		}{{"Required", f.Required}, {"Deprecated", f.Deprecated}, {"Expendable", f.Expendable}} {
			if flag.set {
				fmt.Fprintf(w, ", %s: true", flag.name)
			}
		}
		fmt.Fprintf(w, "},\n")
	}
	fmt.Fprintf(w, "}}")
}

var baseNames = [...]string{"None", "UnionType", "Bool", "Int8", "Uint8", "Int16", "Uint16", "Int32", "Uint32",
	"Int64", "Uint64", "Float32", "Float64", "String", "Vector", "Object", "Union", "Array"}
