package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/vfs"
)

// sysRead is read(2).
func sysRead(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil || !f.Readable() {
		return fail(unix.EBADF)
	}
	x.IO.Init(x.Mem, c.Args[1], min(c.Args[2], vfs.MaxCount))
	n, e := x.Read(f, &x.IO)
	return readEnd(c, x, f, n, e)
}

// sysWrite is write(2).
func sysWrite(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil || !f.Writable() {
		return fail(unix.EBADF)
	}
	x.IO.Init(x.Mem, c.Args[1], min(c.Args[2], vfs.MaxCount))
	return write(c, x, f)
}

// write writes x.IO at the position of f.
func write(c *task.Call, x *vfs.Context, f *vfs.File) task.Result {
	if c.Again {
		x.IO.Forward(uint64(c.State.Done))
	}
	n, e := x.Write(f, &x.IO)
	return writeEnd(c, x, f, n, e)
}

// positional checks a descriptor for pread and pwrite.
func positional(x *vfs.Context, fd uint64, off int64, write bool) (*vfs.File, unix.Errno) {
	if off < 0 {
		return nil, unix.EINVAL
	}
	f := openFile(x, fd)
	switch {
	case f == nil:
		return nil, unix.EBADF
	case !f.Seekable():
		return nil, unix.ESPIPE
	case write && !f.Writable(), !write && !f.Readable():
		return nil, unix.EBADF
	}
	return f, 0
}

// sysPread64 is pread(2).
func sysPread64(c *task.Call) task.Result {
	x := fileContext(c)
	f, e := positional(x, c.Args[0], int64(c.Args[3]), false)
	if e != 0 {
		return fail(e)
	}
	x.IO.Init(x.Mem, c.Args[1], min(c.Args[2], vfs.MaxCount))
	n, e := x.ReadAt(f, &x.IO, int64(c.Args[3]))
	return readEnd(c, x, f, n, e)
}

// sysPwrite64 is pwrite(2).
func sysPwrite64(c *task.Call) task.Result {
	x := fileContext(c)
	f, e := positional(x, c.Args[0], int64(c.Args[3]), true)
	if e != 0 {
		return fail(e)
	}
	x.IO.Init(x.Mem, c.Args[1], min(c.Args[2], vfs.MaxCount))
	n, e := x.WriteAt(f, &x.IO, int64(c.Args[3]), false)
	return writeEnd(c, x, f, n, e)
}

// sysReadv is readv(2).
func sysReadv(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil || !f.Readable() {
		return fail(unix.EBADF)
	}
	if e := vector(x, c.Args[1], c.Args[2]); e != 0 {
		return fail(e)
	}
	n, e := x.Read(f, &x.IO)
	return readEnd(c, x, f, n, e)
}

// sysWritev is writev(2).
func sysWritev(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil || !f.Writable() {
		return fail(unix.EBADF)
	}
	if e := vector(x, c.Args[1], c.Args[2]); e != 0 {
		return fail(e)
	}
	return write(c, x, f)
}

// sysPreadv is preadv(2).
func sysPreadv(c *task.Call) task.Result { return preadv(c, int64(c.Args[3]), 0) }

// sysPwritev is pwritev(2).
func sysPwritev(c *task.Call) task.Result { return pwritev(c, int64(c.Args[3]), 0) }

// sysPreadv2 is preadv2(2).
func sysPreadv2(c *task.Call) task.Result {
	if int64(c.Args[3]) == -1 {
		return readvFlags(c, uint64(uint32(c.Args[5])))
	}
	return preadv(c, int64(c.Args[3]), uint64(uint32(c.Args[5])))
}

// sysPwritev2 is pwritev2(2).
func sysPwritev2(c *task.Call) task.Result {
	if int64(c.Args[3]) == -1 {
		return writevFlags(c, uint64(uint32(c.Args[5])))
	}
	return pwritev(c, int64(c.Args[3]), uint64(uint32(c.Args[5])))
}

// rwFlags checks the RWF_* flags.
func rwFlags(x *vfs.Context, flags uint64, write bool) unix.Errno {
	allowed := uint64(unix.RWF_HIPRI | unix.RWF_DSYNC | unix.RWF_SYNC | unix.RWF_NOWAIT)
	if write {
		allowed |= unix.RWF_APPEND
	}
	if flags&^allowed != 0 {
		return unix.EOPNOTSUPP
	}
	x.NonBlock = flags&unix.RWF_NOWAIT != 0
	return 0
}

func readvFlags(c *task.Call, flags uint64) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil || !f.Readable() {
		return fail(unix.EBADF)
	}
	if e := rwFlags(x, flags, false); e != 0 {
		return fail(e)
	}
	if e := vector(x, c.Args[1], c.Args[2]); e != 0 {
		return fail(e)
	}
	n, e := x.Read(f, &x.IO)
	return readEnd(c, x, f, n, e)
}

// writevFlags is pwritev2(2) at the position of the file.
func writevFlags(c *task.Call, flags uint64) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil || !f.Writable() {
		return fail(unix.EBADF)
	}
	if e := rwFlags(x, flags, true); e != 0 {
		return fail(e)
	}
	if e := vector(x, c.Args[1], c.Args[2]); e != 0 {
		return fail(e)
	}
	if flags&unix.RWF_APPEND == 0 || !f.Seekable() {
		return write(c, x, f)
	}
	n, e := x.WriteAt(f, &x.IO, 0, true)
	if n > 0 {
		f.Pos = f.Inode.Size
	}
	return writeEnd(c, x, f, n, e)
}

func preadv(c *task.Call, off int64, flags uint64) task.Result {
	x := fileContext(c)
	f, e := positional(x, c.Args[0], off, false)
	if e != 0 {
		return fail(e)
	}
	if e := rwFlags(x, flags, false); e != 0 {
		return fail(e)
	}
	if e := vector(x, c.Args[1], c.Args[2]); e != 0 {
		return fail(e)
	}
	n, e := x.ReadAt(f, &x.IO, off)
	return readEnd(c, x, f, n, e)
}

func pwritev(c *task.Call, off int64, flags uint64) task.Result {
	x := fileContext(c)
	if e := rwFlags(x, flags, true); e != 0 {
		return fail(e)
	}
	f, e := positional(x, c.Args[0], off, true)
	if e != 0 {
		return fail(e)
	}
	if e := vector(x, c.Args[1], c.Args[2]); e != 0 {
		return fail(e)
	}
	n, e := x.WriteAt(f, &x.IO, off, flags&unix.RWF_APPEND != 0)
	return writeEnd(c, x, f, n, e)
}

// sysLseek is lseek(2).
func sysLseek(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	return either(x.Seek(f, int64(c.Args[1]), int(int32(c.Args[2]))))
}
