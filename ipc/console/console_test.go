package console

import (
	"bytes"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"starling/ipc"
)

func TestSizesMatchSchema(t *testing.T) {
	b := flatbuffers.NewBuilder(0)
	CreateRequest(b, 0, 0, 0, 0)
	if got := int(b.Offset()); got != RequestSize {
		t.Errorf("request has %d bytes, RequestSize is %d", got, RequestSize)
	}
	b = flatbuffers.NewBuilder(0)
	CreateAnswer(b, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	if got := int(b.Offset()); got != answerSize {
		t.Errorf("answer has %d bytes, answerSize is %d", got, answerSize)
	}
}

// loop is a transport whose other end is a function.
type loop struct {
	ipc.Transport
	buffer [ipc.MessageSize]byte
	server func(buf []byte, n int) int
}

func (l *loop) Buffer() []byte { return l.buffer[:] }
func (l *loop) Call(_ ipc.Handle, n int, _ ipc.Handle) (int, ipc.Handle, error) {
	return l.server(l.buffer[:], n), 0, nil
}

func TestClientSplitsLongWritesAndStopsWhenRefused(t *testing.T) {
	var got []byte
	room := 10_000
	l := &loop{server: func(buf []byte, n int) int {
		m, status := Parse(buf, n)
		if status != OK || m.Op != OpWrite || m.Channel != Terminal {
			t.Fatalf("request %+v, status %d", m, status)
		}
		take := min(len(m.Data), room)
		got = append(got, m.Data[:take]...)
		room -= take
		return PutAnswer(buf, State{Length: take, Space: room}, 0)
	}}
	c := Client{Transport: l}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	n, state, err := c.Write(Terminal, data)
	if err != nil || n != 10_000 || state.Space != 0 || !bytes.Equal(got, data[:n]) {
		t.Errorf("wrote %d, %v, state %+v", n, err, state)
	}
}

func TestClientReadsUntilShort(t *testing.T) {
	input := bytes.Repeat([]byte("xyz"), 3000)
	rest := input
	l := &loop{server: func(buf []byte, n int) int {
		m, _ := Parse(buf, n)
		take := copy(AnswerData(buf)[:m.Length], rest)
		rest = rest[take:]
		return PutAnswer(buf, State{Length: take, Flags: End}, take)
	}}
	c := Client{Transport: l}
	p := make([]byte, 20_000)
	n, state, err := c.Read(Terminal, p)
	if err != nil || !bytes.Equal(p[:n], input) || state.Flags != End {
		t.Errorf("read %d, %v, state %+v", n, err, state)
	}
}

func FuzzParse(f *testing.F) {
	l := &loop{server: func(buf []byte, n int) int { return 0 }}
	f.Add(append([]byte(nil), l.buffer[:putRequest(l.buffer[:], OpWrite, Errors, 4, 0, 4)]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		buf := make([]byte, ipc.MessageSize)
		n := copy(buf, data)
		m, status := Parse(buf, n)
		if status == OK && (m.Channel >= Channels || m.Length > MaxData || len(m.Data) > n-RequestSize) {
			t.Fatalf("accepted %+v of %d bytes", m, n)
		}
	})
}
