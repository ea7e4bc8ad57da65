package inject

import (
	"encoding/binary"

	"starling/ipc"
	"starling/ipc/fault"
	"starling/ipc/frame"
	"starling/ipc/lab"
)

// programs is what a lab remembers of the threads whose traps come over its wire.
type programs struct {
	epoch    uint32
	seen     map[thread]int           // in the order in which they came
	answered map[thread]uint64        // sequence of the event that the kernel took a reply to last
	held     *ipc.Event               // waits for the one behind it
	fatal    map[ipc.Token]fault.Kind // events whose receiver dies, or stands still, when it replies
	hung     bool                     // it stands still, and is not found to yet
}

// thread names one life of a thread.
type thread struct{ number, generation uint32 }

func threadOf(t ipc.Token) thread { return thread{t.Thread, t.Generation} }

func (p *programs) reset(epoch uint32) {
	*p = programs{epoch: epoch, seen: map[thread]int{}, answered: map[thread]uint64{}, fatal: map[ipc.Token]fault.Kind{}}
}

// spares reports whether nothing happens to what a thread says and is told.
func (l *Lab) spares(t ipc.Token) bool {
	if e := l.Report.Epoch; e != l.epoch {
		l.programs.reset(e)
	}
	n, ok := l.seen[threadOf(t)]
	if !ok {
		n = len(l.seen)
		l.seen[threadOf(t)] = n
	}
	return n < l.Spare
}

var eventNames = map[ipc.EventKind]string{
	ipc.EventSyscall: "syscall", ipc.EventFault: "fault", ipc.EventException: "exception", ipc.EventReport: "report",
}

// trapped takes the event of a program.
func (l *Lab) trapped(ev *ipc.Event) {
	if l.Area == nil {
		l.complain("a trap on the wire %s", l.wire())
		return
	}
	held := l.held
	l.held = nil
	l.judgeTrap(ev)
	if held != nil {
		l.put(held)
	}
}

func (l *Lab) judgeTrap(ev *ipc.Event) {
	if l.spares(ev.Token) {
		l.put(ev)
		return
	}
	r := l.strike(l.wire(), eventNames[ev.Kind], trapWords(ev))
	if r == nil {
		l.put(ev)
		return
	}
	switch r.Kind {
	case fault.Drop:
	case fault.Delay:
		again := *ev
		l.after(delay(r), func() { l.put(&again) })
	case fault.Reorder:
		again := *ev
		l.held = &again
		l.after(delayUnit, func() {
			if l.held == &again {
				l.held = nil
				l.put(&again)
			}
		})
	case fault.Duplicate:
		l.put(ev)
		l.put(ev)
	case fault.StaleGeneration, fault.StaleSequence:
		l.put(r.Stale(ev))
		l.put(ev)
	case fault.Flip, fault.Field:
		l.damage(r, ev)
		l.put(ev)
	case fault.CrashBefore, fault.HangBefore:
		l.fall(r.Kind)
	case fault.CrashAfter, fault.HangAfter:
		l.fatal[ev.Token] = r.Kind
		token := ev.Token
		l.put(ev)
		l.after(lossTime, func() { l.die(token) }) // a system call that waits has no reply
	case fault.Swap:
		l.put(ev)
		l.order(lab.Swap, nil)
	}
}

// damage changes what the receiver looks at: the address of a fault at the pager, the registers elsewhere.
func (l *Lab) damage(r *fault.Rule, ev *ipc.Event) {
	if l.To == "pager" {
		ev.Address = r.Word(ev.Address)
	} else if f := l.frameOf(ev.Token); f != nil {
		r.DamageFrame(&f.Regs)
	}
}

// die ends the receiver of an event that is fatal to it, once.
func (l *Lab) die(t ipc.Token) bool {
	kind, ok := l.fatal[t]
	if ok {
		delete(l.fatal, t)
		l.fall(kind)
	}
	return ok
}

// fall ends the server that programs trap to, at once or when it is found to stand still. Until then it hears and says
// nothing.
func (l *Lab) fall(k fault.Kind) {
	l.hung = true
	l.crash(k, func() { l.hung = false })
}

// put hands an event on.
func (l *Lab) put(ev *ipc.Event) {
	if l.hung {
		return
	}
	if !l.Area.Put(ev) {
		l.complain("no room for an event of thread %d", ev.Token.Thread)
		return
	}
	l.relayed()
}

// trapWords is what a digest sees of an event.
func trapWords(ev *ipc.Event) []byte {
	b := make([]byte, 0, 40)
	for _, v := range [...]uint64{uint64(ev.Token.Thread), ev.Token.Sequence, ev.Badge, ev.Address, uint64(ev.Class)<<16 | uint64(ev.Vector)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// frameOf finds the frame of a thread: the kernel has written its number there.
func (l *Lab) frameOf(t ipc.Token) *frame.Frame {
	for i := range l.Frames {
		if e := &l.Frames[i].Event; e.Thread == t.Thread && e.Generation == t.Generation {
			return &l.Frames[i]
		}
	}
	return nil
}
