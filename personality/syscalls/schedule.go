package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
)

// Sizes of struct sched_attr, sched_setattr(2): the first version, and the one with utilisation.
const (
	schedAttrFirst = 48
	schedAttrSize  = 56
)

// Flags of struct sched_attr that change what the call means; the rest is for deadlines and utilisation.
const (
	schedKnown       = unix.SCHED_FLAG_ALL
	schedUtilisation = unix.SCHED_FLAG_UTIL_CLAMP_MIN | unix.SCHED_FLAG_UTIL_CLAMP_MAX
)

// schedAttr is struct sched_attr without its size.
type schedAttr struct {
	policy   int32
	flags    uint64
	nice     int32
	priority int32
	runtime  uint64 // ns, of a deadline
}

// sysSchedSetattr is sched_setattr(2).
func sysSchedSetattr(c *task.Call) task.Result {
	at := c.Args[1]
	if at == 0 || int32(c.Args[0]) < 0 || uint32(c.Args[2]) != 0 {
		return fail(unix.EINVAL)
	}
	a, e := readSchedAttr(c, at)
	if e != 0 {
		return fail(e)
	}
	if a.policy < 0 {
		return fail(unix.EINVAL)
	}
	t, e := schedTarget(c)
	if e != 0 {
		return fail(e)
	}
	if a.flags&unix.SCHED_FLAG_KEEP_PARAMS != 0 {
		a.priority, a.nice = t.Priority, t.Nice
	}
	switch {
	case a.flags&^schedKnown != 0:
		return fail(unix.EINVAL)
	case a.flags&schedUtilisation != 0:
		return fail(unix.EOPNOTSUPP)
	case a.flags&unix.SCHED_FLAG_KEEP_POLICY != 0:
		a.policy = t.Policy
	case a.policy&resetOnFork != 0:
		return fail(unix.EINVAL) // that is a flag here
	case a.flags&unix.SCHED_FLAG_RESET_ON_FORK != 0:
		a.policy |= resetOnFork
	}
	if a.policy&^resetOnFork == unix.SCHED_DEADLINE && a.runtime != 0 {
		return fail(unix.EBUSY) // no processor time can be promised
	}
	if realtime(a.policy &^ resetOnFork) {
		a.nice = t.Nice
	}
	return fail(schedule(c, t, a.policy, a.priority, a.nice))
}

// readSchedAttr reads the attributes. E2BIG: the size that is known is written back.
func readSchedAttr(c *task.Call, at uint64) (a schedAttr, e unix.Errno) {
	size, e := usermem.Read32(c.Mem(), at)
	if e != 0 {
		return a, e
	}
	if size == 0 {
		size = schedAttrFirst
	}
	var b [schedAttrSize]byte
	e = unix.E2BIG
	if size >= schedAttrFirst && size <= pageMask+1 {
		e = usermem.CopyInStruct(c.Mem(), b[:], at, uint64(size))
	}
	if e == unix.E2BIG {
		if fault := usermem.Write32(c.Mem(), at, schedAttrSize); fault != 0 {
			e = fault
		}
	}
	if e != 0 {
		return a, e
	}
	le := binary.LittleEndian
	a = schedAttr{policy: int32(le.Uint32(b[4:])), flags: le.Uint64(b[8:]), nice: int32(le.Uint32(b[16:])),
		priority: int32(le.Uint32(b[20:])), runtime: le.Uint64(b[24:])}
	if a.flags&schedUtilisation != 0 && size < schedAttrSize {
		return a, unix.EINVAL
	}
	a.nice = min(max(a.nice, -20), 19)
	return a, 0
}

// sysSchedGetattr is sched_getattr(2).
func sysSchedGetattr(c *task.Call) task.Result {
	size := uint32(c.Args[2])
	if c.Args[1] == 0 || int32(c.Args[0]) < 0 || size < schedAttrFirst || size > pageMask+1 || uint32(c.Args[3]) != 0 {
		return fail(unix.EINVAL)
	}
	t, e := schedTarget(c)
	if e != 0 {
		return fail(e)
	}
	size = min(size, schedAttrSize)
	plain := t.Policy &^ resetOnFork
	var b [schedAttrSize]byte
	le := binary.LittleEndian
	le.PutUint32(b[0:], size)
	le.PutUint32(b[4:], uint32(plain))
	if t.Policy&resetOnFork != 0 {
		le.PutUint64(b[8:], unix.SCHED_FLAG_RESET_ON_FORK)
	}
	if realtime(plain) {
		le.PutUint32(b[20:], uint32(t.Priority))
	} else {
		le.PutUint32(b[16:], uint32(t.Nice))
	}
	return put(c, c.Args[1], b[:size])
}
