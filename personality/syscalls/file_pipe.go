package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/pipe"
	"starling/personality/wait"
)

// sysPipe is pipe(2).
func sysPipe(c *task.Call) task.Result { return pipes(c, 0) }

// sysPipe2 is pipe2(2).
func sysPipe2(c *task.Call) task.Result { return pipes(c, uint32(c.Args[1])) }

func pipes(c *task.Call, flags uint32) task.Result {
	if flags&^(unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_DIRECT) != 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	r, w, e := c.K.Pipes.Create(x, flags)
	if e != 0 {
		return fail(e)
	}
	return fail(installPair(x, r, w, flags&unix.O_CLOEXEC != 0, c.Args[0]))
}

// installPair gives two files descriptors and writes their numbers to va. It takes over
// both references; nothing is left behind on failure.
func installPair(x *vfs.Context, a, b *vfs.File, cloexec bool, va uint64) unix.Errno {
	fa, e := x.Alloc(a, 0, cloexec)
	if e != 0 {
		x.V.Put(b)
		return e
	}
	fb, e := x.Alloc(b, 0, cloexec)
	if e != 0 {
		x.Close(fa)
		return e
	}
	if e = usermem.Write64(x.Mem, va, uint64(uint32(fa))|uint64(uint32(fb))<<32); e != 0 {
		x.Close(fa)
		x.Close(fb)
	}
	return e
}

// transferMax is how much one sendfile, splice or copy moves before it returns to the
// event loop: a longer request comes back with what was moved so far.
const transferMax = 1 << 20

// chunk is how much is copied at a time.
const chunk = 64 << 10

// sysSendfile is sendfile(2).
func sysSendfile(c *task.Call) task.Result {
	x := fileContext(c)
	given := uint64(0)
	if c.Args[2] != 0 {
		var e unix.Errno
		if given, e = usermem.Read64(x.Mem, c.Args[2]); e != 0 {
			return fail(e)
		}
	}
	out, in := openFile(x, c.Args[0]), openFile(x, c.Args[1])
	if out == nil || in == nil || !in.Readable() || !out.Writable() {
		return fail(unix.EBADF)
	}
	off := in.Pos
	if c.Args[2] != 0 {
		off = int64(given)
	}
	switch {
	case c.Args[2] != 0 && !in.Seekable():
		return fail(unix.ESPIPE)
	case out.Flags&unix.O_APPEND != 0 || !in.Seekable() || !in.Inode.IsRegular() || off < 0:
		return fail(unix.EINVAL) // sendfile(2): in_fd cannot be a device without pages, nor a socket
	}
	done, e := copyBytes(x, in, off, out, -1, min(c.Args[3], transferMax))
	if done > 0 {
		off += int64(done)
		if c.Args[2] == 0 {
			in.Pos = off
		} else if e := usermem.Write64(x.Mem, c.Args[2], uint64(off)); e != 0 {
			return fail(e)
		}
		raised(c, x)
		return task.Result(done)
	}
	if e == unix.EAGAIN && mayWait(x, out) {
		return waitFor(c, x, out, wait.Out|wait.WrNrm)
	}
	raised(c, x)
	return fail(e)
}

// copyBytes moves at most n bytes from the position off of a seekable file to out,
// at outOff or, if that is -1, where out is.
func copyBytes(x *vfs.Context, in *vfs.File, off int64, out *vfs.File, outOff int64, n uint64) (uint64, unix.Errno) {
	var buf []byte
	done := uint64(0)
	for done < n {
		want := min(n-done, chunk)
		if p := pipe.Of(out); p != nil {
			want = min(want, p.Room())
		}
		if buf == nil {
			buf = make([]byte, max(want, 1))
		}
		if want == 0 {
			// Let the pipe say what stands in the way.
			x.IO.InitBytes(buf[:1])
			_, e := x.Write(out, &x.IO)
			return done, e
		}
		x.IO.InitBytes(buf[:min(want, uint64(len(buf)))])
		k, e := x.ReadAt(in, &x.IO, off+int64(done))
		if k == 0 || e != 0 {
			return done, e
		}
		x.IO.InitBytes(buf[:k])
		var m int
		if outOff < 0 {
			m, e = x.Write(out, &x.IO)
		} else {
			m, e = x.WriteAt(out, &x.IO, outOff+int64(done), false)
		}
		done += uint64(m)
		if e != 0 {
			return done, e
		}
		if m < k {
			break
		}
	}
	return done, 0
}

