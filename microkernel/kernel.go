package microkernel

import (
	"starling/arch/cpu"
	"starling/ipc"
)

// never is a time that does not come.
const never = 1<<63 - 1

// kernel is the state of one microkernel on one processor.
type kernel struct {
	clock cpu.Clock
	now   int64 // ns since boot, when ring 3 was left

	pool      pool
	threads   threadTable
	endpoints slab[endpoint]
	spaces    slab[space]
	memories  slab[memory]

	ready     uint32 // bit per priority: its queue is not empty
	queues    [priorities]queue
	sliceEnd  [priorities]int64 // when the running thread should let others of its priority run
	armed     int64             // when the timer interrupts
	deadlines *endpoint

	lines [maxLines]line
	root  *thread

	traps, interrupts uint64
	idle              int64
	mallocs           func() uint64 // objects the Go heap has allocated
	mallocsAtStart    uint64
}

// run is the kernel proper: it never returns.
func (k *kernel) run(t *thread) {
	for {
		t = threadOf(cpu.Resume(&t.Context, k.hold(), k.ready))
		k.traps++
		k.now = k.clock.Nanoseconds(t.Entered)
		if t.Trap == cpu.TrapSyscall && t.server != nil {
			t = k.kernelCall(t)
		} else {
			t = k.handle(t)
		}
	}
}

// handle handles a trap that is no call of a server and returns the thread to run next. A page fault goes
// to the fault endpoint first, all else to the trap endpoint.
func (k *kernel) handle(t *thread) *thread {
	switch {
	case t.Trap == cpu.TrapSyscall:
		t.setEvent(ipc.EventSyscall, 0, 0)
	case t.Trap == cpu.TrapRecall:
		t.setEvent(ipc.EventReport, 0, 0)
	case t.IsPageFault():
		t.setEvent(ipc.EventFault, t.Address, t.Access())
		if t.faultTo != nil {
			return k.prefer(k.post(t, t.faultTo, t.FaultBadge))
		}
	case t.IsInterrupt():
		t.setEvent(ipc.EventNone, 0, 0)
		k.interrupt(t.Trap)
		return k.prefer(t)
	case t.IsSpurious():
		return t
	default:
		t.setEvent(ipc.EventException, t.Trap, t.Code)
	}
	if t.server != nil {
		k.failClients(t)
	}
	return k.prefer(k.post(t, t.trapTo, t.trapBadge))
}
