package task

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
	"starling/personality/clock"
	"starling/personality/signal"
)

// programPriority is the kernel's priority of program threads.
const programPriority = 2

// grantPages is how much more memory the kernel is given when it has none left.
const grantPages = 256

// newProcess makes a process without threads. It has no parent and no group yet.
func (k *Core) newProcess(pid int32) *Process {
	p := &Process{}
	p.Pid = pid
	p.WaitId, p.ExitId, p.SignalId = k.NewID(), k.NewID(), k.NewID()
	p.Start = k.Now()
	k.order++
	p.BornOrder = k.order
	k.processes = append(k.processes, p)
	k.entry(pid).process = p
	return p
}

// newThread makes a thread of p with a frame slot, nil when there is no slot left.
func (k *Core) newThread(p *Process, tid int32) *Thread {
	n := len(k.freeSlots)
	if n == 0 {
		return nil
	}
	slot := k.freeSlots[n-1]
	k.freeSlots = k.freeSlots[:n-1]
	t := &Thread{Proc: p}
	t.Tid, t.Slot, t.Process = tid, slot, p.Pid
	t.RestartNumber = -1
	t.Start = k.Now()
	t.Affinity = 1
	t.TimerSlack, t.DefaultSlack = defaultSlack, defaultSlack
	t.AltFlags = ssDisable
	k.wire(t)
	k.slots[slot] = t
	p.threads = append(p.threads, t)
	if tid == p.Pid {
		p.leader = t
	}
	k.entry(tid).thread = t
	k.version.born(len(k.slots) - 1 - len(k.freeSlots))
	k.forks++
	return t
}

// wire sets the pointers of a thread that do not depend on anything else.
func (k *Core) wire(t *Thread) {
	t.frame = k.frameOf(t.Slot)
	isa.NotLive(t.frame) // an event that another instance had may say so
	t.timer = clock.Timer{Kind: clock.KindCall, ID: uint64(t.Slot)}
	t.call = Call{K: k, T: t, State: &t.state}
}

// giveKernelThread makes a kernel thread for t in its space, to be started by resume with
// the registers in the frame.
func (k *Core) giveKernelThread(t *Thread) unix.Errno {
	spec := ipc.ThreadSpec{
		Space: t.MM.Handle, Kind: ipc.Program, Priority: programPriority,
		FrameMemory: k.Frames, FrameOffset: uint64(t.Slot) * ipc.PageSize,
		FaultEndpoint: k.PagerWire, FaultBadge: uint64(t.MM.Pager),
		TrapEndpoint: k.Endpoint, TrapBadge: uint64(t.Slot),
	}
	h, token, err := k.Transport.ThreadCreate(&spec)
	if err == ipc.ErrMemory && k.Pager.KernelGrant(grantPages) == client.OK {
		h, token, err = k.Transport.ThreadCreate(&spec)
	}
	switch err {
	case nil:
	case ipc.ErrMemory:
		return unix.ENOMEM
	default:
		return unix.EAGAIN
	}
	t.Handle, t.token, t.Fresh = uint32(h), token, true
	t.changed = everything
	return 0
}

// everything is all register groups.
const everything = ipc.MaskResult | ipc.MaskGeneral | ipc.MaskControl | ipc.MaskSegments | ipc.MaskFP | ipc.MaskDebug

// abandon takes back a thread that could not be started.
func (k *Core) abandon(t *Thread) {
	p := t.Proc
	p.threads = remove(p.threads, t)
	k.slots[t.Slot] = nil
	k.freeSlots = append(k.freeSlots, t.Slot)
	k.pids.at(t.Tid).thread = nil
	k.settlePID(t.Tid)
	k.forks--
}

// CloneArgs is a checked or unchecked request of clone(2) and clone3(2).
type CloneArgs struct {
	Flags                      uint64
	Stack                      uint64 // top of the stack, 0: the parent's
	ParentTID, ChildTID, PIDFD uint64 // where to store; 0 without the flag
	TLS                        uint64
	ExitSignal                 int32
	// SetTID asks for a number, outermost namespace only.
	SetTID int32
}

