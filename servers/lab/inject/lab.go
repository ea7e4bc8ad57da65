// Package inject is the fault injector at work on one wire of a real machine: it takes the place of the server that the
// wire leads to, hands on what comes, and does to it what the plan says. What is struck, and with what, is
// decided by ipc/fault, as in the simulation.
//
// It may import ipc only.
package inject

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"

	"starling/ipc"
	"starling/ipc/fault"
	"starling/ipc/frame"
	"starling/ipc/lab"
	"starling/ipc/relay"
)

// Kernel is a transport whose calls and replies are single kernel calls.
type Kernel interface {
	ipc.Transport
	CallOnce(endpoint ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error)
	ReplyOnce(r ipc.Reply) error
}

// Config is what root granted.
type Config struct {
	From, To string // the wire
	// Spare is how many threads of programs, the first ones, nothing happens to.
	Spare int
	Plan  fault.Plan
	// Self is where messages come, Target where they go, Root the wire for orders.
	Self, Target, Root ipc.Handle
	Report             *lab.Report
	Area               *relay.Area   // of a wire from programs
	Frames             []frame.Frame // by slot
}

const (
	// lossTime is how long a client waits for a message that does not come, in ns.
	lossTime = 1e6
	// delayUnit is how late a message is at least, in ns; at most it is 64 times that.
	delayUnit = 25e3
)

func delay(r *fault.Rule) int64 { return delayUnit * int64(1+r.Arg%64) }

// Lab is one wire's injector.
type Lab struct {
	Config
	t      Kernel
	in     *fault.Injector
	places []*fault.Place
	hash   hash.Hash64
	now    int64 // of the event being handled
	later  []task
	done   func() // what follows when root has carried an order out
	calls  calls
	programs
}

// task is something to be done later.
type task struct {
	at int64
	do func()
}

// New makes a lab. Rules for other wires do not concern it.
func New(t Kernel, c Config) *Lab {
	l := &Lab{Config: c, t: t, in: fault.New(c.Plan), hash: fnv.New64a(), places: fault.Of(c.From, c.To)}
	l.programs.reset(0)
	return l
}

// Handle takes one event.
func (l *Lab) Handle(ev *ipc.Event) {
	l.now = ev.Time
	switch ev.Kind {
	case ipc.EventTimer:
	case ipc.EventMessage:
		l.request(ev)
	case ipc.EventNotify:
		l.notified(ev.Bits)
	default:
		l.trapped(ev)
	}
	l.due()
}

// notified takes apart what was notified: by root, by the server that programs trap to, or by the other end of the wire.
func (l *Lab) notified(bits uint64) {
	if bits&lab.DoneBit != 0 && l.Report.Done == l.Report.Number {
		if then := l.done; then != nil {
			l.done = nil
			then()
		}
	}
	if l.Area != nil {
		if r, ok := l.Area.Asked(); ok {
			l.Area.Answer(l.reply(r))
		}
		return
	}
	if bits &^= lab.DoneBit; bits != 0 {
		l.notify(bits)
	}
}

// notify hands a notification on.
func (l *Lab) notify(bits uint64) {
	r := l.strike(l.From+">"+l.To, "notify", binary.LittleEndian.AppendUint64(nil, bits))
	send := func() { l.send(bits) }
	if r == nil {
		send()
		return
	}
	switch r.Kind {
	case fault.Drop:
	case fault.Delay:
		l.after(delay(r), send)
	case fault.Duplicate:
		send()
		l.after(delay(r), send)
	case fault.Flip:
		bits = r.Word(bits)
		send()
	}
}

func (l *Lab) send(bits uint64) {
	if err := l.t.Notify(l.Target, bits); err != nil {
		l.complain("notifying %s: %v", l.To, err)
	}
}

// strike notes a message, and returns the rule that strikes it, nil for none.
func (l *Lab) strike(wire, message string, content ...[]byte) *fault.Rule {
	if l.Report.Armed == 0 {
		return nil
	}
	p := fault.Find(wire, message)
	if p == nil {
		return nil
	}
	l.note(message, content...)
	r := l.in.Next(p)
	for i, known := range l.places {
		if known == p {
			l.Report.Counts[i]++
		}
	}
	l.noteStruck()
	return r
}

// noteStruck tells root which rules have struck.
func (l *Lab) noteStruck() {
	l.Report.Struck = 0
	for i := range l.Plan {
		if l.in.Activated(i) {
			l.Report.Struck |= 1 << i
		}
	}
}

// spare says that a rule could not do what it says.
func (l *Lab) spare(r *fault.Rule) {
	l.in.Spare(r)
	l.noteStruck()
}

// note adds a message to the digest of all.
func (l *Lab) note(message string, content ...[]byte) {
	l.hash.Write(binary.LittleEndian.AppendUint64([]byte(message), uint64(l.now)))
	l.hash.Write(bytes.Join(content, nil))
	l.Report.Hash = l.hash.Sum64()
	l.Report.Messages++
}

// complain reports what must not be.
func (l *Lab) complain(format string, args ...any) { l.Report.Say(fmt.Sprintf(format, args...)) }

// after does something ns later.
func (l *Lab) after(ns int64, do func()) {
	at := l.now + ns
	i := len(l.later)
	for i > 0 && l.later[i-1].at > at {
		i--
	}
	l.later = append(l.later, task{})
	copy(l.later[i+1:], l.later[i:])
	l.later[i] = task{at, do}
	_ = l.t.TimerSet(l.Self, l.later[0].at)
}

// due does what is due, and asks to be woken for the rest.
func (l *Lab) due() {
	if len(l.later) == 0 || l.later[0].at > l.now {
		return
	}
	for len(l.later) > 0 && l.later[0].at <= l.now {
		do := l.later[0].do
		l.later = l.later[1:]
		do()
	}
	if len(l.later) > 0 {
		_ = l.t.TimerSet(l.Self, l.later[0].at)
	}
}

// order has root do something to the server at the end of the wire; then follows when it is done.
func (l *Lab) order(c lab.Command, then func()) {
	l.Report.Order = c
	l.Report.Number++
	l.done = then
	if err := l.t.Notify(l.Root, lab.OrderBit); err != nil {
		l.complain("an order for root: %v", err)
	}
}

// crash ends the server, at once or when it is found to stand still.
func (l *Lab) crash(k fault.Kind, then func()) {
	c := lab.Crash
	if k == fault.HangBefore || k == fault.HangAfter {
		c = lab.Hang
	}
	l.order(c, then)
}
