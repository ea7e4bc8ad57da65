package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/signal"
	"starling/personality/wait"
)

// What wait(2) tells a tracer. A tracee that is held reports each stop once; a dead one is
// told to its tracer first and then to the parent.

// tracedBy reports whether a thread of p traces the leader of c.
func (c *Process) tracedBy(p *Process) bool {
	return c.leader != nil && c.leader.trace != nil && c.leader.trace.tracer.Proc == p
}

// traced reports whether anybody does.
func (c *Process) traced() bool { return c.leader != nil && c.leader.trace != nil }

// waitTracees looks at the tracees of a process, or with WNOTHREAD of one thread of it.
func (k *Core) waitTracees(p *Process, q *Children) (ch Changed, found, ok bool) {
	for _, by := range p.threads {
		if q.Options&waitThreads != 0 && q.By != nil && by != q.By {
			continue
		}
		for _, t := range by.tracees {
			if q.PID > 0 && t.Tid != q.PID || q.Group > 0 && t.Proc.Group != q.Group {
				continue
			}
			found = true
			if ch, ok = k.traceeState(t, q); ok {
				return ch, true, true
			}
		}
	}
	return Changed{}, found, false
}

// traceeState tells of one tracee, and forgets what it told unless WNOWAIT.
func (k *Core) traceeState(t *Thread, q *Children) (Changed, bool) {
	keep := q.Options&unix.WNOWAIT != 0
	switch {
	case t.Run == Dead:
		return k.deadTracee(t, q)
	case t.Run == Stopped && t.stop.Reason != StopGroup && t.trace.Notice&trapListening == 0 && !t.stop.Reported && !t.stop.Released:
		ch := Changed{PID: t.Tid, UID: t.Cred.UID, Status: t.stop.Code<<8 | 0x7f, Code: signal.CLDTrapped}
		if q.Usage {
			ch.Usage = k.threadUsage(t)
		}
		if !keep {
			t.stop.Reported = true
		}
		return ch, true
	case t.Leader():
		return k.continuedState(t.Proc, q)
	}
	return Changed{}, false
}

// deadTracee tells of the end of a thread, the first time to its tracer. The leader's end
// is told when no other thread is left (delay_group_leader of Linux).
func (k *Core) deadTracee(t *Thread, q *Children) (Changed, bool) {
	p, options := t.Proc, q.Options
	leader := p.leader == t
	if options&unix.WEXITED == 0 || leader && (!p.Zombie || p.deadThreads > 0) {
		return Changed{}, false
	}
	status := t.ExitCode
	ch := Changed{PID: t.Tid, UID: t.Cred.UID}
	if leader {
		status = p.ExitCode
	}
	switch {
	case q.Usage && leader:
		ch.Usage = k.endUsage(p)
	case q.Usage:
		ch.Usage = k.threadUsage(t)
	}
	ch.Status, ch.Code = status, endCode(status)
	if options&unix.WNOWAIT != 0 {
		return ch, true
	}
	by := t.trace.tracer.Proc
	k.unlink(t)
	switch {
	case !leader:
		k.buried(t)
	case p.parent == by:
		k.reap(p)
	default:
		k.tellEnd(p, p.Uid) // the parent's turn
	}
	return ch, true
}

// endCode is the CLD_* of an end.
func endCode(status int32) int32 {
	switch {
	case status&0x7f == 0:
		return signal.CLDExited
	case status&coreFlag != 0:
		return signal.CLDDumped
	}
	return signal.CLDKilled
}

// buried forgets a dead thread that only its tracer wanted to know of.
func (k *Core) buried(t *Thread) {
	p := t.Proc
	if e := k.pids.at(t.Tid); e != nil && e.thread == t {
		e.thread = nil
		k.settlePID(t.Tid)
	}
	p.deadThreads--
	if p.deadThreads > 0 {
		return
	}
	if p.Zombie {
		k.tellEnd(p, p.Uid)
	}
	k.aloneForExec(p)
}

// aloneForExec lets the thread in execve(2) go on once the others are gone.
func (k *Core) aloneForExec(p *Process) {
	if p.Execing == 0 || len(p.threads) != 1 || p.deadThreads > 0 {
		return
	}
	if t := p.threads[0]; t.Tid == p.Execing && t.Run == Waiting {
		t.woken = true
		k.enqueue(t)
	}
}

// lingers keeps a dead thread until its tracer has waited for it.
func (k *Core) lingers(t *Thread) bool {
	if t.trace == nil {
		return false
	}
	t.trace.Dead = true
	if t.Proc.leader != t {
		t.Proc.deadThreads++
		k.tellTracerEnd(t, t.ExitCode)
	}
	return true
}

// tellTracerEnd informs the tracer of the end of a tracee.
func (k *Core) tellTracerEnd(t *Thread, status int32) {
	p := t.trace.tracer.Proc
	code, value := endCode(status), status>>8&0xff
	if code != signal.CLDExited {
		value = status & 0x7f
	}
	i := signal.Child(code, t.Tid, t.Cred.UID, value, uint64(t.UserTime/clock.UserTick), uint64(t.SystemTime/clock.UserTick))
	i.Signo = int32(unix.SIGCHLD)
	k.SignalProcess(p, i)
	k.Waits.Wake(wait.ID(p.WaitId), wait.In)
}

// threadUsage is what one thread used.
func (k *Core) threadUsage(t *Thread) Usage {
	return Usage{User: t.UserTime, System: t.SystemTime, MaxResident: k.processUsage(t.Proc).MaxResident,
		MinorFaults: t.MinorFaults, Voluntary: t.Voluntary, Involuntary: t.Involuntary}
}
