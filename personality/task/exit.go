package task

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/clock"
	"starling/personality/signal"
	"starling/personality/wait"
)

// coreFlag is the core-dump bit of a wait status.
const coreFlag = 0x80

// endProcess makes every thread of a process end; status is as wait(2) encodes it. The
// first reason counts. how is AttendNow when the process ends itself; the end that somebody
// else sends happens when its threads run next, so that the sender goes on first, as on Linux.
func (k *Core) endProcess(p *Process, status int32, how Attention) {
	if p.Exiting || p.Zombie {
		return
	}
	p.Exiting, p.ExitCode = true, status
	p.Stop = byte(NoGroupStop)
	for _, t := range p.threads {
		k.endThread(t, how)
	}
}

// endThread makes one thread end.
func (k *Core) endThread(t *Thread, how Attention) {
	t.attention |= AttendExit | how
	if t.Run == Starting {
		k.enqueue(t)
		return
	}
	k.notice(t)
	k.expectReport(t)
}

// expectReport sets a limit to how long a thread that is to end may run.
func (k *Core) expectReport(t *Thread) {
	if t.Run == Running && t.attention&AttendExit != 0 && t.attention&AttendNow == 0 {
		t.Deadline = k.Now() + reportWithin
		k.Clock.Set(&t.timer, t.Deadline)
	}
}

// reportWithin is how long a thread that was recalled to end may take to report, in ns. Recalls are answered
// at once; one that is not means that an event of the thread got lost, and nothing else will come from it.
const reportWithin = 1e9

// ExitThread is exit(2): the calling thread ends.
func ExitThread(c *Call) Result {
	t := c.T
	t.ExitCode = int32(c.Args[0]&0xff) << 8
	t.become(Exiting)
	return NoReturn
}

// ExitGroup is exit_group(2).
func ExitGroup(c *Call) Result {
	t := c.T
	c.K.endProcess(t.Proc, int32(c.Args[0]&0xff)<<8, AttendNow)
	t.become(Exiting)
	return NoReturn
}

// exitThread takes a thread apart, in the order of Linux's do_exit.
func (k *Core) exitThread(t *Thread) {
	p := t.Proc
	k.unblock(t)
	t.stop = Stop{}
	if t.attention&AttendProbe != 0 {
		k.probeFaulted(t)
	}
	if k.waitsForDump(t) {
		return
	}
	if p.Exiting {
		t.ExitCode = p.ExitCode
	}
	if t.trace != nil && k.heldAtExit(t) {
		return
	}
	if p.Execing == t.Tid {
		p.Execing = 0
	}
	if t.VforkChild != 0 {
		t.VforkChild = 0
	}
	k.probeEnded(t)
	k.acting = p.Pid
	k.releaseMemory(t)
	k.acting = 0
	k.leaveSystemV(t)
	if t.Files != nil {
		k.VFS.PutFDTable(t.Files)
		t.Files = nil
	}
	if t.FS != nil {
		k.VFS.PutFSContext(t.FS)
		t.FS = nil
	}
	if t.Handle != 0 {
		k.Transport.ThreadDestroy(ipc.Handle(t.Handle))
		k.Transport.CapDelete(ipc.Handle(t.Handle))
		t.Handle = 0
	}
	if k.lastRun == t {
		k.lastRun = nil
	}
	k.slots[t.Slot] = nil
	k.freeSlots = append(k.freeSlots, t.Slot)
	t.Signals.Drop(^signal.Set(0), func(i *signal.Info) { k.dropped(p, i) })
	t.become(Dead)

	p.UserTime += t.UserTime
	p.SystemTime += t.SystemTime
	p.MinorFaults += t.MinorFaults
	p.Voluntary += t.Voluntary
	p.Involuntary += t.Involuntary
	p.Uid = t.Cred.UID
	p.threads = remove(p.threads, t)
	if !t.Leader() {
		k.leaveFilters(t)
	}
	k.releaseTracees(t)
	if !k.lingers(t) && !t.Leader() {
		// Nobody waits for it: gone.
		if e := k.pids.at(t.Tid); e != nil && e.thread == t {
			e.thread = nil
			k.settlePID(t.Tid)
		}
	}
	if left := p.Signals.Pending; left != 0 && len(p.threads) > 0 {
		k.retarget(t, left)
	}
	if len(p.threads) > 0 {
		k.releaseHandlers(t)
		k.settleGroupStop(p)
		k.aloneForExec(p)
		return
	}
	k.processEnded(p, t)
	k.releaseHandlers(t)
}

func (k *Core) releaseHandlers(t *Thread) {
	if t.Handlers != nil {
		t.Handlers.Refs--
		t.Handlers = nil
	}
}

// releaseMemory gives up the address space, after what a thread has to say in it: robust
// futexes, the word that pthread_join waits for, the parent of a vfork.
func (k *Core) releaseMemory(t *Thread) {
	if t.MM == nil {
		return
	}
	k.exitRobust(t)
	k.exitLocks(t)
	if t.ClearTid != 0 {
		if t.MM.Shared() {
			k.put32(t, t.MM, t.ClearTid, 0)
			k.futexWakeWord(t, t.ClearTid)
		}
		t.ClearTid = 0
	}
	mm := t.MM
	t.MM = nil
	if !mm.Shared() {
		t.Proc.MaxResident = max(t.Proc.MaxResident, mm.PeakResident())
	}
	mm.Put()
	k.vforkDone(t)
}

