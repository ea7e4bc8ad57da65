package syscalls

import (
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/pipe"
	"starling/personality/vfs/tmpfs"
	"starling/personality/wait"
)

// sysFcntl is fcntl(2).
func sysFcntl(c *task.Call) task.Result {
	x := fileContext(c)
	fd := int32(c.Args[0])
	f := x.Files.Get(fd)
	if f == nil {
		return fail(unix.EBADF)
	}
	cmd, arg := int(int32(c.Args[1])), c.Args[2]
	if f.IsPath() {
		switch cmd {
		case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL:
		default:
			return fail(unix.EBADF)
		}
	}
	switch cmd {
	case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC:
		if int32(arg) < 0 || uint64(uint32(arg)) >= x.OpenLimit {
			return fail(unix.EINVAL)
		}
		n, e := x.Alloc(f.Get(), int32(arg), cmd == unix.F_DUPFD_CLOEXEC)
		return either(int64(n), e)
	case unix.F_GETFD:
		if x.Files.CloseOnExec(fd) {
			return unix.FD_CLOEXEC
		}
		return 0
	case unix.F_SETFD:
		x.Files.SetCloseOnExec(fd, arg&unix.FD_CLOEXEC != 0)
		return 0
	case unix.F_GETFL:
		return task.Result(f.Flags)
	case unix.F_SETFL:
		return fail(setFlags(x, f, uint32(arg)))
	case unix.F_GETLK, unix.F_OFD_GETLK:
		return fail(getLock(x, f, arg, cmd == unix.F_OFD_GETLK))
	case unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_SETLK, unix.F_OFD_SETLKW:
		return setLock(c, x, f, cmd, arg)
	case unix.F_GETPIPE_SZ:
		if p := pipe.Of(f); p != nil {
			return task.Result(p.Capacity())
		}
		return fail(unix.EBADF)
	case unix.F_SETPIPE_SZ:
		p := pipe.Of(f)
		if p == nil {
			return fail(unix.EBADF)
		}
		n, e := c.K.Pipes.Resize(x, p, uint64(uint32(arg)))
		return either(int64(n), e)
	case unix.F_ADD_SEALS:
		return fail(tmpfs.AddSeals(f, uint32(arg)))
	case unix.F_GET_SEALS:
		if !tmpfs.IsMemory(f.Inode) {
			return fail(unix.EINVAL)
		}
		return task.Result(f.Inode.Seals)
	}
	return fcntlOwner(x, f, cmd, arg)
}

// Numbers of include/uapi/linux/fcntl.h and include/uapi/asm-generic/fcntl.h.
const (
	ownerProcess = 1 // F_OWNER_PID
	ownerGroup   = 2 // F_OWNER_PGRP
	lastLifeHint = 5 // RWH_WRITE_LIFE_EXTREME
)

// fcntlOwner is the part of fcntl(2) about signals and leases.
func fcntlOwner(x *vfs.Context, f *vfs.File, cmd int, arg uint64) task.Result {
	switch cmd {
	case unix.F_GETOWN:
		if f.OwnerType == ownerGroup {
			return task.Result(-f.Owner)
		}
		return task.Result(f.Owner)
	case unix.F_SETOWN:
		f.Owner, f.OwnerType = int32(arg), ownerProcess
		if f.Owner < 0 {
			f.Owner, f.OwnerType = -f.Owner, ownerGroup
		}
		return 0
	case unix.F_GETOWN_EX:
		if e := usermem.Write32(x.Mem, arg, uint32(f.OwnerType)); e != 0 {
			return fail(e)
		}
		return fail(usermem.Write32(x.Mem, arg+4, uint32(f.Owner)))
	case unix.F_SETOWN_EX:
		t, e := usermem.Read32(x.Mem, arg)
		if e != 0 {
			return fail(e)
		}
		p, e := usermem.Read32(x.Mem, arg+4)
		if e != 0 {
			return fail(e)
		}
		if t > ownerGroup {
			return fail(unix.EINVAL)
		}
		f.Owner, f.OwnerType = int32(p), int32(t)
		return 0
	case unix.F_GETSIG:
		return task.Result(f.Signal)
	case unix.F_SETSIG:
		if int32(arg) < 0 || int32(arg) > 64 {
			return fail(unix.EINVAL)
		}
		f.Signal = int32(arg)
		return 0
	case unix.F_GETLEASE:
		return unix.F_UNLCK
	case unix.F_SETLEASE:
		if int(int32(arg)) == unix.F_UNLCK {
			return fail(unix.EAGAIN)
		}
		return fail(unix.EINVAL)
	case unix.F_NOTIFY:
		return fail(unix.EINVAL)
	case unix.F_GET_RW_HINT, unix.F_GET_FILE_RW_HINT:
		return fail(writeZero(x, arg))
	case unix.F_SET_RW_HINT, unix.F_SET_FILE_RW_HINT:
		v, e := usermem.Read64(x.Mem, arg)
		if e == 0 && v > lastLifeHint {
			e = unix.EINVAL
		}
		return fail(e)
	}
	return fail(unix.EINVAL)
}

