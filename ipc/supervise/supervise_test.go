package supervise

import (
	"strings"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"starling/ipc"
)

type loop struct {
	ipc.Transport
	buffer [ipc.MessageSize]byte
	answer func(buf []byte, n int) int
}

func (l *loop) Buffer() []byte { return l.buffer[:] }
func (l *loop) Call(_ ipc.Handle, n int, _ ipc.Handle) (int, ipc.Handle, error) {
	return l.answer(l.buffer[:], n), 0, nil
}

func TestSizesMatchSchema(t *testing.T) {
	b := flatbuffers.NewBuilder(0)
	CreateRequest(b, 0, 0)
	if got := int(b.Offset()); got != RequestSize {
		t.Errorf("request has %d bytes, RequestSize is %d", got, RequestSize)
	}
	b = flatbuffers.NewBuilder(0)
	CreateAnswer(b, 0, 0, 0, 0, 0, 0)
	if got := int(b.Offset()); got != answerSize {
		t.Errorf("answer has %d bytes, answerSize is %d", got, answerSize)
	}
}

func TestAsk(t *testing.T) {
	long := strings.Repeat("a", 2*MaxText)
	l := &loop{answer: func(buf []byte, n int) int {
		if op, ok := Parse(buf, n); !ok || op != OpState {
			t.Fatalf("parsed %d, %v", op, ok)
		}
		return Put(buf, Report{State: Exited, Code: 7, Text: long})
	}}
	r, err := Ask(l, 1, OpState)
	if err != nil || r.State != Exited || r.Code != 7 || r.Text != long[:MaxText] {
		t.Errorf("got %v, %+v", err, r)
	}
}

func TestAskRefusesALyingServer(t *testing.T) {
	for name, answer := range map[string]func([]byte, int) int{
		"short":    func([]byte, int) int { return 3 },
		"too long": func(buf []byte, _ int) int { return len(buf) + 1 },
		"text past the end": func(buf []byte, _ int) int {
			n := Put(buf, Report{Text: "abc"})
			return n - 1
		},
	} {
		if _, err := Ask(&loop{answer: answer}, 1, OpState); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