// sysCopyFileRange is copy_file_range(2).
func sysCopyFileRange(c *task.Call) task.Result {
	x := fileContext(c)
	in, out := openFile(x, c.Args[0]), openFile(x, c.Args[2])
	switch {
	case in == nil || out == nil || !in.Readable() || !out.Writable():
		return fail(unix.EBADF)
	case uint32(c.Args[5]) != 0:
		return fail(unix.EINVAL)
	case in.Inode.IsDir() || out.Inode.IsDir():
		return fail(unix.EISDIR)
	case !in.Inode.IsRegular() || !out.Inode.IsRegular():
		return fail(unix.EINVAL)
	case out.Flags&unix.O_APPEND != 0:
		return fail(unix.EBADF)
	}
	var at [2]int64
	for i, f := range []*vfs.File{in, out} {
		at[i] = f.Pos
		if va := c.Args[2*i+1]; va != 0 {
			v, e := usermem.Read64(x.Mem, va)
			if e != 0 {
				return fail(e)
			}
			at[i] = int64(v)
		}
		if at[i] < 0 {
			return fail(unix.EINVAL)
		}
	}
	n := c.Args[4]
	if int64(n) < 0 || at[0]+int64(n) < at[0] || at[1]+int64(n) < at[1] {
		return fail(unix.EOVERFLOW)
	}
	if in.Inode == out.Inode && at[0] < at[1]+int64(n) && at[1] < at[0]+int64(n) {
		return fail(unix.EINVAL)
	}
	done, e := copyBytes(x, in, at[0], out, at[1], min(n, transferMax))
	raised(c, x)
	if done == 0 {
		return fail(e)
	}
	for i, f := range []*vfs.File{in, out} {
		if va := c.Args[2*i+1]; va == 0 {
			f.Pos = at[i] + int64(done)
		} else if e := usermem.Write64(x.Mem, va, uint64(at[i])+done); e != 0 {
			return fail(e)
		}
	}
	return task.Result(done)
}

// sysSplice is splice(2): one end at least is a pipe.
func sysSplice(c *task.Call) task.Result {
	x := fileContext(c)
	in, out := openFile(x, c.Args[0]), openFile(x, c.Args[2])
	flags := uint32(c.Args[5])
	switch {
	case flags&^(unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MORE|unix.SPLICE_F_GIFT) != 0:
		return fail(unix.EINVAL)
	case c.Args[4] == 0:
		return 0
	case in == nil || out == nil || !in.Readable() || !out.Writable():
		return fail(unix.EBADF)
	}
	x.NonBlock = flags&unix.SPLICE_F_NONBLOCK != 0
	n := min(c.Args[4], transferMax)
	from, to := pipe.Of(in), pipe.Of(out)
	switch {
	case from != nil && c.Args[1] != 0, to != nil && c.Args[3] != 0:
		return fail(unix.ESPIPE)
	case from != nil && from == to:
		return fail(unix.EINVAL)
	case from != nil:
		return spliceFrom(c, x, in, from, out, c.Args[3], n)
	case to != nil:
		return spliceTo(c, x, in, c.Args[1], out, to, n)
	}
	return fail(unix.EINVAL)
}