func writeZero(x *vfs.Context, va uint64) unix.Errno { return usermem.Write64(x.Mem, va, 0) }

// setFlags is F_SETFL.
func setFlags(x *vfs.Context, f *vfs.File, flags uint32) unix.Errno {
	const may = unix.O_APPEND | unix.O_ASYNC | unix.O_DIRECT | unix.O_NOATIME | unix.O_NONBLOCK
	if flags&unix.O_NOATIME != 0 && f.Flags&unix.O_NOATIME == 0 && !x.Owner(f.Inode) {
		return unix.EPERM
	}
	n := f.Flags&^may | flags&may
	if e := f.Ops.SetFlags(x, f, n); e != 0 {
		return e
	}
	f.Flags = n
	return 0
}

// flock64 is struct flock (fcntl(2)).
type flock64 struct {
	typ, whence int16
	start, len  int64
	pid         int32
}

const flockSize = 32

func readFlock(x *vfs.Context, va uint64) (l flock64, e unix.Errno) {
	var b [flockSize]byte
	if _, e = usermem.CopyIn(x.Mem, b[:], va); e != 0 {
		return l, e
	}
	le := binary.LittleEndian
	return flock64{int16(le.Uint16(b[0:])), int16(le.Uint16(b[2:])), int64(le.Uint64(b[8:])), int64(le.Uint64(b[16:])), int32(le.Uint32(b[24:]))}, 0
}

// rangeOf computes the range a struct flock means.
func (l *flock64) rangeOf(f *vfs.File) (start, end int64, e unix.Errno) {
	base := int64(0)
	switch l.whence {
	case unix.SEEK_SET:
	case unix.SEEK_CUR:
		base = f.Pos
	case unix.SEEK_END:
		base = f.Inode.Size
	default:
		return 0, 0, unix.EINVAL
	}
	if l.start > 0 && base > math.MaxInt64-l.start {
		return 0, 0, unix.EOVERFLOW
	}
	start = base + l.start
	if start < 0 {
		return 0, 0, unix.EINVAL
	}
	switch {
	case l.len > 0:
		if l.len-1 > math.MaxInt64-start {
			return 0, 0, unix.EOVERFLOW
		}
		end = start + l.len - 1
	case l.len < 0:
		if start+l.len < 0 {
			return 0, 0, unix.EINVAL
		}
		start, end = start+l.len, start-1
	default:
		end = vfs.LockEnd
	}
	return start, end, 0
}

// lockOf is the lock that a call on f asks for.
func lockOf(x *vfs.Context, f *vfs.File, description bool) vfs.Lock {
	if description {
		return vfs.Lock{Kind: vfs.LockDescription, Owner: f.Id, PID: -1}
	}
	return vfs.Lock{Kind: vfs.LockProcess, Owner: x.Files.ID, PID: x.PID}
}

func getLock(x *vfs.Context, f *vfs.File, va uint64, description bool) unix.Errno {
	l, e := readFlock(x, va)
	if e != 0 {
		return e
	}
	if l.typ != unix.F_RDLCK && l.typ != unix.F_WRLCK || description && l.pid != 0 {
		return unix.EINVAL
	}
	want := lockOf(x, f, description)
	want.Exclusive = l.typ == unix.F_WRLCK
	if want.Start, want.End, e = l.rangeOf(f); e != 0 {
		return e
	}
	var b [flockSize]byte
	if _, e := usermem.CopyIn(x.Mem, b[:], va); e != 0 {
		return e
	}
	le := binary.LittleEndian
	got, ok := f.Inode.FindConflict(&want)
	if !ok {
		le.PutUint16(b[0:], unix.F_UNLCK)
	} else {
		typ := uint16(unix.F_RDLCK)
		if got.Exclusive {
			typ = unix.F_WRLCK
		}
		le.PutUint16(b[0:], typ)
		le.PutUint16(b[2:], unix.SEEK_SET)
		le.PutUint64(b[8:], uint64(got.Start))
		n := int64(0)
		if got.End != vfs.LockEnd {
			n = got.End - got.Start + 1
		}
		le.PutUint64(b[16:], uint64(n))
		le.PutUint32(b[24:], uint32(got.PID))
	}
	_, e = usermem.CopyOut(x.Mem, va, b[:])
	return e
}

