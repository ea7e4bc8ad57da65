package supervise

import (
	"bytes"
	"strings"
	"testing"

	"starling/ipc"
)

// Both halves of the page keep what was written, and lengths from the other side are bounded.
func TestPage(t *testing.T) {
	p := Page(make([]byte, ipc.PageSize))
	order := Order{Command: CommandTakeOver, Number: 7, Peer: 3, Object: 9, Size: 1 << 33}
	out := Outcome{Stage: StageRefused, Answers: 6, Object: 8, Size: 5, Records: 4, Digest: 1 << 63, Text: "no"}
	fields := []byte{1, 2, 3}
	p.PutOrder(order)
	p.PutOutcome(out)
	if !p.PutFields(fields) || p.Order() != order || p.Outcome() != out || !bytes.Equal(p.Fields(), fields) {
		t.Errorf("%+v %+v %v", p.Order(), p.Outcome(), p.Fields())
	}
	out.Text = strings.Repeat("x", 2*textRoom)
	p.PutOutcome(out)
	if len(p.Outcome().Text) != textRoom || !bytes.Equal(p.Fields(), fields) {
		t.Error("a long text is not cut at its end")
	}
	if p.PutFields(make([]byte, MaxFields+1)) || len(p.Fields()) != 0 {
		t.Error("a list that does not fit is kept")
	}
	for i := range p {
		p[i] = 0xff
	}
	if len(p.Outcome().Text) > textRoom || len(p.Fields()) > MaxFields {
		t.Error("lengths of the other side are believed")
	}
}
