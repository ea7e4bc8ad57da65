package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/sysv"
)

// What System V IPC has to do with threads: SEM_UNDO, and who detaches a segment.

// Caller is the thread as System V IPC sees it.
func (t *Thread) Caller() sysv.Caller { return sysv.Caller{Cred: t.Cred, PID: t.Proc.Pid} }

// UndoList is the list of what semop(2) with SEM_UNDO leaves to be undone at the end of the thread, and
// of those that share it.
func (k *Core) UndoList(t *Thread) uint64 {
	if t.Undo == 0 {
		t.Undo = k.SystemV.NewUndo()
	}
	return t.Undo
}

// inheritSystemV: threads made with CLONE_SYSVSEM share the list, others begin without one (semop(2)).
func (k *Core) inheritSystemV(u, t *Thread, q *CloneArgs) {
	if q.Flags&unix.CLONE_SYSVSEM != 0 {
		u.Undo = k.UndoList(t)
		k.SystemV.ShareUndo(u.Undo)
	}
}

// leaveSystemV is exit_sem of Linux: at the end of a thread, and for unshare(2).
func (k *Core) leaveSystemV(t *Thread) {
	if t.Undo != 0 {
		k.SystemV.LeaveUndo(t.Undo, t.Proc.Pid)
		t.Undo = 0
	}
	k.SystemV.Kept(t.WaitNumber())
}

// actor is the process that maps and unmaps now.
func (k *Core) actor() int32 {
	switch {
	case k.acting != 0:
		return k.acting
	case k.lastRun != nil:
		return k.lastRun.Proc.Pid
	}
	return 0
}
