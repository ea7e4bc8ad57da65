package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/task"
	"starling/personality/usermem"
)

// POSIX timers: timer_create(2) and what follows.

// sigeventSize is the size of struct sigevent in bytes (sigevent(7)): value, signal,
// notify, thread.
const sigeventSize = 64

// maxSignal is _NSIG.
const maxSignal = 64

func timerCreate(c *task.Call) task.Result {
	s := clock.PosixSpec{
		Clock: int32(c.Args[0]), Notify: clock.SigevSignal, Signal: int32(unix.SIGALRM), SelfValue: true,
	}
	var b [sigeventSize]byte
	if c.Args[1] != 0 {
		if _, e := usermem.CopyIn(c.Mem(), b[:], c.Args[1]); e != 0 {
			return fail(e)
		}
	}
	k, target, cpu, known := cpuClock(c, s.Clock, false)
	if descriptorClock(s.Clock) {
		return fail(unix.EOPNOTSUPP)
	}
	if !cpu {
		if _, _, e := c.K.Clock.Base(s.Clock); e != 0 {
			return fail(e)
		}
	}
	if c.Args[1] != 0 {
		le := binary.LittleEndian
		s.SelfValue, s.Value = false, le.Uint64(b[0:])
		s.Signal, s.Notify = int32(le.Uint32(b[8:])), int32(le.Uint32(b[12:]))
		if !goodSigevent(c, &s, int32(le.Uint32(b[16:]))) {
			return fail(unix.EINVAL)
		}
	}
	if known != 0 {
		return fail(known)
	}
	if alarmClock(s.Clock) && !c.T.Cred.Has(unix.CAP_WAKE_ALARM) {
		return fail(unix.EPERM)
	}
	if cpu {
		s.Clock, s.Target = k.Encode(), target
	}
	pid := c.T.Proc.Pid
	number, e := c.K.Clock.CreatePosix(pid, s)
	if e != 0 {
		return fail(e)
	}
	if e := usermem.Write32(c.Mem(), c.Args[2], uint32(number)); e != 0 {
		c.K.Clock.DeletePosix(pid, number)
		return fail(e)
	}
	return 0
}

// goodSigevent checks a sigevent and fills in the thread.
func goodSigevent(c *task.Call, s *clock.PosixSpec, tid int32) bool {
	switch s.Notify {
	case clock.SigevNone:
		return true
	case clock.SigevThreadID:
		t := c.K.Thread(tid)
		if t == nil || t.Proc != c.T.Proc {
			return false
		}
		s.Thread = tid
	case clock.SigevSignal, clock.SigevThread:
	default:
		return false
	}
	return s.Signal > 0 && s.Signal <= maxSignal
}

func timerSettime(c *task.Call) task.Result {
	if c.Args[2] == 0 {
		return fail(unix.EINVAL)
	}
	interval, value, e := getTwoTimes(c, c.Args[2])
	if e != 0 {
		return fail(e)
	}
	absolute := c.Args[1]&unix.TIMER_ABSTIME != 0
	left, old, e := c.K.Clock.SetPosix(c.T.Proc.Pid, int32(c.Args[0]), absolute, value, interval)
	if e != 0 || c.Args[3] == 0 {
		return fail(e)
	}
	return fail(putTwoTimes(c, c.Args[3], old, left))
}

func timerGettime(c *task.Call) task.Result {
	left, interval, e := c.K.Clock.Posix(c.T.Proc.Pid, int32(c.Args[0]))
	if e != 0 {
		return fail(e)
	}
	return fail(putTwoTimes(c, c.Args[1], interval, left))
}

func timerGetoverrun(c *task.Call) task.Result {
	n, e := c.K.Clock.Overrun(c.T.Proc.Pid, int32(c.Args[0]))
	return either(int64(n), e)
}

func timerDelete(c *task.Call) task.Result {
	return fail(c.K.Clock.DeletePosix(c.T.Proc.Pid, int32(c.Args[0])))
}
