package tracefile

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestWriter(t *testing.T) {
	var text, js bytes.Buffer
	w := Writer{Text: &text}
	for _, l := range []string{
		"1000 linux got thread-3 write(1, 0x10, 3)",
		"1500 linux called console console 2(terminal, 3 bytes, value 0x0) -> 32 bytes",
		"2000 linux replied thread-3 resume mask 0x1",
		"2500 linux got kernel timer",
		"cut",
	} {
		w.Add(l)
	}
	want := ` 0.000001000 thread-3   -> linux      got: write(1, 0x10, 3)
 0.000001500 linux      -> console    called: console 2(terminal, 3 bytes, value 0x0) -> 32 bytes
 0.000002000 linux      -> thread-3   replied: resume mask 0x1
 0.000002500 kernel     -> linux      got: timer
`
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
	if err := w.JSON(&js); err != nil {
		t.Fatal(err)
	}
	var file struct {
		TraceEvents []struct {
			Name, Ph string
			Ts       float64
		}
	}
	if err := json.Unmarshal(js.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	phases := ""
	for _, e := range file.TraceEvents {
		phases += e.Ph
	}
	if phases != "MBiiEB" || file.TraceEvents[1].Ts != 1 || file.TraceEvents[1].Name != "write(1, 0x10, 3)" {
		t.Errorf("events %+v", file.TraceEvents)
	}
}
