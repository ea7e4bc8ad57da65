package task

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/usermem"
)

// FutexAddress is one futex of futex_waitv(2).
type FutexAddress struct {
	VA      uint64
	Value   uint32
	Private bool
}

// FutexWaitMany is futex_waitv(2): wait for any of list while each holds its value. The result
// is the place in the list of the futex that was woken. deadline is ns since boot, 0: none.
func FutexWaitMany(c *Call, list []FutexAddress, deadline int64) Result {
	k, t := c.K, c.T
	if c.Again && c.TimedOut {
		return Err(unix.ETIMEDOUT)
	}
	keys := make([]futexKey, len(list))
	for i, a := range list {
		var e unix.Errno
		if keys[i], e = k.FutexKey(t.MM, a.VA, a.Private, ipc.Read); e != 0 {
			return Err(e)
		}
	}
	for _, a := range list {
		have, e := usermem.Read32(t.MM, a.VA)
		if e != 0 {
			return Err(e)
		}
		if have != a.Value {
			return Err(unix.EAGAIN)
		}
	}
	if deadline != 0 && deadline <= k.Now() {
		return Err(unix.ETIMEDOUT)
	}
	t.futexList = make([]futexWait, len(list))
	for i := range t.futexList {
		k.order++
		t.futexList[i] = futexWait{thread: t, bits: ^uint32(0), order: k.order, rank: futexRank(t), index: uint16(i) + 1}
		k.futexJoin(&t.futexList[i], keys[i])
	}
	c.State.Deadline = deadline
	return c.BlockWithin(RestartSys, deadline, t.FutexSlack())
}
