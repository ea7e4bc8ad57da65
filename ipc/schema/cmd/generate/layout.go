package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"starling/ipc/wire"
)

// layout writes compile-time asserts that the Go structs of ipc/frame lie as
// frame_amd64.fbs says. Assembly takes its offsets from the Go structs, through the
// go_asm.h that the compiler makes, so one assert ties all three together.
func layout(root string, files Files) error {
	s, err := binarySchema(root, "ipc/schema", frameSchema)
	if err != nil {
		return err
	}
	var w bytes.Buffer
	fmt.Fprintf(&w, "\npackage frame\n\nimport \"unsafe\"\n\n// Each constant overflows, and does not compile, unless both numbers are equal.\nconst (\n")
	equal := func(expr string, want int64) { fmt.Fprintf(&w, "_ = -(%s ^ %d)\n", expr, want) }
	for _, o := range s.list(schemaObjects) {
		name := goName(o.text(objectName))
		fmt.Fprintf(&w, "\n// %s\n", name)
		equal(fmt.Sprintf("unsafe.Sizeof(%s{})", name), o.number(objectByteSize, 4, 0))
		fields := o.list(objectFields)
		slices.SortFunc(fields, func(a, b node) int {
			return int(a.number(fieldOffset, 2, 0) - b.number(fieldOffset, 2, 0))
		})
		for _, f := range fields {
			t, _ := f.table(fieldType)
			member := name + "{}." + goName(f.text(fieldName))
			equal("unsafe.Offsetof("+member+")", f.number(fieldOffset, 2, 0))
			if size := baseSize(wire.Base(t.number(typeBase, 1, 0))); size > 0 {
				equal("unsafe.Sizeof("+member+")", size)
			}
		}
	}
	// Where the structs lie in the page.
	for _, e := range s.list(schemaEnums) {
		if !strings.HasSuffix(e.text(enumName), ".Place") {
			continue
		}
		fmt.Fprintf(&w, "\n// Places in the page.\n")
		for _, v := range e.list(enumValues) {
			at := v.number(enumValValue, 8, 0)
			if name := v.text(enumValName); name == "End" {
				equal("unsafe.Sizeof(Frame{})", at)
			} else {
				equal("unsafe.Offsetof(Frame{}."+name+")", at)
			}
		}
	}
	fmt.Fprintf(&w, ")\n")
	return files.add("ipc/frame/layout.go", frameSchema, w.Bytes())
}

func baseSize(b wire.Base) int64 {
	switch b {
	case wire.Int8, wire.Uint8, wire.Bool:
		return 1
	case wire.Int16, wire.Uint16:
		return 2
	case wire.Int32, wire.Uint32, wire.Float32:
		return 4
	case wire.Int64, wire.Uint64, wire.Float64:
		return 8
	}
	return 0
}

// goName is the Go name of a struct or field: the processor's names are written
// as processor manuals write them.
func goName(name string) string {
	name = name[strings.LastIndex(name, ".")+1:]
	if n, ok := special[name]; ok {
		return n
	}
	var s strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		s.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return s.String()
}

var special = func() map[string]string {
	m := map[string]string{"orig_ax": "OrigAX", "fs_base": "FSBase", "gs_base": "GSBase"}
	for _, n := range strings.Fields("bp bx ax cx dx si di ip cs sp ss ds es fs gs dr0 dr1 dr2 dr3 dr6 dr7") {
		m[n] = strings.ToUpper(n)
	}
	return m
}()
