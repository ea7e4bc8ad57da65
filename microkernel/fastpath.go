package microkernel

import (
	"starling/ipc"
	"starling/ipc/callnum"
)

// The way of a system call to a server that waits for it, and of its reply, is
// written out here once more: it is most of what the kernel does. Each bail-out
// leaves everything as it was and goes to the way that handles all cases
// (trapped, callReplyWait); what is done here is what would be done there.

// fastSyscall hands the system call of a program to the server that waits for it,
// nil if the long way is needed.
func (k *kernel) fastSyscall(t *thread) *thread {
	e := t.trapTo
	if e == nil {
		return nil // nobody to hand it to
	}
	w := e.waiter
	if w == nil {
		return nil // the server is busy: queue
	}
	if k.ready&w.above != 0 {
		return nil // something more important comes first
	}
	t.sequence++
	t.badge = t.trapBadge
	t.event.kind = ipc.EventSyscall
	k.fillFrame(t)
	w.SetEvent(uint64(ipc.EventSyscall), t.trapBadge, t.name(), t.sequence, uint64(k.now), 0, 0)
	t.state, t.at = threadDelivered, e
	w.state, w.at = threadReady, nil
	e.waiter = nil
	return w
}

// fastReplyWait resumes a program and makes the server wait where nothing has
// arrived in the meantime, nil if the long way is needed.
func (k *kernel) fastReplyWait(t *thread) *thread {
	c := t.server.find(t.Argument(0))
	if c.kind != capEndpoint || c.rights&rightReceive == 0 {
		return nil
	}
	e := (*endpoint)(c.object)
	if e.queue.head != nil || e.bits != 0 || e.deadline <= k.now || e.waiter != nil {
		return nil // there is something to receive, or somebody who receives
	}
	to := k.threads.find(t.Argument(1))
	if to == nil || to.state != threadDelivered || to.sequence != t.Argument(2) || to.at != e || e.owner != t.name() {
		return nil
	}
	packed := t.Argument(3)
	mask := ipc.Mask(packed >> callnum.ReplyMaskShift)
	if packed&^(uint64(maskAll)<<callnum.ReplyMaskShift) != 0 || ipc.ActionResume != 0 {
		return nil // more than a plain resume
	}
	if to.frame == nil || to.event.kind == ipc.EventMessage || to.recalled || mask&ipc.MaskControl != 0 {
		return nil
	}
	if k.ready&to.above != 0 || k.expired && k.ready != 0 {
		return nil // others come first
	}
	to.take(mask)
	to.state, to.at = threadReady, nil
	e.waiter = t
	t.state, t.at = threadWaiting, e
	return to
}
