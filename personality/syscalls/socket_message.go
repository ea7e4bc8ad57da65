package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/socket"
	"starling/personality/wait"
)

// messageHeader is struct msghdr on 64-bit machines.
type messageHeader struct {
	name    uint64
	nameLen int32
	iov     uint64
	iovLen  uint64
	control uint64
	ctlLen  uint64
	flags   int32
}

// Offsets in struct msghdr, its size, and the size of struct mmsghdr.
const (
	msgNameLen = 8
	msgCtlLen  = 40
	msgFlags   = 48
	msgSize    = 56
	mmsgSize   = 64
	cmsgHeader = 16 // struct cmsghdr: size_t len, int level, int type
	controlMax = 20480
	credSize   = 12 // struct ucred: pid, uid, gid
)

func readHeader(x *vfs.Context, va uint64) (h messageHeader, e unix.Errno) {
	var b [msgSize]byte
	if _, e := usermem.CopyIn(x.Mem, b[:], va); e != 0 {
		return h, e
	}
	le := binary.LittleEndian
	h = messageHeader{
		name: le.Uint64(b[0:]), nameLen: int32(le.Uint32(b[msgNameLen:])),
		iov: le.Uint64(b[16:]), iovLen: le.Uint64(b[24:]),
		control: le.Uint64(b[32:]), ctlLen: le.Uint64(b[msgCtlLen:]), flags: int32(le.Uint32(b[msgFlags:])),
	}
	if h.nameLen < 0 {
		return h, unix.EINVAL
	}
	if h.iovLen > maxIovecs {
		return h, unix.EMSGSIZE
	}
	return h, 0
}

// sysSendto is sendto(2).
func sysSendto(c *task.Call) task.Result {
	x := fileContext(c)
	f, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	msg := socket.Message{Flags: int(int32(c.Args[3]))}
	if c.Args[4] != 0 {
		name, unspec, e := readAddress(x, c.Args[4], int32(c.Args[5]))
		if e != 0 {
			return fail(e)
		}
		if !unspec {
			msg.To = name
		}
	}
	x.IO.Init(x.Mem, c.Args[1], min(c.Args[2], vfs.MaxCount))
	return send(c, x, f, s, &msg)
}

// send sends x.IO; a stream that blocks goes on with the rest.
func send(c *task.Call, x *vfs.Context, f *vfs.File, s *socket.Socket, msg *socket.Message) task.Result {
	if c.Again {
		x.IO.Forward(uint64(c.State.Done))
		if c.State.Done > 0 {
			// They went with the first bytes.
			releaseFiles(x, msg)
		}
	}
	x.NonBlock = msg.Flags&unix.MSG_DONTWAIT != 0
	n, e := c.K.Sockets.Send(x, s, &x.IO, msg)
	releaseFiles(x, msg)
	return writeEnd(c, x, f, n, e)
}

// releaseFiles drops the references of a message that nobody took.
func releaseFiles(x *vfs.Context, msg *socket.Message) {
	for _, f := range msg.Files {
		x.V.Put(f)
	}
	msg.Files = nil
}

// sysSendmsg is sendmsg(2).
func sysSendmsg(c *task.Call) task.Result {
	return sendmsg(c, c.Args[1], int(int32(c.Args[2])))
}

func sendmsg(c *task.Call, va uint64, flags int) task.Result {
	x := fileContext(c)
	f, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	h, e := readHeader(x, va)
	if e != 0 {
		return fail(e)
	}
	msg := socket.Message{Flags: flags}
	if h.name != 0 && h.nameLen > 0 {
		name, unspec, e := readAddress(x, h.name, min(h.nameLen, sockaddrMax))
		if e != 0 {
			return fail(e)
		}
		if !unspec {
			msg.To = name
		}
	}
	if e := vector(x, h.iov, h.iovLen); e != 0 {
		return fail(e)
	}
	if h.ctlLen > 0 && h.control != 0 {
		if e := sendControl(c, x, &h, &msg); e != 0 {
			releaseFiles(x, &msg)
			return fail(e)
		}
	}
	return send(c, x, f, s, &msg)
}

// sendControl reads the ancillary data of a message to send (cmsg(3), unix(7)).
func sendControl(c *task.Call, x *vfs.Context, h *messageHeader, msg *socket.Message) unix.Errno {
	if h.ctlLen > controlMax {
		return unix.ENOBUFS
	}
	b := make([]byte, h.ctlLen)
	if _, e := usermem.CopyIn(x.Mem, b, h.control); e != 0 {
		return e
	}
	le := binary.LittleEndian
	for len(b) >= cmsgHeader {
		n := le.Uint64(b)
		level, typ := int32(le.Uint32(b[8:])), int32(le.Uint32(b[12:]))
		if n < cmsgHeader || n > uint64(len(b)) {
			return unix.EINVAL
		}
		data := b[cmsgHeader:n]
		if level == unix.SOL_SOCKET {
			e := unix.EINVAL
			switch typ {
			case unix.SCM_RIGHTS:
				e = sendRights(c, x, data, msg)
			case unix.SCM_CREDENTIALS:
				e = sendCredentials(x, data, msg)
			}
			if e != 0 {
				return e
			}
		}
		b = b[min((n+7)&^7, uint64(len(b))):]
	}
	return 0
}

