package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/socket"
	"starling/personality/wait"
)

// sockaddrMax is the size of struct sockaddr_storage: no address is longer.
const sockaddrMax = 128

// socketFile finds the socket of a descriptor.
func socketFile(x *vfs.Context, fd uint64) (*vfs.File, *socket.Socket, unix.Errno) {
	f := openFile(x, fd)
	if f == nil {
		return nil, nil, unix.EBADF
	}
	s := socket.Of(f)
	if s == nil {
		return nil, nil, unix.ENOTSOCK
	}
	return f, s, 0
}

// sysSocket is socket(2).
func sysSocket(c *task.Call) task.Result {
	x := fileContext(c)
	typ := int(int32(c.Args[1]))
	f, e := c.K.Sockets.Create(x, int(int32(c.Args[0])), typ, int(int32(c.Args[2])))
	return install(x, f, e, typ&unix.SOCK_CLOEXEC != 0)
}

// sysSocketpair is socketpair(2).
func sysSocketpair(c *task.Call) task.Result {
	x := fileContext(c)
	typ := int(int32(c.Args[1]))
	a, b, e := c.K.Sockets.Pair(x, int(int32(c.Args[0])), typ, int(int32(c.Args[2])))
	if e != 0 {
		return fail(e)
	}
	return fail(installPair(x, a, b, typ&unix.SOCK_CLOEXEC != 0, c.Args[3]))
}

// readAddress reads a struct sockaddr of n bytes.
func readAddress(x *vfs.Context, va uint64, n int32) (name []byte, unspec bool, e unix.Errno) {
	if n < 0 || n > sockaddrMax {
		return nil, false, unix.EINVAL
	}
	b := make([]byte, n)
	if _, e := usermem.CopyIn(x.Mem, b, va); e != 0 {
		return nil, false, e
	}
	return socket.ParseAddress(b)
}

// putAddress writes an address and its true length; what does not fit is cut (accept(2)).
func putAddress(x *vfs.Context, b []byte, va, lenVA uint64) unix.Errno {
	if va == 0 {
		return 0
	}
	n, e := usermem.Read32(x.Mem, lenVA)
	if e != 0 {
		return e
	}
	if int32(n) < 0 {
		return unix.EINVAL
	}
	if _, e := usermem.CopyOut(x.Mem, va, b[:min(int(n), len(b))]); e != 0 {
		return e
	}
	return usermem.Write32(x.Mem, lenVA, uint32(len(b)))
}

// sysBind is bind(2).
func sysBind(c *task.Call) task.Result {
	x := fileContext(c)
	_, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	name, unspec, e := readAddress(x, c.Args[1], int32(c.Args[2]))
	if e != 0 {
		return fail(e)
	}
	if unspec {
		return fail(unix.EINVAL)
	}
	return fail(c.K.Sockets.Bind(x, s, name))
}

// sysListen is listen(2).
func sysListen(c *task.Call) task.Result {
	x := fileContext(c)
	_, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	return fail(c.K.Sockets.Listen(x, s, int32(c.Args[1])))
}

// sysConnect is connect(2).
func sysConnect(c *task.Call) task.Result {
	x := fileContext(c)
	f, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	name, unspec, e := readAddress(x, c.Args[1], int32(c.Args[2]))
	if e != 0 {
		return fail(e)
	}
	e = c.K.Sockets.Connect(x, s, name, unspec)
	if e == unix.EAGAIN && mayWait(x, f) {
		return waitFor(c, x, f, wait.Any)
	}
	return fail(e)
}

// sysAccept is accept(2), sysAccept4 accept4(2).
func sysAccept(c *task.Call) task.Result  { return accept(c, 0) }
func sysAccept4(c *task.Call) task.Result { return accept(c, int(int32(c.Args[3]))) }

func accept(c *task.Call, flags int) task.Result {
	if flags&^(unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC) != 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	f, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	if !x.CanAlloc(1) {
		return fail(unix.EMFILE)
	}
	n, e := c.K.Sockets.Accept(x, s, flags)
	if e == unix.EAGAIN && mayWait(x, f) {
		return waitFor(c, x, f, wait.In)
	}
	if e != 0 {
		return fail(e)
	}
	if c.Args[1] != 0 {
		peer, e := socket.Of(n).PeerName()
		if e != 0 {
			peer = socket.FormatAddress(nil)
		}
		if e := putAddress(x, peer, c.Args[1], c.Args[2]); e != 0 {
			c.K.VFS.Put(n)
			return fail(e)
		}
	}
	return install(x, n, 0, flags&unix.SOCK_CLOEXEC != 0)
}

// sysShutdown is shutdown(2).
func sysShutdown(c *task.Call) task.Result {
	_, s, e := socketFile(fileContext(c), c.Args[0])
	if e != 0 {
		return fail(e)
	}
	return fail(c.K.Sockets.Shutdown(s, int(int32(c.Args[1]))))
}

// sysGetsockname is getsockname(2).
func sysGetsockname(c *task.Call) task.Result {
	x := fileContext(c)
	_, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	return fail(putAddress(x, s.Name(), c.Args[1], c.Args[2]))
}

// sysGetpeername is getpeername(2).
func sysGetpeername(c *task.Call) task.Result {
	x := fileContext(c)
	_, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	name, e := s.PeerName()
	if e != 0 {
		return fail(e)
	}
	return fail(putAddress(x, name, c.Args[1], c.Args[2]))
}

// sysSetsockopt is setsockopt(2).
func sysSetsockopt(c *task.Call) task.Result {
	x := fileContext(c)
	_, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	n := int32(c.Args[4])
	if n < 0 {
		return fail(unix.EINVAL)
	}
	b := make([]byte, min(n, sockaddrMax))
	if _, e := usermem.CopyIn(x.Mem, b, c.Args[3]); e != 0 {
		return fail(e)
	}
	return fail(c.K.Sockets.SetOption(x, s, int(int32(c.Args[1])), int(int32(c.Args[2])), b))
}

// sysGetsockopt is getsockopt(2).
func sysGetsockopt(c *task.Call) task.Result {
	x := fileContext(c)
	_, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	n, e := usermem.Read32(x.Mem, c.Args[4])
	if e != 0 {
		return fail(e)
	}
	if int32(n) < 0 {
		return fail(unix.EINVAL)
	}
	name := int(int32(c.Args[2]))
	b, e := s.Option(int(int32(c.Args[1])), name)
	if e != 0 {
		return fail(e)
	}
	if name == unix.SO_PEERGROUPS && len(b) > int(n) {
		if e := usermem.Write32(x.Mem, c.Args[4], uint32(len(b))); e != 0 {
			return fail(e)
		}
		return fail(unix.ERANGE)
	}
	b = b[:min(len(b), int(n))]
	if _, e := usermem.CopyOut(x.Mem, c.Args[3], b); e != 0 {
		return fail(e)
	}
	return fail(usermem.Write32(x.Mem, c.Args[4], uint32(len(b))))
}
