package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/state"
)

// What the selector of PR_SET_SYSCALL_USER_DISPATCH says, and the code of its SIGSYS
// (Linux's Documentation/admin-guide/syscall-user-dispatch.rst).
const (
	dispatchAllow   = 0
	dispatchBlock   = 1
	sysUserDispatch = 2
)

// SetDispatch makes system calls of the thread SIGSYS where the selector says so, but for those
// of length bytes of code at start. A nil dispatch ends that.
func (t *Thread) SetDispatch(d *state.DispatchT) {
	t.Dispatch = d
	t.lookAtCalls()
}

// dispatched reports whether a call is not made: the program asked for a signal instead, and
// is ended when its selector makes no sense. Neither a tracer nor a filter sees the call.
func (k *Core) dispatched(t *Thread) bool {
	d := t.Dispatch
	if d == nil || isa.IP(t.frame)-d.Start < d.Length {
		return false
	}
	if d.Selector != 0 {
		b, e := t.MM.Span(d.Selector, 1, ipc.Read)
		if e != 0 {
			return k.endDispatched(t, unix.SIGSEGV)
		}
		switch b[0] {
		case dispatchAllow:
			return false
		case dispatchBlock:
		default:
			return k.endDispatched(t, unix.SIGSYS)
		}
	}
	k.rollBack(t)
	i := k.refusal(t, isa.Number(t.frame), 0)
	i.Code = sysUserDispatch
	k.Force(t, i)
	t.become(Leaving)
	return true
}

func (k *Core) endDispatched(t *Thread, s unix.Signal) bool {
	i := signal.Kernel(int32(s))
	k.endBySignal(t, &i)
	t.become(Exiting)
	return true
}