func sendRights(c *task.Call, x *vfs.Context, data []byte, msg *socket.Message) unix.Errno {
	n := len(data) / 4
	if n+len(msg.Files) > socket.RightsMax {
		return unix.EINVAL
	}
	if !c.K.Sockets.Room(n + len(msg.Files)) {
		return unix.ETOOMANYREFS
	}
	for i := range n {
		f := x.Files.Get(int32(binary.LittleEndian.Uint32(data[4*i:])))
		if f == nil {
			return unix.EBADF
		}
		msg.Files = append(msg.Files, f.Get())
	}
	return 0
}

// sendCredentials checks that the sender may claim to be who it says (unix(7)).
func sendCredentials(x *vfs.Context, data []byte, msg *socket.Message) unix.Errno {
	if len(data) != credSize {
		return unix.EINVAL
	}
	le := binary.LittleEndian
	pid, uid, gid := int32(le.Uint32(data)), le.Uint32(data[4:]), le.Uint32(data[8:])
	cr := x.Cred
	switch {
	case pid != x.PID && !x.Capable(unix.CAP_SYS_ADMIN),
		uid != cr.UID && uid != cr.EUID && uid != cr.SUID && !x.Capable(unix.CAP_SETUID),
		gid != cr.GID && gid != cr.EGID && gid != cr.SGID && !x.Capable(unix.CAP_SETGID):
		return unix.EPERM
	}
	msg.Cred, msg.PID, msg.UID, msg.GID = true, pid, uid, gid
	return 0
}

// sysSendmmsg is sendmmsg(2).
func sysSendmmsg(c *task.Call) task.Result {
	return several(c, true, func(va uint64) task.Result { return sendmsg(c, va, int(int32(c.Args[3]))) })
}

// several runs one call of many messages: it ends at the first that fails or would
// block once one is done.
func several(c *task.Call, send bool, one func(va uint64) task.Result) task.Result {
	x := fileContext(c)
	f, _, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	n := min(uint64(uint32(c.Args[2])), maxIovecs)
	for i := range n {
		if i > 0 && !ready(f, send) {
			return task.Result(i)
		}
		r := one(c.Args[1] + i*mmsgSize)
		if r < 0 {
			if i > 0 {
				return task.Result(i)
			}
			return r
		}
		if e := usermem.Write32(c.Mem(), c.Args[1]+i*mmsgSize+msgSize, uint32(r)); e != 0 {
			return fail(e)
		}
		c.Again = false
		c.State.Done = 0
	}
	return task.Result(n)
}

// ready reports whether the next message would go without waiting.
func ready(f *vfs.File, send bool) bool {
	if send {
		return f.Ready(wait.Out)&wait.Out != 0
	}
	return f.Ready(wait.In)&wait.In != 0
}

// sysRecvfrom is recvfrom(2).
func sysRecvfrom(c *task.Call) task.Result {
	x := fileContext(c)
	f, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	msg := socket.Message{Flags: int(int32(c.Args[3]))}
	x.IO.Init(x.Mem, c.Args[1], min(c.Args[2], vfs.MaxCount))
	n, r := receive(c, x, f, s, &msg)
	releaseFiles(x, &msg)
	if r < 0 {
		return r
	}
	if c.Args[4] != 0 {
		if e := putAddress(x, nameOf(&msg), c.Args[4], c.Args[5]); e != 0 {
			return fail(e)
		}
	}
	return truncated(&msg, n)
}

// nameOf is the sender's address; nothing for one without a name.
func nameOf(msg *socket.Message) []byte {
	if len(msg.From) == 0 {
		return nil
	}
	return socket.FormatAddress(msg.From)
}

// truncated is the length a receive returns: the true one with MSG_TRUNC.
func truncated(msg *socket.Message, n int64) task.Result {
	if msg.Flags&unix.MSG_TRUNC != 0 && msg.Packet {
		return task.Result(msg.Size)
	}
	return task.Result(n)
}

// receive fills x.IO. A negative result ends the call; otherwise n is the length.
func receive(c *task.Call, x *vfs.Context, f *vfs.File, s *socket.Socket, msg *socket.Message) (int64, task.Result) {
	done := int64(0)
	if c.Again {
		done = c.State.Done
		x.IO.Forward(uint64(done))
	}
	x.NonBlock = msg.Flags&unix.MSG_DONTWAIT != 0
	n, e := c.K.Sockets.Receive(x, s, &x.IO, msg)
	done += int64(n)
	if e == unix.EAGAIN && mayWait(x, f) {
		c.State.Done = done
		return 0, waitFor(c, x, f, wait.In|wait.RdNrm|wait.RdHup)
	}
	if done > 0 || e == 0 {
		return done, 0
	}
	return 0, fail(e)
}

