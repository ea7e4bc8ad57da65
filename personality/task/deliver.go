package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
)

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
	if a.Flags&signal.ResetHand != 0 || t.ThreadT.Rseq != 0 {
		act := *a // what counts is what is installed now
		if act.Flags&signal.ResetHand != 0 {
			a.Handler = signal.Dfl
		}
		a = &act
	}
	if isa.InCall(t.frame) && isa.Result(t.frame) < 0 {
		k.restartHandled(t, a)
	}
	if t.trace != nil && t.trace.steps() {
		t.endStep(t.trace) // the frame shows the program's own flags
		if !k.handle(t, i, a) {
			return true
		}
		k.steppedIntoHandler(t)
		return false
	}
	k.handle(t, i, a)
	return true
}

// handle makes the handler of a signal what the thread does next. False: it cannot run.
func (k *Core) handle(t *Thread, i *signal.Info, a *signal.Action) bool {
	if t.ThreadT.Rseq != 0 && !k.cutOff(t) {
		k.cannotHandle(t, i) // and the frame is made, for that signal to interrupt
	}
	if !k.pushFrame(t, i, a) {
		t.KeepMask()
		k.cannotHandle(t, i)
		return false
	}
	t.live = 0 // more may come before the thread goes on
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

// pushFrame writes the signal frame, points the thread at its handler and blocks what that wants blocked. False
// when the frame cannot be written.
func (k *Core) pushFrame(t *Thread, i *signal.Info, a *signal.Action) bool {
	if a.Flags&signal.Restorer == 0 {
		return false // the instruction set has no other way back
	}
	f := t.frame
	top, state, onAlt := isa.BelowRedZone(isa.SP(f)), int32(ssDisable), false
	if t.AltSize != 0 {
		top, state, onAlt = t.handlerStack(a.Flags&signal.OnStack != 0)
	}
	at, fp := isa.PlaceSignal(&k.CPU, top)
	if at > top || onAlt && (at < t.AltBase || at-t.AltBase >= t.AltSize) {
		return false
	}
	var s *isa.SignalFrame
	var area *isa.FPArea
	if page := t.MM.Page(at, ipc.Write); page != nil {
		s, area = isa.SignalFrameOn(&k.CPU, page, at, fp)
	}
	if s == nil {
		if s, area = k.frameApart(t, at, fp); s == nil {
			return false
		}
	}

	s.Restorer = a.Restorer
	s.Alt.Base = t.AltBase
	s.Alt.Flags = t.AltFlags&altDisarm | state
	s.Alt.Size = t.AltSize
	s.Mask = t.Mask
	if t.RestoreMask {
		s.Mask = t.SavedMask
		t.KeepMask()
	}
	isa.SetFault(s, t.FaultAddress, t.FaultError, t.FaultVector)
	i.Put(&s.Info)
	if !isa.Native(f) {
		k.syncSelectors(t)
		t.Change(ipc.MaskSegments)
	}
	isa.EnterHandler(f, s, at, fp, i.Signo, a.Handler)
	if isa.Live(f) && t.changed&ipc.MaskFP == 0 && k.saver != nil && k.saver.EventSave(&t.token, area.Address()) {
		isa.SavedFP(&k.CPU, f, area)
		t.live = k.initialFP.Address()
	} else {
		k.syncFP(t)
		isa.SaveFP(&k.CPU, f, area)
	}
	t.changed |= ipc.MaskGeneral | ipc.MaskControl | ipc.MaskFP
	if k.apart.used() {
		k.apart.spread()
	}
	if t.AltFlags&altDisarm != 0 {
		t.AltBase, t.AltSize, t.AltFlags = 0, 0, ssDisable
	}
	m := t.Blocked() | a.Mask
	if a.Flags&signal.NoDefer == 0 {
		m |= signal.Bit(i.Signo)
	}
	if t.Signals.Pending|t.Proc.Signals.Pending == 0 {
		t.Mask = uint64(m &^ signal.Unblockable) // nothing that this could hold back
		t.attention &^= AttendSignals
	} else {
		k.SetMask(t, m)
	}
	return true
}

// apart has room for the parts of a signal frame while it is made that lies in two pages of a program. What
// Linux leaves alone in a frame stays 0 here.
type apart struct {
	frame []byte // aligned for words, as area is
	area  []byte // the floating-point area, to be at bytes after the frame

	low, high []byte // of the program
	at        int
}

// frameApart is where to write a signal frame that is placed at at, and its floating-point area, which is placed at fp, when they
// do not lie in one page, or none that is present: beside the program, for spread. Nil: it cannot be written.
func (k *Core) frameApart(t *Thread, at, fp uint64) (*isa.SignalFrame, *isa.FPArea) {
	low, high, e := t.MM.Pair(at, isa.SignalSize(&k.CPU, at, fp), ipc.Write)
	for e == unix.ENOMEM && k.relieve(t) {
		low, high, e = t.MM.Pair(at, isa.SignalSize(&k.CPU, at, fp), ipc.Write)
	}
	if e != 0 {
		return nil, nil
	}
	k.apart.low, k.apart.high, k.apart.at = low, high, int(fp-at)
	return isa.SignalFrameIn(k.apart.frame), isa.FPAreaIn(&k.CPU, k.apart.area)
}

// used reports whether something is here to be spread.
func (a *apart) used() bool { return a.low != nil }

// spread copies what is here to the program.
func (a *apart) spread() {
	write := func(b []byte, at int) {
		if at < len(a.low) {
			n := copy(a.low[at:], b)
			b, at = b[n:], at+n
		}
		copy(a.high[max(0, at-len(a.low)):], b)
	}
	write(a.frame, 0)
	write(a.area, a.at)
	a.low, a.high = nil, nil
}
