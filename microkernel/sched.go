package microkernel

import "starling/arch/cpu"

const (
	priorities = 3
	sliceTime  = 10_000_000 // ns that a thread computes before others of its priority run
)

// queue is an intrusive list of threads, first in first out.
type queue struct{ head, tail *thread }

func (q *queue) push(t *thread) {
	t.next, t.previous = nil, q.tail
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
}

func (q *queue) pushFront(t *thread) {
	t.previous, t.next = nil, q.head
	if q.head == nil {
		q.tail = t
	} else {
		q.head.previous = t
	}
	q.head = t
}

func (q *queue) remove(t *thread) {
	if t.previous != nil {
		t.previous.next = t.next
	} else {
		q.head = t.next
	}
	if t.next != nil {
		t.next.previous = t.previous
	} else {
		q.tail = t.previous
	}
	t.next, t.previous = nil, nil
}

// makeReady puts a thread at the end of the run queue of its priority.
func (k *kernel) makeReady(t *thread) {
	t.State, t.At = cpu.StateReady, nil
	k.queues[t.priority].push(t)
	k.ready |= 1 << t.priority
	k.arm(k.sliceEnd) // the running thread may be alone no longer
}

// wake makes a thread ready, if there is one.
func (k *kernel) wake(t *thread) {
	if t != nil {
		k.makeReady(t)
	}
}

// unready takes a thread out of its run queue.
func (k *kernel) unready(t *thread) {
	q := &k.queues[t.priority]
	q.remove(t)
	if q.head == nil {
		k.ready &^= 1 << t.priority
	}
}

// hold is not 0 when a reply to a program must not resume it at once, because something
// else is to run.
func (k *kernel) hold() uint64 {
	const program = 1 << (priorities - 1)
	h := k.ready
	if !k.expired {
		h &= program - 1
	}
	return uint64(h)
}

// prefer runs t, which is in no queue, unless it is nil, something more important is
// ready, or its time is over.
func (k *kernel) prefer(t *thread) *thread {
	if t == nil {
		return k.pick()
	}
	t.State, t.At = cpu.StateReady, nil
	switch {
	case k.ready == 0:
		return t
	case k.ready&t.above != 0:
		k.queues[t.priority].pushFront(t)
		k.ready |= 1 << t.priority
	case k.expired && k.ready&(1<<t.priority) != 0:
		k.makeReady(t)
	default:
		return t
	}
	return k.pick()
}

// pick takes the first thread of the highest priority out of its queue, waiting for
// one.
func (k *kernel) pick() *thread {
	for k.ready == 0 {
		k.halt()
	}
	p := 0
	for k.ready&(1<<p) == 0 {
		p++
	}
	t := k.queues[p].head
	k.unready(t)
	k.expired = false
	k.sliceEnd = k.now + sliceTime
	if k.ready&(1<<p) != 0 {
		k.arm(k.sliceEnd)
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
		k.expired = k.now >= k.sliceEnd
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
	if k.ready != 0 && !k.expired {
		k.arm(k.sliceEnd)
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