// sysRecvmsg is recvmsg(2).
func sysRecvmsg(c *task.Call) task.Result {
	return recvmsg(c, c.Args[1], int(int32(c.Args[2])))
}

func recvmsg(c *task.Call, va uint64, flags int) task.Result {
	x := fileContext(c)
	f, s, e := socketFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	h, e := readHeader(x, va)
	if e != 0 {
		return fail(e)
	}
	if e := vector(x, h.iov, h.iovLen); e != 0 {
		return fail(e)
	}
	msg := socket.Message{Flags: flags}
	n, r := receive(c, x, f, s, &msg)
	if r < 0 {
		releaseFiles(x, &msg)
		return r
	}
	out := msg.Out | flags&unix.MSG_CMSG_CLOEXEC
	nameLen := uint32(0)
	if h.name != 0 {
		b := nameOf(&msg)
		nameLen = uint32(len(b))
		if _, e := usermem.CopyOut(x.Mem, h.name, b[:min(len(b), int(h.nameLen))]); e != 0 {
			releaseFiles(x, &msg)
			return fail(e)
		}
	}
	used, cut, e := receiveControl(x, &h, s, &msg)
	if e != 0 {
		return fail(e)
	}
	if cut {
		out |= unix.MSG_CTRUNC
	}
	if h.name != 0 {
		if e := usermem.Write32(x.Mem, va+msgNameLen, nameLen); e != 0 {
			return fail(e)
		}
	}
	if e := usermem.Write64(x.Mem, va+msgCtlLen, used); e != 0 {
		return fail(e)
	}
	if e := usermem.Write32(x.Mem, va+msgFlags, uint32(out)); e != 0 {
		return fail(e)
	}
	return truncated(&msg, n)
}

// receiveControl writes the ancillary data of a received message: the credentials
// that SO_PASSCRED asks for, then the descriptors. cut: not everything fit.
func receiveControl(x *vfs.Context, h *messageHeader, s *socket.Socket, msg *socket.Message) (used uint64, cut bool, e unix.Errno) {
	room := h.ctlLen
	if h.control == 0 {
		room = 0
	}
	le := binary.LittleEndian
	if s.PassCred() {
		b := make([]byte, cmsgHeader, cmsgHeader+credSize)
		if !msg.Cred {
			msg.UID, msg.GID = 65534, 65534
		}
		b = le.AppendUint32(b, uint32(msg.PID))
		b = le.AppendUint32(b, msg.UID)
		b = le.AppendUint32(b, msg.GID)
		le.PutUint64(b, uint64(len(b)))
		le.PutUint32(b[8:], unix.SOL_SOCKET)
		le.PutUint32(b[12:], unix.SCM_CREDENTIALS)
		if room < cmsgHeader {
			cut = true
		} else {
			k := min(uint64(len(b)), room)
			cut = k < uint64(len(b))
			le.PutUint64(b, k)
			if _, e := usermem.CopyOut(x.Mem, h.control, b[:k]); e != 0 {
				releaseFiles(x, msg)
				return 0, cut, e
			}
			used = min((k+7)&^7, room)
		}
	}
	if len(msg.Files) == 0 {
		return used, cut, 0
	}
	fit := uint64(0)
	if room-used >= cmsgHeader {
		fit = (room - used - cmsgHeader) / 4
	}
	at := h.control + used
	var fds []byte
	for len(msg.Files) > 0 && uint64(len(fds)/4) < fit {
		f := msg.Files[0]
		fd, e := x.Alloc(f, 0, msg.Flags&unix.MSG_CMSG_CLOEXEC != 0)
		msg.Files = msg.Files[1:]
		if e != 0 {
			cut = true
			break
		}
		fds = le.AppendUint32(fds, uint32(fd))
	}
	if len(msg.Files) > 0 {
		cut = true
		releaseFiles(x, msg)
	}
	if len(fds) == 0 {
		return used, cut, 0
	}
	b := make([]byte, cmsgHeader)
	le.PutUint64(b, uint64(cmsgHeader+len(fds)))
	le.PutUint32(b[8:], unix.SOL_SOCKET)
	le.PutUint32(b[12:], unix.SCM_RIGHTS)
	b = append(b, fds...)
	if _, e := usermem.CopyOut(x.Mem, at, b); e != 0 {
		return used, cut, e
	}
	return used + min(uint64(len(b)+7)&^7, room-used), cut, 0
}

// sysRecvmmsg is recvmmsg(2). The time-out is looked at between messages, as on Linux.
func sysRecvmmsg(c *task.Call) task.Result {
	if c.Args[4] != 0 {
		if _, e := optionalTimeout(c, c.Args[4]); e != 0 {
			return fail(e)
		}
	}
	return several(c, false, func(va uint64) task.Result {
		return recvmsg(c, va, int(int32(c.Args[3]))&^unix.MSG_WAITFORONE)
	})
}
