package microkernel

import "starling/ipc"

// endpoint is where events and messages wait for a server.
type endpoint struct {
	header
	receivers uint32  // capabilities that can receive
	queue     queue   // threads in threadQueued
	waiter    *thread // the server in threadWaiting, nil if none
	owner     uint64  // name of the server that last waited here: its replies count
	bits      uint64  // notified, not yet received

	deadline int64     // ns since boot; never; or fired: passed, and not yet received
	timed    bool      // in the kernel's list of deadlines
	later    *endpoint // next in that list
}

const fired = 0

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
	k.failCalls(func(t *thread) bool { return t.at == e })
	for t := e.queue.head; t != nil; t = e.queue.head {
		e.queue.remove(t)
		t.state, t.at = threadStuck, nil
	}
}

// failClients ends the calls that a server has received and will not answer, because
// it was destroyed or took a serious trap: the one that could restart it may be
// among the callers, or wait for one of them. Traps that it has not answered stay
// with their endpoint, for the next server that waits there.
func (k *kernel) failClients(server *thread) {
	name := server.name()
	k.failCalls(func(t *thread) bool { return t.state == threadDelivered && t.at.owner == name })
}

// failCalls ends the calls, queued or delivered, that nobody is going to answer.
func (k *kernel) failCalls(lost func(*thread) bool) {
	for i := uint32(1); i < k.threads.count; i++ {
		t := k.threads.pages[i/uint32(threadsPerPage)][i%uint32(threadsPerPage)].thread
		if t == nil || t.event.kind != ipc.EventMessage || t.state != threadDelivered && t.state != threadQueued || !lost(t) {
			continue
		}
		if t.state == threadQueued {
			t.at.queue.remove(t)
		}
		t.SetStatus(int64(ipc.ErrGone))
		k.makeReady(t)
	}
}

// post hands the event of a thread, which has just stopped, to an endpoint. When a
// server waits there it gets the event and is returned: it is to run, and in no queue.
func (k *kernel) post(t *thread, e *endpoint, badge uint64) (woken *thread) {
	t.sequence++
	t.badge = badge
	if t.frame != nil {
		k.fillFrame(t)
	}
	if e == nil && t == k.root {
		rootDied(t)
	}
	if e == nil || e.receivers == 0 {
		t.state, t.at = threadStuck, nil
		return nil
	}
	t.at = e
	w := e.waiter
	if w == nil {
		t.state = threadQueued
		e.queue.push(t)
		return nil
	}
	k.deliver(t, w)
	t.state = threadDelivered
	e.waiter = nil
	return w
}

// fillFrame writes the trapped program's registers and the event to its frame.
func (k *kernel) fillFrame(t *thread) {
	t.Publish(t.frame)
	f := &t.frame.Event
	f.Kind, f.Vector, f.Flags = uint16(t.event.kind), 0, 0
	f.Thread, f.Generation, f.Sequence = t.number, t.generation, t.sequence
	f.Badge, f.Time = t.badge, k.now
	f.UserTime = k.clock.Duration(t.userTicks)
	if t.event.kind == ipc.EventSyscall {
		return
	}
	f.Address, f.Error, f.DebugStatus = t.Address, t.Code, 0
	if t.event.kind == ipc.EventException {
		f.Vector = uint16(t.event.a)
		if t.IsDebug() {
			f.DebugStatus = t.DebugStatus()
		}
	}
}

// deliver puts a thread's event into the registers of the server that receives it.
func (k *kernel) deliver(t, w *thread) {
	a, b := t.event.a, t.event.b
	if t.event.kind == ipc.EventMessage {
		a, b = k.transfer(t, w, a, b)
	}
	w.SetEvent(uint64(t.event.kind), t.badge, t.name(), t.sequence, uint64(k.now), a, b)
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
		t.state = threadDelivered
	default:
		return false
	}
	e.waiter = nil
	return true
}

// wait makes server t receive at e; false: it has to wait, and may not run.
func (k *kernel) wait(t *thread, e *endpoint) bool {
	e.owner = t.name()
	if k.receive(t, e) {
		return true
	}
	e.waiter = t
	t.state, t.at = threadWaiting, e
	return false
}

// notify sets bits at e and wakes its waiter.
func (k *kernel) notify(e *endpoint, bits uint64) {
	e.bits |= bits
	if w := e.waiter; w != nil && e.bits != 0 {
		k.receive(w, e)
		k.makeReady(w)
	}
}
