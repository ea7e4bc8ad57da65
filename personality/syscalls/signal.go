package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/clock"
	"starling/personality/signal"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// The calls about signals (signal(7)).

var signalRows = []Row{
	{unix.SYS_RT_SIGACTION, "rt_sigaction", rtSigaction, Full, ""},
	{unix.SYS_RT_SIGPROCMASK, "rt_sigprocmask", rtSigprocmask, Full, ""},
	{unix.SYS_RT_SIGRETURN, "rt_sigreturn", task.SignalReturn, Full, ""},
	{unix.SYS_RT_SIGPENDING, "rt_sigpending", rtSigpending, Full, ""},
	{unix.SYS_RT_SIGTIMEDWAIT, "rt_sigtimedwait", rtSigtimedwait, Full, ""},
	{unix.SYS_RT_SIGQUEUEINFO, "rt_sigqueueinfo", rtSigqueueinfo, Full, ""},
	{unix.SYS_RT_TGSIGQUEUEINFO, "rt_tgsigqueueinfo", rtTgsigqueueinfo, Full, ""},
	{unix.SYS_RT_SIGSUSPEND, "rt_sigsuspend", rtSigsuspend, Full, ""},
	{unix.SYS_SIGALTSTACK, "sigaltstack", sigaltstack, Full, ""},
	{unix.SYS_PAUSE, "pause", pause, Full, ""},
	{unix.SYS_KILL, "kill", kill, Full, ""},
	{unix.SYS_TKILL, "tkill", tkill, Full, ""},
	{unix.SYS_TGKILL, "tgkill", tgkill, Full, ""},
	{unix.SYS_PIDFD_SEND_SIGNAL, "pidfd_send_signal", pidfdSendSignal, Full, ""},
	{unix.SYS_RESTART_SYSCALL, "restart_syscall", task.RestartCall, Full, ""},
}

// setSize is the size of a signal set as the kernel has it.
const setSize = 8

// actionSize is the size of the kernel's struct sigaction: handler, flags, restorer, mask.
const actionSize = 32

func rtSigaction(c *task.Call) task.Result {
	n, act, old := int32(c.Args[0]), c.Args[1], c.Args[2]
	if c.Args[3] != setSize {
		return fail(unix.EINVAL)
	}
	var b [actionSize]byte
	if act != 0 {
		if _, e := usermem.CopyIn(c.Mem(), b[:], act); e != 0 {
			return fail(e)
		}
	}
	if !signal.Valid(n) || act != 0 && signal.Unblockable.Has(n) {
		return fail(unix.EINVAL)
	}
	le := binary.LittleEndian
	a := c.T.Handlers.Of(n)
	was := *a
	if act != 0 {
		*a = signal.Action{
			Handler: le.Uint64(b[0:]), Flags: le.Uint64(b[8:]) & signal.KnownFlags, Restorer: le.Uint64(b[16:]),
			Mask: signal.Set(le.Uint64(b[24:])) &^ signal.Unblockable,
		}
		if c.T.Handlers.Ignores(n) {
			c.K.Flush(c.T.Proc, n)
		}
	}
	if old != 0 {
		le.PutUint64(b[0:], was.Handler)
		le.PutUint64(b[8:], was.Flags)
		le.PutUint64(b[16:], was.Restorer)
		le.PutUint64(b[24:], uint64(was.Mask))
		return put(c, old, b[:])
	}
	return 0
}

func rtSigprocmask(c *task.Call) task.Result {
	how, set, old := int32(c.Args[0]), c.Args[1], c.Args[2]
	if c.Args[3] != setSize {
		return fail(unix.EINVAL)
	}
	was := c.T.Blocked()
	if set != 0 {
		v, e := usermem.Read64(c.Mem(), set)
		if e != 0 {
			return fail(e)
		}
		m := signal.Set(v) &^ signal.Unblockable
		switch how {
		case unix.SIG_BLOCK:
			m |= was
		case unix.SIG_UNBLOCK:
			m = was &^ m
		case unix.SIG_SETMASK:
		default:
			return fail(unix.EINVAL)
		}
		c.K.SetMask(c.T, m)
	}
	if old != 0 {
		return fail(usermem.Write64(c.Mem(), old, uint64(was)))
	}
	return 0
}

func rtSigpending(c *task.Call) task.Result {
	if c.Args[1] > setSize {
		return fail(unix.EINVAL)
	}
	var b [setSize]byte
	binary.LittleEndian.PutUint64(b[:], c.T.PendingSignals()&uint64(c.T.Blocked()))
	return put(c, c.Args[0], b[:c.Args[1]])
}

