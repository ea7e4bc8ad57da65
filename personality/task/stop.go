package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/signal"
	"starling/personality/wait"
)

// GroupStop is the job-control state of a process.
type GroupStop byte

const (
	// NoGroupStop: the process runs.
	NoGroupStop GroupStop = iota
	// Stopping: some threads have not stopped yet.
	Stopping
	// GroupStopped: all have, and the parent was told.
	GroupStopped
)

// What wait(2) has still to tell of a process (Process.StopReport).
const (
	reportNone = iota
	reportStopped
	reportContinued
)

// startGroupStop is the effect of a stop signal: every thread of the process stops.
func (k *Core) startGroupStop(p *Process, n int32) {
	if p.Exiting || p.Execing != 0 {
		return
	}
	// A tracer may have let threads run while the process is stopped: they stop again,
	// and the parent, which knows, is not told twice.
	if p.Stop != byte(GroupStopped) {
		p.Stop, p.StopSignal, p.StopReport = byte(Stopping), n, reportNone
	}
	for _, t := range p.threads {
		if !t.Alive() || t.Run == Stopped && t.stop.Reason == StopGroup {
			continue
		}
		t.attention |= AttendStop
		if t.trace != nil && t.trace.Seized {
			k.notifyTrap(t)
		} else {
			k.notice(t)
		}
	}
}

// joinGroupStop stops one thread; the last one completes the stop.
func (k *Core) joinGroupStop(t *Thread) {
	p := t.Proc
	if p.Stop == byte(NoGroupStop) {
		t.attention &^= AttendStop
		return // continued before the thread came here
	}
	if t.trace != nil {
		k.trapNow(t)
		return
	}
	t.attention &^= AttendStop
	t.stopFor(&Stop{Reason: StopGroup, Then: Leaving, Code: p.StopSignal})
	k.settleGroupStop(p)
}

// settleGroupStop tells the parent once every thread has stopped.
func (k *Core) settleGroupStop(p *Process) {
	if p.Stop != byte(Stopping) {
		return
	}
	for _, t := range p.threads {
		if t.Alive() && t.attention&AttendStop != 0 {
			return
		}
	}
	p.Stop, p.StopReport = byte(GroupStopped), reportStopped
	if p.parent == nil || !p.tracedBy(p.parent) { // the tracer hears of its tracee's stop
		k.tellStopped(p, signal.CLDStopped, p.StopSignal)
	}
}

// untoldStop is the signal of a group stop that the parent has not waited for, or 0: what SIGCHLD
// tells a tracer of a stop that no signal of its own made (group_exit_code of Linux's kernel/signal.c).
func (p *Process) untoldStop() int32 {
	if p.Stop == byte(Stopping) || p.StopReport == reportStopped {
		return p.StopSignal
	}
	return 0
}

// endGroupStop is what sending SIGCONT does at once.
func (k *Core) endGroupStop(p *Process) {
	if p.Stop == byte(NoGroupStop) {
		return
	}
	was := GroupStop(p.Stop)
	p.Stop = byte(NoGroupStop)
	for _, t := range p.threads {
		t.attention &^= AttendStop
		if t.Run == Stopped && t.stop.Reason == StopGroup {
			k.enqueue(t)
		}
	}
	if was == GroupStopped {
		p.StopReport = reportContinued
		k.tellStopped(p, signal.CLDContinued, int32(unix.SIGCONT))
	} else {
		// The stop was not complete: the parent hears of it all the same.
		p.StopReport = reportNone
		k.tellStopped(p, signal.CLDStopped, p.StopSignal)
	}
}

// tellStopped informs the parent of a stop or its end: waiters, and SIGCHLD unless
// SA_NOCLDSTOP.
func (k *Core) tellStopped(p *Process, code, status int32) {
	parent := p.parent
	if parent == nil {
		return
	}
	k.Waits.Wake(wait.ID(parent.WaitId), wait.In)
	u := parent.Any()
	if u == nil || u.Handlers.Of(int32(unix.SIGCHLD)).Flags&signal.NoCldStop != 0 ||
		u.Handlers.Of(int32(unix.SIGCHLD)).Handler == signal.Ign {
		return
	}
	user, system := k.ProcessTimes(p)
	i := signal.Child(code, p.Pid, p.uid(), status, uint64(user/clock.UserTick), uint64(system/clock.UserTick))
	i.Signo = int32(unix.SIGCHLD)
	k.SignalProcess(parent, i)
}

// uid is the real user id of a process; it outlives the last thread.
func (p *Process) uid() uint32 {
	if t := p.Any(); t != nil {
		p.Uid = t.Cred.UID
	}
	return p.Uid
}

// GroupOrphaned reports whether a process group is orphaned: no member has a parent
// in another group of the same session, who could continue it (setpgid(2)).
func (k *Core) GroupOrphaned(pgid int32) bool { return k.orphanedWithout(pgid, nil) }

func (k *Core) orphanedWithout(pgid int32, ignore *Process) bool {
	for _, p := range k.Group(pgid) {
		if p == ignore || p.Zombie || p.parent == nil || p.parent == k.Init {
			continue
		}
		if p.parent.Group != pgid && p.parent.Session == p.Session {
			return false
		}
	}
	return true
}

// hasStopped reports whether a member of a group is stopped.
func (k *Core) hasStopped(pgid int32) bool {
	for _, p := range k.Group(pgid) {
		if p.Stop == byte(GroupStopped) && !p.Zombie {
			return true
		}
	}
	return false
}

// mayOrphan sends SIGHUP and SIGCONT to the group of p if the end of a link to its
// parent has orphaned it while a member is stopped (POSIX.1, _exit: newly orphaned
// process groups). leaving: p itself is the one that goes.
func (k *Core) mayOrphan(p, parent *Process, leaving bool) {
	var ignore *Process
	if leaving {
		ignore = p
	}
	if parent == nil || parent.Group == p.Group || parent.Session != p.Session {
		return
	}
	if k.orphanedWithout(p.Group, ignore) && k.hasStopped(p.Group) {
		k.SignalGroup(p.Group, signal.Kernel(int32(unix.SIGHUP)))
		k.SignalGroup(p.Group, signal.Kernel(int32(unix.SIGCONT)))
	}
}
