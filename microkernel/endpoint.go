package microkernel

import (
	"unsafe"

	"starling/arch/cpu"
	"starling/ipc"
)

// endpoint is where events and messages wait for a server.
type endpoint struct {
	header
	cpu.Gate
	receivers uint32 // capabilities that can receive
	owner     uint64 // name of the server that last waited here: its replies count
	queue     queue  // threads in StateQueued
	bits      uint64 // notified, not yet received

	deadline int64     // ns since boot; never; or fired: passed, and not yet received
	timed    bool      // in the kernel's list of deadlines
	later    *endpoint // next in that list
}

const fired = 0

// endpointOf is the endpoint of a gate, which is inside it.
func endpointOf(g *cpu.Gate) *endpoint {
	return (*endpoint)(unsafe.Add(unsafe.Pointer(g), -int(unsafe.Offsetof(endpoint{}.Gate))))
}

// endpointAt is where a thread is queued, delivered or waits.
func endpointAt(t *thread) *endpoint { return endpointOf(t.At) }

// waiting is the server that waits here.
func (e *endpoint) waiting() *thread { return threadOf(e.Waiter) }

// dropEndpoint takes one reference away. Threads hold references to where their events
// go, and callers hold the capability they called with, so that nothing is queued
// at an endpoint that nothing refers to.
func (k *kernel) dropEndpoint(e *endpoint) {
	if e == nil {
		return
	}
	if e.refs--; e.refs == 0 {
		k.setDeadline(e, 0)
		k.endpoints.give(e)
	}
}

// dropReceiver counts capabilities that can receive. Without one, calls fail, and
// events have nowhere to go.
func (k *kernel) dropReceiver(e *endpoint) {
	if e.receivers--; e.receivers > 0 {
		return
	}
	k.failCalls(func(t *thread) bool { return t.At == &e.Gate })
	for t := e.queue.head; t != nil; t = e.queue.head {
		e.queue.remove(t)
		t.State, t.At = cpu.StateStuck, nil
	}
}

// failClients ends the calls that a server has received and will not answer, because
// it was destroyed or took a serious trap: the one that could restart it may be
// among the callers, or wait for one of them. Traps that it has not answered stay
// with their endpoint, for the next server that waits there.
func (k *kernel) failClients(server *thread) {
	k.failCalls(func(t *thread) bool { return t.State == cpu.StateDelivered && endpointAt(t).owner == server.Name })
}

// failCalls ends the calls, queued or delivered, that nobody is going to answer.
func (k *kernel) failCalls(lost func(*thread) bool) {
	for i := uint32(1); i < k.threads.count; i++ {
		t := k.threads.slot(i).thread
		if t == nil || !t.is(ipc.EventMessage) || t.State != cpu.StateDelivered && t.State != cpu.StateQueued || !lost(t) {
			continue
		}
		if t.State == cpu.StateQueued {
			endpointAt(t).queue.remove(t)
		}
		t.SetStatus(int64(ipc.ErrGone))
		k.makeReady(t)
	}
}

// post hands the event of a thread, which has just stopped, to an endpoint. When a
// server waits there it gets the event and is returned: it is to run, and in no queue.
func (k *kernel) post(t *thread, e *endpoint, badge uint64) (woken *thread) {
	t.Sequence++
	t.Badge = badge
	if t.Frame != nil {
		k.fillFrame(t)
	}
	if e == nil && t == k.root {
		rootDied(t)
	}
	if e == nil || e.receivers == 0 {
		t.State, t.At = cpu.StateStuck, nil
		return nil
	}
	t.At = &e.Gate
	w := e.waiting()
	if w == nil {
		t.State = cpu.StateQueued
		e.queue.push(t)
		e.Last = nil // there is something to receive
		return nil
	}
	k.deliver(t, w)
	e.Waiter = nil
	return w
}

// fillFrame writes the trapped program's registers and the event to its frame.
func (k *kernel) fillFrame(t *thread) {
	t.Publish(t.Frame)
	f := &t.Frame.Event
	f.Kind, f.Vector, f.Flags = uint16(t.Kind), 0, 0
	f.Thread, f.Generation, f.Sequence = uint32(t.Name), uint32(t.Name>>32), t.Sequence
	f.Badge, f.Time = t.Badge, k.now
	f.UserTime = k.clock.Duration(t.User)
	if t.is(ipc.EventSyscall) {
		return
	}
	f.Address, f.Error, f.DebugStatus = t.Address, t.Code, 0
	if t.is(ipc.EventException) {
		f.Vector = uint16(t.A)
		if t.IsDebug() {
			f.DebugStatus = t.DebugStatus()
		}
	}
}

// deliver puts a thread's event into the registers of the server that receives it.
func (k *kernel) deliver(t, w *thread) {
	a, b := t.A, t.B
	if t.is(ipc.EventMessage) {
		a, b = k.transfer(t, w, a, b)
	}
	w.SetEvent(t.Kind, t.Badge, t.Name, t.Sequence, uint64(k.now), a, b)
	t.State = cpu.StateDelivered
	if t.Short() {
		t.At.Last = &t.Context
	}
}

// receive gives the waiting or calling server w the next event of e, if there is
// one: what is bounded and may be late first, then threads in their order.
func (k *kernel) receive(w *thread, e *endpoint) bool {
	switch {
	case e.bits != 0:
		w.SetEvent(uint64(ipc.EventNotify), 0, 0, 0, uint64(k.now), e.bits, 0)
		e.bits = 0
	case e.deadline <= k.now:
		k.setDeadline(e, 0)
		w.SetEvent(uint64(ipc.EventTimer), 0, 0, 0, uint64(k.now), 0, 0)
	case e.queue.head != nil:
		t := e.queue.head
		e.queue.remove(t)
		k.deliver(t, w)
		if e.queue.head != nil {
			e.Last = nil
		}
	default:
		return false
	}
	e.Waiter = nil
	return true
}

// notify sets bits at e and wakes its waiter.
func (k *kernel) notify(e *endpoint, bits uint64) {
	e.bits |= bits
	if w := e.waiting(); w != nil && e.bits != 0 {
		k.receive(w, e)
		k.makeReady(w)
	} else {
		e.Last = nil
	}
}