func rtSigtimedwait(c *task.Call) task.Result {
	if c.Args[3] != setSize {
		return fail(unix.EINVAL)
	}
	v, e := usermem.Read64(c.Mem(), c.Args[0])
	if e != 0 {
		return fail(e)
	}
	set := signal.Set(v) &^ signal.Unblockable
	if va := c.Args[2]; va != 0 && !c.Again {
		ns, e := getTimespec(c, va)
		if e != 0 {
			return fail(e)
		}
		c.State.Deadline = max(1, clock.SatAdd(c.K.Now(), ns))
		if ns == 0 {
			c.State.Deadline = -1
		}
	}
	if i := c.K.Take(c.T, set); i.Signo != 0 {
		if va := c.Args[1]; va != 0 {
			var b [signal.InfoSize]byte
			i.Put(&b)
			if _, e := usermem.CopyOut(c.Mem(), va, b[:]); e != 0 {
				return fail(e)
			}
		}
		return task.Result(i.Signo)
	}
	if c.TimedOut || c.State.Deadline < 0 {
		return fail(unix.EAGAIN)
	}
	return c.BlockWithin(task.Interrupt, c.State.Deadline, c.T.FutexSlack(), task.On{ID: c.T.SignalWaitID(), Events: 1})
}

func rtSigsuspend(c *task.Call) task.Result {
	if c.Args[1] != setSize {
		return fail(unix.EINVAL)
	}
	if !c.Again {
		m, e := usermem.Read64(c.Mem(), c.Args[0])
		if e != 0 {
			return fail(e)
		}
		c.SetTemporaryMask(m)
	}
	return c.Block(task.RestartNoHand, 0)
}

func pause(c *task.Call) task.Result { return c.Block(task.RestartNoHand, 0) }

// altStackSize is the size of stack_t.
const altStackSize = 24

func sigaltstack(c *task.Call) task.Result {
	le := binary.LittleEndian
	was := c.T.AltStack()
	if va := c.Args[0]; va != 0 {
		var b [altStackSize]byte
		if _, e := usermem.CopyIn(c.Mem(), b[:], va); e != 0 {
			return fail(e)
		}
		a := isa.AltStack{Base: le.Uint64(b[0:]), Flags: int32(le.Uint32(b[8:])), Size: le.Uint64(b[16:])}
		if e := c.T.SetAltStack(a, isa.MinimumSignalStack); e != 0 {
			return fail(e)
		}
	}
	if va := c.Args[1]; va != 0 {
		var b [altStackSize]byte
		le.PutUint64(b[0:], was.Base)
		le.PutUint32(b[8:], uint32(was.Flags))
		le.PutUint64(b[16:], was.Size)
		return put(c, va, b[:])
	}
	return 0
}

// sendable reports whether a number is that of a signal, or 0. Whether there is somebody to send
// it to is looked at before that.
func sendable(n int32) bool { return n >= 0 && n <= signal.Max }

// maySignal is the permission of kill(2).
func maySignal(c *task.Call, t *task.Thread, n int32) bool {
	a, b := c.T.Cred, t.Cred
	if t.Proc == c.T.Proc || a.EUID == b.SUID || a.EUID == b.UID || a.UID == b.SUID || a.UID == b.UID || a.Has(unix.CAP_KILL) {
		return true
	}
	return n == int32(unix.SIGCONT) && t.Proc.Session == c.T.Proc.Session
}

// representative is a thread whose credentials count for a process, the dead leader
// of a zombie too.
func representative(p *task.Process) *task.Thread {
	if t := p.Any(); t != nil {
		return t
	}
	return p.Leader()
}

// signalOne checks the permission and sends to a process; signal 0 only checks.
func signalOne(c *task.Call, p *task.Process, i *signal.Info) unix.Errno {
	if !sendable(i.Signo) {
		return unix.EINVAL
	}
	if p != c.T.Proc && !maySignal(c, representative(p), i.Signo) {
		return unix.EPERM
	}
	if i.Signo == 0 {
		return 0
	}
	_, e := c.K.Send(nil, p, i)
	return e
}

func kill(c *task.Call) task.Result {
	pid, n := int32(c.Args[0]), int32(c.Args[1])
	me := c.T.Proc
	i := signal.User(n, signal.SIUser, me.Pid, c.T.Cred.UID)
	switch {
	case pid == me.Pid && c.T == me.Leader() && c.K.Raise(c.T, &i):
		return task.NoReturn
	case pid > 0:
		p := c.K.Process(pid)
		if p == nil {
			if t := c.K.Thread(pid); t != nil {
				p = t.Proc
			}
		}
		if p == nil {
			return fail(unix.ESRCH)
		}
		return fail(signalOne(c, p, &i))
	}
	return killSeveral(c, pid, &i)
}

// killSeveral is kill(2) for a process group or for everybody.
func killSeveral(c *task.Call, pid int32, i *signal.Info) task.Result {
	switch pid {
	case -1 << 31:
		return fail(unix.ESRCH)
	case -1:
		// Everybody but process 1 and the caller.
		found, last := 0, unix.Errno(0)
		for _, p := range append([]*task.Process(nil), c.K.Processes()...) {
			if p == c.K.Init || p == c.T.Proc {
				continue
			}
			found++
			one := *i
			if e := signalOne(c, p, &one); e != unix.EPERM {
				last = e
			}
		}
		if found == 0 {
			return fail(unix.ESRCH)
		}
		return fail(last)
	}
	group := c.T.Proc.Group
	if pid != 0 {
		group = -pid
	}
	ok, last := false, unix.ESRCH
	for _, p := range append([]*task.Process(nil), c.K.Group(group)...) {
		one := *i
		e := signalOne(c, p, &one)
		if e == 0 {
			ok = true
		}
		last = e
	}
	if ok {
		return 0
	}
	return fail(last)
}

