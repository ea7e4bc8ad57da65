package envelope

import "starling/ipc"

// Attempts is how often a call is made before the client gives up with ipc.ErrLost.
const Attempts = 8

// wires is how many wires a server calls at most without opening sessions again and again.
const wires = 8

// Caller makes one call as the kernel does: the first n bytes of the buffer go, the answer's come.
type Caller interface {
	CallOnce(endpoint ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error)
	// Forget deletes a capability that came with an answer that does not count.
	Forget(cap ipc.Handle)
}

// Sender is the client's end of all wires of one server.
type Sender struct {
	wires [wires]wire
	turn  int // which wire makes place for a new one
	saved [ipc.MessageSize]byte
}

type wire struct {
	endpoint         ipc.Handle
	session, counter uint32
}

// at finds the wire of an endpoint.
func (s *Sender) at(endpoint ipc.Handle) *wire {
	for i := range s.wires {
		if s.wires[i].endpoint == endpoint {
			return &s.wires[i]
		}
	}
	w := &s.wires[s.turn]
	s.turn = (s.turn + 1) % wires
	*w = wire{endpoint: endpoint}
	return w
}

// Call makes the call of the first n bytes of buf, with a capability unless 0, and returns the length of the
// answer's body, which is in buf, and the capability that came. A call whose server ended meanwhile fails with
// its error: whether it was executed nobody knows, and only the caller can tell whether that matters.
func (s *Sender) Call(c Caller, buf []byte, endpoint ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	if n < 0 || n > len(buf)-Size {
		return 0, 0, ipc.ErrTruncated
	}
	w := s.at(endpoint)
	copy(s.saved[:n], buf)
	if w.counter++; w.counter == gone {
		w.session = 0
	}
	for range Attempts {
		if w.session == 0 {
			if err := s.open(c, buf, w); err != nil {
				return 0, 0, err
			}
			if w.session == 0 {
				continue
			}
			copy(buf, s.saved[:n])
		}
		length, got, err := c.CallOnce(endpoint, Seal(buf, n, w.session|carried(cap), w.counter), cap)
		if err != nil {
			return 0, 0, err
		}
		body, session, counter, ok := Open(buf, length)
		if ok && session == w.session|carried(got) && counter == w.counter {
			return body, got, nil
		}
		switch {
		case ok && session == w.session && counter == unknown:
			w.session, w.counter = 0, 1
		case ok && session == w.session && counter == gone:
			return 0, 0, ipc.ErrGone
		}
		if got != 0 {
			c.Forget(got)
		}
		copy(buf, s.saved[:n])
	}
	return 0, 0, ipc.ErrLost
}

// open asks for a session. Without an error it may have got none.
func (s *Sender) open(c Caller, buf []byte, w *wire) error {
	w.counter = 1
	length, got, err := c.CallOnce(w.endpoint, Seal(buf, 0, 0, 0), 0)
	if err != nil {
		return err
	}
	if got != 0 {
		c.Forget(got)
	}
	if body, session, counter, ok := Open(buf, length); ok && body == 0 && counter == 0 {
		w.session = session
	}
	return nil
}
