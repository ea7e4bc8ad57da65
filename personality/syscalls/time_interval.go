package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
)

// Interval timers: alarm(2), getitimer(2), setitimer(2).

func alarm(c *task.Call) task.Result {
	left, _ := c.K.Clock.SetInterval(c.T.Proc.Pid, unix.ITIMER_REAL, int64(uint32(c.Args[0]))*secondNS, 0)
	seconds, rest := left/secondNS, left%secondNS
	if rest >= secondNS/2 || seconds == 0 && rest > 0 {
		seconds++
	}
	return task.Result(seconds)
}

// itimervalSize is the size of struct itimerval: two timevals, the interval first.
const itimervalSize = 2 * timevalSize

func putItimerval(c *task.Call, va uint64, interval, left int64) unix.Errno {
	if e := putTimeval(c, va, interval); e != 0 {
		return e
	}
	return putTimeval(c, va+timevalSize, left)
}

func getitimer(c *task.Call) task.Result {
	which := uint32(c.Args[0])
	if which > unix.ITIMER_PROF {
		return fail(unix.EINVAL)
	}
	left, interval := c.K.Clock.Interval(c.T.Proc.Pid, int(which))
	return fail(putItimerval(c, c.Args[1], interval, left))
}

func setitimer(c *task.Call) task.Result {
	var value, interval int64
	if c.Args[1] != 0 {
		var b [itimervalSize]byte
		if _, e := usermem.CopyIn(c.Mem(), b[:], c.Args[1]); e != 0 {
			return fail(e)
		}
		word := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
		var e unix.Errno
		if interval, e = fromTimeval(word(0), word(1)); e == 0 {
			value, e = fromTimeval(word(2), word(3))
		}
		if e != 0 {
			return fail(e)
		}
	}
	which := uint32(c.Args[0])
	if which > unix.ITIMER_PROF {
		return fail(unix.EINVAL)
	}
	left, old := c.K.Clock.SetInterval(c.T.Proc.Pid, int(which), value, interval)
	if c.Args[2] == 0 {
		return 0
	}
	return fail(putItimerval(c, c.Args[2], old, left))
}