const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// check refuses combinations (clone(2), ERRORS).
func (q *CloneArgs) check(k *Core, t *Thread) unix.Errno {
	f := q.Flags
	switch {
	case f&(unix.CLONE_THREAD|unix.CLONE_SIGHAND) == unix.CLONE_THREAD,
		f&(unix.CLONE_SIGHAND|unix.CLONE_VM) == unix.CLONE_SIGHAND,
		f&unix.CLONE_SIGHAND != 0 && f&unix.CLONE_CLEAR_SIGHAND != 0,
		f&unix.CLONE_FS != 0 && f&(unix.CLONE_NEWNS|unix.CLONE_NEWUSER) != 0,
		f&unix.CLONE_PIDFD != 0 && f&(unix.CLONE_THREAD|unix.CLONE_DETACHED) != 0,
		f&unix.CLONE_PARENT != 0 && t.Proc == k.Init:
		return unix.EINVAL
	case f&namespaces != 0:
		return unix.EINVAL // built without namespaces
	case f&unix.CLONE_INTO_CGROUP != 0:
		return unix.EBADF // no file is a directory of control groups
	case !signal.Valid(q.ExitSignal) && q.ExitSignal != 0:
		return unix.EINVAL
	}
	return 0
}

// Clone makes a process or a thread. The result is its number, or Blocked for the
// parent of a vfork(2).
func Clone(c *Call, q *CloneArgs) Result {
	k, t := c.K, c.T
	if c.Again {
		tid := int32(c.State.Scratch0)
		if p := k.Process(tid); p != nil && p.VforkParent == t.Tid {
			t.VforkChild = tid // woken for something else: an event of its tracer's
			return c.Block(RestartNoIntr, 0)
		}
		// A vfork's child has called execve(2) or is gone.
		t.VforkChild = 0
		k.event(t, unix.PTRACE_EVENT_VFORK_DONE, uint64(tid))
		return Result(tid)
	}
	if e := q.check(k, t); e != 0 {
		return Err(e)
	}
	p := t.Proc
	if p.Exiting {
		return Err(unix.EAGAIN)
	}
	thread := q.Flags&unix.CLONE_THREAD != 0
	if k.tasksOf(t.Cred.UID) >= p.Limits[rlimitNProc].Cur && t.Cred.UID != 0 &&
		!t.Cred.Has(unix.CAP_SYS_RESOURCE) && !t.Cred.Has(unix.CAP_SYS_ADMIN) {
		return Err(unix.EAGAIN)
	}
	tid, e := k.chooseTID(t, q.SetTID)
	if e != 0 {
		return Err(e)
	}
	if len(k.freeSlots) == 0 {
		return Err(unix.EAGAIN)
	}

	if q.Flags&unix.CLONE_FILES == 0 && !k.RoomFor(t.Files.CopySize()) {
		return Err(unix.ENOMEM)
	}
	space := t.MM
	if q.Flags&unix.CLONE_VM != 0 {
		space.Get()
	} else if !k.roomToFork() {
		return Err(unix.ENOMEM)
	} else if space, e = t.MM.Fork(); e != 0 {
		return Err(e)
	}
	to := p
	if !thread {
		to = k.newProcess(tid)
		k.inherit(to, t, q)
	}
	u := k.newThread(to, tid)
	u.MM = space
	if e := k.giveKernelThread(u); e != 0 {
		k.abandon(u)
		if !thread {
			k.unborn(to)
		}
		u.MM.Put()
		return Err(e)
	}
	if q.Flags&unix.CLONE_PIDFD != 0 {
		if e := k.openPIDFD(t, to, q.PIDFD); e != 0 {
			k.Transport.ThreadDestroy(ipc.Handle(u.Handle))
			k.Transport.CapDelete(ipc.Handle(u.Handle))
			k.abandon(u)
			k.unborn(to)
			u.MM.Put()
			return Err(e)
		}
	}
	if q.Flags&unix.CLONE_VM == 0 {
		k.expect(to)
	}
	k.inheritThread(u, t, q)
	u.inheritGuard(t)
	k.traceChild(u, t, q)
	k.startChild(u, t, q)
	if q.Flags&unix.CLONE_VFORK != 0 {
		c.State.Scratch0 = int64(tid)
		t.VforkChild = tid
		to.VforkParent = t.Tid
		return c.Block(RestartNoIntr, 0)
	}
	return Result(tid)
}