// vforkDone lets the parent of a vfork(2) go on.
func (k *Core) vforkDone(t *Thread) {
	p := t.Proc
	if p.VforkParent == 0 || !t.Leader() {
		return
	}
	if u := k.Thread(p.VforkParent); u != nil && u.VforkChild == p.Pid && u.Run == Waiting {
		u.woken = true
		k.enqueue(u)
	}
	p.VforkParent = 0
}

// processEnded is the end of the last thread of a process.
func (k *Core) processEnded(p *Process, last *Thread) {
	p.Zombie = true
	p.Stop = byte(NoGroupStop)
	p.StopReport = reportNone
	if !p.Exiting {
		// Threads ended one by one with exit(2): the leader's status counts.
		p.ExitCode = p.leader.ExitCode
	}
	k.expectNoMore(p)
	k.Clock.ProcessGone(p.Pid)
	p.Signals.Drop(^signal.Set(0), func(i *signal.Info) { k.dropped(p, i) })

	if p.Session == p.Pid && p.Terminal != 0 && k.Terminal != nil {
		terminal := p.Terminal
		p.Terminal = 0
		k.Terminal.SessionEnded(p.Session, terminal)
	}
	k.orphanChildren(p)
	k.mayOrphan(p, p.parent, true)
	k.Waits.Wake(wait.ID(p.ExitId), wait.Any)
	if p == k.Program {
		k.exited, k.exitStatus = true, p.ExitCode
		if k.OnExit != nil {
			k.OnExit(p.ExitCode)
		}
	}
	k.tellEnd(p, last.Cred.UID)
}

// tellEnd informs the parent of the end of a child; a parent that does not care
// for its children has nothing to wait for.
func (k *Core) tellEnd(p *Process, uid uint32) {
	parent := p.parent
	if p.deadThreads > 0 {
		return // the tracer has to wait for the other threads first
	}
	if p.traced() {
		k.tellTracerEnd(p.leader, p.ExitCode) // the parent's turn comes when the tracer has waited
		return
	}
	if parent == nil {
		k.reap(p)
		return
	}
	u := parent.Any()
	if u == nil || parent.Zombie {
		return
	}
	autoReap := p.ExitSignal == int32(unix.SIGCHLD) && u.Handlers.ReapsChildren()
	if p.ExitSignal != 0 && !(autoReap && u.Handlers.Of(int32(unix.SIGCHLD)).Handler == signal.Ign) {
		code, status := int32(signal.CLDExited), p.ExitCode>>8&0xff
		if n := p.ExitCode & 0x7f; n != 0 {
			code, status = signal.CLDKilled, n
			if p.ExitCode&coreFlag != 0 {
				code = signal.CLDDumped
			}
		}
		i := signal.Child(code, p.Pid, uid, status, uint64(p.UserTime/clock.UserTick), uint64(p.SystemTime/clock.UserTick))
		i.Signo = p.ExitSignal
		k.SignalProcess(parent, i)
	}
	if autoReap {
		k.reap(p)
	}
	k.Waits.Wake(wait.ID(parent.WaitId), wait.In)
}

// orphanChildren gives the children of a process that ended to the nearest
// subreaper, or to process 1.
func (k *Core) orphanChildren(p *Process) {
	if len(p.children) == 0 {
		return
	}
	heir := k.Init
	for q := p.parent; q != nil && q != k.Init; q = q.parent {
		if q.Subreaper && !q.Zombie && !q.Exiting {
			heir = q
			break
		}
	}
	children := p.children
	p.children = nil
	for _, c := range children {
		c.parent = heir
		c.ProcessT.Parent = heir.Pid
		c.ExitSignal = int32(unix.SIGCHLD)
		heir.children = append(heir.children, c)
		for _, t := range c.threads {
			if t.ParentDeathSignal != 0 {
				k.SignalThread(t, signal.User(t.ParentDeathSignal, signal.SIUser, p.Pid, p.Uid))
			}
		}
		k.mayOrphan(c, p, false)
	}
	for _, c := range children {
		if c.Zombie {
			k.tellEnd(c, c.Uid)
		}
	}
}

// reap forgets a zombie. Its times count for its parent.
func (k *Core) reap(p *Process) {
	if parent := p.parent; parent != nil {
		parent.ChildrenUserTime += p.UserTime + p.ChildrenUserTime
		parent.ChildrenSystemTime += p.SystemTime + p.ChildrenSystemTime
		parent.ChildrenMaxResident = max(parent.ChildrenMaxResident, p.MaxResident, p.ChildrenMaxResident)
		parent.ChildrenMinorFaults += p.MinorFaults + p.ChildrenMinorFaults
		parent.children = remove(parent.children, p)
		p.parent = nil
	}
	if p == k.Program {
		k.Program = nil
	}
	k.leaveGroup(p)
	k.leaveSession(p)
	k.processes = remove(k.processes, p)
	k.leaveFilters(p.leader)
	if e := k.pids.at(p.Pid); e != nil {
		e.process, e.thread = nil, nil
		k.settlePID(p.Pid)
	}
	k.Waits.Wake(wait.ID(p.ExitId), wait.Any)
}

// Exited tells whether the program has ended, and how.
func (k *Core) Exited() (status int32, ok bool) { return k.exitStatus, k.exited }
