package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/clock"
	"starling/personality/task"
	"starling/personality/usermem"
)

// The calls about futexes: futex(2) and futex_waitv(2).

var futexRows = []Row{
	{unix.SYS_FUTEX, "futex", futex, Full, "a lock has nobody's priority to inherit: the scheduler is round robin"},
	{unix.SYS_FUTEX_WAITV, "futex_waitv", futexWaitv, Full, ""},
}

// futex operations, futex(2).
const (
	futexWait            = 0
	futexWake            = 1
	futexRequeue         = 3
	futexCmpRequeue      = 4
	futexWakeOp          = 5
	futexLockPI          = 6
	futexUnlockPI        = 7
	futexTrylockPI       = 8
	futexWaitBitset      = 9
	futexWakeBitset      = 10
	futexWaitRequeuePI   = 11
	futexCmpRequeuePI    = 12
	futexLockPI2         = 13
	futexPrivate         = 128
	futexRealtime        = 256
	futexCommandMask     = ^uint32(futexPrivate | futexRealtime)
	futexAnyBits         = ^uint32(0)
	futexTimed           = 1<<futexWait | 1<<futexWaitBitset | 1<<futexLockPI | 1<<futexLockPI2 | 1<<futexWaitRequeuePI
	futexRealtimeAllowed = 1<<futexWaitBitset | 1<<futexWaitRequeuePI | 1<<futexLockPI2
)

func futex(c *task.Call) task.Result {
	va, op, value := c.Args[0], uint32(c.Args[1]), uint32(c.Args[2])
	private := op&futexPrivate != 0
	cmd := op & futexCommandMask
	deadline := int64(0)
	if c.Args[3] != 0 && cmd <= futexLockPI2 && futexTimed>>cmd&1 != 0 {
		var e unix.Errno
		if deadline, e = futexDeadline(c, cmd, op&futexRealtime != 0); e != 0 {
			return fail(e)
		}
	}
	if op&futexRealtime != 0 && (cmd > futexLockPI2 || futexRealtimeAllowed>>cmd&1 == 0) {
		return fail(unix.ENOSYS)
	}
	switch cmd {
	case futexWait:
		return task.FutexWait(c, va, value, futexAnyBits, private, deadline)
	case futexWaitBitset:
		if uint32(c.Args[5]) == 0 {
			return fail(unix.EINVAL)
		}
		return task.FutexWait(c, va, value, uint32(c.Args[5]), private, deadline)
	case futexWake:
		return futexWakeBits(c, va, value, futexAnyBits, private)
	case futexWakeBitset:
		return futexWakeBits(c, va, value, uint32(c.Args[5]), private)
	case futexRequeue, futexCmpRequeue:
		return futexMove(c, va, value, private, cmd == futexCmpRequeue)
	case futexWakeOp:
		return futexOperate(c, va, value, private)
	case futexLockPI, futexLockPI2:
		return task.FutexLock(c, va, private, false, deadline)
	case futexTrylockPI:
		return task.FutexLock(c, va, private, true, 0)
	case futexUnlockPI:
		return task.FutexUnlock(c, va, private)
	case futexWaitRequeuePI:
		return task.FutexWaitLock(c, va, value, c.Args[4], private, deadline)
	case futexCmpRequeuePI:
		return futexMoveLock(c, va, value, private)
	}
	return fail(unix.ENOSYS)
}

// futexDeadline is the timeout argument as ns since boot. FUTEX_WAIT's is
// relative, FUTEX_LOCK_PI's a moment of CLOCK_REALTIME, that of others one of CLOCK_MONOTONIC
// or CLOCK_REALTIME.
func futexDeadline(c *task.Call, cmd uint32, realtime bool) (int64, unix.Errno) {
	if c.Again {
		return c.State.Deadline, 0
	}
	ns, e := getTimespec(c, c.Args[3])
	if e != 0 {
		return 0, e
	}
	switch {
	case realtime || cmd == futexLockPI:
		ns = clock.Deadline(ns, c.K.WallNow()-c.K.Now())
	case cmd == futexWait:
		ns = clock.SatAdd(c.K.Now(), ns)
	}
	return max(1, ns), 0
}

// futexWakeBits is FUTEX_WAKE_BITSET. As Linux does, a count of 0 or less wakes one.
func futexWakeBits(c *task.Call, va uint64, value, bits uint32, private bool) task.Result {
	if bits == 0 {
		return fail(unix.EINVAL)
	}
	key, e := c.K.FutexKey(c.T.MM, va, private, ipc.Read)
	if e != 0 {
		return fail(e)
	}
	n, e := c.K.FutexWake(key, max(1, int(int32(value))), bits)
	return either(int64(n), e)
}

// futexMove is FUTEX_REQUEUE and FUTEX_CMP_REQUEUE.
func futexMove(c *task.Call, va uint64, value uint32, private, compare bool) task.Result {
	n, move := int32(value), int32(c.Args[3])
	if n < 0 || move < 0 {
		return fail(unix.EINVAL)
	}
	from, e := c.K.FutexKey(c.T.MM, va, private, ipc.Read)
	if e != 0 {
		return fail(e)
	}
	to, e := c.K.FutexKey(c.T.MM, c.Args[4], private, ipc.Read)
	if e != 0 {
		return fail(e)
	}
	if compare {
		if e := futexCompare(c, va); e != 0 {
			return fail(e)
		}
	}
	done, e := c.K.FutexRequeue(from, to, int(n), int(move))
	return either(int64(done), e)
}

