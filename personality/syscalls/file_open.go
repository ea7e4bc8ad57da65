package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

const resolveCached = 0x20 // RESOLVE_CACHED

const atFDCWD = uint64(0xffffffffffffff9c) // AT_FDCWD as a register holds it

// sysOpen is open(2).
func sysOpen(c *task.Call) task.Result {
	return open(c, atFDCWD, c.Args[0], vfs.OpenHow{Flags: uint32(c.Args[1]), Mode: uint32(c.Args[2])})
}

// sysOpenat is openat(2).
func sysOpenat(c *task.Call) task.Result {
	return open(c, c.Args[0], c.Args[1], vfs.OpenHow{Flags: uint32(c.Args[2]), Mode: uint32(c.Args[3])})
}

// sysCreat is creat(2).
func sysCreat(c *task.Call) task.Result {
	return open(c, atFDCWD, c.Args[0], vfs.OpenHow{Flags: unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC, Mode: uint32(c.Args[1])})
}

// openFlags are the flags that open(2) knows; it ignores others, openat2(2) does not.
const openFlags = unix.O_ACCMODE | unix.O_CREAT | unix.O_EXCL | unix.O_NOCTTY | unix.O_TRUNC | unix.O_APPEND |
	unix.O_NONBLOCK | unix.O_DSYNC | unix.O_ASYNC | unix.O_DIRECT | 0x8000 | unix.O_DIRECTORY | unix.O_NOFOLLOW |
	unix.O_NOATIME | unix.O_CLOEXEC | unix.O_SYNC | unix.O_PATH | unix.O_TMPFILE

// sysOpenat2 is openat2(2).
func sysOpenat2(c *task.Call) task.Result {
	x := fileContext(c)
	size := c.Args[3]
	switch {
	case size < 24:
		return fail(unix.EINVAL)
	case size > 4096:
		return fail(unix.E2BIG)
	}
	var fields [24]byte
	if e := usermem.CopyInStruct(x.Mem, fields[:], c.Args[2], size); e != 0 {
		return fail(e)
	}
	const resolve = unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH | unix.RESOLVE_IN_ROOT | resolveCached
	le := binary.LittleEndian
	flags, mode, r := le.Uint64(fields[0:]), le.Uint64(fields[8:]), le.Uint64(fields[16:])
	switch {
	case flags&^openFlags != 0 || r&^resolve != 0:
		return fail(unix.EINVAL)
	case r&(unix.RESOLVE_BENEATH|unix.RESOLVE_IN_ROOT) == unix.RESOLVE_BENEATH|unix.RESOLVE_IN_ROOT:
		return fail(unix.EINVAL)
	case flags&unix.O_PATH != 0 && flags&^(unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC) != 0:
		return fail(unix.EINVAL)
	case flags&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) == 0 && mode != 0 || mode&^07777 != 0:
		return fail(unix.EINVAL)
	case r&resolveCached != 0:
		return fail(unix.EAGAIN) // permitted at any time; the caller asks again without
	}
	how := vfs.OpenHow{Flags: uint32(flags), Mode: uint32(mode)}
	for _, bit := range []struct {
		from uint64
		to   vfs.WalkFlags
	}{
		{unix.RESOLVE_NO_XDEV, vfs.NoCrossing}, {unix.RESOLVE_NO_MAGICLINKS, vfs.NoMagic},
		{unix.RESOLVE_NO_SYMLINKS, vfs.NoSymlinks | vfs.NoMagic},
		{unix.RESOLVE_BENEATH, vfs.Beneath}, {unix.RESOLVE_IN_ROOT, vfs.InRoot},
	} {
		if r&bit.from != 0 {
			how.Resolve |= bit.to
		}
	}
	return open(c, c.Args[0], c.Args[1], how)
}

func open(c *task.Call, dirfd, path uint64, how vfs.OpenHow) task.Result {
	x := fileContext(c)
	if e := how.Check(); e != 0 {
		return fail(e)
	}
	p, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	f, e := x.Open(int32(dirfd), p, &how)
	if e == unix.EAGAIN && x.WaitOn != 0 {
		return c.Block(task.RestartSys, x.Deadline, task.On{ID: x.WaitOn, Events: wait.Any})
	}
	if e != 0 {
		return fail(e)
	}
	fd, e := x.Alloc(f, 0, how.Flags&unix.O_CLOEXEC != 0)
	return either(int64(fd), e)
}

// sysClose is close(2).
func sysClose(c *task.Call) task.Result {
	x := fileContext(c)
	return fail(x.Close(int32(c.Args[0])))
}

// sysCloseRange is close_range(2).
func sysCloseRange(c *task.Call) task.Result {
	first, last, flags := uint32(c.Args[0]), uint32(c.Args[1]), c.Args[2]
	if flags&^(unix.CLOSE_RANGE_CLOEXEC|unix.CLOSE_RANGE_UNSHARE) != 0 || first > last {
		return fail(unix.EINVAL)
	}
	if flags&unix.CLOSE_RANGE_UNSHARE != 0 && c.T.Files.Shared() {
		if !c.K.RoomFor(c.T.Files.CopySize()) {
			return fail(unix.ENOMEM)
		}
		n := c.K.VFS.CloneFDTable(c.T.Files)
		c.K.VFS.PutFDTable(c.T.Files)
		c.T.Files = n
	}
	fileContext(c).CloseRange(first, last, flags&unix.CLOSE_RANGE_CLOEXEC != 0)
	return 0
}

// sysDup is dup(2).
func sysDup(c *task.Call) task.Result {
	x := fileContext(c)
	f := x.Files.Get(int32(c.Args[0]))
	if f == nil {
		return fail(unix.EBADF)
	}
	fd, e := x.Alloc(f.Get(), 0, false)
	return either(int64(fd), e)
}

// sysDup2 is dup2(2).
func sysDup2(c *task.Call) task.Result {
	x := fileContext(c)
	if uint32(c.Args[0]) == uint32(c.Args[1]) {
		if x.Files.Get(int32(c.Args[0])) == nil {
			return fail(unix.EBADF)
		}
		return task.Result(int32(c.Args[1]))
	}
	return dup(x, int32(c.Args[0]), int32(c.Args[1]), false)
}

// sysDup3 is dup3(2).
func sysDup3(c *task.Call) task.Result {
	flags := uint32(c.Args[2])
	if flags&^unix.O_CLOEXEC != 0 || int32(c.Args[0]) == int32(c.Args[1]) {
		return fail(unix.EINVAL)
	}
	return dup(fileContext(c), int32(c.Args[0]), int32(c.Args[1]), flags != 0)
}

func dup(x *vfs.Context, old, fd int32, cloexec bool) task.Result {
	if fd < 0 || uint64(fd) >= x.OpenLimit || fd >= vfs.MaxDescriptors {
		return fail(unix.EBADF)
	}
	f := x.Files.Get(old)
	if f == nil {
		return fail(unix.EBADF)
	}
	if e := x.Install(fd, f.Get(), cloexec); e != 0 {
		return fail(e)
	}
	return task.Result(fd)
}