// unborn forgets a process that never had a thread that ran.
func (k *Core) unborn(p *Process) {
	p.parent.children = remove(p.parent.children, p)
	k.leaveGroup(p)
	k.leaveSession(p)
	k.processes = remove(k.processes, p)
	k.pids.at(p.Pid).process = nil
	k.settlePID(p.Pid)
}

// chooseTID takes the number that was asked for, or the next one.
func (k *Core) chooseTID(t *Thread, want int32) (int32, unix.Errno) {
	if want != 0 {
		switch {
		case want < 1 || want >= PIDMax:
			return 0, unix.EINVAL
		case !t.Cred.Has(unix.CAP_SYS_ADMIN) && !t.Cred.Has(unix.CAP_CHECKPOINT_RESTORE):
			return 0, unix.EPERM
		case k.pids.at(want) != nil:
			return 0, unix.EEXIST
		}
		return want, 0
	}
	if tid := k.newPID(); tid != 0 {
		return tid, 0
	}
	return 0, unix.EAGAIN
}

// tasksOf counts the threads of a user (RLIMIT_NPROC).
func (k *Core) tasksOf(uid uint32) (n uint64) {
	if uid == 0 {
		return 0
	}
	for _, p := range k.processes {
		for _, t := range p.threads {
			if t.Cred.UID == uid {
				n++
			}
		}
	}
	return n
}

// inherit is what a new process has from the one that made it (fork(2)).
func (k *Core) inherit(p *Process, t *Thread, q *CloneArgs) {
	from := t.Proc
	parent := from
	p.ExitSignal = q.ExitSignal
	if q.Flags&unix.CLONE_PARENT != 0 {
		parent = from.parent
		p.ExitSignal = from.ExitSignal
	}
	p.parent, p.ProcessT.Parent, p.ParentThread = parent, parent.Pid, t.Tid
	parent.children = append(parent.children, p)
	p.Limits = from.Limits
	k.LimitCPU(p)
	p.Terminal = from.Terminal
	p.Persona = from.Persona
	p.OomAdjust = from.OomAdjust
	p.Uid = from.Uid
	k.joinSession(p, from.Session)
	k.joinGroup(p, from.Group)
}

// inheritThread is what a new thread has from the one that made it.
func (k *Core) inheritThread(u, t *Thread, q *CloneArgs) {
	u.Cred = t.Cred
	u.Comm = t.Comm
	u.Mask = t.Mask
	u.Nice, u.Policy, u.Priority, u.Affinity = t.Nice, t.Policy, t.Priority, t.Affinity
	u.resetSchedule()
	u.NoNewPrivs = t.NoNewPrivs
	u.TimerSlack, u.DefaultSlack = t.TimerSlack, t.TimerSlack
	u.inheritRseq(t, q)
	k.inheritSystemV(u, t, q)
	if q.Flags&(unix.CLONE_VM|unix.CLONE_VFORK) != unix.CLONE_VM {
		u.AltBase, u.AltSize, u.AltFlags = t.AltBase, t.AltSize, t.AltFlags
	}
	if q.Flags&unix.CLONE_FILES != 0 {
		u.Files = k.VFS.ShareFDTable(t.Files)
	} else {
		u.Files = k.VFS.CloneFDTable(t.Files)
	}
	if q.Flags&unix.CLONE_FS != 0 {
		u.FS = k.VFS.ShareFSContext(t.FS)
	} else {
		u.FS = k.VFS.CloneFSContext(t.FS)
	}
	if q.Flags&unix.CLONE_SIGHAND != 0 {
		u.Handlers = t.Handlers
		u.Handlers.Refs++
	} else {
		u.Handlers = t.Handlers.Clone(k.NewID())
		if q.Flags&unix.CLONE_CLEAR_SIGHAND != 0 {
			u.Handlers.Clear()
		}
	}
	if q.Flags&unix.CLONE_CHILD_CLEARTID != 0 {
		u.ClearTid = q.ChildTID
	}
}