func setLock(c *task.Call, x *vfs.Context, f *vfs.File, cmd int, va uint64) task.Result {
	description := cmd == unix.F_OFD_SETLK || cmd == unix.F_OFD_SETLKW
	blocking := cmd == unix.F_SETLKW || cmd == unix.F_OFD_SETLKW
	l, e := readFlock(x, va)
	if e != 0 {
		return fail(e)
	}
	if description && l.pid != 0 {
		return fail(unix.EINVAL)
	}
	want := lockOf(x, f, description)
	if want.Start, want.End, e = l.rangeOf(f); e != 0 {
		return fail(e)
	}
	switch l.typ {
	case unix.F_UNLCK:
		return fail(c.K.VFS.Unlock(f.Inode, &want))
	case unix.F_RDLCK:
		if !f.Readable() {
			return fail(unix.EBADF)
		}
	case unix.F_WRLCK:
		if !f.Writable() {
			return fail(unix.EBADF)
		}
		want.Exclusive = true
	default:
		return fail(unix.EINVAL)
	}
	return lockResult(c, f, x.SetLock(f.Inode, &want, blocking), blocking)
}

func lockResult(c *task.Call, f *vfs.File, e unix.Errno, blocking bool) task.Result {
	if e == unix.EAGAIN && blocking {
		return c.Block(task.RestartSys, 0, task.On{ID: f.Inode.WaitID(), Events: wait.Any})
	}
	return fail(e)
}

// sysFlock is flock(2).
func sysFlock(c *task.Call) task.Result {
	x := fileContext(c)
	op := int(int32(c.Args[1]))
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	l := vfs.Lock{Kind: vfs.LockFlock, Owner: f.Id, PID: x.PID, End: vfs.LockEnd}
	switch op &^ unix.LOCK_NB {
	case unix.LOCK_UN:
		return fail(c.K.VFS.Unlock(f.Inode, &l))
	case unix.LOCK_SH:
	case unix.LOCK_EX:
		l.Exclusive = true
	default:
		return fail(unix.EINVAL)
	}
	blocking := op&unix.LOCK_NB == 0
	e := x.SetLock(f.Inode, &l, blocking)
	if e == unix.EAGAIN {
		// A change of type gives up the old lock first (flock(2)).
		c.K.VFS.Unlock(f.Inode, &l)
	}
	return lockResult(c, f, e, blocking)
}

// sysIoctl is ioctl(2): what every file has, then what the file itself knows.
func sysIoctl(c *task.Call) task.Result {
	x := fileContext(c)
	fd := int32(c.Args[0])
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	cmd, arg := uint32(c.Args[1]), c.Args[2]
	switch cmd {
	case vfs.FIOCLEX, vfs.FIONCLEX:
		x.Files.SetCloseOnExec(fd, cmd == vfs.FIOCLEX)
		return 0
	case vfs.FIONBIO, vfs.FIOASYNC:
		on, e := usermem.Read32(x.Mem, arg)
		if e != 0 {
			return fail(e)
		}
		bit := uint32(unix.O_NONBLOCK)
		if cmd == vfs.FIOASYNC {
			bit = unix.O_ASYNC
		}
		n := f.Flags &^ bit
		if on != 0 {
			n |= bit
		}
		return fail(setFlags(x, f, n))
	case vfs.FIOQSIZE:
		if f.Inode.IsRegular() || f.Inode.IsDir() {
			return fail(usermem.Write64(x.Mem, arg, uint64(f.Inode.Size)))
		}
		return fail(unix.ENOTTY)
	}
	n, e := f.Ops.Ioctl(x, f, cmd, arg)
	if e == unix.EAGAIN && mayWait(x, f) && x.WaitOn != 0 {
		return waitFor(c, x, f, wait.Any)
	}
	raised(c, x)
	return either(n, e)
}
