package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/state"
)

var zeroCall state.CallT

// isRestart reports whether a result is one of the restart errnos.
func isRestart(r Result) bool {
	switch Restart(-r) {
	case RestartSys, RestartNoIntr, RestartNoHand, RestartBlock:
		return true
	}
	return false
}

// restartHandled decides what becomes of an interrupted call when a handler runs
// (signal(7), and handle_signal of Linux's arch/x86/kernel/signal.c).
func (k *Core) restartHandled(t *Thread, a *signal.Action) {
	f := t.frame
	if !isa.InCall(f) {
		return
	}
	switch r := Restart(-isa.Result(f)); r {
	case RestartBlock, RestartNoHand:
		isa.SetResult(f, -int64(unix.EINTR))
	case RestartSys:
		if a.Flags&signal.RestartOn == 0 {
			isa.SetResult(f, -int64(unix.EINTR))
			break
		}
		isa.RestartSame(f)
	case RestartNoIntr:
		isa.RestartSame(f)
	}
}

// restartPlain decides it when no handler ran.
func (k *Core) restartPlain(t *Thread) {
	f := t.frame
	if !isa.InCall(f) {
		return
	}
	switch Restart(-isa.Result(f)) {
	case RestartSys, RestartNoIntr, RestartNoHand:
		isa.RestartSame(f)
	case RestartBlock:
		isa.Restart(f, unix.SYS_RESTART_SYSCALL)
	default:
		return
	}
	t.Change(ipc.MaskGeneral | ipc.MaskControl)
}

// RestartCall is restart_syscall(2): the call that was interrupted goes on with
// the state it had.
func RestartCall(c *Call) Result {
	t := c.T
	if t.RestartNumber < 0 || t.RestartNumber >= TableSize || t.RestartNumber == unix.SYS_RESTART_SYSCALL {
		return Err(unix.EINTR)
	}
	c.Again = true
	c.TimedOut = c.State.Deadline != 0 && c.State.Deadline <= c.K.Now()
	r := c.K.Table[t.RestartNumber](c)
	c.Again, c.TimedOut = false, false
	return r
}

// DisarmRestart forgets an interrupted call, as sigreturn(2) and execve(2) do.
func (t *Thread) DisarmRestart() { t.RestartNumber = -1 }
