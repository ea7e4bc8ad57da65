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
	if action > ipc.ActionYield || mask&^maskAll != 0 || class > uint64(ipc.FaultOutOfMemory) || mask != 0 && to.Frame == nil {
		return nil, ipc.ErrInvalid
	}
	if action == ipc.ActionForward && (!to.is(ipc.EventFault) || to.B>>classShift != 0 || class == 0) {
		return nil, ipc.ErrInvalid
	}
	to.Long()
	if mask != 0 {
		to.Take(to.Frame, cpuGroup(mask))
	}
	switch action {
	case ipc.ActionResume, ipc.ActionResumeReport:
		to.Recalled = to.Recalled || action == ipc.ActionResumeReport && to.Frame != nil
		to.State, to.At = cpu.StateReady, nil
		return to, 0
	case ipc.ActionYield:
		k.makeReady(to)
	case ipc.ActionKill:
		k.destroyThread(to)
	case ipc.ActionForward:
		return k.forward(to, class), 0
	}
	return nil, 0
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

// callWait is Wait, and Reply and Answer with and without it. With nothing to receive, the
// thread that the last reply has woken runs at once.
func (k *kernel) callWait(t *thread, n uint64) *thread {
	var e *endpoint
	if n != callnum.Reply && n != callnum.Answer {
		h := t.Argument(0)
		if h == 0 || h != t.WaitHandle { // else it waits where it did the last time
			c, err := k.find(t, h, capEndpoint, rightReceive)
			if err != 0 {
				return k.finish(t, err)
			}
			t.WaitGate, t.WaitHandle = &c.endpoint().Gate, h
		}
		if e = endpointOf(t.WaitGate); e.Waiter != nil {
			return k.finish(t, ipc.ErrState)
		}
	}
	var woken *thread
	var first, err ipc.Error
	switch name, sequence, word := t.Argument(1), t.Argument(2), t.Argument(3); n {
	case callnum.RepliesWait:
		woken, first = k.reply(t, t.Argument(4), t.Argument(5), word>>callnum.ReplyFirstShift)
		k.makeReady(woken)
		word &= 1<<callnum.ReplyFirstShift - 1
		fallthrough
	case callnum.Reply, callnum.ReplyWait:
		if woken, err = k.reply(t, name, sequence, word); err == 0 {
			err = first
		}
	case callnum.Answer, callnum.AnswerWait:
		woken, err = k.answer(t, name, sequence, word, t.Argument(4))
	}
	if e == nil || err != 0 {
		k.makeReady(woken)
		return k.finish(t, err)
	}
	e.Owner, e.owner = &t.Context, t.Name
	if k.receive(t, e) {
		k.makeReady(woken)
		return k.prefer(t)
	}
	e.Waiter = &t.Context
	t.State, t.At = cpu.StateWaiting, &e.Gate
	return k.prefer(woken)
}
