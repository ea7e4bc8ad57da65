package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/usermem"
)

// SignalReturn is rt_sigreturn(2). A frame that makes no sense is SIGSEGV.
func SignalReturn(c *Call) Result {
	k, t := c.K, c.T
	f := t.frame
	t.DisarmRestart()
	at := isa.SignalReturn(f)
	page := t.MM.Page(at, ipc.Read) // most often all of the frame
	var u *isa.SignalContext
	if page != nil {
		u = isa.SignalContextOn(page, at)
	}
	if u == nil {
		if u = k.copyContext(t, at); u == nil {
			return k.badFrame(t)
		}
	}
	if isa.ChangesCode(f, u) {
		k.syncSelectors(t)
		t.Change(ipc.MaskSegments)
	}
	selector, ok := isa.RestoreSignal(f, u)
	t.changed |= ipc.MaskGeneral | ipc.MaskControl | ipc.MaskFP
	t.setMask(signal.Set(u.Mask))

	fp, whole := isa.FPOf(u), false
	if page != nil && fp/isa.PageSize == at/isa.PageSize {
		if area := isa.FPAreaOn(&k.CPU, page, fp); area != nil {
			if ok && t.attention == 0 && isa.Live(f) && k.saver != nil && isa.LoadableFP(&k.CPU, area) {
				t.live, whole = area.Address(), true // Syscall goes on with it at once
			} else {
				whole = isa.RestoreWholeFP(&k.CPU, f, area)
			}
		}
	}
	if !whole && !k.restoreFP(t, fp) {
		return k.badFrame(t)
	}
	if u.Alt.Size != t.AltSize || u.Alt.Base != t.AltBase || u.Alt.Flags != t.AltFlags {
		t.SetAltStack(u.Alt, isa.MinimumSignalStack) // what cannot be is left as it is
	}
	if !ok {
		// The registers are restored, and the return to them faults.
		t.FaultError, t.FaultVector = selector, isa.ProtectionVector
		k.Force(t, signal.Kernel(int32(unix.SIGSEGV)))
	}
	return NoReturn
}

// copyContext is a copy of the context at va, nil if it cannot be read.
func (k *Core) copyContext(t *Thread, va uint64) *isa.SignalContext {
	b := k.scratch[:isa.SignalContextSize]
	if _, e := usermem.CopyIn(t.MM, b, va); e != 0 {
		return nil
	}
	return isa.SignalContextIn(b)
}

// restoreFP takes the floating-point state from the area at va; 0: the initial state, which
// is what is left of an area that cannot be read, too.
func (k *Core) restoreFP(t *Thread, va uint64) bool {
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
	b := k.scratch[isa.SignalContextSize:]
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