// spliceFrom moves bytes out of a pipe.
func spliceFrom(c *task.Call, x *vfs.Context, in *vfs.File, p *pipe.Pipe, out *vfs.File, offVA, n uint64) task.Result {
	off := int64(-1)
	if offVA != 0 {
		if !out.Seekable() {
			return fail(unix.EINVAL)
		}
		v, e := usermem.Read64(x.Mem, offVA)
		if e != 0 {
			return fail(e)
		}
		if off = int64(v); off < 0 {
			return fail(unix.EINVAL)
		}
	}
	if out.Flags&unix.O_APPEND != 0 && out.Seekable() {
		return fail(unix.EINVAL)
	}
	if p.Queued() == 0 {
		if p.Writers == 0 {
			return 0
		}
		if mayWait(x, in) {
			return waitFor(c, x, in, wait.In|wait.RdNrm)
		}
		return fail(unix.EAGAIN)
	}
	done := uint64(0)
	var e unix.Errno
	for done < n && p.Queued() > 0 {
		var b []byte
		if b, e = c.K.Pipes.Front(p, 0, n-done); e != 0 || len(b) == 0 {
			break
		}
		if to := pipe.Of(out); to != nil {
			if room := to.Room(); room > 0 {
				b = b[:min(uint64(len(b)), room)]
			} else {
				b = b[:1]
			}
		}
		x.IO.InitBytes(b)
		var m int
		if off < 0 {
			m, e = x.Write(out, &x.IO)
		} else {
			m, e = x.WriteAt(out, &x.IO, off+int64(done), false)
		}
		if m > 0 {
			c.K.Pipes.Take(p, uint64(m))
			done += uint64(m)
		}
		if e != 0 || m == 0 {
			break
		}
	}
	return spliced(c, x, out, wait.Out|wait.WrNrm, offVA, off, done, e)
}

// spliceTo moves bytes of a file into a pipe.
func spliceTo(c *task.Call, x *vfs.Context, in *vfs.File, offVA uint64, out *vfs.File, p *pipe.Pipe, n uint64) task.Result {
	off := int64(-1)
	if offVA != 0 {
		if !in.Seekable() {
			return fail(unix.EINVAL)
		}
		v, e := usermem.Read64(x.Mem, offVA)
		if e != 0 {
			return fail(e)
		}
		if off = int64(v); off < 0 {
			return fail(unix.EINVAL)
		}
	}
	if p.Readers == 0 {
		x.Raise = unix.SIGPIPE
		raised(c, x)
		return fail(unix.EPIPE)
	}
	room := p.Room()
	if room == 0 {
		if mayWait(x, out) {
			return waitFor(c, x, out, wait.Out|wait.WrNrm)
		}
		return fail(unix.EAGAIN)
	}
	n = min(n, room)
	done := uint64(0)
	buf := make([]byte, min(n, chunk))
	var e unix.Errno
	for done < n {
		x.IO.InitBytes(buf[:min(n-done, uint64(len(buf)))])
		var k int
		if off < 0 {
			k, e = x.Read(in, &x.IO)
		} else {
			k, e = x.ReadAt(in, &x.IO, off+int64(done))
		}
		if k == 0 || e != 0 && k == 0 {
			break
		}
		// There is room: it was counted before.
		m, pe := c.K.Pipes.Put(out, buf[:k])
		done += uint64(m)
		if pe != 0 {
			e = pe
			break
		}
		if !in.Seekable() {
			break
		}
	}
	return spliced(c, x, in, wait.In|wait.RdNrm, offVA, off, done, e)
}

// spliced ends a splice: the offset, the signal, the wait.
func spliced(c *task.Call, x *vfs.Context, other *vfs.File, ev wait.Events, offVA uint64, off int64, done uint64, e unix.Errno) task.Result {
	if done > 0 {
		if off >= 0 {
			if e := usermem.Write64(x.Mem, offVA, uint64(off)+done); e != 0 {
				return fail(e)
			}
		}
		return task.Result(done)
	}
	if e == unix.EAGAIN && mayWait(x, other) {
		return waitFor(c, x, other, ev)
	}
	raised(c, x)
	return fail(e)
}

