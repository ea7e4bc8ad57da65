package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/mqueue"
	"starling/personality/wait"
)

// POSIX message queues (mq_overview(7)).

var queueRows = []Row{
	{unix.SYS_MQ_OPEN, "mq_open", mqOpen, Full, ""},
	{unix.SYS_MQ_UNLINK, "mq_unlink", mqUnlink, Full, ""},
	{unix.SYS_MQ_TIMEDSEND, "mq_timedsend", mqSend, Full, ""},
	{unix.SYS_MQ_TIMEDRECEIVE, "mq_timedreceive", mqReceive, Full, ""},
	{unix.SYS_MQ_NOTIFY, "mq_notify", mqNotify, Partial, "no SIGEV_THREAD, which needs a netlink socket"},
	{unix.SYS_MQ_GETSETATTR, "mq_getsetattr", mqAttributes, Full, ""},
}

// rlimitMsgQueue is RLIMIT_MSGQUEUE.
const rlimitMsgQueue = 12

// mqAttrSize is the length of struct mq_attr: eight long, of which four say something.
const mqAttrSize = 64

func mqOpen(c *task.Call) task.Result {
	var asked *mqueue.Attributes
	if va := c.Args[3]; va != 0 {
		var b [mqAttrSize]byte
		if _, e := usermem.CopyIn(c.Mem(), b[:], va); e != 0 {
			return fail(e)
		}
		asked = &mqueue.Attributes{Messages: int64(binary.LittleEndian.Uint64(b[8:])), Size: int64(binary.LittleEndian.Uint64(b[16:]))}
	}
	x := fileContext(c)
	name, e := x.ReadPathKeep(c.Args[0])
	if e != 0 {
		return fail(e)
	}
	f, e := c.K.MQueues.OpenQueue(x, name, uint32(c.Args[1]), uint32(c.Args[2]), asked, c.T.Proc.Limits[rlimitMsgQueue].Cur)
	return install(x, f, e, true)
}

func mqUnlink(c *task.Call) task.Result {
	x := fileContext(c)
	name, e := x.ReadPathKeep(c.Args[0])
	if e != 0 {
		return fail(e)
	}
	return fail(c.K.MQueues.UnlinkQueue(x, name))
}

// mqDeadline reads the time at which mq_timedsend(3) and its opposite give up, on CLOCK_REALTIME.
// It is kept in Scratch0, and State.Done is not used: such calls do all or nothing.
func mqDeadline(c *task.Call) unix.Errno {
	if c.Again || c.Args[4] == 0 {
		return 0
	}
	ns, e := getTimespec(c, c.Args[4])
	c.State.Scratch0 = ns
	return e
}

// mqFile finds the queue of a descriptor that is open so.
func mqFile(c *task.Call, mode uint32) (*vfs.File, *mqueue.Queue, unix.Errno) {
	f := openFile(fileContext(c), c.Args[0])
	if f == nil {
		return nil, nil, unix.EBADF
	}
	q := mqueue.Of(f)
	if q == nil || f.Modes&mode != mode {
		return nil, nil, unix.EBADF
	}
	return f, q, 0
}

// mqWait is what a call does that can neither send nor receive now.
func mqWait(c *task.Call, f *vfs.File, q *mqueue.Queue, ev wait.Events) task.Result {
	switch {
	case f.NonBlock():
		return fail(unix.EAGAIN)
	case c.Args[4] == 0:
		return c.Block(task.RestartSys, 0, task.On{ID: q.Transferring(), Events: ev})
	}
	offset, _, _ := c.K.Clock.Base(unix.CLOCK_REALTIME)
	deadline := clock.Deadline(c.State.Scratch0, offset)
	if c.K.Now() >= deadline {
		return fail(unix.ETIMEDOUT)
	}
	return c.BlockWithin(task.RestartSys, deadline, c.T.Slack(), task.On{ID: q.Transferring(), Events: ev},
		task.On{ID: clock.SetWait, Events: wait.In})
}

