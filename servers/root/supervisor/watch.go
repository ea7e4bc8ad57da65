package supervisor

import (
	"encoding/hex"
	"fmt"
	"unsafe"

	"starling/ipc"
	"starling/ipc/console"
	"starling/ipc/control"
	"starling/ipc/frame"
	"starling/ipc/lab"
	"starling/ipc/supervise"
	"starling/servers/manifest"
)

// Handle takes one event. It reports whether root goes on: false once the
// machine was told to stop.
func (r *Root) Handle(ev *ipc.Event) bool {
	switch ev.Kind {
	case ipc.EventException, ipc.EventFault:
		r.trapped(ev)
	case ipc.EventNotify:
		r.pending |= ev.Bits
	case ipc.EventMessage:
		r.refuse(ev)
	case ipc.EventTimer:
		r.timedOut(ev.Time)
		r.feelPulse(ev.Time)
		r.answerQuestions(ev.Time)
		r.askAgain(ev.Time)
		if r.standsStill() {
			r.labOrders()
		}
		r.setTimer()
	}
	return r.Proceed()
}

// Proceed does what notifications ask for that have come since the last event, and
// reports whether root goes on: false once the machine was told to stop.
func (r *Root) Proceed() bool {
	r.notified()
	return !r.proceed()
}

// notified does what the notifications since the last time ask for.
func (r *Root) notified() {
	bits := r.pending
	r.pending = 0
	if bits&console.InputBit(console.Control) != 0 {
		r.readControl()
	}
	if bits&supervise.Staged != 0 {
		r.staged()
		r.answerQuestions(r.t.Now())
	}
	if bits&lab.OrderBit != 0 {
		r.labOrders()
	}
	if bits&supervise.Changed != 0 {
		r.ending.changed = true
	}
}

// refuse answers a call: nobody may call root, calls go down only.
func (r *Root) refuse(ev *ipc.Event) {
	if ev.Cap != 0 {
		_ = r.t.CapDelete(ev.Cap)
	}
	_ = r.t.Answer(ev.Token, 0, 0)
}

// trapped deals with the death of a server: an exception, or a fault that the
// pager could not resolve.
func (r *Root) trapped(ev *ipc.Event) {
	if s, in := r.instanceOf(ev.Badge); in != nil {
		r.died(s, in, describe(ev))
	}
}

// died tells the host of the end of an instance, and does what the manifest says.
func (r *Root) died(s *server, in *instance, why string) {
	in.dead = true
	if s.spec.Role == manifest.Pager {
		r.pager = nil // a call would wait for the next one, and root could not say what happened
	}
	death := control.Death{
		Server: s.spec.Name, Build: in.name, Generation: in.serial, Why: why, Message: in.lastMessage(), Action: "shutdown",
	}
	if err := r.t.ThreadSync(in.thread, ipc.MaskGeneral|ipc.MaskControl); err == nil {
		// The registers of a server come in the layout of a frame.
		f := (*frame.Frame)(unsafe.Pointer(&r.t.Buffer()[0]))
		death.Registers = fmt.Sprintf("%+x", f.Regs)
	}
	if in != s.now {
		death.Action = "the old instance goes on"
		r.say(control.ToHost{Death: &death})
		r.rollBack("the new instance died: " + why)
		return
	}
	r.abandonSwap(s)
	again := s.spec.Restart == manifest.Always && s.starts <= s.spec.Restarts
	if again {
		death.Action = fmt.Sprintf("restart %d of %d", s.starts, s.spec.Restarts)
		if s.spec.Swap {
			death.Lost = "all of its processes and their memory, open files, and every file that was made or changed; the program starts from the beginning"
		}
	}
	if s.spec.Role == manifest.Console {
		// It cannot carry the news of its own death.
		r.t.Log(fmt.Sprintf("server %s died: %s\n", s.spec.Name, why))
	} else {
		r.say(control.ToHost{Death: &death})
	}
	if !again {
		r.fail(fmt.Sprintf("server %s died: %s", s.spec.Name, why))
		return
	}
	if err := r.relaunch(s); err != nil {
		r.fail(fmt.Sprintf("server %s died (%s) and could not be started again: %v", s.spec.Name, why, err))
		return
	}
	if s.spec.Role == manifest.Console {
		r.say(control.ToHost{Death: &death})
	}
}

