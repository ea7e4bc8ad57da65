package syscalls

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/personality/loader"
	"starling/personality/signal"
	"starling/personality/task"
	"starling/personality/usermem"
)

// The calls about processes: making, replacing, ending and waiting for them.

var processRows = []Row{
	{unix.SYS_FORK, "fork", fork, Full, ""},
	{unix.SYS_VFORK, "vfork", vfork, Full, ""},
	{unix.SYS_CLONE, "clone", clone, Partial, "no namespaces (EINVAL)"},
	{unix.SYS_CLONE3, "clone3", clone3, Partial, "no namespaces (EINVAL), no cgroups (EBADF)"},
	{unix.SYS_UNSHARE, "unshare", task.Unshare, Partial, "no namespaces (EINVAL)"},
	{unix.SYS_SETNS, "setns", setns, Refused, "EINVAL: there are no namespaces"},
	{unix.SYS_EXECVE, "execve", execve, Full, "set-user-ID bits have no effect, as on a mount with nosuid"},
	{unix.SYS_EXECVEAT, "execveat", execveat, Full, "as execve"},
	{unix.SYS_EXIT, "exit", task.ExitThread, Full, ""},
	{unix.SYS_EXIT_GROUP, "exit_group", task.ExitGroup, Full, ""},
	{unix.SYS_WAIT4, "wait4", wait4, Full, ""},
	{unix.SYS_WAITID, "waitid", waitid, Full, ""},
	{unix.SYS_GETPID, "getpid", getpid, Full, ""},
	{unix.SYS_GETTID, "gettid", gettid, Full, ""},
	{unix.SYS_GETPPID, "getppid", getppid, Full, ""},
	{unix.SYS_GETPGID, "getpgid", getpgid, Full, ""},
	{unix.SYS_GETPGRP, "getpgrp", getpgrp, Full, ""},
	{unix.SYS_SETPGID, "setpgid", setpgid, Full, ""},
	{unix.SYS_GETSID, "getsid", getsid, Full, ""},
	{unix.SYS_SETSID, "setsid", setsid, Full, ""},
	{unix.SYS_SET_TID_ADDRESS, "set_tid_address", setTIDAddress, Full, ""},
	{unix.SYS_SET_ROBUST_LIST, "set_robust_list", setRobustList, Full, ""},
	{unix.SYS_GET_ROBUST_LIST, "get_robust_list", getRobustList, Full, ""},
	{unix.SYS_GETRUSAGE, "getrusage", getrusage, Partial, "no block I/O, swaps or messages to count"},
	{unix.SYS_PIDFD_OPEN, "pidfd_open", pidfdOpen, Full, ""},
	{unix.SYS_PIDFD_GETFD, "pidfd_getfd", pidfdGetfd, Full, ""},
}

func getpid(c *task.Call) task.Result { return task.Result(c.T.Proc.Pid) }
func gettid(c *task.Call) task.Result { return task.Result(c.T.Tid) }

func getppid(c *task.Call) task.Result {
	if p := c.T.Proc.Parent(); p != nil {
		return task.Result(p.Pid)
	}
	return 0
}

func fork(c *task.Call) task.Result {
	return task.Clone(c, &task.CloneArgs{ExitSignal: int32(unix.SIGCHLD)})
}

func vfork(c *task.Call) task.Result {
	return task.Clone(c, &task.CloneArgs{Flags: unix.CLONE_VFORK | unix.CLONE_VM, ExitSignal: int32(unix.SIGCHLD)})
}

func clone(c *task.Call) task.Result {
	const exitSignalMask = 0xff
	flags := c.Args[0]
	if !c.Again && flags&unix.CLONE_PIDFD != 0 && flags&unix.CLONE_PARENT_SETTID != 0 {
		return fail(unix.EINVAL) // both would be stored at the same place
	}
	return task.Clone(c, &task.CloneArgs{
		Flags: flags &^ exitSignalMask & 0xffffffff, ExitSignal: int32(flags & exitSignalMask), Stack: c.Args[1],
		ParentTID: c.Args[2], PIDFD: c.Args[2], ChildTID: c.Args[3], TLS: c.Args[4],
	})
}

