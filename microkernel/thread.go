package microkernel

import (
	"unsafe"

	"starling/arch/cpu"
	"starling/ipc"
)

// thread lives at the beginning of a page of its own; the rest of the page is
// the vector state of its Context. What its Link says is part of it: state, name,
// sequence and kind of the pending event, frame.
type thread struct {
	cpu.Context

	priority uint8
	bit      uint32 // 1<<priority
	held     bool   // first in its run queue, because something more important came
	server   *server
	space    *space

	faultTo, trapTo *endpoint // nil: none
	trapBadge       uint64

	next, previous           *thread // in a run queue or the queue of an endpoint
	spaceNext, spacePrevious *thread // in the list of the space
}

const _ = uint(cpu.VectorOffset - unsafe.Sizeof(thread{}))

// setEvent says what the thread stopped for.
func (t *thread) setEvent(kind ipc.EventKind, a, b uint64) { t.Kind, t.A, t.B = uint64(kind), a, b }

// is tells whether the pending event is of a kind.
func (t *thread) is(kind ipc.EventKind) bool { return t.Kind == uint64(kind) }

// threadOf is the thread of a context, which is its beginning.
func threadOf(c *cpu.Context) *thread { return (*thread)(unsafe.Pointer(c)) }

// threadTable finds threads by number. Generations outlive the threads.
type threadTable struct {
	pages [threadPages]*[threadsPerPage]threadSlot
	free  uint32 // first free number, 0 if none
	count uint32 // numbers ever used, with the invalid 0
}

type threadSlot struct {
	thread     *thread
	generation uint32
	nextFree   uint32
}

const (
	threadsPerPage = cpu.PageSize / unsafe.Sizeof(threadSlot{})
	threadPages    = 64
	maxThreads     = threadPages * uint32(threadsPerPage)
)

func (tt *threadTable) slot(number uint32) *threadSlot {
	return &tt.pages[number/uint32(threadsPerPage)][number%uint32(threadsPerPage)]
}

// find returns the thread that a token's first word names, nil if it is gone.
func (tt *threadTable) find(name uint64) *thread {
	number := uint32(name)
	if number >= tt.count {
		return nil
	}
	s := tt.slot(number)
	if s.generation != uint32(name>>32) {
		return nil
	}
	return s.thread
}

// newThread makes a thread that has not started.
func (k *kernel) newThread(sp *space, program bool) (*thread, ipc.Error) {
	tt := &k.threads
	number := tt.free
	if number == 0 {
		if tt.count == 0 {
			tt.count = 1 // number 0 names nobody
		}
		number = tt.count
		if number >= maxThreads {
			return nil, ipc.ErrFull
		}
		page := &tt.pages[number/uint32(threadsPerPage)]
		if *page == nil {
			a := k.pool.TakePage()
			if a == 0 {
				return nil, ipc.ErrMemory
			}
			*page = (*[threadsPerPage]threadSlot)(cpu.Physical(a))
		}
	}
	a := k.pool.TakePage()
	if a == 0 {
		return nil, ipc.ErrMemory
	}
	slot := tt.slot(number)
	if number == tt.free {
		tt.free = slot.nextFree
	} else {
		tt.count++
	}
	t := (*thread)(cpu.Physical(a))
	slot.thread = t
	slot.generation++
	t.Name = uint64(number) | uint64(slot.generation)<<32
	t.Init(program, sp.table)
	t.setSpace(sp)
	return t, 0
}

// setSpace moves the thread between the lists of spaces.
func (t *thread) setSpace(sp *space) {
	t.leaveSpace()
	t.space = sp
	sp.refs++
	t.spaceNext = sp.threads
	if sp.threads != nil {
		sp.threads.spacePrevious = t
	}
	sp.threads = t
	t.SetSpace(sp.table)
}

func (t *thread) leaveSpace() {
	if t.space == nil {
		return
	}
	if t.spacePrevious != nil {
		t.spacePrevious.spaceNext = t.spaceNext
	} else {
		t.space.threads = t.spaceNext
	}
	if t.spaceNext != nil {
		t.spaceNext.spacePrevious = t.spacePrevious
	}
	t.spaceNext, t.spacePrevious = nil, nil
	t.space.refs--
}

// destroyThread ends a thread in whatever state it is, but not the running one.
func (k *kernel) destroyThread(t *thread) {
	switch t.State {
	case cpu.StateReady:
		k.unready(t)
	case cpu.StateQueued:
		endpointAt(t).queue.remove(t)
	case cpu.StateWaiting:
		t.At.Waiter = nil
	case cpu.StateDelivered:
		t.Long()
	}
	cpu.Forget(&t.Context)
	sp := t.space
	t.leaveSpace()
	k.dropSpace(sp)
	k.dropEndpoint(t.faultTo)
	k.dropEndpoint(t.trapTo)
	slot := k.threads.slot(uint32(t.Name))
	slot.thread = nil
	slot.generation++ // the old name is stale from here on
	slot.nextFree = k.threads.free
	k.threads.free = uint32(t.Name)
	if t.server != nil {
		k.failClients(t)
		k.freeServer(t.server)
	}
	k.pool.GivePage(cpu.Address(unsafe.Pointer(t)))
}
