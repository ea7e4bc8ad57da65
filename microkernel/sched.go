package microkernel

import (
	"math/bits"

	"starling/arch/cpu"
)

const (
	priorities = 3
	sliceTime  = 10_000_000 // ns that a thread computes before others of its priority run
)

// queue is an intrusive list of threads, first in first out.
type queue struct{ head, tail *thread }

// join makes b follow a; nil is what is before the first and behind the last.
func (q *queue) join(a, b *thread) {
	if a == nil {
		q.head = b
	} else {
		a.next = b
	}
	if b == nil {
		q.tail = a
	} else {
		b.previous = a
	}
}

func (q *queue) push(t *thread) {
	q.join(q.tail, t)
	q.join(t, nil)
}

func (q *queue) pushFront(t *thread) {
	q.join(t, q.head)
	q.join(nil, t)
}

func (q *queue) remove(t *thread) {
	q.join(t.previous, t.next)
	t.next, t.previous = nil, nil
}

// makeReady puts a thread, if there is one, at the end of the run queue of its priority.
func (k *kernel) makeReady(t *thread) {
	if t == nil {
		return
	}
	t.State, t.At = cpu.StateReady, nil
	k.queues[t.priority].push(t)
	k.ready |= t.bit
	k.armSlice(t.priority) // a running thread may be alone no longer
}

// unready takes a thread out of its run queue.
func (k *kernel) unready(t *thread) {
	q := &k.queues[t.priority]
	q.remove(t)
	if q.head == nil {
		k.ready &^= t.bit
	}
}

// over tells whether the slice of the threads of a priority is over.
func (k *kernel) over(p uint8) bool { return k.now >= k.sliceEnd[p] }

// hold is not 0 when a reply to a program must not resume it at once, because something
// else is to run.
func (k *kernel) hold() uint32 {
	const program = priorities - 1
	h := k.ready
	if !k.over(program) {
		h &= 1<<program - 1
	}
	return h
}

// prefer runs t, which is in no queue, unless it is nil, something more important is
// ready, or the slice is over. A slice is shared by those that run one after the other in
// this way, so that two that wake each other do not keep out a third.
func (k *kernel) prefer(t *thread) *thread {
	if t == nil {
		return k.pick()
	}
	t.State, t.At = cpu.StateReady, nil
	switch {
	case k.ready == 0:
		return t
	case k.ready&(t.bit-1) != 0: // the bits of what is more important
		t.held = true
		k.queues[t.priority].pushFront(t)
		k.ready |= t.bit
	case k.over(t.priority) && k.ready&t.bit != 0:
		k.makeReady(t)
	default:
		return t
	}
	return k.pick()
}

// pick takes the first thread of the highest priority out of its queue, waiting for
// one. One that is there because something more important came goes on in the slice that
// it had, however often that happens; when that slice is over, it is the next one's turn.
func (k *kernel) pick() *thread {
	for k.ready == 0 {
		k.halt()
	}
	p := uint8(bits.TrailingZeros32(k.ready))
	q := &k.queues[p]
	t := q.head
	if t.held && k.over(p) {
		t.held = false
		q.remove(t)
		q.push(t)
		t = q.head
	}
	k.unready(t)
	if !t.held {
		k.sliceEnd[p] = k.now + sliceTime
	}
	t.held = false
	if k.ready&t.bit != 0 {
		k.armSlice(p)
	}
	return t
}

// halt waits for an interrupt.
func (k *kernel) halt() {
	begin := k.now
	vector := cpu.Halt()
	k.now = k.clock.Nanoseconds(cpu.Ticks())
	k.idle += k.now - begin
	k.interrupt(vector)
}

// interrupt handles an interrupt that hit ring 3 or ended halt.
func (k *kernel) interrupt(vector uint64) {
	k.interrupts++
	timer, line := cpu.Interrupt(vector)
	if timer {
		k.armed = never
		k.expire()
	} else if line >= 0 {
		k.lineRaised(line)
	}
}

// arm makes sure that the timer interrupts at time or earlier. A timer that is
// armed too early only costs an interrupt, so it is never put off.
func (k *kernel) arm(time int64) {
	if time >= k.armed {
		return
	}
	k.armed = time
	cpu.TimerArm(time - k.now)
}

// expire wakes the endpoints whose deadline has passed, and arms the timer for
// the next.
func (k *kernel) expire() {
	for e := k.deadlines; e != nil && e.deadline <= k.now; e = k.deadlines {
		k.deadlines = e.later
		e.later, e.timed = nil, false
		e.deadline = fired
		if w := e.waiting(); w != nil {
			k.receive(w, e)
			k.makeReady(w)
		} else {
			e.Last = nil
		}
	}
	if k.deadlines != nil {
		k.arm(k.deadlines.deadline)
	}
	for ready := k.ready; ready != 0; ready &= ready - 1 {
		k.armSlice(uint8(bits.TrailingZeros32(ready)))
	}
}

// armSlice makes sure that the timer interrupts when the slice of a priority is over. One that is
// over already ends where the next thread is chosen.
func (k *kernel) armSlice(p uint8) {
	if !k.over(p) {
		k.arm(k.sliceEnd[p])
	}
}

// setDeadline puts the endpoint into the list of deadlines, 0 takes it out.
func (k *kernel) setDeadline(e *endpoint, deadline int64) {
	if e.timed {
		for p := &k.deadlines; ; p = &(*p).later {
			if *p == e {
				*p = e.later
				break
			}
		}
		e.later, e.timed = nil, false
	}
	if deadline == 0 {
		e.deadline = never
		return
	}
	e.deadline, e.timed = deadline, true
	if deadline <= k.now {
		e.Last = nil
	}
	p := &k.deadlines
	for *p != nil && (*p).deadline <= deadline {
		p = &(*p).later
	}
	e.later, *p = *p, e
	k.arm(k.deadlines.deadline)
}
