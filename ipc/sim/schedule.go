package sim

import (
	"cmp"
	"slices"

	"starling/ipc"
	"starling/ipc/envelope"
)

// alarm is something the harness wants done at a time: input from outside.
type alarm struct {
	at    int64
	order uint64
	do    func()
}

// At runs f when the clock reaches ns since boot: keys typed, a cable pulled.
func (k *Kernel) At(ns int64, f func()) {
	k.order++
	k.alarms = append(k.alarms, alarm{max(ns, k.now), k.order, f})
	slices.SortFunc(k.alarms, func(a, b alarm) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order))
	})
}

// Step lets one thing happen: one event handled by one server, or one program running
// until it traps or is preempted. It returns false when nothing can happen any more.
func (k *Kernel) Step() bool {
	if k.off {
		return false
	}
	k.expire()
	if ep := k.choose(); ep != nil {
		k.deliver(ep)
		return true
	}
	if len(k.ready) > 0 {
		k.runProgram()
		return true
	}
	return k.idleJump(nil)
}

// Run steps until done, which may be nil, or nothing can happen, or max steps are
// used up. It returns false in the last case.
func (k *Kernel) Run(max int, done func() bool) bool {
	for i := 0; i < max; i++ {
		if done != nil && done() {
			return true
		}
		if !k.Step() {
			return true
		}
	}
	return done != nil && done()
}

// expire fires the timers and alarms whose time has come.
func (k *Kernel) expire() {
	for _, ep := range k.endpoints {
		if ep.deadline != 0 && ep.deadline <= k.now {
			ep.stamp()
			ep.deadline, ep.fired = 0, true
		}
	}
	for len(k.alarms) > 0 && k.alarms[0].at <= k.now {
		f := k.alarms[0].do
		k.alarms = k.alarms[1:]
		f()
	}
}

// nextDeadline is the earliest timer or alarm, 0 for none.
func (k *Kernel) nextDeadline() int64 {
	var next int64
	for _, ep := range k.endpoints {
		if ep.deadline != 0 && (next == 0 || ep.deadline < next) {
			next = ep.deadline
		}
	}
	if len(k.alarms) > 0 && (next == 0 || k.alarms[0].at < next) {
		next = k.alarms[0].at
	}
	return next
}

// idleJump moves the clock to the next deadline: of one endpoint when a caller
// waits for its server, of all when the machine is idle.
func (k *Kernel) idleJump(only *endpoint) bool {
	next := k.nextDeadline()
	if next == 0 || only != nil && only.deadline == 0 {
		return false
	}
	k.now = max(k.now, next)
	k.expire()
	return true
}

// choose returns the endpoint served next: best priority, then who waited
// longest, or any of that priority by the seed.
func (k *Kernel) choose() *endpoint {
	var best *endpoint
	equals := 0
	for _, ep := range k.endpoints {
		if ep.handler == nil || !ep.pending() || ep.receiver.busy {
			continue
		}
		switch {
		case best == nil || ep.receiver.priority < best.receiver.priority:
			best, equals = ep, 1
		case ep.receiver.priority > best.receiver.priority:
		case k.rng != nil:
			equals++
			if k.rng.IntN(equals) == 0 {
				best = ep
			}
		case ep.since < best.since:
			best = ep
		}
	}
	return best
}

// deliver hands the next event of an endpoint to its handler.
func (k *Kernel) deliver(ep *endpoint) {
	tr := ep.receiver
	var ev ipc.Event
	k.now += k.cfg.EventCost
	if !k.receive(tr, ep, &ev) || k.lab != nil && k.lab.event(tr, ep, &ev) {
		return
	}
	k.handle(tr, ep, &ev)
}

// handle hands an event that was received to the handler.
func (k *Kernel) handle(tr *Transport, ep *endpoint, ev *ipc.Event) {
	h := ep.handler
	tr.busy = true
	k.nesting = append(k.nesting, tr)
	h.Handle(ev)
	k.nesting = k.nesting[:len(k.nesting)-1]
	tr.busy = false
	k.handled++
	tr.handled++
	k.tapHandled(tr, ev)
}