// sysTee is tee(2): what is in one pipe is put in another too.
func sysTee(c *task.Call) task.Result {
	x := fileContext(c)
	in, out := openFile(x, c.Args[0]), openFile(x, c.Args[1])
	switch {
	case uint32(c.Args[3])&^(unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MORE|unix.SPLICE_F_GIFT) != 0:
		return fail(unix.EINVAL)
	case c.Args[2] == 0:
		return 0
	case in == nil || out == nil || !in.Readable() || !out.Writable():
		return fail(unix.EBADF)
	}
	x.NonBlock = uint32(c.Args[3])&unix.SPLICE_F_NONBLOCK != 0
	from, to := pipe.Of(in), pipe.Of(out)
	if from == nil || to == nil || from == to {
		return fail(unix.EINVAL)
	}
	switch {
	case from.Queued() == 0 && from.Writers == 0:
		return 0
	case from.Queued() == 0:
		if mayWait(x, in) {
			return waitFor(c, x, in, wait.In|wait.RdNrm)
		}
		return fail(unix.EAGAIN)
	case to.Readers == 0:
		x.Raise = unix.SIGPIPE
		raised(c, x)
		return fail(unix.EPIPE)
	case to.Room() == 0:
		if mayWait(x, out) {
			return waitFor(c, x, out, wait.Out|wait.WrNrm)
		}
		return fail(unix.EAGAIN)
	}
	n := min(c.Args[2], from.Queued(), to.Room())
	done := uint64(0)
	for done < n {
		b, e := c.K.Pipes.Front(from, done, n-done)
		if e != 0 || len(b) == 0 {
			break
		}
		m, e := c.K.Pipes.Put(out, b)
		done += uint64(m)
		if e != 0 || m < len(b) {
			break
		}
	}
	return task.Result(done)
}

// sysVmsplice is vmsplice(2): by copying, which the manual allows.
func sysVmsplice(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if uint32(c.Args[3])&^(unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MORE|unix.SPLICE_F_GIFT) != 0 {
		return fail(unix.EINVAL)
	}
	if f == nil {
		return fail(unix.EBADF)
	}
	p := pipe.Of(f)
	if p == nil {
		return fail(unix.EBADF)
	}
	x.NonBlock = uint32(c.Args[3])&unix.SPLICE_F_NONBLOCK != 0
	if e := vector(x, c.Args[1], c.Args[2]); e != 0 {
		return fail(e)
	}
	if x.IO.Len() == 0 {
		return 0
	}
	if !f.Writable() {
		n, e := x.Read(f, &x.IO)
		return readEnd(c, x, f, n, e)
	}
	if p.Readers == 0 {
		x.Raise = unix.SIGPIPE
		raised(c, x)
		return fail(unix.EPIPE)
	}
	if p.Room() == 0 {
		if mayWait(x, f) {
			return waitFor(c, x, f, wait.Out|wait.WrNrm)
		}
		return fail(unix.EAGAIN)
	}
	n, e := c.K.Pipes.PutIO(f, &x.IO)
	if n > 0 {
		return task.Result(n)
	}
	return fail(e)
}

// sysMemfdCreate is memfd_create(2).
func sysMemfdCreate(c *task.Call) task.Result {
	flags := uint32(c.Args[1])
	const huge = unix.MFD_HUGETLB
	if flags&huge != 0 || flags&^(unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING) != 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	const nameMax = vfs.NameMax - len("memfd:")
	name, e := x.ReadString(c.Args[0], nameMax)
	if e == unix.ENAMETOOLONG {
		e = unix.EINVAL
	}
	if e != 0 {
		return fail(e)
	}
	f, e := c.K.Tmpfs.Memfd(name, flags&unix.MFD_ALLOW_SEALING != 0)
	if e != 0 {
		return fail(e)
	}
	f.Inode.Uid, f.Inode.Gid = x.Cred.FSUID, x.Cred.FSGID
	fd, e := x.Alloc(f, 0, flags&unix.MFD_CLOEXEC != 0)
	return either(int64(fd), e)
}
