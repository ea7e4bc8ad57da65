package envelope

import (
	"errors"
	"testing"

	"starling/ipc"
)

// bench is a client and a server with a wire between them that does what a test wants.
type bench struct {
	desk     Desk
	buffer   [ipc.MessageSize]byte
	executed []byte
	request  func(b []byte, n int) int // what the wire does to a request; negative: it does not arrive
	answer   func(b []byte, n int) int
	forgot   int
	stays    int // how many capabilities of answers do not arrive
}

const badge = 7

func (b *bench) Forget(ipc.Handle) { b.forgot++ }

func (b *bench) CallOnce(_ ipc.Handle, n int, _ ipc.Handle) (int, ipc.Handle, error) {
	if b.request != nil {
		if n = b.request(b.buffer[:], n); n < 0 {
			return 0, 0, nil
		}
	}
	token := ipc.Token{Thread: 1, Sequence: 9}
	v, length, cap := b.desk.Received(b.buffer[:], n, badge, token, 0)
	if v == Execute {
		b.executed = append(b.executed, b.buffer[0])
		b.buffer[0] += 100
		length = b.desk.Close(b.buffer[:], length, token, 5)
		cap = 5
	}
	if b.answer != nil {
		length = b.answer(b.buffer[:], length)
	}
	if cap != 0 && b.stays > 0 {
		b.stays--
		cap = 0
	}
	return length, cap, nil
}

func (b *bench) call(t *testing.T, s *Sender, v byte) {
	t.Helper()
	b.buffer[0], b.buffer[1] = v, 42
	n, _, err := s.Call(b, b.buffer[:], 3, 2, 0)
	if err != nil || n != 2 || b.buffer[0] != v+100 || b.buffer[1] != 42 {
		t.Fatalf("call %d: %d bytes %v, %v", v, n, b.buffer[:2], err)
	}
}

// Whatever happens to one message, a call is executed once and gets its own answer.
func TestOneBadMessage(t *testing.T) {
	faults := map[string]func(b []byte, n int) int{
		"lost":      func([]byte, int) int { return -1 },
		"empty":     func([]byte, int) int { return 0 },
		"truncated": func(_ []byte, n int) int { return n - 1 },
		"flipped":   func(b []byte, n int) int { b[1] ^= 4; return n },
		"stale": func(b []byte, n int) int {
			body, session, counter, _ := Open(b, n)
			return Seal(b, body, session, counter-1)
		},
		"another session": func(b []byte, n int) int {
			body, session, counter, _ := Open(b, n)
			return Seal(b, body, session+5, counter)
		},
	}
	for name, f := range faults {
		for nth := range 6 {
			for _, back := range []bool{false, true} {
				b, s, seen := &bench{}, &Sender{}, 0
				once := func(buf []byte, n int) int {
					if seen++; seen-1 == nth {
						return max(f(buf, n), 0)
					}
					return n
				}
				if back {
					b.answer = once
				} else {
					b.request = once
				}
				for v := byte(1); v <= 4; v++ {
					b.call(t, s, v)
				}
				if string(b.executed) != "\x01\x02\x03\x04" {
					t.Errorf("%s, message %d, answer %v: executed %v", name, nth, back, b.executed)
				}
			}
		}
	}
}

func TestAWireThatLosesEverything(t *testing.T) {
	b, s := &bench{}, &Sender{}
	b.call(t, s, 1)
	b.request = func([]byte, int) int { return -1 }
	if _, _, err := s.Call(b, b.buffer[:], 3, 2, 0); !errors.Is(err, ipc.ErrLost) {
		t.Error(err)
	}
	b.request = nil
	b.call(t, s, 2)
}

// A server that was started anew knows no session: nothing is executed before one is opened.
func TestAServerStartedAnew(t *testing.T) {
	b, s := &bench{}, &Sender{}
	b.call(t, s, 1)
	b.desk = Desk{}
	b.call(t, s, 2)
	if string(b.executed) != "\x01\x02" {
		t.Error(b.executed)
	}
}

// More clients than a server remembers take turns without harm, as do two instances of one client.
func TestManySessions(t *testing.T) {
	b := &bench{}
	clients := make([]Sender, 3*sessions)
	for v := byte(1); v < 5; v++ {
		for i := range clients {
			b.call(t, &clients[i], v)
		}
	}
	if len(b.executed) != 4*len(clients) {
		t.Errorf("%d executed", len(b.executed))
	}
}

// An answer whose capability was deleted is not given again.
func TestADroppedCapability(t *testing.T) {
	b, s := &bench{}, &Sender{}
	b.call(t, s, 1)
	b.desk.Dropped(5)
	seen := 0
	b.answer = func(_ []byte, n int) int {
		if seen++; seen == 1 {
			b.desk.Dropped(5)
			return 0
		}
		return n
	}
	if _, _, err := s.Call(b, b.buffer[:], 3, 2, 0); !errors.Is(err, ipc.ErrLost) {
		t.Error(err)
	}
}

// An answer whose capability stays behind is none: the client asks again, and the call is not executed again.
func TestACapabilityThatStaysBehind(t *testing.T) {
	b, s := &bench{}, &Sender{}
	b.call(t, s, 1)
	b.stays = 1
	b.call(t, s, 2)
	if b.stays != 0 || string(b.executed) != "\x01\x02" {
		t.Errorf("executed %v, %d to stay", b.executed, b.stays)
	}
}

// Every bit and every length counts.
func TestDamageIsSeen(t *testing.T) {
	var b [100]byte
	for body := range 40 {
		n := Seal(b[:], body, 3, 4)
		for bit := range 8 * n {
			b[bit/8] ^= 1 << (bit % 8)
			if _, session, counter, ok := Open(b[:], n); ok {
				t.Fatalf("body of %d: bit %d: %d %d", body, bit, session, counter)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
		for short := range n {
			if _, _, _, ok := Open(b[:], short); ok {
				t.Fatalf("body of %d cut to %d", body, short)
			}
		}
	}
}
