package sim

import (
	"starling/ipc"
	"starling/ipc/planted"
)

// raise hands one event of a program to the endpoint that handles it: saves the
// registers in the frame, fills its header, queues the thread.
func (t *Thread) raise(kind ipc.EventKind, vector uint16, address, code uint64, access ipc.Access) {
	t.pay()
	ep, badge := t.trapEndpoint, t.trapBadge
	if kind == ipc.EventFault {
		ep, badge = t.faultEndpoint, t.faultBadge
		t.k.stats.Faults++
	}
	if kind == ipc.EventSyscall {
		t.k.stats.Syscalls++
	} else {
		t.regs.OrigAX = noCall
	}
	t.sequence++
	t.event = ipc.Event{Kind: kind, Vector: vector, Badge: badge, Token: t.Token()}
	switch kind {
	case ipc.EventFault:
		t.event.Address, t.event.Access = address, access
	case ipc.EventException:
		t.event.Error = code
	}
	t.put(ipc.MaskGeneral | ipc.MaskControl)
	f := &t.frame.Regs // the other selectors are not written at traps
	f.CS, f.SS, f.FSBase, f.GSBase = t.regs.CS, t.regs.SS, t.regs.FSBase, t.regs.GSBase
	h := &t.frame.Event
	h.Kind, h.Vector, h.Flags = uint16(kind), 0, 0
	if kind == ipc.EventException {
		h.Vector = vector
	}
	h.Thread, h.Generation, h.Sequence, h.Badge = t.number, t.generation, t.sequence, badge
	h.Time, h.Address, h.Error = t.k.now, address, code
	h.UserTime, h.DebugStatus = t.userTime, t.debugStatus
	t.debugStatus = 0
	t.queueAt(ep)
}

// queueAt queues the thread's event. Without a receiver the thread is parked for
// ever: only destroying it helps.
func (t *Thread) queueAt(ep *endpoint) {
	if ep == nil || ep.receivers == 0 {
		t.state, t.at = stuck, nil
		return
	}
	ep.push(t)
}

// forward hands a fault on to the trap endpoint with the pager's verdict.
func (t *Thread) forward(class ipc.FaultClass) {
	t.sequence++
	t.event.Badge, t.event.Class, t.event.Token = t.trapBadge, class, t.Token()
	t.k.touch(t.framePhys)
	h := &t.frame.Event
	h.Sequence, h.Badge, h.Time, h.Flags = t.sequence, t.trapBadge, t.k.now, uint32(class)
	t.queueAt(t.trapEndpoint)
}

// Reply implements ipc.Transport.
func (tr *Transport) Reply(r ipc.Reply) error {
	tr.enter()
	if tr.k.lab != nil {
		if done, err := tr.k.lab.reply(tr, r); done {
			return err
		}
	}
	return tr.replyOnce(r)
}

// replyOnce is a reply as the kernel takes it.
func (tr *Transport) replyOnce(r ipc.Reply) error {
	t, err := tr.parked(r.Token)
	if err != nil {
		return err
	}
	if t.server != nil {
		return ipc.ErrState // a call is answered with Answer
	}
	if r.Mask&^maskAll != 0 || r.Action > ipc.ActionYield || r.Class > ipc.FaultOutOfMemory {
		return ipc.ErrInvalid
	}
	if r.Action == ipc.ActionForward && (t.event.Kind != ipc.EventFault || t.event.Class != ipc.FaultNone || r.Class == ipc.FaultNone) {
		return ipc.ErrInvalid
	}
	tr.k.tapReply(tr, t, &r)
	if tr.k.lab != nil {
		tr.k.lab.take(t, r.Mask)
	} else {
		t.take(r.Mask)
	}
	switch r.Action {
	case ipc.ActionResumeReport:
		t.recall = true
		fallthrough
	case ipc.ActionResume:
		tr.k.release(t)
		tr.k.last = t
	case ipc.ActionYield:
		tr.k.release(t)
	case ipc.ActionKill:
		tr.k.destroyThread(t)
	case ipc.ActionForward:
		t.forward(r.Class)
	}
	return nil
}

// parked finds the thread whose event, received by tr, the token names.
func (tr *Transport) parked(tok ipc.Token) (*Thread, error) {
	k := tr.k
	if tok.Thread == 0 || int(tok.Thread) >= len(k.threads) {
		return nil, ipc.ErrStale
	}
	t := k.threads[tok.Thread]
	if t.generation != tok.Generation && !planted.StaleGeneration {
		return nil, ipc.ErrStale
	}
	if planted.DoubleReply && t.state == ready && t.sequence == tok.Sequence {
		tr.k.unready(t)
		return t, nil
	}
	if t.sequence != tok.Sequence || t.state != waiting || t.at.receiver != tr {
		return nil, ipc.ErrStale
	}
	return t, nil
}

// release lets a stopped program go on, unless it has to report, or its
// instruction pointer is one that cannot be returned to.
func (k *Kernel) release(t *Thread) {
	switch {
	case t.recall:
		t.recall = false
		t.raise(ipc.EventReport, 0, 0, 0, 0)
	case !canonical(t.regs.IP):
		t.raise(ipc.EventException, vectorGP, 0, 0, 0)
	default:
		t.state, t.at = ready, nil
		k.ready = append(k.ready, t)
	}
}

func (k *Kernel) unready(t *Thread) {
	for i := len(k.ready) - 1; i >= 0; i-- {
		if k.ready[i] == t {
			k.ready = append(k.ready[:i], k.ready[i+1:]...)
			return
		}
	}
}
