package microkernel

import (
	"unsafe"

	"starling/arch/cpu"
	"starling/ipc"
	"starling/ipc/frame"
)

// threadState says where a thread is. One value, never a set of flags.
type threadState uint8

const (
	threadNew       threadState = iota // made, not started
	threadReady                        // running, or in a run queue
	threadQueued                       // its event is in the queue of the endpoint at
	threadDelivered                    // its event was received; a reply is awaited
	threadStuck                        // its event had no endpoint to go to
	threadWaiting                      // a server in Wait at the endpoint at
)

// event is what a trapped thread is queued with.
type event struct {
	kind ipc.EventKind
	a, b uint64 // arguments 0 and 1 of the event, see callnum
}

// thread lives at the beginning of a page of its own; the rest of the page is
// the vector state of its Context.
type thread struct {
	cpu.Context

	number, generation uint32
	sequence           uint64
	state              threadState
	priority           uint8
	above              uint32 // bits of the priorities that are more important
	recalled           bool   // report instead of running next
	badge              uint64
	event              event
	frame              *frame.Frame // programs
	server             *server      // servers
	space              *space
	at                 *endpoint // see state
	userTicks          uint64

	faultTo, trapTo       *endpoint // nil: none
	faultBadge, trapBadge uint64

	next, previous           *thread // in a run queue or the queue of an endpoint
	spaceNext, spacePrevious *thread // in the list of the space
}

const _ = uint(cpu.VectorOffset - unsafe.Sizeof(thread{}))

// name is the first word of the thread's token.
func (t *thread) name() uint64 { return uint64(t.number) | uint64(t.generation)<<32 }

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

// find returns the thread that a token's first word names, nil if it is gone.
func (tt *threadTable) find(name uint64) *thread {
	number := uint32(name)
	if number >= tt.count {
		return nil
	}
	s := &tt.pages[number/uint32(threadsPerPage)][number%uint32(threadsPerPage)]
	if s.generation != uint32(name>>32) {
		return nil
	}
	return s.thread
}

// newThread makes a thread in state threadNew.
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
	slot := &tt.pages[number/uint32(threadsPerPage)][number%uint32(threadsPerPage)]
	if number == tt.free {
		tt.free = slot.nextFree
	} else {
		tt.count++
	}
	t := (*thread)(cpu.Physical(a))
	slot.thread = t
	slot.generation++
	t.number, t.generation = number, slot.generation
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
	switch t.state {
	case threadReady:
		k.unready(t)
	case threadQueued:
		t.at.queue.remove(t)
	case threadWaiting:
		t.at.waiter = nil
	}
	cpu.Forget(&t.Context)
	sp := t.space
	t.leaveSpace()
	k.dropSpace(sp)
	k.dropEndpoint(t.faultTo)
	k.dropEndpoint(t.trapTo)
	slot := &k.threads.pages[t.number/uint32(threadsPerPage)][t.number%uint32(threadsPerPage)]
	slot.thread = nil
	slot.generation++ // the old name is stale from here on
	slot.nextFree = k.threads.free
	k.threads.free = t.number
	if t.server != nil {
		k.failClients(t)
		k.freeServer(t.server)
	}
	k.pool.GivePage(cpu.Address(unsafe.Pointer(t)))
}
