package pagerwire

import (
	"testing"

	"starling/ipc"
)

// The codec and the generated accessors read the same fields at the same places.
func TestCodecIsTheSchema(t *testing.T) {
	buf := make([]byte, max(RequestLength(2), AnswerLength(2)))
	PutRequestHeader(buf, 2)
	var h Header
	h.Init(buf, 0)
	if h.Magic() != Magic || h.Version() != Version || h.Count() != 2 || h.Status() != 0 {
		t.Error("header")
	}
	c := Command{Code: 1, Flags: 2, Space: 3, Object: 4, Address: 5, Pages: 6, Offset: 7, Size: 8, Access: ipc.Read | ipc.Execute}
	PutOp(buf, 1, &c)
	var o Op
	o.Init(buf, HeaderSize+OpSize)
	got := Command{Code: Code(o.Code()), Flags: o.Flags(), Space: o.Space(), Object: o.Object(), Address: o.Address(),
		Pages: o.Pages(), Offset: o.Offset(), Size: o.Size(), Access: ipc.Access(o.Access())}
	if got != c || o.Access() != 5 || o.Reserved() != 0 {
		t.Errorf("op: %+v, want %+v", got, c)
	}
	o.MutateAccess(0xffff_ffff)
	o.MutateSize(99)
	GetOp(buf, 1, &c)
	if c.Access != ipc.Read|ipc.Write|ipc.Execute || c.Size != 99 {
		t.Errorf("hostile op: %+v", c)
	}
	r := Outcome{Status: StatusFault, Class: ipc.FaultPastEnd, Value: 1 << 40, Extra: 3}
	PutResult(buf, 1, &r)
	var w Result
	w.Init(buf, HeaderSize+ResultSize)
	if Status(w.Status()) != r.Status || w.Class() != uint32(r.Class) || w.Value() != r.Value || w.Extra() != r.Extra {
		t.Error("result")
	}
}

func TestLengthIsChecked(t *testing.T) {
	buf := make([]byte, RequestLength(2)+1)
	PutRequestHeader(buf, 2)
	if n, st := CheckRequest(buf[:RequestLength(2)]); n != 2 || st != OK {
		t.Fatalf("%d, %v", n, st)
	}
	for n := range buf {
		if n == RequestLength(2) {
			continue
		}
		if _, st := CheckRequest(buf[:n]); st != StatusMalformed {
			t.Errorf("%d bytes: %v", n, st)
		}
	}
	for _, count := range []int{MaxOps + 1, 1 << 31, 0xffff_ffff} {
		PutRequestHeader(buf, count)
		if _, st := CheckRequest(buf); st != StatusMalformed {
			t.Errorf("%d ops: %v", count, st)
		}
	}
	for st := Status(-1); st < 20; st++ {
		if st.Error() == "pager: " {
			t.Errorf("status %d has no text", st)
		}
	}
}
