package envelope

import (
	"starling/ipc"
	"starling/ipc/planted"
)

// sessions is how many clients a server tells apart. More push the one out that was quiet longest, which
// then opens its session anew.
const sessions = 8

// Desk is the server's end: it knows which calls were executed.
type Desk struct {
	last     uint32 // the session opened last
	clock    uint64
	carried  int      // sessions whose answer carried a capability
	recent   *session // the one found last
	sessions [sessions]session
	// open is the call being executed: whose answer Close seals.
	open struct {
		at      *session
		token   ipc.Token
		session uint32
		counter uint32
	}
}

// session is what the server remembers of a client: the last call and its answer, sealed.
type session struct {
	badge   uint64
	number  uint32
	counter uint32
	used    uint64
	cap     ipc.Handle // went with the answer
	length  int
	answer  [ipc.MessageSize]byte
}

// Verdict says what is to be done with a message.
type Verdict uint8

const (
	// Execute: hand it on, its length is that of the body.
	Execute Verdict = iota
	// Respond: answer with the first Length bytes of the buffer, and Cap.
	Respond
)

// Received judges a message of n bytes in buf, and the capability that came with it, from a client with a badge. With
// Respond, length and cap are the answer that Received put into buf.
func (d *Desk) Received(buf []byte, n int, badge uint64, token ipc.Token, came ipc.Handle) (v Verdict, length int, cap ipc.Handle) {
	body, number, counter, ok := Open(buf, n)
	if !ok || number&carries != carried(came) {
		return Respond, 0, 0
	}
	number &^= carries
	if number == 0 {
		if body != 0 || counter != 0 {
			return Respond, 0, 0
		}
		return Respond, Seal(buf, 0, d.begin(badge).number, 0), 0
	}
	s := d.find(badge, number)
	switch {
	case s == nil:
		return Respond, Seal(buf, 0, number, unknown), 0
	case counter == s.counter && planted.ExecuteTwice:
	case counter == s.counter && s.length > 0:
		return Respond, copy(buf, s.answer[:s.length]), s.cap
	case counter <= s.counter:
		return Respond, 0, 0 // long since answered, and nobody waits for it
	}
	d.clock++
	s.used = d.clock
	s.counter, s.length = counter, 0
	d.hold(s, 0)
	d.open.at, d.open.token, d.open.session, d.open.counter = s, token, number, counter
	return Execute, body, 0
}

// Close seals the answer of n bytes in buf to the call with a token, and remembers it. A call that did not come
// through Received, or is not the last one, is left as it is.
func (d *Desk) Close(buf []byte, n int, token ipc.Token, cap ipc.Handle) int {
	o := &d.open
	if o.at == nil || o.token != token || n > len(buf)-Size {
		return n
	}
	n = Seal(buf, n, o.session|carried(cap), o.counter)
	s := o.at
	o.at = nil
	if s.number == o.session && s.counter == o.counter {
		s.length = copy(s.answer[:], buf[:n])
		d.hold(s, cap)
	}
	return n
}

// Dropped must be told of every capability that the server deletes: an answer that carried it cannot be
// given again.
func (d *Desk) Dropped(cap ipc.Handle) {
	if d.carried == 0 {
		return // no answer that is remembered carried any
	}
	for i := range d.sessions {
		if s := &d.sessions[i]; s.cap == cap && cap != 0 {
			d.hold(s, 0)
			s.length = 0
		}
	}
}

func (d *Desk) find(badge uint64, number uint32) *session {
	if s := d.recent; s != nil && s.number == number && s.badge == badge {
		return s
	}
	for i := range d.sessions {
		if s := &d.sessions[i]; s.number == number && s.badge == badge {
			d.recent = s
			return s
		}
	}
	return nil
}

// begin makes a session, in the place of the one that was quiet longest.
func (d *Desk) begin(badge uint64) *session {
	oldest := &d.sessions[0]
	for i := range d.sessions {
		if s := &d.sessions[i]; s.used < oldest.used {
			oldest = s
		}
	}
	d.clock++
	d.last++
	if d.last == carries {
		d.last = 1
	}
	oldest.badge, oldest.number, oldest.counter, oldest.used = badge, d.last, 0, d.clock
	oldest.length = 0
	d.hold(oldest, 0)
	return oldest
}

// hold notes the capability that went with a session's answer, 0 for none.
func (d *Desk) hold(s *session, cap ipc.Handle) {
	if s.cap != 0 {
		d.carried--
	}
	if cap != 0 {
		d.carried++
	}
	s.cap = cap
}
