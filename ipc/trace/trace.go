// Package trace shows every message on every wire: a Transport around another
// that says, one line each, what its server got, answered, called and notified.
//
// The lines go to the kernel's emergency console, so that a trace needs no
// server and shows the last message before a crash. A server that is not traced
// does not have this Transport at all and pays nothing.
package trace

import (
	"fmt"
	"slices"

	"starling/ipc"
	"starling/ipc/console"
	"starling/ipc/pagerwire"
	"starling/ipc/supervise"
)

// Flag is the argument with which root starts a server that is to be traced.
const Flag = "--trace"

// Mark begins every line of a trace. Behind it stand, separated by blanks, the
// time in ns since boot, the server, what it did, and with whom.
const Mark = "@trace "

// What a server did, the third word of a line.
const (
	Got      = "got"      // an event from Wait
	Replied  = "replied"  // to a trap
	Answered = "answered" // a call
	Called   = "called"   // another server, and has the answer
	Notified = "notified" // another server
)

// Transport shows what goes through it.
type Transport struct {
	ipc.Transport
	server string
	peers  map[ipc.Handle]string
	decode func(*ipc.Event) string
}

// Wrap returns t itself, or t traced when the server's arguments say so. decode
// puts an event of a program into words, nil for none.
func Wrap(t ipc.Transport, info *ipc.ServerInfo, args []string, decode func(*ipc.Event) string) ipc.Transport {
	if !slices.Contains(args, Flag) {
		return t
	}
	w := &Transport{Transport: t, server: args[0], peers: map[ipc.Handle]string{}, decode: decode}
	for _, g := range info.All() {
		if g.Kind == ipc.GrantWire {
			w.peers[g.Handle] = g.Text()
		}
	}
	return w
}

func (w *Transport) say(what, format string, args ...any) {
	w.Log(fmt.Sprintf(Mark+"%d %s %s ", w.Now(), w.server, what) + fmt.Sprintf(format, args...) + "\n")
}

// peer is the name of the wire behind a handle.
func (w *Transport) peer(h ipc.Handle) string {
	if name, ok := w.peers[h]; ok {
		return name
	}
	return fmt.Sprintf("endpoint-%d", h)
}

// Wait implements ipc.Transport.
func (w *Transport) Wait(endpoint ipc.Handle, ev *ipc.Event) error {
	err := w.Transport.Wait(endpoint, ev)
	if err != nil {
		w.say(Got, "kernel error: %v", err)
		return err
	}
	w.say(Got, "%s %s", source(ev), w.describe(ev))
	return nil
}

// Reply implements ipc.Transport.
func (w *Transport) Reply(r ipc.Reply) error {
	err := w.Transport.Reply(r)
	w.say(Replied, "thread-%d %s mask %#x%s", r.Token.Thread, actionName(r.Action), uint16(r.Mask), failure(err))
	return err
}

// Answer implements ipc.Transport.
func (w *Transport) Answer(t ipc.Token, n int, cap ipc.Handle) error {
	err := w.Transport.Answer(t, n, cap)
	w.say(Answered, "thread-%d %d bytes%s", t.Thread, n, failure(err))
	return err
}

// Call implements ipc.Transport.
func (w *Transport) Call(endpoint ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	request := message(w.Buffer(), n)
	got, h, err := w.Transport.Call(endpoint, n, cap)
	w.say(Called, "%s %s -> %d bytes%s", w.peer(endpoint), request, got, failure(err))
	return got, h, err
}

// Notify implements ipc.Transport.
func (w *Transport) Notify(endpoint ipc.Handle, bits uint64) error {
	err := w.Transport.Notify(endpoint, bits)
	w.say(Notified, "%s bits %#x%s", w.peer(endpoint), bits, failure(err))
	return err
}

func failure(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// source is whom an event comes from.
func source(ev *ipc.Event) string {
	switch ev.Kind {
	case ipc.EventNotify, ipc.EventTimer:
		return "kernel"
	case ipc.EventMessage:
		return fmt.Sprintf("client-%#x", ev.Badge)
	}
	return fmt.Sprintf("thread-%d", ev.Token.Thread)
}

func (w *Transport) describe(ev *ipc.Event) string {
	switch ev.Kind {
	case ipc.EventSyscall:
		if w.decode != nil {
			return w.decode(ev)
		}
		return "system call"
	case ipc.EventFault:
		return fmt.Sprintf("fault at %#x access %d class %d", ev.Address, ev.Access, ev.Class)
	case ipc.EventException:
		return fmt.Sprintf("exception %d error %#x", ev.Vector, ev.Error)
	case ipc.EventReport:
		return "report"
	case ipc.EventMessage:
		return "message " + message(w.Buffer(), int(ev.Length))
	case ipc.EventNotify:
		return fmt.Sprintf("notification %#x", ev.Bits)
	case ipc.EventTimer:
		return "timer"
	}
	return fmt.Sprintf("event %d", ev.Kind)
}

func actionName(a ipc.Action) string {
	names := [...]string{"resume", "resume-and-report", "park", "kill", "forward", "yield"}
	if int(a) < len(names) {
		return names[a]
	}
	return fmt.Sprintf("action-%d", a)
}

// message puts the first bytes of a message into words. Nothing in it says which
// wire it is for, so it is tried as each kind.
func message(buf []byte, n int) string {
	n = max(0, min(n, len(buf)))
	if count, status := pagerwire.CheckRequest(buf[:n]); status == pagerwire.OK {
		var c pagerwire.Command
		s := "pager"
		for i := range count {
			pagerwire.GetOp(buf, i, &c)
			s += fmt.Sprintf(" %d(space %#x object %#x at %#x pages %d)", c.Code, c.Space, c.Object, c.Address, c.Pages)
		}
		return s
	}
	if n == superviseRequest {
		if op, ok := supervise.Parse(buf, n); ok {
			return fmt.Sprintf("supervise %d", op)
		}
	}
	if m, status := console.Parse(buf, n); status == console.OK {
		return fmt.Sprintf("console %d(%v, %d bytes, value %#x)", m.Op, m.Channel, max(m.Length, len(m.Data)), m.Value)
	}
	return fmt.Sprintf("%d bytes", n)
}

// superviseRequest is the length of a supervise.Request; a console.Request is longer.
const superviseRequest = 8
