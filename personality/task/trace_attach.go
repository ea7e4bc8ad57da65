package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/signal"
)

// Access is how one thread wants to look at another (ptrace(2), "Ptrace access mode
// checking").
type Access uint8

const (
	// AccessAttach: to trace it or write its memory; else only to read about it.
	AccessAttach Access = 1 << iota
	// AccessFS: the file system credentials of the caller count; else the real ones.
	AccessFS
)

// Yama's kernel.yama.ptrace_scope (Documentation/admin-guide/LSM/Yama.rst).
const (
	ScopeClassic = iota
	ScopeRestricted
	ScopeAdmin
	ScopeNone
)

// MayAccess is ptrace's access check (__ptrace_may_access of Linux's kernel/ptrace.c, with
// the capability and Yama modules). ok is false where Linux says EPERM.
func (k *Core) MayAccess(by, t *Thread, a Access) (ok bool) {
	if by.Proc == t.Proc {
		return true
	}
	me, it := by.Cred, t.Cred
	uid, gid, caps := me.UID, me.GID, me.Permitted
	if a&AccessFS != 0 {
		uid, gid, caps = me.FSUID, me.FSGID, me.Effective
	}
	admin := me.Has(unix.CAP_SYS_PTRACE)
	same := uid == it.EUID && uid == it.SUID && uid == it.UID && gid == it.EGID && gid == it.SGID && gid == it.GID
	switch {
	case !same && !admin,
		t.MM != nil && t.MM.Dumpable != 1 && !admin,
		it.Permitted&^caps != 0 && !admin:
		return false
	}
	return a&AccessAttach == 0 || k.scopeAllows(by, t, admin)
}

// scopeAllows is Yama's part of the check.
func (k *Core) scopeAllows(by, t *Thread, admin bool) bool {
	switch k.TraceScope {
	case ScopeRestricted:
		if admin {
			return true
		}
		for p := t.Proc; p != nil; p = p.parent {
			if p == by.Proc {
				return true
			}
		}
		return t.Proc.MayTrace == anyTracer || t.Proc.MayTrace != 0 && k.descends(by.Proc, t.Proc.MayTrace)
	case ScopeAdmin:
		return admin
	case ScopeNone:
		return false
	}
	return true
}

// anyTracer is PR_SET_PTRACER_ANY as it is kept.
const anyTracer = -1

func (k *Core) descends(p *Process, pid int32) bool {
	for ; p != nil; p = p.parent {
		if p.Pid == pid {
			return true
		}
	}
	return false
}

// SetTracer is prctl(2)'s PR_SET_PTRACER: who else may trace the process, -1: anybody. EINVAL:
// there is no such process.
func (k *Core) SetTracer(p *Process, pid int32) unix.Errno {
	if pid > 0 {
		t := k.Thread(pid)
		if t == nil {
			return unix.EINVAL
		}
		pid = t.Proc.Pid
	}
	p.MayTrace = pid
	return 0
}

// TraceMe is PTRACE_TRACEME: the thread that made the process traces it.
func (k *Core) TraceMe(t *Thread) unix.Errno {
	parent := t.Proc.parent
	if t.trace != nil || k.TraceScope == ScopeNone {
		return unix.EPERM
	}
	by := k.parentThread(t.Proc)
	if by == nil || parent.Exiting {
		return 0 // as Linux: nobody is there to trace it
	}
	k.link(t, by, false, 0)
	t.lookAtCalls()
	return 0
}

// parentThread is the thread that made a process, or another one of its process once
// that is dead.
func (k *Core) parentThread(p *Process) *Thread {
	if p.parent == nil {
		return nil
	}
	for _, t := range p.parent.threads {
		if t.Tid == p.ParentThread && t.Alive() {
			return t
		}
	}
	if t := p.parent.Any(); t != nil && t.Alive() {
		return t
	}
	return nil
}

// Attach is PTRACE_ATTACH and PTRACE_SEIZE.
func (k *Core) Attach(by, t *Thread, seize bool, options uint32) unix.Errno {
	if by.Proc == t.Proc || t.Proc == k.Init || !k.MayAccess(by, t, AccessAttach) || t.Run == Dead || t.trace != nil {
		return unix.EPERM
	}
	k.link(t, by, seize, options)
	stopped := t.Run == Stopped && t.stop.Reason == StopGroup
	if stopped {
		// It is held already: it stops again, for its tracer.
		t.trace.Notice |= trapStop
		t.lookAtTraps()
		k.enqueue(t)
	}
	if !seize {
		k.SignalThread(t, signal.Kernel(int32(unix.SIGSTOP)))
	}
	return 0
}

// CheckOptions is what PTRACE_SETOPTIONS and PTRACE_SEIZE ask of options; bad is the
// errno for unknown ones.
func CheckOptions(by *Thread, options uint64, bad unix.Errno) unix.Errno {
	if options&^TraceOptions != 0 {
		return bad
	}
	if options&OptionSuspendSeccomp != 0 {
		if !by.Cred.Has(unix.CAP_SYS_ADMIN) || by.guard.Mode != 0 || by.trace != nil && by.trace.Options&OptionSuspendSeccomp != 0 {
			return unix.EPERM
		}
	}
	return 0
}

