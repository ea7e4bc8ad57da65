package state

import (
	"reflect"
	"testing"

	"starling/ipc/supervise"
)

// The structs have the fields of the schema, in the same order: the codec goes by that.
func TestStructsFollowTheSchema(t *testing.T) {
	seen := map[string]bool{}
	var compare func(object int, goes reflect.Type)
	compare = func(object int, goes reflect.Type) {
		o := &PersonalitySchema.Objects[object]
		if o.Struct || seen[o.Name] {
			return
		}
		seen[o.Name] = true
		n := 0
		for _, f := range o.Fields {
			if f.Deprecated {
				continue
			}
			if n == goes.NumField() || goes.Field(n).Tag.Get("json") != f.Name {
				t.Fatalf("%s.%s is not field %d of %s", o.Name, f.Name, n, goes)
			}
			at := goes.Field(n).Type
			if at.Kind() == reflect.Slice {
				at = at.Elem()
			}
			if at.Kind() == reflect.Pointer {
				compare(f.Index, at.Elem())
			}
			n++
		}
		if n != goes.NumField() {
			t.Errorf("%s has %d fields, %s %d", o.Name, n, goes, goes.NumField())
		}
	}
	compare(PersonalitySchema.Root, reflect.TypeFor[PersonalityT]())
	if len(seen) < 40 {
		t.Errorf("only %d tables were compared", len(seen))
	}
}

// What a build knows of the state fits in the page that it shares with root.
func TestKnowledgeFits(t *testing.T) {
	if n := len(Codec.Known()); n > supervise.MaxFields {
		t.Errorf("%d bytes, there is room for %d", n, supervise.MaxFields)
	}
}