// futexMoveLock is FUTEX_CMP_REQUEUE_PI.
func futexMoveLock(c *task.Call, va uint64, value uint32, private bool) task.Result {
	lock, move := c.Args[4], int32(c.Args[3])
	if int32(value) < 0 || move < 0 || va == lock || value != 1 {
		return fail(unix.EINVAL)
	}
	from, e := c.K.FutexKey(c.T.MM, va, private, ipc.Read)
	if e != 0 {
		return fail(e)
	}
	to, e := c.K.FutexKey(c.T.MM, lock, private, ipc.Write)
	if e != 0 {
		return fail(e)
	}
	if from == to {
		return fail(unix.EINVAL)
	}
	if e := futexCompare(c, va); e != 0 {
		return fail(e)
	}
	return task.FutexRequeueLock(c, from, to, lock, int(move))
}

// futexCompare is EAGAIN when the word at va is not what the caller thinks.
func futexCompare(c *task.Call, va uint64) unix.Errno {
	have, e := usermem.Read32(c.Mem(), va)
	if e == 0 && have != uint32(c.Args[5]) {
		e = unix.EAGAIN
	}
	return e
}

// futexOperate is FUTEX_WAKE_OP.
func futexOperate(c *task.Call, va uint64, value uint32, private bool) task.Result {
	k, va2 := c.K, c.Args[4]
	from, e := k.FutexKey(c.T.MM, va, private, ipc.Read)
	if e != 0 {
		return fail(e)
	}
	to, e := k.FutexKey(c.T.MM, va2, private, ipc.Write)
	if e != 0 {
		return fail(e)
	}
	encoded := uint32(c.Args[5])
	opArg, cmpArg := int32(encoded<<8)>>20, int32(encoded<<20)>>20
	if encoded>>31 != 0 { // FUTEX_OP_ARG_SHIFT
		opArg = 1 << uint(opArg&31)
	}
	old, e := usermem.Read32(c.Mem(), va2)
	if e != 0 {
		return fail(e)
	}
	now, ok := futexCompute(encoded>>28&7, old, uint32(opArg))
	if !ok {
		return fail(unix.ENOSYS)
	}
	if e := usermem.Write32(c.Mem(), va2, now); e != 0 {
		return fail(e)
	}
	holds, ok := futexHolds(encoded>>24&15, int32(old), cmpArg)
	if !ok {
		return fail(unix.ENOSYS) // with the word changed, as Linux leaves it
	}
	n, e := k.FutexWake(from, max(1, int(int32(value))), futexAnyBits)
	if e == 0 && holds {
		var more int
		more, e = k.FutexWake(to, max(1, int(int32(c.Args[3]))), futexAnyBits)
		n += more
	}
	return either(int64(n), e)
}

// futexCompute is FUTEX_OP_*.
func futexCompute(op, old, arg uint32) (now uint32, ok bool) {
	switch op {
	case 0:
		return arg, true
	case 1:
		return old + arg, true
	case 2:
		return old | arg, true
	case 3:
		return old &^ arg, true
	case 4:
		return old ^ arg, true
	}
	return 0, false
}

// futexHolds is FUTEX_OP_CMP_*.
func futexHolds(cmp uint32, v, arg int32) (holds, ok bool) {
	switch cmp {
	case 0:
		return v == arg, true
	case 1:
		return v != arg, true
	case 2:
		return v < arg, true
	case 3:
		return v <= arg, true
	case 4:
		return v > arg, true
	case 5:
		return v >= arg, true
	}
	return false, false
}

// What futex_waitv(2) takes.
const (
	waitvMaximum = 128 // FUTEX_WAITV_MAX
	waitvSize    = 24  // of struct futex_waitv: value, address, flags, reserved
	futex32      = 2   // FUTEX_32
)

func futexWaitv(c *task.Call) task.Result {
	at, n, timeout := c.Args[0], uint32(c.Args[1]), c.Args[3]
	if uint32(c.Args[2]) != 0 || n == 0 || n > waitvMaximum || at == 0 {
		return fail(unix.EINVAL)
	}
	deadline := c.State.Deadline
	if timeout != 0 && !c.Again {
		id := int32(c.Args[4])
		if id != unix.CLOCK_REALTIME && id != unix.CLOCK_MONOTONIC {
			return fail(unix.EINVAL)
		}
		ns, e := getTimespec(c, timeout)
		if e != 0 {
			return fail(e)
		}
		if id == unix.CLOCK_REALTIME {
			ns = clock.Deadline(ns, c.K.WallNow()-c.K.Now())
		}
		deadline = max(1, ns)
	}
	list := make([]task.FutexAddress, n)
	for i := range list {
		var b [waitvSize]byte
		if _, e := usermem.CopyIn(c.Mem(), b[:], at+uint64(i)*waitvSize); e != 0 {
			return fail(e)
		}
		le := binary.LittleEndian
		flags := le.Uint32(b[16:])
		if flags&^(futex32|futexPrivate) != 0 || flags&futex32 == 0 || le.Uint32(b[20:]) != 0 {
			return fail(unix.EINVAL)
		}
		list[i] = task.FutexAddress{VA: le.Uint64(b[8:]), Value: uint32(le.Uint64(b[0:])), Private: flags&futexPrivate != 0}
	}
	return task.FutexWaitMany(c, list, deadline)
}
