package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/sysv"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/wait"
)

// Message queues of System V (msgget(2), msgop(2), msgctl(2)).

// Flags of msgsnd(2) and msgrcv(2), and commands of msgctl(2).
const (
	msgNoWait  = 04000
	msgNoError = 010000
	msgExcept  = 020000
	msgCopy    = 040000

	msgStat    = 11
	msgInfo    = 12
	msgStatAny = 13
)

func msgget(c *task.Call) task.Result {
	who := c.T.Caller()
	q, e := c.K.SystemV.GetQueue(&who, int32(c.Args[0]), uint32(c.Args[1]))
	if e != 0 {
		return fail(e)
	}
	return task.Result(q.Permissions.Id)
}

// queue finds the queue of a call that sends or receives. One that vanished while the call waited is EIDRM.
func queue(c *task.Call, want uint32) (*sysv.Queue, unix.Errno) {
	q, e := c.K.SystemV.Queues.Get(int32(c.Args[0]))
	if e != 0 {
		if c.Again {
			e = unix.EIDRM
		}
		return nil, e
	}
	if who := c.T.Caller(); !who.May(q.Permissions, want) {
		return nil, unix.EACCES
	}
	return q, 0
}

func msgsnd(c *task.Call) task.Result {
	s, n := c.K.SystemV, c.Args[2]
	var text []byte
	if c.Again {
		text = s.Kept(c.T.WaitNumber())
	} else {
		typ, e := usermem.Read64(c.Mem(), c.Args[1])
		switch {
		case e != 0:
			return fail(e)
		case n > sysv.TextMax || int32(c.Args[0]) < 0 || int64(typ) < 1:
			return fail(unix.EINVAL)
		}
		text = make([]byte, n)
		if _, e := usermem.CopyIn(c.Mem(), text, c.Args[1]+8); e != 0 {
			return fail(e)
		}
		c.State.Scratch0 = int64(typ)
	}
	q, e := queue(c, sysv.MayWrite)
	if e != 0 {
		return fail(e)
	}
	who := c.T.Caller()
	e = s.Send(&who, q, c.State.Scratch0, text)
	if e != unix.EAGAIN || c.Args[3]&msgNoWait != 0 {
		return fail(e)
	}
	s.Keep(c.T.WaitNumber(), text)
	return c.Block(task.RestartNoHand, 0, task.On{ID: q.Wait(), Events: wait.Out})
}

func msgrcv(c *task.Call) task.Result {
	va, room, typ, flags := c.Args[1], c.Args[2], int64(c.Args[3]), uint32(c.Args[4])
	copied := flags&msgCopy != 0
	if int32(c.Args[0]) < 0 || int64(room) < 0 || copied && (flags&msgExcept != 0 || flags&msgNoWait == 0) {
		return fail(unix.EINVAL)
	}
	q, e := queue(c, sysv.MayRead)
	if e != 0 {
		return fail(e)
	}
	i := q.Find(typ, flags&msgExcept != 0, copied)
	switch {
	case i < 0 && flags&msgNoWait != 0:
		return fail(unix.ENOMSG)
	case i < 0:
		return c.Block(task.RestartNoHand, 0, task.On{ID: q.Wait(), Events: wait.In})
	case uint64(len(q.Messages[i].Text)) > room && flags&msgNoError == 0:
		return fail(unix.E2BIG)
	}
	m := q.Messages[i]
	if !copied {
		who := c.T.Caller()
		c.K.SystemV.Take(&who, q, i)
	}
	n := min(room, uint64(len(m.Text)))
	if e := usermem.Write64(c.Mem(), va, uint64(m.Type)); e != 0 {
		return fail(e)
	}
	if _, e := usermem.CopyOut(c.Mem(), va+8, m.Text[:n]); e != 0 {
		return fail(e)
	}
	return task.Result(n)
}

func msgctl(c *task.Call) task.Result {
	id, command, va := int32(c.Args[0]), int32(c.Args[1]), c.Args[2]
	s, who := c.K.SystemV, c.T.Caller()
	if id < 0 || command < 0 {
		return fail(unix.EINVAL)
	}
	var to sysv.Change
	var all []byte
	switch command {
	case ipcSet:
		var e unix.Errno
		if to, all, e = readChange(c, va, queueSize); e != 0 {
			return fail(e)
		}
	case ipcInfo, msgInfo:
		return queueLimits(s, command == msgInfo).out(c, va, s.Queues.Highest())
	case msgStat, msgStatAny:
		q, e := s.Queues.At(id)
		if e != 0 {
			return fail(e)
		}
		if command == msgStat && !who.May(q.Permissions, sysv.MayRead) {
			return fail(unix.EACCES)
		}
		return queueLayout(q).out(c, va, int(q.Permissions.Id))
	case ipcStat, ipcRemove:
	default:
		return fail(unix.EINVAL)
	}
	q, e := s.Queues.Get(id)
	if e != 0 {
		return fail(e)
	}
	switch command {
	case ipcSet:
		return fail(s.SetQueue(&who, q, to, binary.LittleEndian.Uint64(all[queueLimitAt:])))
	case ipcRemove:
		return fail(s.RemoveQueue(&who, q))
	}
	if !who.May(q.Permissions, sysv.MayRead) {
		return fail(unix.EACCES)
	}
	return queueLayout(q).out(c, va, 0)
}

// queueSize is the length of struct msqid64_ds, queueLimitAt where msg_qbytes is.
const (
	queueSize    = permissionsSize + 72
	queueLimitAt = permissionsSize + 40
)

func queueLayout(q *sysv.Queue) (l layout) {
	l.permissions(q.Permissions)
	l.u64(uint64(q.SendTime), uint64(q.ReceiveTime), uint64(q.ChangeTime), q.Bytes(), uint64(len(q.Messages)), q.Limit)
	l.u32(uint32(q.LastSender), uint32(q.LastReceiver))
	l.u64(0, 0)
	return l
}

// queueLimits is struct msginfo, with what is in use for MSG_INFO.
func queueLimits(s *sysv.System, used bool) (l layout) {
	const segment = 16 // MSGSSZ, which nothing has used for long
	pool, headers, bytes := uint32(sysv.QueuesMax*sysv.QueueBytes/1024), uint32(sysv.QueueBytes), uint32(sysv.QueueBytes)
	if used {
		n, all := s.Messages()
		pool, headers, bytes = uint32(s.Queues.Used()), uint32(n), uint32(all)
	}
	l.u32(pool, headers, sysv.TextMax, sysv.QueueBytes, sysv.QueuesMax, segment, bytes)
	l.u16(0xffff, 0)
	return l
}
