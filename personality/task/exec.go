package task

import (
	"reflect"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Executable is what a thread executes, from the opened file on.
type Executable struct {
	File *vfs.File
	// Name is what the program is called: AT_EXECFN and, its last part, the thread's name.
	Name string
	// Closes means that Name leads through a descriptor that is closed by executing, so that an
	// interpreter could not open it (fs/exec.c, BINPRM_FLAGS_PATH_INACCESSIBLE).
	Closes     bool
	Argv, Envp []string
}

// Execute is execve(2); it takes over the reference to the file.
func Execute(c *Call, x Executable) Result {
	k, t := c.K, c.T
	if len(x.Argv) == 0 {
		x.Argv = []string{""} // as Linux since 5.18
	}
	if !k.roomToExecute(t) || t.Files.Shared() && !k.RoomFor(t.Files.CopySize()) {
		k.VFS.Put(x.File)
		return Err(unix.ENOMEM)
	}
	p, e := k.load(t, x)
	if e != 0 {
		return Err(e)
	}
	if len(t.Proc.threads) > 1 || t.Proc.deadThreads > 0 {
		if !k.endOthers(t) {
			// Threads that a tracer holds at their end take their time. The program is read
			// again when they are gone.
			p.space.Put()
			return c.Block(RestartNoIntr, 0)
		}
	}
	// The new program needs a kernel thread before the old one is given up: the
	// last thing that can fail.
	old := *t
	t.MM = p.space
	if e := k.giveKernelThread(t); e != 0 {
		t.MM, t.changed = old.MM, old.changed
		p.space.Put()
		return Err(e)
	}
	was, number := t.Tid, t.Number
	k.onlyThread(t)
	k.Transport.ThreadDestroy(ipc.Handle(old.Handle))
	k.Transport.CapDelete(ipc.Handle(old.Handle))
	t.OldUserTime = t.UserTime
	t.MM = old.MM
	k.becomeProgram(t, p)
	isa.SetNumber(t.frame, uint64(number)) // a tracer sees the return of this call
	k.tellExec(t, was)
	return NoReturn
}

// onlyThread ends all other threads of the process; the one that is left has the process's
// number afterwards (execve(2), "Effect on multithreaded programs").
func (k *Core) onlyThread(t *Thread) {
	p := t.Proc
	for len(p.threads) > 1 {
		u := p.threads[0]
		if u == t {
			u = p.threads[1]
		}
		u.become(Exiting)
		k.exitThread(u)
	}
	p.Execing = 0
	if t.Leader() {
		return
	}
	if p.leader.trace != nil {
		// Its tracer hears of the number again: as that of the program's only thread.
		k.Waits.Wake(wait.ID(p.leader.trace.tracer.Proc.WaitId), wait.In)
		k.unlink(p.leader)
	}
	if e := k.pids.at(t.Tid); e != nil {
		e.thread = nil
		k.settlePID(t.Tid)
	}
	t.Tid = p.Pid
	p.leader = t
	k.pids.at(p.Pid).thread = t
}

// becomeProgram is execve(2) past the point of no return.
func (k *Core) becomeProgram(t *Thread, p *program) {
	proc := t.Proc
	if t.MM != nil {
		k.exitRobust(t)
		k.exitLocks(t)
		if t.ClearTid != 0 && t.MM.Shared() {
			k.put32(t, t.MM, t.ClearTid, 0)
			k.futexWakeWord(t, t.ClearTid)
		}
		old := t.MM
		proc.MaxResident = max(proc.MaxResident, old.PeakResident())
		t.MM = p.space
		k.acting = proc.Pid
		old.Put()
		k.acting = 0
		k.vforkDone(t)
	}
	t.MM = p.space
	t.probe.Executed()
	k.Probes.Adopted(t.MM)
	k.Perf.Executed(t.Tid)
	t.ClearTid, t.RobustList = 0, 0
	t.registerRseq(0, 0, 0)
	if t.Handlers.Refs > 1 {
		t.Handlers.Refs--
		t.Handlers = t.Handlers.Clone(k.NewID())
	}
	t.Handlers.ResetForExec()
	t.AltBase, t.AltSize, t.AltFlags = 0, 0, ssDisable
	t.DisarmRestart()
	t.SetDispatch(nil)
	k.unshareFiles(t)
	k.VFS.CloseForExec(t.Files)
	if c := execCredentials(t.Cred, t.Cred.ID); !reflect.DeepEqual(c, t.Cred) {
		c.ID = k.NewID()
		t.Cred = c
		t.ParentDeathSignal = 0
	}
	t.Comm = p.comm
	proc.Executed = true
	k.expect(proc)
	if proc.ExitSignal != 0 {
		proc.ExitSignal = int32(unix.SIGCHLD)
	}
	k.Clock.Exec(proc.Pid)
	isa.Start(t.frame, p.entry, p.sp)
	t.changed = everything
	t.FaultAddress, t.FaultError, t.FaultVector = 0, 0, 0
}

// Start makes process 1, which adopts orphans, and the first program as its child:
// leader of a session of its own. prepare gives the thread its descriptors and working
// directory before the program is looked up. name is the path of the program.
func (k *Core) Start(name string, argv, envp []string, prepare func(t *Thread) unix.Errno) unix.Errno {
	k.makeInit()
	pid := k.newPID()
	p := k.newProcess(pid)
	t := k.newThread(p, pid)
	if t == nil {
		return unix.EAGAIN
	}
	k.Program = p
	k.inherit(p, k.Init.leader, &CloneArgs{ExitSignal: int32(unix.SIGCHLD)})
	k.joinSession(p, pid)
	k.joinGroup(p, pid)
	k.inheritThread(t, k.Init.leader, &CloneArgs{})
	t.Handlers = signal.New(t.Handlers.ID) // not process 1's, which ignores SIGCHLD
	if e := prepare(t); e != 0 {
		return e
	}
	x := k.FileContext(t)
	f, e := x.OpenExec(unix.AT_FDCWD, []byte(name), 0)
	if e != 0 {
		return e
	}
	prog, e := k.load(t, Executable{File: f, Name: name, Argv: argv, Envp: envp})
	if e != 0 {
		return e
	}
	t.MM = prog.space
	if e := k.giveKernelThread(t); e != 0 {
		return e
	}
	t.MM = nil
	k.becomeProgram(t, prog)
	k.resume(t)
	k.Settle()
	return 0
}