// receive takes an event off the endpoint the way Wait returns it. It returns false when that was
// a message that the envelope answered.
func (k *Kernel) receive(tr *Transport, ep *endpoint, ev *ipc.Event) bool {
	k.stats.Events++
	t := ep.take(ev)
	if ev.Kind == ipc.EventMessage {
		from := t.server
		n := copy(tr.buffer[:], from.message[:from.length])
		// What lay behind the message is not the receiver's to see or to rely on.
		clear(tr.buffer[n:min(n+64, len(tr.buffer))])
		if from.carried != nil {
			ev.Cap, _ = tr.caps.share(*from.carried)
		}
		if (k.lab != nil || tr.post.Receives(ev.Badge)) && !tr.unpack(ev) {
			return false
		}
	}
	k.tapEvent(tr, t, ev)
	return true
}

// unpack takes a message out of its envelope. What must not be executed is answered at once.
func (tr *Transport) unpack(ev *ipc.Event) bool {
	v, n, cap := tr.post.Received(tr.buffer[:], int(ev.Length), ev.Badge, ev.Token, ev.Cap)
	if v == envelope.Execute {
		ev.Length = uint32(n)
		return true
	}
	tr.Forget(ev.Cap)
	tr.answerOnce(ev.Token, n, cap)
	return false
}

// runProgram gives one ready program the processor until it traps, its slice ends
// or a deadline comes.
func (k *Kernel) runProgram() {
	t := k.handOff()
	if t == nil {
		t = k.chooseProgram()
		slice := k.cfg.Slice
		if k.rng != nil {
			slice = 1 + k.rng.Int64N(slice)
		}
		t.sliceEnd = k.now + slice
	}
	k.stats.Switches++
	if k.preempted(t) {
		t.raise(ipc.EventReport, 0, 0, 0, 0)
		return
	}
	end := t.sliceEnd
	if next := k.nextDeadline(); next != 0 {
		end = min(end, next)
	}
	t.budget = max(end-k.now, 1)
	t.unpaid = t.budget
	t.execute()
	t.pay()
	if t.state == ready { // its slice is over, or a deadline has come
		t.event.Kind = ipc.EventNone
		k.ready = append(k.ready, t)
	}
}

// preempted says whether a thread that is to run must report first: another program has run since it
// stopped, which was neither of its own will nor to report, and its handler wants to know.
func (k *Kernel) preempted(t *Thread) bool {
	other := k.ran != t
	k.ran = t
	return other && t.event.Kind != ipc.EventSyscall && t.event.Kind != ipc.EventReport && t.frame.Options.ReportPreemption != 0
}

// handOff takes the program that was replied to last, while its slice lasts: it
// goes on at once. With a seed it may have to wait its turn.
func (k *Kernel) handOff() *Thread {
	t := k.last
	k.last = nil
	if t == nil || t.state != ready || t.sliceEnd <= k.now || k.rng != nil && k.rng.IntN(4) == 0 {
		return nil
	}
	k.unready(t)
	return t
}

// chooseProgram takes a program of the best priority off the run queue: the
// first, or one by the seed.
func (k *Kernel) chooseProgram() *Thread {
	best, equals := 0, 1
	for i := 1; i < len(k.ready); i++ {
		switch t := k.ready[i]; {
		case t.priority < k.ready[best].priority:
			best, equals = i, 1
		case t.priority == k.ready[best].priority && k.rng != nil:
			equals++
			if k.rng.IntN(equals) == 0 {
				best = i
			}
		}
	}
	t := k.ready[best]
	copy(k.ready[best:], k.ready[best+1:])
	k.ready = k.ready[:len(k.ready)-1]
	return t
}

// pay moves what the program used of its budget to the clock and to its account.
func (t *Thread) pay() {
	used := t.unpaid - t.budget
	t.unpaid = t.budget
	t.k.now += used
	t.userTime += used
}
