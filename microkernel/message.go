package microkernel

import (
	"starling/arch/cpu"
	"starling/ipc"
	"starling/ipc/callnum"
)

// transfer copies a message of n bytes and a capability, 0 for none, from one
// server to another, and returns what the receiver sees of both. A capability
// that was deleted since the call, or finds no place, does not arrive.
func (k *kernel) transfer(from, to *thread, n, handle uint64) (length, got uint64) {
	copy(to.server.buffer[:n], from.server.buffer[:n])
	if handle == 0 {
		return n, 0
	}
	c := from.server.find(handle)
	if c.kind == capNone {
		return n, 0
	}
	copied := copyCapability(c)
	h, err := k.insert(to.server, copied)
	if err != 0 {
		k.dropCapability(&copied)
		return n, 0
	}
	return n, uint64(h)
}

// sendable checks length and capability of a message that t sends.
func sendable(t *thread, n, handle uint64) ipc.Error {
	if n > ipc.MessageSize {
		return ipc.ErrTruncated
	}
	if handle != 0 && t.server.find(handle).kind == capNone {
		return ipc.ErrCapability
	}
	return 0
}

// callCall sends a message and waits for the answer.
func (k *kernel) callCall(t *thread) *thread {
	c, err := k.find(t, t.Argument(0), capEndpoint, rightSend)
	if err == 0 && c.endpoint().receivers == 0 {
		err = ipc.ErrGone
	}
	if err == 0 {
		err = sendable(t, t.Argument(1), t.Argument(2))
	}
	if err != 0 {
		return k.finish(t, err)
	}
	t.setEvent(ipc.EventMessage, t.Argument(1), t.Argument(2))
	return k.prefer(k.post(t, c.endpoint(), c.badge))
}

// answered finds the thread whose event the running server t answers.
func (k *kernel) answered(t *thread, name, sequence uint64) (*thread, ipc.Error) {
	to := k.threads.find(name)
	if to == nil || to.State != cpu.StateDelivered || to.Sequence != sequence || endpointAt(to).owner != t.Name {
		return nil, ipc.ErrStale
	}
	return to, 0
}

// answer answers a message; the caller may run then.
func (k *kernel) answer(t *thread, name, sequence, n, handle uint64) (*thread, ipc.Error) {
	to, err := k.answered(t, name, sequence)
	if err != 0 {
		return nil, err
	}
	if !to.is(ipc.EventMessage) {
		return nil, ipc.ErrState
	}
	if err := sendable(t, n, handle); err != 0 {
		return nil, err
	}
	length, got := k.transfer(t, to, n, handle)
	to.SetResults(0, length, got)
	return to, 0
}

// reply answers a trap. woken is a thread that may run now: the one that trapped,
// or a server that its next event went to.
func (k *kernel) reply(t *thread, name, sequence, packed uint64) (woken *thread, err ipc.Error) {
	to, err := k.answered(t, name, sequence)
	if err != 0 {
		return nil, err
	}
	action := ipc.Action(packed & 0xff)
	mask := ipc.Mask(packed >> callnum.ReplyMaskShift)
	class := packed >> callnum.ReplyClassShift
	if to.is(ipc.EventMessage) {
		return nil, ipc.ErrState
	}
	if action > ipc.ActionForward || mask&^maskAll != 0 || class > uint64(ipc.FaultOutOfMemory) || mask != 0 && to.Frame == nil {
		return nil, ipc.ErrInvalid
	}
	if action == ipc.ActionForward && (!to.is(ipc.EventFault) || to.B>>classShift != 0 || class == 0) {
		return nil, ipc.ErrInvalid
	}
	to.Long()
	to.take(mask)
	switch action {
	case ipc.ActionResume:
		return k.release(to), 0
	case ipc.ActionResumeReport:
		to.recalled = to.Frame != nil
		return k.release(to), 0
	case ipc.ActionKill:
		k.destroyThread(to)
	case ipc.ActionForward:
		return k.forward(to, class), 0
	}
	return nil, 0
}

// take takes register groups from the frame of a program.
func (t *thread) take(mask ipc.Mask) {
	if mask != 0 {
		t.Take(t.Frame, cpuGroup(mask))
	}
}

// classShift is where the verdict is in argument 1 of a fault event.
const classShift = 8

// forward hands a fault on to the trap endpoint with the pager's verdict.
func (k *kernel) forward(t *thread, class uint64) *thread {
	t.B |= class << classShift
	if t.server != nil {
		k.failClients(t)
	}
	woken := k.post(t, t.trapTo, t.trapBadge)
	if t.Frame != nil {
		t.Frame.Event.Flags = uint32(class)
	}
	return woken
}

// release lets a stopped thread go on: it is returned to run, unless it has to
// report, or its instruction pointer is one that cannot be returned to.
func (k *kernel) release(t *thread) *thread {
	switch {
	case t.recalled:
		t.recalled = false
		t.setEvent(ipc.EventReport, 0, 0)
	case t.Frame != nil && t.BadJump():
		t.SetProtectionFault()
		t.setEvent(ipc.EventException, t.Trap, t.Code)
	default:
		t.State, t.At = cpu.StateReady, nil
		return t
	}
	return k.post(t, t.trapTo, t.trapBadge)
}

// callReply is Reply and Answer.
func (k *kernel) callReply(t *thread) *thread {
	woken, err := k.respond(t, 0, t.Number() == callnum.Reply)
	k.wake(woken)
	return k.finish(t, err)
}

// callWait is Wait, ReplyWait and AnswerWait.
func (k *kernel) callWait(t *thread) *thread {
	e, err := k.waitable(t)
	var woken *thread
	if n := t.Number(); err == 0 && n != callnum.Wait {
		woken, err = k.respond(t, 1, n == callnum.ReplyWait)
	}
	if err != 0 {
		return k.finish(t, err)
	}
	return k.waitAfter(t, e, woken)
}

// respond replies or answers; the arguments begin at first.
func (k *kernel) respond(t *thread, first int, reply bool) (woken *thread, err ipc.Error) {
	if reply {
		return k.reply(t, t.Argument(first), t.Argument(first+1), t.Argument(first+2))
	}
	return k.answer(t, t.Argument(first), t.Argument(first+1), t.Argument(first+2), t.Argument(first+3))
}

// waitable is the endpoint that t wants to wait at.
func (k *kernel) waitable(t *thread) (*endpoint, ipc.Error) {
	c, err := k.find(t, t.Argument(0), capEndpoint, rightReceive)
	if err != 0 {
		return nil, err
	}
	if c.endpoint().Waiter != nil {
		return nil, ipc.ErrState
	}
	return c.endpoint(), 0
}

// waitAfter makes t receive at e. With nothing to receive, the thread that its
// reply has woken runs at once.
func (k *kernel) waitAfter(t *thread, e *endpoint, woken *thread) *thread {
	t.WaitGate, t.WaitHandle = &e.Gate, t.Argument(0)
	if k.wait(t, e) {
		k.wake(woken)
		return k.prefer(t)
	}
	return k.prefer(woken)
}