// startChild gives the new thread its registers and starts it.
func (k *Core) startChild(u, t *Thread, q *CloneArgs) {
	k.Transport.ThreadSync(ipc.Handle(t.Handle), ipc.MaskFP)
	isa.CopyForChild(u.frame, t.frame)
	isa.SetResult(u.frame, 0)
	if t.trace != nil {
		isa.StopStep(u.frame, t.trace.ForcedStep)
	}
	if q.Stack != 0 {
		isa.SetSP(u.frame, q.Stack)
	}
	if q.Flags&unix.CLONE_SETTLS != 0 {
		isa.SetTLS(u.frame, q.TLS)
	}
	if q.Flags&unix.CLONE_PARENT_SETTID != 0 {
		k.put32(t, t.MM, q.ParentTID, uint32(u.Tid))
	}
	if q.Flags&unix.CLONE_CHILD_SETTID != 0 {
		k.put32(t, u.MM, q.ChildTID, uint32(u.Tid))
	}
	k.probeForked(u, t, q)
	u.recalculate()
	if t.Proc == u.Proc && u.Proc.Stop != byte(NoGroupStop) {
		u.attention |= AttendStop
	}
	if u.attention&attendLeaving != 0 {
		u.become(Leaving)
		k.leave(u)
		return
	}
	k.resume(u)
}

// Unshare is unshare(2) for what can be unshared.
func Unshare(c *Call) Result {
	k, t := c.K, c.T
	f := c.Args[0]
	const known = unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SYSVSEM | unix.CLONE_THREAD | unix.CLONE_SIGHAND | unix.CLONE_VM
	if f&^(known|namespaces) != 0 || f&namespaces != 0 {
		return Err(unix.EINVAL)
	}
	if f&(unix.CLONE_THREAD|unix.CLONE_SIGHAND|unix.CLONE_VM) != 0 && len(t.Proc.threads) > 1 {
		return Err(unix.EINVAL)
	}
	if f&(unix.CLONE_SIGHAND|unix.CLONE_VM) != 0 && (t.Handlers.Refs > 1 || t.MM.Shared()) {
		return Err(unix.EINVAL)
	}
	if f&unix.CLONE_FILES != 0 && t.Files.Shared() && !k.RoomFor(t.Files.CopySize()) {
		return Err(unix.ENOMEM)
	}
	if f&unix.CLONE_FS != 0 && t.FS.Shared() {
		n := k.VFS.CloneFSContext(t.FS)
		k.VFS.PutFSContext(t.FS)
		t.FS = n
	}
	if f&unix.CLONE_FILES != 0 {
		k.unshareFiles(t)
	}
	if f&unix.CLONE_SYSVSEM != 0 {
		k.leaveSystemV(t)
	}
	return 0
}

func (k *Core) unshareFiles(t *Thread) {
	if t.Files.Shared() {
		n := k.VFS.CloneFDTable(t.Files)
		k.VFS.PutFDTable(t.Files)
		t.Files = n
	}
}

// byBirth keeps lists of processes in the order of birth.
func byBirth(list []*Process, p *Process) []*Process {
	i, _ := slices.BinarySearchFunc(list, p.BornOrder, func(q *Process, o uint64) int {
		switch {
		case q.BornOrder < o:
			return -1
		case q.BornOrder > o:
			return 1
		}
		return 0
	})
	return slices.Insert(list, i, p)
}