// signalThread is tkill(2) and tgkill(2); tgid 0: any.
func signalThread(c *task.Call, tgid, tid int32, i *signal.Info) unix.Errno {
	t := c.K.Thread(tid)
	if t == nil || tgid != 0 && t.Proc.Pid != tgid {
		return unix.ESRCH
	}
	if !sendable(i.Signo) {
		return unix.EINVAL
	}
	if !maySignal(c, t, i.Signo) {
		return unix.EPERM
	}
	if i.Signo == 0 || !t.Alive() {
		return 0
	}
	_, e := c.K.Send(t, t.Proc, i)
	return e
}

func tkill(c *task.Call) task.Result {
	tid, n := int32(c.Args[0]), int32(c.Args[1])
	if tid <= 0 {
		return fail(unix.EINVAL)
	}
	return killThread(c, 0, tid, n)
}

func tgkill(c *task.Call) task.Result {
	tgid, tid, n := int32(c.Args[0]), int32(c.Args[1]), int32(c.Args[2])
	if tid <= 0 || tgid <= 0 {
		return fail(unix.EINVAL)
	}
	return killThread(c, tgid, tid, n)
}

func killThread(c *task.Call, tgid, tid, n int32) task.Result {
	pid := c.T.Proc.Pid
	i := signal.User(n, signal.SITkill, pid, c.T.Cred.UID)
	if tid == c.T.Tid && (tgid == pid || tgid == 0) && c.K.Raise(c.T, &i) {
		return task.NoReturn
	}
	return fail(signalThread(c, tgid, tid, &i))
}

// readInfo reads a siginfo_t that a program sends; number is the signal's.
func readInfo(c *task.Call, va uint64, number int32) (signal.Info, unix.Errno) {
	var b [signal.InfoSize]byte
	if _, e := usermem.CopyIn(c.Mem(), b[:], va); e != 0 {
		return signal.Info{}, e
	}
	i, ok := signal.Get(&b)
	if !ok {
		return signal.Info{}, unix.E2BIG
	}
	i.Signo = number
	return i, 0
}

// mayPretend reports whether the code of a sent siginfo_t is allowed: only to oneself may
// one pretend to be the kernel or kill(2).
func mayPretend(c *task.Call, i *signal.Info, pid int32) bool {
	return i.Code < 0 && i.Code != signal.SITkill || pid == c.T.Proc.Pid
}

func rtSigqueueinfo(c *task.Call) task.Result {
	pid, n := int32(c.Args[0]), int32(c.Args[1])
	i, e := readInfo(c, c.Args[2], n)
	if e != 0 {
		return fail(e)
	}
	if !mayPretend(c, &i, pid) {
		return fail(unix.EPERM)
	}
	p := processOf(c, pid)
	if pid <= 0 || p == nil {
		return fail(unix.ESRCH)
	}
	return fail(signalOne(c, p, &i))
}

func rtTgsigqueueinfo(c *task.Call) task.Result {
	tgid, tid, n := int32(c.Args[0]), int32(c.Args[1]), int32(c.Args[2])
	i, e := readInfo(c, c.Args[3], n)
	if e != 0 {
		return fail(e)
	}
	if tgid <= 0 || tid <= 0 {
		return fail(unix.EINVAL)
	}
	if !(i.Code < 0 && i.Code != signal.SITkill) && tid != c.T.Tid {
		return fail(unix.EPERM)
	}
	return fail(signalThread(c, tgid, tid, &i))
}

// signalTarget is the process that a descriptor names for pidfd_send_signal(2): a PID file
// descriptor or a directory of /proc.
func signalTarget(c *task.Call, fd int32) (*task.Process, unix.Errno) {
	if f := c.T.Files.Get(fd); f != nil {
		if d, ok := f.Inode.Ops.(vfs.ProcessDirectory); ok && !f.IsPath() {
			if pid, ok := d.ProcessID(); ok {
				if p := c.K.Process(pid); p != nil {
					return p, 0
				}
				return nil, unix.ESRCH
			}
		}
	}
	return c.K.ProcessOfPIDFD(c.T, fd)
}

func pidfdSendSignal(c *task.Call) task.Result {
	n, info := int32(c.Args[1]), c.Args[2]
	if uint32(c.Args[3]) != 0 {
		return fail(unix.EINVAL)
	}
	p, e := signalTarget(c, int32(c.Args[0]))
	if e != 0 {
		return fail(e)
	}
	i := signal.User(n, signal.SIUser, c.T.Proc.Pid, c.T.Cred.UID)
	if info != 0 {
		if i, e = readInfo(c, info, n); e != 0 {
			return fail(e)
		}
		if sent, e := usermem.Read32(c.Mem(), info); e != 0 || int32(sent) != n {
			return fail(unix.EINVAL)
		}
		if !mayPretend(c, &i, p.Pid) {
			return fail(unix.EPERM)
		}
	}
	return fail(signalOne(c, p, &i))
}