// lastMessage is what an instance was told last: the event, where it takes events in the
// page that it shares with root, otherwise the first bytes of the message buffer.
func (in *instance) lastMessage() string {
	if in.orders != 0 {
		if ev := in.page().Event(); ev.Kind != 0 {
			return describeEvent(ev)
		}
	}
	return hex.EncodeToString(in.bytes[bufferPage*pageSize:][:32])
}

// describeEvent says in words what an event was.
func describeEvent(ev *ipc.Event) string {
	kinds := map[ipc.EventKind]string{ipc.EventSyscall: "system call", ipc.EventFault: "page fault", ipc.EventException: "exception",
		ipc.EventNotify: "notification", ipc.EventTimer: "timer", ipc.EventMessage: "call"}
	what, ok := kinds[ev.Kind]
	if !ok {
		what = fmt.Sprintf("event %d", ev.Kind)
	}
	switch ev.Kind {
	case ipc.EventNotify:
		what += fmt.Sprintf(" %#x", ev.Bits)
	case ipc.EventTimer:
	default:
		what += fmt.Sprintf(" of thread %d, generation %d, sequence %d, badge %#x", ev.Token.Thread, ev.Token.Generation, ev.Token.Sequence, ev.Badge)
	}
	switch ev.Kind {
	case ipc.EventFault:
		what += fmt.Sprintf(", address %#x", ev.Address)
	case ipc.EventException:
		what += fmt.Sprintf(", vector %d", ev.Vector)
	case ipc.EventMessage:
		what += fmt.Sprintf(", %d bytes", ev.Length)
	}
	return fmt.Sprintf("%s, at %d ns", what, ev.Time)
}

// instanceOf finds who traps with a badge.
func (r *Root) instanceOf(badge uint64) (*server, *instance) {
	i := badge&(1<<roomShift-1) - 1
	if i >= uint64(len(r.servers)) {
		return nil, nil
	}
	s := r.servers[i]
	room := int(badge >> roomShift)
	if s.now != nil && s.now.index == room {
		return s, s.now
	}
	if w := r.swap; w != nil && w.server == s && w.next.index == room {
		return s, w.next
	}
	return nil, nil
}

// relaunch replaces a dead instance. What it held goes with its space; the
// endpoint stays, so that nobody's wire breaks and waiting calls reach the new one.
func (r *Root) relaunch(s *server) error {
	if err := r.destroy(s.now); err != nil {
		return err
	}
	if w, ok := r.pagerWire(s); ok && s.spec.Swap && r.pager != nil {
		r.pager.Release(w.Badge) // its programs and files are the pager's to take back
	}
	return r.launch(s)
}

// destroy ends an instance, with its space and all capabilities it had.
func (r *Root) destroy(in *instance) error {
	if in.adopted != 0 {
		// The pager destroys the space and frees the heap with it.
		r.pager.SpaceDestroy(in.adopted)
		in.adopted = 0
	} else if in.space != 0 {
		if err := r.t.SpaceDestroy(in.space); err != nil {
			return fmt.Errorf("destroying its space: %w", err)
		}
	}
	for _, h := range []*ipc.Handle{&in.thread, &in.space} {
		if *h != 0 {
			_ = r.t.CapDelete(*h)
			*h = 0
		}
	}
	return nil
}

// describe says in words what a server died of.
func describe(ev *ipc.Event) string {
	if ev.Kind == ipc.EventException {
		return fmt.Sprintf("exception %d, error code %#x", ev.Vector, ev.Error)
	}
	access := "reading"
	switch {
	case ev.Access&ipc.Write != 0:
		access = "writing"
	case ev.Access&ipc.Execute != 0:
		access = "executing"
	}
	why := "no memory there"
	switch ev.Class {
	case ipc.FaultNotAllowed:
		why = "not allowed"
	case ipc.FaultPastEnd:
		why = "past the end of its object"
	case ipc.FaultOutOfMemory:
		why = "out of memory"
	}
	return fmt.Sprintf("page fault %s %#x: %s", access, ev.Address, why)
}
