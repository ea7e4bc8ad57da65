package inject

import (
	"starling/ipc"
	"starling/ipc/envelope"
	"starling/ipc/fault"
)

// calls is what a lab remembers of a wire that carries calls. A client has one call at a time.
type calls struct {
	request, answer []byte // the ones before
}

// call is one that was not answered yet.
type call struct {
	token   ipc.Token
	request []byte
	cap     ipc.Handle // came with it, 0 for none
	op      string
}

// answer is what a server said.
type answer struct {
	bytes []byte
	cap   ipc.Handle
	err   error
}

func (l *Lab) wire() string { return l.From + ">" + l.To }

// request takes a call.
func (l *Lab) request(ev *ipc.Event) {
	n := min(int(ev.Length), ipc.MessageSize)
	c := &call{token: ev.Token, request: append([]byte(nil), l.t.Buffer()[:n]...), cap: ev.Cap}
	body, _, _, _ := envelope.Open(c.request, n)
	c.op = fault.Operation(l.To, c.request[:body])
	r := l.strike(l.wire(), c.op, c.request)
	before := l.calls.request
	l.calls.request = c.request
	if r == nil {
		l.pass(c)
		return
	}
	switch r.Kind {
	case fault.Drop:
		l.after(lossTime, func() { l.respond(c, answer{}) })
	case fault.Delay:
		l.after(delay(r), func() { l.pass(c) })
	case fault.Duplicate:
		a := l.exchange(c.request, c.cap)
		l.again(c.request, c.cap)
		l.judge(c, a)
	case fault.Reorder:
		if before == nil {
			l.spare(r)
		} else {
			l.again(before, 0)
		}
		l.pass(c)
	case fault.CrashBefore, fault.HangBefore:
		l.crash(r.Kind, func() { l.gone(c) })
	case fault.CrashAfter, fault.HangAfter:
		l.again(c.request, c.cap)
		l.crash(r.Kind, func() { l.gone(c) })
	default:
		damaged := make([]byte, ipc.MessageSize)
		n := r.Damage(damaged, copy(damaged, c.request))
		l.judge(c, l.exchange(damaged[:n], c.cap))
	}
}

// pass hands a call on as it is.
func (l *Lab) pass(c *call) { l.judge(c, l.exchange(c.request, c.cap)) }

// exchange makes a call of the server.
func (l *Lab) exchange(request []byte, cap ipc.Handle) (a answer) {
	n := copy(l.t.Buffer(), request)
	n, a.cap, a.err = l.t.CallOnce(l.Target, n, cap)
	if a.err == nil {
		a.bytes = append([]byte(nil), l.t.Buffer()[:n]...)
	}
	return a
}

// again makes a call whose answer nobody hears.
func (l *Lab) again(request []byte, cap ipc.Handle) { l.forget(l.exchange(request, cap).cap) }

func (l *Lab) forget(cap ipc.Handle) {
	if cap != 0 {
		_ = l.t.CapDelete(cap)
	}
}

// judge does to an answer what the plan says, and gives it.
func (l *Lab) judge(c *call, a answer) {
	if a.err != nil {
		l.gone(c)
		return
	}
	r := l.strike(l.wire(), c.op+"-answer", a.bytes)
	before := l.calls.answer
	l.calls.answer = a.bytes
	if r == nil {
		l.respond(c, a)
		return
	}
	switch r.Kind {
	case fault.Drop:
		l.forget(a.cap)
		l.after(lossTime, func() { l.respond(c, answer{}) })
	case fault.Delay:
		l.after(delay(r), func() { l.respond(c, a) })
	case fault.Reorder:
		if before == nil {
			l.spare(r)
			before = a.bytes
		} else {
			l.forget(a.cap)
			a.cap = 0
		}
		l.respond(c, answer{bytes: before, cap: a.cap})
	case fault.DoubleReply:
		l.respond(c, a)
		err := l.t.Answer(c.token, 0, 0)
		if err == nil { // it may go with the next kernel call, and so does its error
			err = l.t.Notify(l.Self, 0)
		}
		if err != ipc.ErrStale {
			l.complain("the kernel took a second answer to %s: %v", c.op, err)
		}
	default:
		damaged := make([]byte, ipc.MessageSize)
		n := r.Damage(damaged, copy(damaged, a.bytes))
		l.respond(c, answer{bytes: damaged[:n], cap: a.cap})
	}
}

// respond answers a call, whose capabilities are no longer needed then.
func (l *Lab) respond(c *call, a answer) {
	n := copy(l.t.Buffer(), a.bytes)
	if err := l.t.Answer(c.token, n, a.cap); err != nil && err != ipc.ErrStale {
		l.complain("answering %s: %v", c.op, err)
	}
	// Whatever comes next sends the answer first.
	l.forget(a.cap)
	l.forget(c.cap)
}

// gone tells a client that the server of its call is no more.
func (l *Lab) gone(c *call) {
	_, session, _, _ := envelope.Open(c.request, len(c.request))
	b := make([]byte, envelope.Size)
	l.respond(c, answer{bytes: b[:envelope.Gone(b, session)]})
}