func mqSend(c *task.Call) task.Result {
	va, n, priority := c.Args[1], c.Args[2], uint32(c.Args[3])
	if priority >= mqueue.PriorityMax {
		return fail(unix.EINVAL)
	}
	if e := mqDeadline(c); e != 0 {
		return fail(e)
	}
	f, q, e := mqFile(c, vfs.ModeWrite)
	if e != 0 {
		return fail(e)
	}
	if n > uint64(q.MessageSize) {
		return fail(unix.EMSGSIZE)
	}
	var text []byte
	if c.Again {
		text = c.K.SystemV.Kept(c.T.WaitNumber())
	} else {
		text = make([]byte, n)
		if _, e := usermem.CopyIn(c.Mem(), text, va); e != 0 {
			return fail(e)
		}
	}
	if q.Full() {
		r := mqWait(c, f, q, wait.Out)
		if r == task.Blocked {
			c.K.SystemV.Keep(c.T.WaitNumber(), text)
		}
		return r
	}
	return fail(c.K.MQueues.Send(fileContext(c), f.Inode, q, priority, text))
}

func mqReceive(c *task.Call) task.Result {
	va, n := c.Args[1], c.Args[2]
	if e := mqDeadline(c); e != 0 {
		return fail(e)
	}
	f, q, e := mqFile(c, vfs.ModeRead)
	switch {
	case e != 0:
		return fail(e)
	case n < uint64(q.MessageSize):
		return fail(unix.EMSGSIZE)
	case q.Empty():
		return mqWait(c, f, q, wait.In)
	}
	m := c.K.MQueues.Receive(f.Inode, q)
	if p := c.Args[3]; p != 0 {
		if e := usermem.Write32(c.Mem(), p, m.Priority); e != 0 {
			return fail(e)
		}
	}
	if _, e := usermem.CopyOut(c.Mem(), va, m.Text); e != 0 {
		return fail(e)
	}
	return task.Result(len(m.Text))
}

func mqNotify(c *task.Call) task.Result {
	var value uint64
	var signo, how int32
	if c.Args[1] != 0 {
		var b [sigeventSize]byte
		if _, e := usermem.CopyIn(c.Mem(), b[:], c.Args[1]); e != 0 {
			return fail(e)
		}
		value, signo, how = binary.LittleEndian.Uint64(b[:]), int32(binary.LittleEndian.Uint32(b[8:])), int32(binary.LittleEndian.Uint32(b[12:]))
		switch how {
		case clock.SigevNone:
		case clock.SigevSignal:
			if signo < 0 || signo > maxSignal { // 0 is valid, and sends nothing
				return fail(unix.EINVAL)
			}
		case clock.SigevThread:
			// The descriptor of a netlink socket is in sigev_signo, and nobody can have one.
			f := openFile(fileContext(c), uint64(signo))
			switch {
			case f == nil:
				return fail(unix.EBADF)
			case f.Inode.Type() != unix.S_IFSOCK:
				return fail(unix.ENOTSOCK)
			}
			return fail(unix.EINVAL)
		default:
			return fail(unix.EINVAL)
		}
	}
	_, q, e := mqFile(c, 0)
	if e != 0 {
		return fail(e)
	}
	if c.Args[1] == 0 {
		q.Unregister(fileContext(c))
		return 0
	}
	return fail(q.Register(fileContext(c), how, signo, value))
}

func mqAttributes(c *task.Call) task.Result {
	var to uint64
	if c.Args[1] != 0 {
		var b [mqAttrSize]byte
		if _, e := usermem.CopyIn(c.Mem(), b[:], c.Args[1]); e != 0 {
			return fail(e)
		}
		if to = binary.LittleEndian.Uint64(b[:]); to&^unix.O_NONBLOCK != 0 {
			return fail(unix.EINVAL)
		}
	}
	f, q, e := mqFile(c, 0)
	if e != 0 {
		return fail(e)
	}
	var l layout
	l.u64(uint64(f.Flags&unix.O_NONBLOCK), uint64(q.MaxMessages), uint64(q.MessageSize), uint64(len(q.Messages)), 0, 0, 0, 0)
	if c.Args[1] != 0 {
		f.Flags = f.Flags&^unix.O_NONBLOCK | uint32(to)
	}
	if c.Args[2] == 0 {
		return 0
	}
	return l.out(c, c.Args[2], 0)
}
