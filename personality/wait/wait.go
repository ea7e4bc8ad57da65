// Package wait records who waits for what.
//
// Waiting is a record, never a goroutine: "thread 7 waits for object 31 to be
// readable until t". Everything that can be waited for has an ID. An object
// that changes calls Wake; the threads whose records match are put on the list
// of woken threads, and the event loop runs their calls again from their frames.
// A call that still cannot finish records its wait anew, so a spurious wake is
// harmless and a lost one impossible as long as every change calls Wake.
//
// The table itself is not exported at a swap: thread records and listeners are
// state of their owners, who add them again in the order of their Order numbers.
package wait

import "slices"

// ID names something that can be waited for. 0 is nothing.
type ID uint64

// Events is a set of conditions: the POLL bits of poll(2) for files, and
// object-specific bits above them.
type Events uint32

const (
	In    Events = 0x001 // POLLIN
	Pri   Events = 0x002 // POLLPRI
	Out   Events = 0x004 // POLLOUT
	Err   Events = 0x008 // POLLERR
	Hup   Events = 0x010 // POLLHUP
	NVal  Events = 0x020 // POLLNVAL
	RdNrm Events = 0x040 // POLLRDNORM
	RdBnd Events = 0x080 // POLLRDBAND
	WrNrm Events = 0x100 // POLLWRNORM
	WrBnd Events = 0x200 // POLLWRBAND
	Msg   Events = 0x400 // POLLMSG
	RdHup Events = 0x2000

	// Any matches every condition.
	Any Events = 0xffffffff
)

// Thread is the number by which the personality's core knows a thread.
type Thread uint32

// Listener hears of changes without being a thread: an epoll instance.
type Listener interface {
	// Changed is called during Wake: it may call Wake for its own ID, nothing else.
	Changed(id ID, ev Events)
}

type waiter struct {
	id       ID
	order    uint64
	thread   Thread
	events   Events
	listener Listener
	tag      uint64
}

// Table holds the waits of one personality.
type Table struct {
	woken []Thread
	taken int // how many of woken have been
	// queues hold the waiters in the order they were added, by the low bits of what they
	// wait for: most things that change have nobody waiting for them, and few share a queue.
	queues [queueCount][]waiter
	order  uint64
}

const queueCount = 256

// NewTable makes an empty table.
func NewTable() *Table { return &Table{} }

func (t *Table) queue(id ID) *[]waiter { return &t.queues[id%queueCount] }

// Add records that thread waits for any of events at id. Waiters of one id are
// woken in the order they were added. It returns the order number, which belongs to
// the state of the thread.
func (t *Table) Add(id ID, thread Thread, events Events) uint64 {
	t.order++
	q := t.queue(id)
	*q = append(*q, waiter{id: id, order: t.order, thread: thread, events: events})
	return t.order
}

// Remove forgets the wait of thread at id.
func (t *Table) Remove(id ID, thread Thread) {
	q := t.queue(id)
	for i := range *q {
		if w := &(*q)[i]; w.id == id && w.thread == thread && w.listener == nil {
			remove(q, i)
			return
		}
	}
}

// Listen makes l hear of every change at id; tag tells several apart.
func (t *Table) Listen(id ID, l Listener, tag uint64) {
	t.order++
	q := t.queue(id)
	*q = append(*q, waiter{id: id, order: t.order, listener: l, tag: tag})
}

// Unlisten undoes Listen.
func (t *Table) Unlisten(id ID, l Listener, tag uint64) {
	q := t.queue(id)
	for i := range *q {
		if w := &(*q)[i]; w.id == id && w.listener == l && w.tag == tag {
			remove(q, i)
			return
		}
	}
}

func remove(q *[]waiter, i int) {
	if i == len(*q)-1 {
		(*q)[i] = waiter{}
		*q = (*q)[:i]
		return
	}
	*q = slices.Delete(*q, i, i+1)
}

// Wake says that events may have become true at id. The waiting threads go to the
// woken list in order; their records stay until the core removes them.
func (t *Table) Wake(id ID, events Events) {
	if len(t.queues[id%queueCount]) != 0 { // most often nobody waits
		t.wake(id, events)
	}
}

func (t *Table) wake(id ID, events Events) {
	q := *t.queue(id)
	for i := range q {
		w := &q[i]
		switch {
		case w.id != id:
		case w.listener != nil:
			w.listener.Changed(id, events)
		case w.events&events != 0:
			t.woken = append(t.woken, w.thread)
		}
	}
}

// Waiting reports whether anybody waits for id.
func (t *Table) Waiting(id ID) bool {
	return slices.ContainsFunc(*t.queue(id), func(w waiter) bool { return w.id == id })
}

// Count is how many threads wait for any of events at id.
func (t *Table) Count(id ID, events Events) (n int) {
	for _, w := range *t.queue(id) {
		if w.id == id && w.listener == nil && w.events&events != 0 {
			n++
		}
	}
	return n
}

// Idle reports whether no woken thread is left on the list.
func (t *Table) Idle() bool { return len(t.woken) == 0 }

// Woken takes the next woken thread off the list. A thread may come up more
// than once.
func (t *Table) Woken() (Thread, bool) {
	if len(t.woken) == 0 {
		return 0, false
	}
	th := t.woken[t.taken]
	if t.taken++; t.taken == len(t.woken) {
		t.woken, t.taken = t.woken[:0], 0
	}
	return th, true
}

// Has reports whether thread waits for id.
func (t *Table) Has(id ID, thread Thread) bool {
	return slices.ContainsFunc(*t.queue(id), func(w waiter) bool {
		return w.id == id && w.listener == nil && w.thread == thread
	})
}
