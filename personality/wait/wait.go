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
	order    uint64
	thread   Thread
	events   Events
	listener Listener
	tag      uint64
}

// Table holds the waits of one personality.
type Table struct {
	queues map[ID][]waiter
	// some counts the waiters by the low bits of their ids: most things that change
	// have nobody waiting for them, and this tells so without a look into the map.
	some  [someSize]uint32
	order uint64
	woken []Thread
}

const someSize = 256

// NewTable makes an empty table.
func NewTable() *Table { return &Table{queues: map[ID][]waiter{}} }

// Add records that thread waits for any of events at id. Waiters of one id are
// woken in the order they were added. It returns the order number, which belongs to
// the state of the thread.
func (t *Table) Add(id ID, thread Thread, events Events) uint64 {
	t.order++
	t.some[id%someSize]++
	t.queues[id] = append(t.queues[id], waiter{order: t.order, thread: thread, events: events})
	return t.order
}

// Remove forgets the wait of thread at id.
func (t *Table) Remove(id ID, thread Thread) {
	q := t.queues[id]
	for i := range q {
		if q[i].listener == nil && q[i].thread == thread {
			t.remove(id, i)
			return
		}
	}
}

// Listen makes l hear of every change at id; tag tells several apart.
func (t *Table) Listen(id ID, l Listener, tag uint64) {
	t.order++
	t.some[id%someSize]++
	t.queues[id] = append(t.queues[id], waiter{order: t.order, listener: l, tag: tag})
}

// Unlisten undoes Listen.
func (t *Table) Unlisten(id ID, l Listener, tag uint64) {
	for i, w := range t.queues[id] {
		if w.listener == l && w.tag == tag {
			t.remove(id, i)
			return
		}
	}
}

func (t *Table) remove(id ID, i int) {
	t.some[id%someSize]--
	q := t.queues[id]
	if len(q) == 1 {
		delete(t.queues, id)
		return
	}
	t.queues[id] = append(q[:i:i], q[i+1:]...)
}

// Wake says that events may have become true at id. The waiting threads go to the
// woken list in order; their records stay until the core removes them.
func (t *Table) Wake(id ID, events Events) {
	if t.some[id%someSize] == 0 {
		return
	}
	for _, w := range t.queues[id] {
		if w.listener != nil {
			w.listener.Changed(id, events)
		} else if w.events&events != 0 {
			t.woken = append(t.woken, w.thread)
		}
	}
}

// WakeOne is Wake for at most n threads, in order; it returns how many.
func (t *Table) WakeOne(id ID, events Events, n int) int {
	k := 0
	for _, w := range t.queues[id] {
		if k == n {
			break
		}
		if w.listener == nil && w.events&events != 0 {
			t.woken = append(t.woken, w.thread)
			k++
		}
	}
	return k
}

// Waiting reports whether anybody waits for id.
func (t *Table) Waiting(id ID) bool { return len(t.queues[id]) > 0 }

// Idle reports whether no woken thread is left on the list.
func (t *Table) Idle() bool { return len(t.woken) == 0 }

// Woken takes the next woken thread off the list. A thread may come up more
// than once.
func (t *Table) Woken() (Thread, bool) {
	if len(t.woken) == 0 {
		return 0, false
	}
	th := t.woken[0]
	t.woken = t.woken[1:]
	if len(t.woken) == 0 {
		t.woken = t.woken[:0:cap(t.woken)]
	}
	return th, true
}

// Has reports whether thread waits for id.
func (t *Table) Has(id ID, thread Thread) bool {
	for _, w := range t.queues[id] {
		if w.listener == nil && w.thread == thread {
			return true
		}
	}
	return false
}
