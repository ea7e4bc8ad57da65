package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/signal"
	"starling/personality/wait"
)

// The thread as terminals see it (tty.Task), and as signalfd does (vfs.Signals).

// ProcessID is the number of the process.
func (t *Thread) ProcessID() int32 { return t.Proc.Pid }

// GroupID is the process group.
func (t *Thread) GroupID() int32 { return t.Proc.Group }

// SessionID is the session.
func (t *Thread) SessionID() int32 { return t.Proc.Session }

// Terminal is the id of the controlling terminal, 0 for none.
func (t *Thread) Terminal() uint64 { return t.Proc.Terminal }

// SetTerminal makes a terminal the controlling one of the process, or with 0 none.
func (t *Thread) SetTerminal(id uint64) { t.Proc.Terminal = id }

// Disregards reports whether the thread blocks the signal or the process ignores it.
func (t *Thread) Disregards(sig unix.Signal) bool {
	return t.Blocked().Has(int32(sig)) || t.Handlers.Of(int32(sig)).Handler == signal.Ign
}

// PendingSignals has bit n-1 for every signal n pending for the thread or its process.
func (t *Thread) PendingSignals() uint64 { return uint64(t.Signals.Pending | t.Proc.Signals.Pending) }

// SignalWaitID is woken when a signal becomes pending for the process.
func (t *Thread) SignalWaitID() wait.ID { return wait.ID(t.Proc.SignalId) }

// TakeSignal takes the next pending signal of mask off its queue and fills info, a
// struct signalfd_siginfo.
func (t *Thread) TakeSignal(mask uint64, info *[128]byte) bool {
	i := t.call.K.Take(t, signal.Set(mask))
	if i.Signo == 0 {
		return false
	}
	i.PutFD(info)
	return true
}

// Jobs is the core as terminals see it (tty.Jobs).
type Jobs struct{ K *Core }

// SignalGroup sends a signal of the kernel's to every process of a group.
func (j Jobs) SignalGroup(group int32, sig unix.Signal) {
	j.K.SignalGroup(group, signal.Kernel(int32(sig)))
}

// SignalProcess sends one to a process.
func (j Jobs) SignalProcess(pid int32, sig unix.Signal) {
	if p := j.K.Process(pid); p != nil {
		j.K.SignalProcess(p, signal.Kernel(int32(sig)))
	}
}

// GroupOrphaned reports whether a group is orphaned.
func (j Jobs) GroupOrphaned(group int32) bool { return j.K.GroupOrphaned(group) }

// GroupSession is the session of a group; false when there is no such group.
func (j Jobs) GroupSession(group int32) (int32, bool) {
	for _, p := range j.K.Group(group) {
		return p.Session, true
	}
	return 0, false
}

// DropTerminal takes the controlling terminal away from every process of a session.
func (j Jobs) DropTerminal(session int32) {
	for _, p := range j.K.Session(session) {
		p.Terminal = 0
	}
}

// NewSession is setsid(2). EPERM for the leader of a group.
func (k *Core) NewSession(p *Process) unix.Errno {
	if p.Group == p.Pid || len(k.Group(p.Pid)) > 0 {
		return unix.EPERM
	}
	k.joinSession(p, p.Pid)
	k.joinGroup(p, p.Pid)
	p.Terminal = 0
	return 0
}

// SetGroup is setpgid(2), with both numbers as the caller gave them.
func (k *Core) SetGroup(caller *Process, pid, pgid int32) unix.Errno {
	if pid == 0 {
		pid = caller.Pid
	}
	if pgid == 0 {
		pgid = pid
	}
	if pgid < 0 {
		return unix.EINVAL
	}
	p := k.Process(pid)
	if p == nil {
		return unix.ESRCH
	}
	switch {
	case p != caller && p.parent != caller:
		return unix.ESRCH
	case p != caller && p.Session != caller.Session:
		return unix.EPERM
	case p != caller && p.Executed:
		return unix.EACCES
	case p.Session == p.Pid:
		return unix.EPERM
	}
	if pgid != pid {
		ok := false
		for _, q := range k.Group(pgid) {
			if q.Session == caller.Session {
				ok = true
			}
		}
		if !ok {
			return unix.EPERM
		}
	}
	if p.Group != pgid {
		k.joinGroup(p, pgid)
	}
	return 0
}