// Sizes of struct clone_args, clone(2).
const (
	cloneArgsSize0 = 64
	cloneArgsSize2 = 88
)

func clone3(c *task.Call) task.Result {
	if c.Again {
		return task.Clone(c, nil)
	}
	size := c.Args[1]
	if size > 4096 {
		return fail(unix.E2BIG)
	}
	if size < cloneArgsSize0 {
		return fail(unix.EINVAL)
	}
	var b [cloneArgsSize2]byte
	if e := usermem.CopyInStruct(c.Mem(), b[:], c.Args[0], size); e != 0 {
		return fail(e)
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	q := task.CloneArgs{Flags: word(0), PIDFD: word(1), ChildTID: word(2), ParentTID: word(3),
		ExitSignal: int32(word(4)), TLS: word(7)}
	stack, stackSize, setTID, setTIDSize := word(5), word(6), word(8), word(9)
	const known = 0x3ffffffff
	switch {
	case q.Flags&^known != 0, q.Flags&(0xff|unix.CLONE_DETACHED)&^unix.CLONE_NEWTIME != 0,
		word(4) > 64,
		q.Flags&(unix.CLONE_THREAD|unix.CLONE_PARENT) != 0 && q.ExitSignal != 0,
		stack == 0 && stackSize != 0, stack != 0 && stackSize == 0,
		q.Flags&unix.CLONE_INTO_CGROUP != 0 && (word(10) > math.MaxInt32 || size < cloneArgsSize2),
		setTIDSize > 32, (setTID == 0) != (setTIDSize == 0):
		return fail(unix.EINVAL)
	}
	if stack != 0 {
		q.Stack = stack + stackSize
	}
	if setTIDSize > 1 {
		return fail(unix.EINVAL) // one namespace
	}
	if setTIDSize == 1 {
		v, e := usermem.Read32(c.Mem(), setTID)
		if e != 0 {
			return fail(e)
		}
		if v == 0 {
			return fail(unix.EINVAL)
		}
		q.SetTID = int32(v)
	}
	return task.Clone(c, &q)
}

func setns(c *task.Call) task.Result {
	if c.T.Files.Get(int32(c.Args[0])) == nil {
		return fail(unix.EBADF)
	}
	return fail(unix.EINVAL)
}

func execve(c *task.Call) task.Result {
	return exec(c, unix.AT_FDCWD, c.Args[0], c.Args[1], c.Args[2], 0)
}

func execveat(c *task.Call) task.Result {
	return exec(c, int32(c.Args[0]), c.Args[1], c.Args[2], c.Args[3], int(c.Args[4]))
}

func exec(c *task.Call, dirfd int32, path, argv, envp uint64, at int) task.Result {
	x := fileContext(c)
	name, e := x.ReadPathKeep(path)
	if e != 0 {
		return fail(e)
	}
	f, e := x.OpenExec(dirfd, name, at)
	if e != 0 {
		return fail(e)
	}
	limit := loader.ArgumentLimit(c.T.Proc.Limits[unix.RLIMIT_STACK].Cur)
	args, e := readStrings(c, argv, &limit)
	if e == 0 {
		var env []string
		if env, e = readStrings(c, envp, &limit); e == 0 {
			name, closes := execName(c, dirfd, string(name))
			return task.Execute(c, task.Executable{File: f, Name: name, Closes: closes, Argv: args, Envp: env})
		}
	}
	c.K.VFS.Put(f)
	return fail(e)
}

// execName is what a program found through a descriptor is called (fs/exec.c), and whether
// the descriptor is closed by executing it.
func execName(c *task.Call, dirfd int32, name string) (path string, closes bool) {
	if dirfd == unix.AT_FDCWD || len(name) > 0 && name[0] == '/' {
		return name, false
	}
	path = "/dev/fd/" + strconv.Itoa(int(dirfd))
	if name != "" {
		path += "/" + name
	}
	return path, c.T.Files.CloseOnExec(dirfd)
}

// readStrings reads an array of pointers to strings; limit is how many bytes are left, for
// strings and pointers (execve(2), "Limits on size of arguments and environment"). There may be megabytes of them, so
// they are counted first, lie in few pieces, and are refused when the server has no room for so much.
func readStrings(c *task.Call, va uint64, limit *uint64) ([]string, unix.Errno) {
	if va == 0 {
		return nil, 0
	}
	m := c.Mem()
	count := uint64(0)
	for {
		p, e := usermem.Read64(m, va+8*count)
		if e != 0 {
			return nil, e
		}
		if p == 0 {
			break
		}
		if count++; 8*count > *limit {
			return nil, unix.E2BIG
		}
	}
	const firstPiece, largePiece = 256, 32 << 10 // bytes
	if !c.K.RoomFor(uint64(unsafe.Sizeof("")) * count) {
		return nil, unix.ENOMEM
	}
	list := make([]string, 0, count)
	var room []byte
	piece := firstPiece
	for ; uint64(len(list)) < count; va += 8 {
		p, e := usermem.Read64(m, va)
		if e != 0 {
			return nil, e
		}
		if p == 0 {
			break // the program has another thread, which has changed it
		}
		n, e := usermem.StringLength(m, p, loader.MaxString-1)
		if e == unix.ENAMETOOLONG {
			e = unix.E2BIG
		}
		if e != 0 {
			return nil, e
		}
		need := uint64(n) + 1 + 8
		if need > *limit {
			return nil, unix.E2BIG
		}
		*limit -= need
		if n > len(room) {
			size := max(n, piece)
			if size >= largePiece && !c.K.RoomFor(uint64(size)) {
				return nil, unix.ENOMEM
			}
			room = make([]byte, size)
			piece = min(2*size, largePiece)
		}
		if _, e := usermem.CopyIn(m, room[:n], p); e != 0 {
			return nil, e
		}
		list = append(list, unsafe.String(unsafe.SliceData(room), n))
		room = room[n:]
	}
	return list, 0
}

// waitOptions are the options that both calls know.
const waitOptions = unix.WNOHANG | unix.WNOTHREAD | unix.WCLONE | unix.WALL

func wait4(c *task.Call) task.Result {
	pid, options := int32(c.Args[0]), int(uint32(c.Args[2]))
	if options&^(waitOptions|unix.WUNTRACED|unix.WCONTINUED) != 0 {
		return fail(unix.EINVAL)
	}
	q := task.Children{Options: options | unix.WEXITED, By: c.T, Usage: c.Args[3] != 0}
	switch {
	case pid > 0:
		q.PID = pid
	case pid == 0:
		q.Group = c.T.Proc.Group
	case pid == -1<<31:
		return fail(unix.ESRCH)
	case pid < -1:
		q.Group = -pid
	}
	ch, e := c.K.WaitChild(c.T.Proc, q)
	if e != 0 {
		return fail(e)
	}
	if ch.PID == 0 {
		if options&unix.WNOHANG != 0 {
			return 0
		}
		return c.Block(task.RestartSys, 0, c.T.Proc.ChildWait())
	}
	if va := c.Args[1]; va != 0 {
		if e := usermem.Write32(c.Mem(), va, uint32(ch.Status)); e != 0 {
			return fail(e)
		}
	}
	if va := c.Args[3]; va != 0 {
		if e := putUsage(c, va, &ch.Usage); e != 0 {
			return fail(e)
		}
	}
	return task.Result(ch.PID)
}

func waitid(c *task.Call) task.Result {
	which, id, info, options := int32(c.Args[0]), int32(c.Args[1]), c.Args[2], int(uint32(c.Args[3]))
	const kinds = unix.WEXITED | unix.WSTOPPED | unix.WCONTINUED
	if options&^(waitOptions|kinds|unix.WNOWAIT) != 0 || options&kinds == 0 {
		return fail(unix.EINVAL)
	}
	q := task.Children{Options: options, By: c.T, Usage: c.Args[4] != 0}
	nonBlock := false
	switch which {
	case unix.P_ALL:
	case unix.P_PID:
		if id <= 0 {
			return fail(unix.EINVAL)
		}
		q.PID = id
	case unix.P_PGID:
		if id < 0 {
			return fail(unix.EINVAL)
		}
		if q.Group = id; id == 0 {
			q.Group = c.T.Proc.Group
		}
	case unix.P_PIDFD:
		if id < 0 {
			return fail(unix.EINVAL)
		}
		p, e := c.K.ProcessOfPIDFD(c.T, id)
		if e == unix.ESRCH {
			e = unix.ECHILD
		}
		if e != 0 {
			return fail(e)
		}
		q.PID = p.Pid
		nonBlock = c.T.Files.Get(id).NonBlock()
	default:
		return fail(unix.EINVAL)
	}
	ch, e := c.K.WaitChild(c.T.Proc, q)
	if e != 0 {
		return fail(e)
	}
	if ch.PID == 0 {
		switch {
		case options&unix.WNOHANG != 0:
		case nonBlock:
			return fail(unix.EAGAIN)
		default:
			return c.Block(task.RestartSys, 0, c.T.Proc.ChildWait())
		}
	}
	if info != 0 {
		if e := putWaitInfo(c, info, &ch); e != 0 {
			return fail(e)
		}
	}
	if va := c.Args[4]; va != 0 && ch.PID != 0 {
		if e := putUsage(c, va, &ch.Usage); e != 0 {
			return fail(e)
		}
	}
	return 0
}

// putWaitInfo writes the siginfo_t of waitid(2); zeros when no child has changed.
func putWaitInfo(c *task.Call, va uint64, ch *task.Changed) unix.Errno {
	var i signal.Info
	if ch.PID != 0 {
		status := ch.Status >> 8 & 0xff
		switch ch.Code {
		case signal.CLDKilled, signal.CLDDumped:
			status = ch.Status & 0x7f
		case signal.CLDContinued:
			status = int32(unix.SIGCONT)
		case signal.CLDTrapped:
			status = ch.Status >> 8 // with the event
		}
		i = signal.Child(ch.Code, ch.PID, ch.UID, status, 0, 0)
		i.Signo = int32(unix.SIGCHLD)
	}
	var b [signal.InfoSize]byte
	i.Put(&b)
	const written = 28 // up to si_status; the rest is left alone (kernel/exit.c)
	_, e := usermem.CopyOut(c.Mem(), va, b[:written])
	return e
}

// usageSize is the size of struct rusage.
const usageSize = 144

func putUsage(c *task.Call, va uint64, u *task.Usage) unix.Errno {
	var b [usageSize]byte
	le := binary.LittleEndian
	le.PutUint64(b[0:], uint64(u.User/1e9))
	le.PutUint64(b[8:], uint64(u.User%1e9/1e3))
	le.PutUint64(b[16:], uint64(u.System/1e9))
	le.PutUint64(b[24:], uint64(u.System%1e9/1e3))
	le.PutUint64(b[32:], u.MaxResident*4) // KiB
	le.PutUint64(b[64:], u.MinorFaults)
	le.PutUint64(b[128:], u.Voluntary)
	le.PutUint64(b[136:], u.Involuntary)
	_, e := usermem.CopyOut(c.Mem(), va, b[:])
	return e
}

func getrusage(c *task.Call) task.Result {
	u, ok := c.K.UsageOf(c.T, int(int32(c.Args[0])))
	if !ok {
		return fail(unix.EINVAL)
	}
	return fail(putUsage(c, c.Args[1], &u))
}

// processOf is the process of an argument: 0 is the caller's. nil: there is none.
func processOf(c *task.Call, pid int32) *task.Process {
	if pid == 0 {
		return c.T.Proc
	}
	if t := c.K.Thread(pid); t != nil {
		return t.Proc
	}
	return c.K.Process(pid)
}

func getpgid(c *task.Call) task.Result {
	p := processOf(c, int32(c.Args[0]))
	if p == nil {
		return fail(unix.ESRCH)
	}
	return task.Result(p.Group)
}

func getpgrp(c *task.Call) task.Result { return task.Result(c.T.Proc.Group) }

func setpgid(c *task.Call) task.Result {
	return fail(c.K.SetGroup(c.T.Proc, int32(c.Args[0]), int32(c.Args[1])))
}

func getsid(c *task.Call) task.Result {
	p := processOf(c, int32(c.Args[0]))
	if p == nil {
		return fail(unix.ESRCH)
	}
	return task.Result(p.Session)
}

func setsid(c *task.Call) task.Result {
	if e := c.K.NewSession(c.T.Proc); e != 0 {
		return fail(e)
	}
	return task.Result(c.T.Proc.Session)
}

func setTIDAddress(c *task.Call) task.Result {
	c.T.ClearTid = c.Args[0]
	return task.Result(c.T.Tid)
}

// robustHeadSize is the size of struct robust_list_head.
const robustHeadSize = 24

func setRobustList(c *task.Call) task.Result {
	if c.Args[1] != robustHeadSize {
		return fail(unix.EINVAL)
	}
	c.T.RobustList = c.Args[0]
	return 0
}

func getRobustList(c *task.Call) task.Result {
	t := c.T
	if pid := int32(c.Args[0]); pid != 0 {
		if t = c.K.Thread(pid); t == nil || !t.Alive() {
			return fail(unix.ESRCH)
		}
		if !mayInspect(c, t) {
			return fail(unix.EPERM)
		}
	}
	if e := usermem.Write64(c.Mem(), c.Args[2], robustHeadSize); e != 0 {
		return fail(e)
	}
	return fail(usermem.Write64(c.Mem(), c.Args[1], t.RobustList))
}

// mayInspect is the access check of ptrace(2), "Ptrace access mode checking", with real
// credentials.
func mayInspect(c *task.Call, t *task.Thread) bool {
	return c.K.MayAccess(c.T, t, 0)
}

func pidfdOpen(c *task.Call) task.Result {
	pid, flags := int32(c.Args[0]), uint32(c.Args[1])
	if flags&^unix.PIDFD_NONBLOCK != 0 || pid <= 0 {
		return fail(unix.EINVAL)
	}
	p := c.K.Process(pid)
	if p == nil {
		if c.K.Thread(pid) != nil {
			return fail(unix.EINVAL)
		}
		return fail(unix.ESRCH)
	}
	f, e := c.K.NewPIDFD(p, flags)
	if e != 0 {
		return fail(e)
	}
	fd, e := fileContext(c).Alloc(f, 0, true)
	return either(int64(fd), e)
}

func pidfdGetfd(c *task.Call) task.Result {
	if uint32(c.Args[2]) != 0 {
		return fail(unix.EINVAL)
	}
	p, e := c.K.ProcessOfPIDFD(c.T, int32(c.Args[0]))
	if e != 0 {
		return fail(e)
	}
	t := p.Any()
	if t == nil || t.Files == nil {
		return fail(unix.ESRCH)
	}
	if !mayInspect(c, t) {
		return fail(unix.EPERM)
	}
	f := t.Files.Get(int32(c.Args[1]))
	if f == nil {
		return fail(unix.EBADF)
	}
	fd, e := fileContext(c).Alloc(f.Get(), 0, true)
	return either(int64(fd), e)
}