// SetOptions is PTRACE_SETOPTIONS.
func (k *Core) SetOptions(t *Thread, options uint32) {
	t.trace.Options = options
	t.lookAtCalls()
}

// Interrupt is PTRACE_INTERRUPT.
func (k *Core) Interrupt(t *Thread) unix.Errno {
	if !t.trace.Seized {
		return unix.EIO
	}
	if t.attention&AttendExit != 0 || !t.Alive() {
		return 0
	}
	t.trace.Notice |= trapStop
	t.lookAtTraps()
	k.notice(t)
	return 0
}

// Listen is PTRACE_LISTEN: the thread stays held, and stops anew when the group stop ends.
func (k *Core) Listen(t *Thread) unix.Errno {
	if !t.trace.Seized || t.stop.Info.Code>>eventShift != unix.PTRACE_EVENT_STOP {
		return unix.EIO
	}
	t.trace.Notice |= trapListening
	t.lookAtTraps()
	if t.trace.Notice&trapNotify != 0 {
		k.enqueue(t)
	}
	return 0
}

// Held finds the tracee of by that a request is about. ESRCH unless by traces it and it is held;
// any lets it run.
func (k *Core) Held(by *Thread, tid int32, any bool) (*Thread, unix.Errno) {
	t := k.Thread(tid)
	if t == nil || t.trace == nil || t.trace.tracer != by {
		return nil, unix.ESRCH
	}
	if any {
		return t, 0
	}
	if t.Run != Stopped || t.stop.Released || t.stop.Reason == StopGroup || t.trace.Notice&trapListening != 0 || t.attention&AttendExit != 0 {
		return nil, unix.ESRCH
	}
	if s := &t.stop; s.Event == unix.PTRACE_EVENT_EXEC && !s.Reported && s.Message != uint64(t.Tid) {
		return nil, unix.ESRCH // it has another number than the tracer thinks (looks_like_a_spurious_pid)
	}
	return t, 0
}

// Detach is PTRACE_DETACH; the thread goes on with a signal, 0 for none.
func (k *Core) Detach(t *Thread, n int32) {
	k.unlink(t)
	k.release(t, n)
}

// releaseTracees is what becomes of the tracees of a thread that ends
// (exit_ptrace of Linux).
func (k *Core) releaseTracees(by *Thread) {
	for len(by.tracees) > 0 {
		t := by.tracees[0]
		kill := t.trace.Options&optionExitKill != 0
		if t.Run == Dead {
			k.forsake(t)
			continue
		}
		k.unlink(t)
		if kill {
			k.SignalProcess(t.Proc, signal.Kernel(int32(unix.SIGKILL)))
		}
		if t.Run == Stopped && t.stop.Reason != StopGroup {
			n := t.stop.Code
			if t.stop.Reported || t.stop.Reason == StopTrap || t.stop.Reason == StopEvent {
				n = 0 // wait(2) has taken the signal away with the report
			}
			k.release(t, n)
		}
	}
}

// forsake ends the tracing of a dead thread: its process's parent hears of it now.
func (k *Core) forsake(t *Thread) {
	k.unlink(t)
	if t.Proc.leader != t {
		k.buried(t)
		return
	}
	if t.Proc.Zombie {
		k.tellEnd(t.Proc, t.Proc.Uid)
	}
}

// traceChild decides what the tracer of t, in clone(2), gets of the new thread u: the event, and
// u as a tracee (ptrace_init_task of Linux).
func (k *Core) traceChild(u, t *Thread, q *CloneArgs) {
	tr := t.trace
	if tr == nil {
		return
	}
	event := unix.PTRACE_EVENT_FORK
	switch {
	case q.Flags&unix.CLONE_UNTRACED != 0:
		event = 0
	case q.Flags&unix.CLONE_VFORK != 0:
		event = unix.PTRACE_EVENT_VFORK
	case q.ExitSignal != int32(unix.SIGCHLD):
		event = unix.PTRACE_EVENT_CLONE
	}
	if event != 0 && !k.event(t, event, uint64(u.Tid)) {
		event = 0
	}
	if event == 0 && q.Flags&unix.CLONE_PTRACE == 0 {
		return
	}
	k.link(u, tr.tracer, tr.Seized, tr.Options)
	if tr.Seized {
		u.trace.Notice |= trapStop
		u.lookAtTraps()
	} else {
		u.Signals.AddBare(int32(unix.SIGSTOP))
	}
}

// tellExec is what a tracer hears of a successful execve(2): the event, with the number the
// thread had before, or without it a SIGTRAP.
func (k *Core) tellExec(t *Thread, was int32) {
	if t.trace == nil {
		return
	}
	t.trace.ForcedStep = false
	if !k.event(t, unix.PTRACE_EVENT_EXEC, uint64(was)) && !t.trace.Seized {
		k.SignalThread(t, signal.User(sigTrap, signal.SIUser, t.Proc.Pid, t.Cred.UID))
	}
}
