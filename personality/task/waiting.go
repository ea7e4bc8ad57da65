package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/signal"
	"starling/personality/wait"
)

// Options of wait4(2) and waitid(2) that x/sys/unix does not name.
const (
	waitThreads = unix.WNOTHREAD // __WNOTHREAD
	waitAll     = unix.WALL      // __WALL
	waitClone   = unix.WCLONE    // __WCLONE
)

// Changed is what wait(2) tells of a child.
type Changed struct {
	PID    int32
	UID    uint32
	Status int32 // as wait4(2) encodes it
	Code   int32 // CLD_*
	// Usage is of the child and its waited-for children, when it ended.
	Usage Usage
}

// Usage is what getrusage(2) tells; times in ns, memory in pages.
type Usage struct {
	User, System           int64
	MaxResident            uint64
	MinorFaults            uint64
	Voluntary, Involuntary uint64
}

// Children selects children for WaitChild.
type Children struct {
	// PID > 0: this child; Group > 0: this process group; neither: any.
	PID, Group int32
	Options    int
	// By is the thread that waits, for __WNOTHREAD.
	By *Thread
	// Usage: Changed.Usage is wanted.
	Usage bool
}

// WaitChild looks for a child that has changed state as the options want.
// ECHILD: there is no such child. A PID of 0 without an error: none has changed yet.
func (k *Core) WaitChild(p *Process, q Children) (Changed, unix.Errno) {
	found := false
	for _, c := range p.children {
		if q.PID > 0 && c.Pid != q.PID || q.Group > 0 && c.Group != q.Group {
			continue
		}
		// Children that do not send SIGCHLD are waited for only with __WCLONE or __WALL.
		if clone := c.ExitSignal != int32(unix.SIGCHLD); q.Options&waitAll == 0 && clone != (q.Options&waitClone != 0) {
			continue
		}
		found = true
		if c.tracedBy(p) {
			continue // it is among the tracees
		}
		if ch, ok := k.childState(c, &q); ok {
			return ch, 0
		}
	}
	ch, traces, ok := k.waitTracees(p, &q)
	if ok {
		return ch, 0
	}
	if found = found || traces; !found {
		return Changed{}, unix.ECHILD
	}
	return Changed{}, 0
}

// childState tells of one child, and forgets what it told unless WNOWAIT.
func (k *Core) childState(c *Process, q *Children) (Changed, bool) {
	options := q.Options
	ch := Changed{PID: c.Pid, UID: c.uid()}
	keep := options&unix.WNOWAIT != 0
	switch {
	case c.Zombie && options&unix.WEXITED != 0 && c.deadThreads == 0 && !c.traced():
		ch.Status, ch.Code = c.ExitCode, endCode(c.ExitCode)
		if q.Usage {
			ch.Usage = k.endUsage(c)
		}
		if !keep {
			k.reap(c)
		}
		return ch, true
	case c.StopReport == reportStopped && options&unix.WUNTRACED != 0:
		ch.Status, ch.Code = c.StopSignal<<8|0x7f, signal.CLDStopped
	default:
		return k.continuedState(c, q)
	}
	if q.Usage {
		ch.Usage = k.processUsage(c)
	}
	if !keep {
		c.StopReport = reportNone
	}
	return ch, true
}

// continuedState tells that a process was continued.
func (k *Core) continuedState(c *Process, q *Children) (Changed, bool) {
	options := q.Options
	if c.StopReport != reportContinued || options&unix.WCONTINUED == 0 {
		return Changed{}, false
	}
	if options&unix.WNOWAIT == 0 {
		c.StopReport = reportNone
	}
	ch := Changed{PID: c.Pid, UID: c.uid(), Status: 0xffff, Code: signal.CLDContinued}
	if q.Usage {
		ch.Usage = k.processUsage(c)
	}
	return ch, true
}

// endUsage is the usage of a process that has ended, with what it waited for.
func (k *Core) endUsage(p *Process) Usage {
	u := k.processUsage(p)
	u.User += p.ChildrenUserTime
	u.System += p.ChildrenSystemTime
	return u
}

// ChildWait is what a call waits for that waits for children.
func (p *Process) ChildWait() On { return On{wait.ID(p.WaitId), wait.In} }

// EndWait is woken when the process ends and when it is reaped (pidfd).
func (p *Process) EndWait() wait.ID { return wait.ID(p.ExitId) }

// ProcessTimes is user and system time of a process in ns, dead threads included.
func (k *Core) ProcessTimes(p *Process) (user, system int64) {
	user, system = p.UserTime, p.SystemTime
	for _, t := range p.threads {
		user += t.UserTime
		system += t.SystemTime
	}
	return user, system
}

func (k *Core) processUsage(p *Process) Usage {
	u := Usage{MaxResident: p.MaxResident, MinorFaults: p.MinorFaults, Voluntary: p.Voluntary, Involuntary: p.Involuntary}
	u.User, u.System = k.ProcessTimes(p)
	for _, t := range p.threads {
		u.MinorFaults += t.MinorFaults
		u.Voluntary += t.Voluntary
		u.Involuntary += t.Involuntary
	}
	if t := p.Any(); t != nil && t.MM != nil {
		u.MaxResident = max(u.MaxResident, t.MM.PeakResident())
	}
	return u
}

// UsageOf is getrusage(2): of the process, of its waited-for children, or of one thread.
func (k *Core) UsageOf(t *Thread, who int) (Usage, bool) {
	p := t.Proc
	switch who {
	case unix.RUSAGE_SELF:
		return k.processUsage(p), true
	case unix.RUSAGE_CHILDREN:
		return Usage{User: p.ChildrenUserTime, System: p.ChildrenSystemTime,
			MaxResident: p.ChildrenMaxResident, MinorFaults: p.ChildrenMinorFaults}, true
	case unix.RUSAGE_THREAD:
		return Usage{User: t.UserTime, System: t.SystemTime, MaxResident: k.processUsage(p).MaxResident,
			MinorFaults: t.MinorFaults, Voluntary: t.Voluntary, Involuntary: t.Involuntary}, true
	}
	return Usage{}, false
}

// Ticks turns ns into the ticks of times(2).
func Ticks(ns int64) int64 { return ns / clock.UserTick }
