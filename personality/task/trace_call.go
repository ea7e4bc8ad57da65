package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/usermem"
)

// messageEmulate marks, inside a Stop only, an entry whose call is not made
// (PTRACE_SYSEMU). A tracer sees MessageEntry.
const messageEmulate = 1<<32 | MessageEntry

// enter is the way into a system call at which somebody looks: the tracer first, then
// the filters, so that these see what the tracer changed
// (syscall_trace_enter of Linux's kernel/entry/common.c).
func (k *Core) enter(t *Thread) {
	t.become(Calling)
	k.noResultYet(t)
	if k.dispatched(t) {
		return
	}
	tr := t.trace
	if tr == nil {
		k.guarded(t, false)
		return
	}
	t.attention |= AttendReturn
	if !tr.calls() && !tr.emulates() {
		k.guarded(t, false)
		return
	}
	message := uint64(MessageEntry)
	if tr.emulates() {
		message = messageEmulate
	}
	k.holdAt(t, StopEntry, Calling, tr.callCode(), message)
}

// noResultYet puts -ENOSYS into the result register: what a call gives that is not made.
func (k *Core) noResultYet(t *Thread) {
	isa.SetResult(t.frame, -int64(unix.ENOSYS))
	t.Change(ipc.MaskResult)
}

// begin makes the call that is in the registers now: a tracer may have changed it. The
// number -1 is a call not to be made.
func (k *Core) begin(t *Thread) {
	number := isa.Number(t.frame)
	t.Number = number
	if number == -1 {
		t.become(Leaving)
		return
	}
	c := &t.call
	isa.Arguments(t.frame, &c.Args)
	c.Again, c.TimedOut = false, false
	if number != unix.SYS_RESTART_SYSCALL {
		*c.State = zeroCall
	}
	k.called(t, k.handler(number)(c))
}

// peekCode reads the bytes at the instruction pointer, as many as there are.
func (t *Thread) peekCode(b []byte) int {
	n, _ := usermem.CopyIn(t.MM, b, isa.IP(t.frame))
	return n
}

// SyscallInfo is what PTRACE_GET_SYSCALL_INFO tells besides registers.
type SyscallInfo uint8

const (
	// InfoNone: the thread is not held at a call.
	InfoNone SyscallInfo = iota
	InfoEntry
	InfoExit
	InfoSeccomp
)

// SyscallStop says at which place of a call a held thread is, and the filter's data.
func (t *Thread) SyscallStop() (SyscallInfo, uint64) {
	switch s := &t.stop; {
	case s.Reason == StopEntry && s.Info.Code == sigTrap|0x80:
		return InfoEntry, 0
	case s.Reason == StopReturn && s.Info.Code == sigTrap|0x80:
		return InfoExit, 0
	case s.Reason == StopEvent && s.Event == unix.PTRACE_EVENT_SECCOMP:
		return InfoSeccomp, s.Message
	}
	return InfoNone, 0
}

// EventMessage is PTRACE_GETEVENTMSG.
func (t *Thread) EventMessage() uint64 {
	if t.stop.Message == messageEmulate {
		return MessageEntry
	}
	return t.stop.Message
}

// StopInfo is the siginfo of the stop, nil for a group stop without PTRACE_SEIZE.
func (t *Thread) StopInfo() *signal.Info {
	if t.stop.Reason == StopTrap && !t.trace.Seized {
		return nil
	}
	return &t.stop.Info
}

// SetStopInfo replaces the siginfo of the stop. False: there is none.
func (t *Thread) SetStopInfo(i signal.Info) bool {
	if t.StopInfo() == nil {
		return false
	}
	t.stop.Info = i
	return true
}
