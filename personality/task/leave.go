package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/usermem"
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
		var i signal.Info
		if k.take(t, &i) && (k.holdForSignal(t, &i) || !k.deliver(t, &i)) {
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
	blockedNow := m &^ t.Blocked()
	t.setMask(m)
	if left := t.Proc.Signals.Pending & blockedNow; left != 0 && len(t.Proc.threads) > 1 {
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

// deliver acts on a signal that was taken. It reports whether the thread goes on
// leaving; if not, it is in another state now.
func (k *Core) deliver(t *Thread, i *signal.Info) bool {
	a := t.Handlers.Of(i.Signo)
	switch a.Handler {
	case signal.Ign:
		return true
	case signal.Dfl:
		return k.deliverDefault(t, i)
	}
	act := *a
	if act.Flags&signal.ResetHand != 0 {
		a.Handler = signal.Dfl
	}
	k.restartHandled(t, &act)
	stepped := t.trace != nil && t.trace.steps()
	if stepped {
		t.endStep(t.trace) // the frame shows the program's own flags
	}
	if t.ThreadT.Rseq != 0 && !k.cutOff(t) {
		k.cannotHandle(t, i) // and the frame is made, for that signal to interrupt
	}
	pushed := k.pushFrame(t, i, &act)
	t.KeepMask()
	if !pushed {
		k.cannotHandle(t, i)
		return true
	}
	m := t.Blocked() | signal.Set(act.Mask)
	if act.Flags&signal.NoDefer == 0 {
		m |= signal.Bit(i.Signo)
	}
	k.SetMask(t, m)
	if stepped {
		k.steppedIntoHandler(t)
		return false
	}
	return true
}

// cannotHandle is for a signal whose handler cannot run: SIGSEGV instead, which kills if it was that
// signal.
func (k *Core) cannotHandle(t *Thread, i *signal.Info) {
	if i.Signo == int32(unix.SIGSEGV) {
		t.Handlers.Of(i.Signo).Handler = signal.Dfl
	}
	k.Force(t, signal.Kernel(int32(unix.SIGSEGV)))
}

// deliverDefault is signal(7)'s default action.
func (k *Core) deliverDefault(t *Thread, i *signal.Info) bool {
	p := t.Proc
	switch signal.DefaultOf(i.Signo) {
	case signal.Ignore, signal.Continue:
		return true
	case signal.Stop:
		if i.Signo != int32(unix.SIGSTOP) && k.GroupOrphaned(p.Group) || t.continued() {
			return true
		}
		k.startGroupStop(p, i.Signo)
		return true
	}
	if p == k.Init {
		return true
	}
	k.endBySignal(t, i)
	t.become(Exiting)
	return false
}

// pushFrame writes the signal frame and points the thread at its handler. False
// when the frame cannot be written.
func (k *Core) pushFrame(t *Thread, i *signal.Info, a *signal.Action) bool {
	f := t.frame
	if a.Flags&signal.Restorer == 0 {
		return false // the instruction set has no other way back
	}
	k.syncFP(t)
	s := &k.sigframe
	s.Signal, s.Handler, s.Restorer = i.Signo, a.Handler, a.Restorer
	s.Mask = t.Mask
	if t.RestoreMask {
		s.Mask = t.SavedMask
	}
	sp := isa.SP(f)
	state := t.altState(sp)
	s.Alt.Base, s.Alt.Size, s.Alt.Flags = t.AltBase, t.AltSize, t.AltFlags&altDisarm|state
	s.Fault.Address, s.Fault.Error, s.Fault.Vector = t.FaultAddress, t.FaultError, t.FaultVector
	s.Errno, s.Code = i.Errno, i.Code
	s.Payload = i.Payload

	sp, onAlt := isa.BelowRedZone(sp), state == ssOnStack
	if a.Flags&signal.OnStack != 0 && state == 0 {
		sp, onAlt = t.AltBase+t.AltSize, true
	}
	at, fp := isa.PlaceSignal(&k.CPU, sp)
	if at > sp || onAlt && (at < t.AltBase || at-t.AltBase >= t.AltSize) {
		return false
	}
	low, high, e := t.MM.Pair(at, isa.SignalSize(&k.CPU, at, fp), ipc.Write)
	for e == unix.ENOMEM && k.relieve(t) {
		low, high, e = t.MM.Pair(at, isa.SignalSize(&k.CPU, at, fp), ipc.Write)
	}
	if e != 0 {
		return false
	}
	isa.BuildSignal(&k.CPU, f, s, at, fp, low, high)
	mask := ipc.MaskGeneral | ipc.MaskControl
	if !isa.Native(f) {
		k.syncSelectors(t)
		mask |= ipc.MaskSegments
	}
	isa.EnterHandler(f, s, at)
	t.Change(mask)
	if t.AltFlags&altDisarm != 0 {
		t.AltBase, t.AltSize, t.AltFlags = 0, 0, ssDisable
	}
	return true
}

// SS_ONSTACK and SS_DISABLE of sigaltstack(2).
const (
	ssOnStack = 1
	ssDisable = 2
)

// altDisarm is SS_AUTODISARM of sigaltstack(2).
const altDisarm = -1 << 31

// onAltStack reports whether sp is on the alternate stack. With SS_AUTODISARM it never
// counts as that.
func (t *Thread) onAltStack(sp uint64) bool {
	return t.AltFlags&altDisarm == 0 && t.AltSize != 0 && sp > t.AltBase && sp-t.AltBase <= t.AltSize
}

// altState is the SS_ONSTACK and SS_DISABLE of the moment.
func (t *Thread) altState(sp uint64) int32 {
	switch {
	case t.AltSize == 0:
		return ssDisable
	case t.onAltStack(sp):
		return ssOnStack
	}
	return 0
}

// AltStack is sigaltstack(2)'s old value.
func (t *Thread) AltStack() isa.AltStack {
	return isa.AltStack{Base: t.AltBase, Size: t.AltSize, Flags: t.AltFlags&altDisarm | t.altState(isa.SP(t.frame))}
}

// SetAltStack is sigaltstack(2)'s new value.
func (t *Thread) SetAltStack(a isa.AltStack, minimum uint64) unix.Errno {
	if t.onAltStack(isa.SP(t.frame)) {
		return unix.EPERM
	}
	switch mode := a.Flags &^ altDisarm; mode {
	case ssDisable:
		t.AltBase, t.AltSize, t.AltFlags = 0, 0, a.Flags
		return 0
	case 0, ssOnStack:
	default:
		return unix.EINVAL
	}
	if a.Size < minimum {
		return unix.ENOMEM
	}
	t.AltBase, t.AltSize, t.AltFlags = a.Base, a.Size, a.Flags
	return 0
}

// SignalReturn is rt_sigreturn(2). A frame that makes no sense is SIGSEGV.
func SignalReturn(c *Call) Result {
	k, t := c.K, c.T
	f := t.frame
	t.DisarmRestart()
	at := isa.SignalReturn(f)
	b, e := t.MM.Span(at, isa.PageSize, ipc.Read) // most often all of the frame
	if len(b) < isa.SignalContextSize || at%wordSize != 0 {
		b = k.scratch[:isa.SignalContextSize]
		_, e = usermem.CopyIn(t.MM, b, at)
	}
	if e != 0 {
		return k.badFrame(t)
	}
	r := &k.restored
	mask := ipc.MaskGeneral | ipc.MaskControl | ipc.MaskFP
	if isa.ChangesCode(f, b) {
		k.syncSelectors(t)
		mask |= ipc.MaskSegments
	}
	isa.RestoreSignal(f, b, r)
	t.Change(mask)
	t.setMask(signal.Set(r.Mask))
	if !k.restoreFP(t, r.FP, b, at) {
		return k.badFrame(t)
	}
	t.SetAltStack(r.Alt, 0)
	if r.BadSegment {
		// The registers are restored, and the return to them faults.
		t.FaultError, t.FaultVector = r.Selector, isa.ProtectionVector
		k.Force(t, signal.Kernel(int32(unix.SIGSEGV)))
	}
	return NoReturn
}

const wordSize = 8

// restoreFP takes the floating-point state from the area at va; 0: the initial state, which
// is what is left of an area that cannot be read, too. Most often it is in the bytes at from, which
// are the rest of a page.
func (k *Core) restoreFP(t *Thread, va uint64, page []byte, from uint64) bool {
	if off := va - from; va%isa.FPAlign == 0 && off < uint64(len(page)) && uint64(len(page))-off >= uint64(isa.FPAreaSize(&k.CPU)) {
		area := page[off:]
		return isa.RestoreFP(&k.CPU, t.frame, area, nil, isa.FPSize(&k.CPU, area, nil))
	}
	if va == 0 {
		isa.ResetFP(t.frame)
		return true
	}
	if va%isa.FPAlign == 0 {
		// As large as this processor makes it, it can most often be read where it is.
		low, high, e := t.MM.Pair(va, isa.FPAreaSize(&k.CPU), ipc.Read)
		if e == 0 {
			return isa.RestoreFP(&k.CPU, t.frame, low, high, isa.FPSize(&k.CPU, low, high))
		}
	}
	b := k.scratch
	if _, e := usermem.CopyIn(t.MM, b[:isa.FPHeaderSize], va); e == 0 {
		n := isa.FPSize(&k.CPU, b, nil)
		if _, e = usermem.CopyIn(t.MM, b[:n], va); e == 0 {
			return isa.RestoreFP(&k.CPU, t.frame, b, nil, n)
		}
	}
	isa.ResetFP(t.frame)
	return false
}

func (k *Core) badFrame(t *Thread) Result {
	isa.SetNumber(t.frame, isa.NoCall)
	t.Change(ipc.MaskGeneral)
	k.Force(t, signal.Kernel(int32(unix.SIGSEGV)))
	return NoReturn
}
