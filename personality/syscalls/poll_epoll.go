package syscalls

import (
	"encoding/binary"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/epoll"
	"starling/personality/wait"
)

// eventSize is the size of struct epoll_event, which is packed on amd64 only; the
// data follow the events at its end.
const (
	eventSize = uint64(unsafe.Sizeof(unix.EpollEvent{}))
	eventData = eventSize - 8
)

// sysEpollCreate is epoll_create(2).
func sysEpollCreate(c *task.Call) task.Result {
	if int32(c.Args[0]) <= 0 {
		return fail(unix.EINVAL)
	}
	return epollCreate(c, 0)
}

// sysEpollCreate1 is epoll_create1(2).
func sysEpollCreate1(c *task.Call) task.Result { return epollCreate(c, c.Args[0]) }

func epollCreate(c *task.Call, flags uint64) task.Result {
	if uint32(flags)&^unix.EPOLL_CLOEXEC != 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	f, e := c.K.Epolls.Create()
	if e != 0 {
		return fail(e)
	}
	fd, e := x.Alloc(f, 0, flags&unix.EPOLL_CLOEXEC != 0)
	return either(int64(fd), e)
}

// sysEpollCtl is epoll_ctl(2).
func sysEpollCtl(c *task.Call) task.Result {
	x := fileContext(c)
	op, fd := c.Args[1], int32(c.Args[2])
	var events uint32
	var data uint64
	if op != unix.EPOLL_CTL_DEL {
		var b [eventSize]byte
		if _, e := usermem.CopyIn(x.Mem, b[:], c.Args[3]); e != 0 {
			return fail(e)
		}
		events, data = binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint64(b[eventData:])
	}
	ef, f := openFile(x, c.Args[0]), openFile(x, c.Args[2])
	if ef == nil || f == nil {
		return fail(unix.EBADF)
	}
	if f.WaitID() == 0 {
		return fail(unix.EPERM)
	}
	e := epoll.Of(ef)
	if e == nil || ef == f {
		return fail(unix.EINVAL)
	}
	switch op {
	case unix.EPOLL_CTL_ADD:
		return fail(e.Add(fd, f, events, data))
	case unix.EPOLL_CTL_MOD:
		return fail(e.Modify(fd, f, events, data))
	case unix.EPOLL_CTL_DEL:
		return fail(e.Delete(fd, f))
	}
	return fail(unix.EINVAL)
}

// sysEpollWait is epoll_wait(2).
func sysEpollWait(c *task.Call) task.Result {
	return epollWait(c, milliseconds(c.Args[3]))
}

// milliseconds is a time-out argument in ns; negative is for ever.
func milliseconds(arg uint64) int64 {
	if ms := int64(int32(arg)); ms >= 0 {
		return ms * 1_000_000
	}
	return -1
}

// sysEpollPwait is epoll_pwait(2).
func sysEpollPwait(c *task.Call) task.Result {
	if e := c.TemporaryMask(c.Args[4], c.Args[5]); e != 0 {
		return fail(e)
	}
	return epollWait(c, milliseconds(c.Args[3]))
}

// sysEpollPwait2 is epoll_pwait2(2).
func sysEpollPwait2(c *task.Call) task.Result {
	timeout, e := optionalTimeout(c, c.Args[3])
	if e != 0 {
		return fail(e)
	}
	if e := c.TemporaryMask(c.Args[4], c.Args[5]); e != 0 {
		return fail(e)
	}
	return epollWait(c, timeout)
}

func epollWait(c *task.Call, timeout int64) task.Result {
	x := fileContext(c)
	n := int64(int32(c.Args[2]))
	if n <= 0 || n > math.MaxInt32/int64(eventSize) {
		return fail(unix.EINVAL)
	}
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	e := epoll.Of(f)
	if e == nil {
		return fail(unix.EINVAL)
	}
	deadline := deadlineOf(c, timeout)
	va := c.Args[1]
	var bad unix.Errno
	got := e.Collect(int(n), func(events uint32, data uint64) bool {
		bad = putEvent(x, va, events, data)
		va += eventSize
		return bad == 0
	})
	switch {
	case got > 0:
		return task.Result(got)
	case bad != 0:
		return fail(bad)
	case timeout == 0 || c.TimedOut:
		return 0
	}
	return c.BlockWithin(task.Interrupt, deadline, pollSlack(c, deadline), task.On{ID: e.WaitID(), Events: wait.In})
}

func putEvent(x *vfs.Context, va uint64, events uint32, data uint64) unix.Errno {
	var b [eventSize]byte
	binary.LittleEndian.PutUint32(b[:], events)
	binary.LittleEndian.PutUint64(b[eventData:], data)
	_, e := usermem.CopyOut(x.Mem, va, b[:])
	return e
}
