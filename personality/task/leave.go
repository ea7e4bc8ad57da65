package task

import (
	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
)

// leave brings a thread back to user mode: stops, then signals one after the other,
// then the decision about an interrupted call. The order is that of
// Linux's exit_to_user_mode_loop.
func (k *Core) leave(t *Thread) {
	if t.attention&(AttendProbe|AttendExit) == AttendProbe {
		k.resume(t)
		return
	}
	for t.attention&attendLeaving != 0 {
		switch {
		case t.attention&AttendExit != 0:
			t.become(Exiting)
			return
		case t.attention&(AttendEvent|AttendReturn) != 0:
			if k.returned(t) {
				return
			}
			continue
		case t.attention&AttendStop != 0:
			k.joinGroupStop(t)
			return
		case t.attention&AttendTrap != 0:
			k.trapNow(t)
			return
		case t.attention&AttendUnstep != 0:
			t.attention &^= AttendUnstep
			isa.StopStep(t.frame, true)
			t.Change(ipc.MaskControl)
			continue
		}
		i := &k.taking
		if k.take(t, i) && (t.trace != nil && k.holdForSignal(t, i) || !k.deliver(t, i)) {
			return
		}
	}
	k.restartPlain(t)
	if t.RestoreMask {
		t.restoreMask()
		if t.attention&AttendSignals != 0 {
			k.leave(t)
			return
		}
	}
	if t.attention&AttendRseq != 0 {
		k.preempted(t)
		if t.attention&AttendSignals != 0 {
			k.leave(t)
			return
		}
	}
	k.resume(t)
}

// next is the signal to be delivered next, 0 if there is none: thread-directed before
// process-directed, what an instruction caused before all.
func (t *Thread) next() int32 {
	q := t.nextQueue()
	return (q.Pending &^ t.Blocked()).Next()
}

func (t *Thread) nextQueue() *signal.Queue {
	own, shared := t.Signals.Pending&^t.Blocked(), t.Proc.Signals.Pending&^t.Blocked()
	if own&signal.Synchronous != 0 || own != 0 && shared&signal.Synchronous == 0 {
		return &t.Signals
	}
	return &t.Proc.Signals
}

// take moves the signal to be delivered next to i; false: there is none.
func (k *Core) take(t *Thread, i *signal.Info) bool {
	ok := t.nextQueue().Take(t.Blocked(), i)
	t.recalculate()
	if ok {
		k.taken(t, i)
	}
	return ok
}

// recalculate keeps AttendSignals true to the pending signals.
func (t *Thread) recalculate() {
	if (t.Signals.Pending|t.Proc.Signals.Pending)&^t.Blocked() != 0 {
		t.attention |= AttendSignals
	} else {
		t.attention &^= AttendSignals
	}
}

// setMask changes the signal mask. SIGKILL and SIGSTOP cannot be blocked.
func (t *Thread) setMask(m signal.Set) {
	t.Mask = uint64(m &^ signal.Unblockable)
	t.recalculate()
}

// SetMask changes the signal mask of a thread (sigprocmask(2)). Signals of the process
// that it now blocks may be taken by another thread.
func (k *Core) SetMask(t *Thread, m signal.Set) {
	left := t.Proc.Signals.Pending & m &^ t.Blocked()
	t.setMask(m)
	if left != 0 && len(t.Proc.threads) > 1 {
		k.retarget(t, left)
	}
}

func (t *Thread) setTemporaryMask(m uint64) {
	if !t.RestoreMask {
		t.SavedMask, t.RestoreMask = t.Mask, true
		t.attention |= AttendMask
	}
	t.setMask(signal.Set(m))
}

func (t *Thread) restoreMask() {
	t.KeepMask()
	t.setMask(signal.Set(t.SavedMask))
}

// KeepMask makes the mask of the moment the thread's own: no other comes back.
func (t *Thread) KeepMask() {
	t.RestoreMask = false
	t.attention &^= AttendMask
}
