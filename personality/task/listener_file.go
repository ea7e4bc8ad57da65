package task

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Requests of a listener's file, SECCOMP_IOCTL_NOTIF_* of linux/seccomp.h. That of ADDFD is
// known by its type and number whatever size it names.
const (
	listenerReceive  = 0xc0502100
	listenerSend     = 0xc0182101
	listenerValid    = 0x40082102
	listenerValidOld = 0x80082102
	listenerAddFile  = 0x2103
	ioctlName        = 0xffff
	ioctlSizeShift   = 16
	ioctlSizeMask    = 0x3fff
)

// Sizes of struct seccomp_notif, seccomp_notif_resp and the first seccomp_notif_addfd.
const (
	NoticeSize       = 80
	NoticeAnswerSize = 24
	addFileSize      = 24
)

// listenerFile is the file of a listener.
type listenerFile struct {
	vfs.FileBase
	k *Core
}

// of is the listener of a file.
func (o listenerFile) of(f *vfs.File) *listener {
	if l := o.k.listeners[f.Key0]; l != nil {
		return l
	}
	return &listener{} // of a state that has lost it
}

type listenerKind struct{ k *Core }

// Reopen implements vfs.Kind.
func (r listenerKind) Reopen(f *vfs.File) unix.Errno {
	f.Ops = listenerFile{k: r.k}
	return 0
}

// WaitID implements vfs.FileOps.
func (o listenerFile) WaitID(f *vfs.File) wait.ID { return wait.ID(o.of(f).waitID) }

// Ready implements vfs.FileOps: readable with a question that was not fetched, writable with
// one that was.
func (o listenerFile) Ready(f *vfs.File, mask wait.Events) (ev wait.Events) {
	l := o.of(f)
	for _, q := range l.questions {
		switch {
		case !q.Taken && !q.Answered:
			ev |= wait.In | wait.RdNrm
		case !q.Answered:
			ev |= wait.Out | wait.WrNrm
		}
	}
	if !o.k.hasAskers(l) {
		ev |= wait.Hup
	}
	return ev & mask
}

// Release implements vfs.FileOps: whoever waits for an answer goes on.
func (o listenerFile) Release(_ *vfs.VFS, f *vfs.File) {
	l := o.of(f)
	delete(o.k.listeners, f.Key0)
	for _, q := range l.questions {
		if !q.Answered {
			o.k.wakeAsker(q)
		}
	}
}

// Ioctl implements vfs.FileOps.
func (o listenerFile) Ioctl(c *vfs.Context, f *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	l := o.of(f)
	switch {
	case cmd == listenerReceive:
		return 0, o.receive(c, l, arg)
	case cmd == listenerSend:
		return 0, o.send(c, l, arg)
	case cmd == listenerValid || cmd == listenerValidOld:
		number, e := usermem.Read64(c.Mem, arg)
		if e != 0 {
			return 0, e
		}
		if q := l.find(number); q == nil || !q.Taken || q.Answered {
			return 0, unix.ENOENT
		}
		return 0, 0
	case cmd&ioctlName == listenerAddFile:
		return o.addFile(c, l, arg, cmd>>ioctlSizeShift&ioctlSizeMask)
	}
	return 0, unix.EINVAL
}

// receive hands the oldest question out. The memory for it must be zero.
func (o listenerFile) receive(c *vfs.Context, l *listener, va uint64) unix.Errno {
	var b [NoticeSize]byte
	if _, e := usermem.CopyIn(c.Mem, b[:], va); e != 0 {
		return e
	}
	if b != [NoticeSize]byte{} {
		return unix.EINVAL
	}
	if l.requests == 0 {
		c.WaitOn, c.NoRestart = wait.ID(l.waitID), true
		return unix.EAGAIN
	}
	l.requests--
	for _, q := range l.questions {
		if q.Taken || q.Answered {
			continue
		}
		le := binary.LittleEndian
		le.PutUint64(b[0:], q.Number)
		le.PutUint32(b[8:], uint32(q.thread.Tid))
		le.PutUint32(b[16:], uint32(q.Call))
		le.PutUint32(b[20:], isa.AuditArch)
		le.PutUint64(b[24:], q.Ip)
		for i, a := range q.Args {
			le.PutUint64(b[32+8*i:], a)
		}
		if _, e := usermem.CopyOut(c.Mem, va, b[:]); e != 0 {
			l.requests++
			return e
		}
		q.Taken = true
		o.k.Waits.Wake(wait.ID(l.waitID), wait.Out|wait.WrNrm)
		return 0
	}
	return unix.ENOENT
}

// send takes the answer to a question.
func (o listenerFile) send(c *vfs.Context, l *listener, va uint64) unix.Errno {
	var b [NoticeAnswerSize]byte
	if _, e := usermem.CopyIn(c.Mem, b[:], va); e != 0 {
		return e
	}
	le := binary.LittleEndian
	number, value := le.Uint64(b[0:]), int64(le.Uint64(b[8:]))
	failure, flags := int32(le.Uint32(b[16:])), le.Uint32(b[20:])
	const goOn = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
	if flags&^goOn != 0 || flags&goOn != 0 && (failure != 0 || value != 0) {
		return unix.EINVAL
	}
	q := l.find(number)
	switch {
	case q == nil:
		return unix.ENOENT
	case !q.Taken || q.Answered:
		return unix.EINPROGRESS
	}
	q.Answered, q.Value, q.Error, q.Flags = true, value, failure, flags
	o.k.wakeAsker(q)
	return 0
}

// addFile puts a file of the caller into the table of the thread that asked.
func (o listenerFile) addFile(c *vfs.Context, l *listener, va uint64, size uint32) (int64, unix.Errno) {
	if size < addFileSize || size >= isa.PageSize {
		return 0, unix.EINVAL
	}
	b := make([]byte, size)
	if _, e := usermem.CopyIn(c.Mem, b, va); e != 0 {
		return 0, e
	}
	for _, x := range b[addFileSize:] {
		if x != 0 {
			return 0, unix.E2BIG
		}
	}
	le := binary.LittleEndian
	number, flags := le.Uint64(b[0:]), le.Uint32(b[8:])
	source, target, how := int32(le.Uint32(b[12:])), le.Uint32(b[16:]), le.Uint32(b[20:])
	const set, send = unix.SECCOMP_ADDFD_FLAG_SETFD, unix.SECCOMP_ADDFD_FLAG_SEND
	if how&^unix.O_CLOEXEC != 0 || flags&^(set|send) != 0 || target != 0 && flags&set == 0 {
		return 0, unix.EINVAL
	}
	f := c.Files.Get(source)
	if f == nil {
		return 0, unix.EBADF
	}
	q := l.find(number)
	switch {
	case q == nil:
		return 0, unix.ENOENT
	case !q.Taken || q.Answered:
		return 0, unix.EINPROGRESS
	}
	x := o.k.FileContext(q.thread)
	fd := int32(target)
	if flags&set != 0 {
		if uint64(target) >= x.OpenLimit {
			return 0, unix.EBADF
		}
		if e := x.Install(fd, f.Get(), how != 0); e != 0 {
			return 0, e
		}
	} else {
		var e unix.Errno
		if fd, e = x.Alloc(f.Get(), 0, how != 0); e != 0 {
			return 0, e
		}
	}
	if flags&send != 0 {
		q.Answered, q.Value = true, int64(fd)
		o.k.wakeAsker(q)
	}
	return int64(fd), 0
}
