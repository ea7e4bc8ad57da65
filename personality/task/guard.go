package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/seccomp"
	"starling/personality/signal"
)

// Guard is what seccomp(2) allows a thread. fork(2) copies it, execve(2) keeps it.
type Guard struct {
	Mode   byte // seccomp.Disabled, Strict or Filtered
	Filter *seccomp.Filter
	// asked is the listener that was asked about the call at hand, 0: none; question the
	// number of the question.
	asked, question uint64
}

// Guard is the seccomp state of a thread.
func (t *Thread) Guard() *Guard { return &t.guard }

// strictCalls is what is allowed in strict mode (seccomp(2), SECCOMP_SET_MODE_STRICT).
func strictCalls(number int32) bool {
	return number == unix.SYS_READ || number == unix.SYS_WRITE || number == unix.SYS_EXIT || number == unix.SYS_RT_SIGRETURN
}

// sysSeccomp is SYS_SECCOMP, the code of SIGSYS from a filter.
const sysSeccomp = 1

// guarded asks the filters about the call in the registers, and begins it if they allow it.
// traced: a tracer was asked already, so that TRACE allows now
// (__seccomp_filter of Linux's kernel/seccomp.c).
func (k *Core) guarded(t *Thread, traced bool) {
	g := &t.guard
	number := isa.Number(t.frame)
	switch {
	case g.Mode == seccomp.Disabled || t.trace != nil && t.trace.Options&OptionSuspendSeccomp != 0 || number == -1 && traced:
		k.begin(t)
		return
	case g.Mode == seccomp.Strict:
		if strictCalls(number) {
			k.begin(t)
			return
		}
		t.ExitCode = int32(unix.SIGKILL)
		t.become(Exiting)
		return
	}
	var d seccomp.Data
	var args [6]uint64
	isa.Arguments(t.frame, &args)
	d.Describe(number, isa.AuditArch, isa.IP(t.frame), &args)
	result, by := g.Filter.Evaluate(&d)
	data := result & seccomp.DataMask
	switch seccomp.Action(result) {
	case seccomp.Allow, seccomp.Log:
		k.begin(t)
	case seccomp.Errno:
		k.setResult(t, -Result(min(data, seccomp.MaxErrno)))
		t.become(Leaving)
	case seccomp.Trap:
		k.rollBack(t)
		k.Force(t, k.refusal(t, number, data))
		t.become(Leaving)
	case seccomp.Trace:
		if traced {
			k.begin(t)
			return
		}
		k.noResultYet(t)
		if !k.event(t, unix.PTRACE_EVENT_SECCOMP, uint64(data)) {
			t.become(Leaving)
			return
		}
		k.holdForEvent(t, Calling)
	case seccomp.UserNotify:
		k.ask(t, by, number, &args)
	case seccomp.KillThread:
		if len(t.Proc.threads) > 1 {
			t.ExitCode = int32(unix.SIGSYS)
			t.become(Exiting)
			return
		}
		k.killBySeccomp(t, number, data)
	default:
		k.killBySeccomp(t, number, data)
	}
}

// rollBack makes the registers those of before the call.
func (k *Core) rollBack(t *Thread) {
	isa.SetResult(t.frame, int64(isa.Number(t.frame)))
	t.Change(ipc.MaskResult)
}

// refusal is the SIGSYS of a filter: the address after the call, its number, the architecture,
// and the filter's data as si_errno.
func (k *Core) refusal(t *Thread, number int32, data uint32) signal.Info {
	return signal.Info{Signo: int32(unix.SIGSYS), Errno: int32(data), Code: sysSeccomp,
		Payload: [4]uint64{isa.IP(t.frame), uint64(uint32(number)) | isa.AuditArch<<32}}
}

// killBySeccomp ends the process with SIGSYS. No handler sees it, nor a tracer.
func (k *Core) killBySeccomp(t *Thread, number int32, data uint32) {
	k.rollBack(t)
	i := k.refusal(t, number, data)
	k.endBySignal(t, &i)
	t.become(Exiting)
}

// SetStrict is SECCOMP_SET_MODE_STRICT.
func (k *Core) SetStrict(t *Thread) unix.Errno {
	if t.guard.Mode == seccomp.Filtered {
		return unix.EINVAL
	}
	t.guard.Mode = seccomp.Strict
	t.lookAtCalls()
	return 0
}

// AddFilter installs a checked program for a thread, with sync for all threads of its
// process. other is the thread that made sync impossible: it has filters of its own.
func (k *Core) AddFilter(t *Thread, program []unix.SockFilter, log, killable, sync bool, listener uint64) (other int32, e unix.Errno) {
	if t.guard.Mode == seccomp.Strict {
		return 0, unix.EINVAL
	}
	if sync {
		for _, u := range t.Proc.threads {
			if u != t && u.guard.Mode != seccomp.Disabled && !(u.guard.Mode == seccomp.Filtered && t.guard.Filter.Extends(u.guard.Filter)) {
				return u.Tid, unix.ESRCH
			}
		}
	}
	f, e := seccomp.Add(k.NewID(), program, t.guard.Filter)
	if e != 0 {
		return 0, e
	}
	f.Log, f.KillableWait, f.Listener = log, killable, listener
	for _, u := range t.Proc.threads {
		if u != t && !sync {
			continue
		}
		u.guard.Mode, u.guard.Filter = seccomp.Filtered, f
		if t.NoNewPrivs {
			u.NoNewPrivs = true
		}
		u.lookAtCalls()
	}
	return 0, 0
}

// inheritGuard is what a new thread has of the one that made it.
func (u *Thread) inheritGuard(t *Thread) {
	u.guard = Guard{Mode: t.guard.Mode, Filter: t.guard.Filter}
	u.lookAtCalls()
}
