package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/clock"
	"starling/personality/signal"
	"starling/personality/task"
	"starling/personality/usermem"
)

// The calls about threads: futex(2), prctl(2), arch_prctl(2) and relatives.

var controlRows = []Row{
	{unix.SYS_FUTEX, "futex", futex, Partial, "priority inheritance: ENOSYS, as where the processor cannot do it"},
	{unix.SYS_PRCTL, "prctl", prctl, Partial, "what one processor and no namespaces leave of it; else EINVAL"},
	{unix.SYS_ARCH_PRCTL, "arch_prctl", archPrctl, Full, ""},
	{unix.SYS_GETRANDOM, "getrandom", getrandom, Full, "from the seed of the run"},
	{unix.SYS_RSEQ, "rseq", nil, None, "C libraries and runtimes do without"},
}

// futex operations, futex(2).
const (
	futexWait        = 0
	futexWake        = 1
	futexRequeue     = 3
	futexCmpRequeue  = 4
	futexWakeOp      = 5
	futexWaitBitset  = 9
	futexWakeBitset  = 10
	futexPrivate     = 128
	futexRealtime    = 256
	futexCommandMask = ^uint32(futexPrivate | futexRealtime)
	futexAnyBits     = ^uint32(0)
)

func futex(c *task.Call) task.Result {
	va, op, value := c.Args[0], uint32(c.Args[1]), uint32(c.Args[2])
	private := op&futexPrivate != 0
	cmd := op & futexCommandMask
	if op&futexRealtime != 0 && cmd != futexWaitBitset {
		return fail(unix.ENOSYS)
	}
	k := c.K
	switch cmd {
	case futexWait, futexWaitBitset:
		bits := futexAnyBits
		if cmd == futexWaitBitset {
			if bits = uint32(c.Args[5]); bits == 0 {
				return fail(unix.EINVAL)
			}
		}
		deadline, e := futexDeadline(c, cmd == futexWaitBitset, op&futexRealtime != 0)
		if e != 0 {
			return fail(e)
		}
		return task.FutexWait(c, va, value, bits, private, deadline)
	case futexWake, futexWakeBitset:
		bits := futexAnyBits
		if cmd == futexWakeBitset {
			if bits = uint32(c.Args[5]); bits == 0 {
				return fail(unix.EINVAL)
			}
		}
		key, e := k.FutexKey(c.T.MM, va, private)
		if e != 0 {
			return fail(e)
		}
		// As Linux does, a count of 0 or less wakes one.
		return task.Result(k.FutexWake(key, max(1, int(int32(value))), bits))
	case futexRequeue, futexCmpRequeue:
		return futexMove(c, va, value, private, cmd == futexCmpRequeue)
	case futexWakeOp:
		return futexOperate(c, va, value, private)
	}
	return fail(unix.ENOSYS)
}

// futexDeadline is the timeout argument as ns since boot; 0: none. FUTEX_WAIT's is
// relative, FUTEX_WAIT_BITSET's a moment of CLOCK_MONOTONIC or CLOCK_REALTIME.
func futexDeadline(c *task.Call, absolute, realtime bool) (int64, unix.Errno) {
	va := c.Args[3]
	if va == 0 {
		return 0, 0
	}
	if c.Again {
		return c.State.Deadline, 0
	}
	ns, e := getTimespec(c, va)
	if e != 0 {
		return 0, e
	}
	switch {
	case realtime:
		return clock.Deadline(ns, c.K.WallNow()-c.K.Now()), 0
	case absolute:
		return max(1, ns), 0
	}
	return max(1, clock.SatAdd(c.K.Now(), ns)), 0
}

func futexMove(c *task.Call, va uint64, value uint32, private, compare bool) task.Result {
	n, move := int32(value), int32(c.Args[3])
	if n < 0 || move < 0 {
		return fail(unix.EINVAL)
	}
	from, e := c.K.FutexKey(c.T.MM, va, private)
	if e != 0 {
		return fail(e)
	}
	to, e := c.K.FutexKey(c.T.MM, c.Args[4], private)
	if e != 0 {
		return fail(e)
	}
	if compare {
		have, e := usermem.Read32(c.Mem(), va)
		if e != 0 {
			return fail(e)
		}
		if have != uint32(c.Args[5]) {
			return fail(unix.EAGAIN)
		}
	}
	woken, moved := c.K.FutexRequeue(from, to, int(n), int(move))
	if compare {
		return task.Result(woken + moved)
	}
	return task.Result(woken)
}

// futexOperate is FUTEX_WAKE_OP.
func futexOperate(c *task.Call, va uint64, value uint32, private bool) task.Result {
	k, va2 := c.K, c.Args[4]
	from, e := k.FutexKey(c.T.MM, va, private)
	if e != 0 {
		return fail(e)
	}
	to, e := k.FutexKey(c.T.MM, va2, private)
	if e != 0 {
		return fail(e)
	}
	encoded := uint32(c.Args[5])
	op, cmp := encoded>>28&7, encoded>>24&15
	opArg, cmpArg := int32(encoded<<8)>>20, int32(encoded<<20)>>20
	if encoded>>31 != 0 { // FUTEX_OP_ARG_SHIFT
		opArg = 1 << uint(opArg&31)
	}
	old, e := usermem.Read32(c.Mem(), va2)
	if e != 0 {
		return fail(e)
	}
	var now uint32
	switch op {
	case 0:
		now = uint32(opArg)
	case 1:
		now = old + uint32(opArg)
	case 2:
		now = old | uint32(opArg)
	case 3:
		now = old &^ uint32(opArg)
	case 4:
		now = old ^ uint32(opArg)
	default:
		return fail(unix.ENOSYS)
	}
	var holds bool
	switch v := int32(old); cmp {
	case 0:
		holds = v == cmpArg
	case 1:
		holds = v != cmpArg
	case 2:
		holds = v < cmpArg
	case 3:
		holds = v <= cmpArg
	case 4:
		holds = v > cmpArg
	case 5:
		holds = v >= cmpArg
	default:
		return fail(unix.ENOSYS)
	}
	if e := usermem.Write32(c.Mem(), va2, now); e != 0 {
		return fail(e)
	}
	n := k.FutexWake(from, max(1, int(int32(value))), futexAnyBits)
	if holds {
		n += k.FutexWake(to, max(1, int(int32(c.Args[3]))), futexAnyBits)
	}
	return task.Result(n)
}

// commSize is TASK_COMM_LEN.
const commSize = 16

// Options of prctl(2) that x/sys/unix does not name.
const (
	prGetTSC    = 25
	prSetTSC    = 26
	prTSCEnable = 1
)

func prctl(c *task.Call) task.Result {
	t, a := c.T, &c.Args
	none := a[2]|a[3]|a[4] == 0
	switch a[0] {
	case unix.PR_SET_PDEATHSIG:
		if n := int32(a[1]); a[1] != 0 && !signal.Valid(n) {
			return fail(unix.EINVAL)
		}
		t.ParentDeathSignal = int32(a[1])
		return 0
	case unix.PR_GET_PDEATHSIG:
		return fail(usermem.Write32(c.Mem(), a[1], uint32(t.ParentDeathSignal)))
	case unix.PR_GET_DUMPABLE:
		return task.Result(t.MM.Dumpable)
	case unix.PR_SET_DUMPABLE:
		if a[1] > 1 {
			return fail(unix.EINVAL)
		}
		t.MM.Dumpable = int32(a[1])
		return 0
	case unix.PR_SET_NAME:
		s, e := usermem.String(c.Mem(), a[1], commSize-1)
		if e == unix.ENAMETOOLONG {
			b := make([]byte, commSize-1)
			_, e = usermem.CopyIn(c.Mem(), b, a[1])
			s = string(b)
		}
		if e != 0 {
			return fail(e)
		}
		t.Comm = s
		return 0
	case unix.PR_GET_NAME:
		var b [commSize]byte
		copy(b[:commSize-1], t.Comm)
		return put(c, a[1], b[:])
	case unix.PR_GET_KEEPCAPS:
		return task.Result(t.Cred.SecureBits >> 4 & 1)
	case unix.PR_SET_KEEPCAPS:
		const locked = 1 << 5
		if a[1] > 1 {
			return fail(unix.EINVAL)
		}
		if t.Cred.SecureBits&locked != 0 {
			return fail(unix.EPERM)
		}
		n := t.Cred.Clone(c.K.NewID())
		n.SecureBits = n.SecureBits&^secureKeepCaps | uint32(a[1])*secureKeepCaps
		t.Cred = n
		return 0
	case unix.PR_GET_TIMING:
		return 0 // PR_TIMING_STATISTICAL
	case unix.PR_SET_TIMING:
		if a[1] != 0 {
			return fail(unix.EINVAL)
		}
		return 0
	case prGetTSC:
		return fail(usermem.Write32(c.Mem(), a[1], prTSCEnable))
	case prSetTSC:
		if a[1] != prTSCEnable {
			return fail(unix.EINVAL)
		}
		return 0
	case unix.PR_GET_SECCOMP:
		return task.Result(t.Guard().Mode)
	case unix.PR_SET_SECCOMP:
		return prctlSeccomp(c, a[1], a[2])
	case unix.PR_SET_PTRACER:
		return fail(c.K.SetTracer(t.Proc, int32(a[1])))
	case unix.PR_GET_SECUREBITS:
		return task.Result(t.Cred.SecureBits)
	case unix.PR_CAPBSET_READ:
		if a[1] > unix.CAP_LAST_CAP {
			return fail(unix.EINVAL)
		}
		return task.Result(t.Cred.Bounding >> a[1] & 1)
	case unix.PR_CAPBSET_DROP:
		if !t.Cred.Has(unix.CAP_SETPCAP) {
			return fail(unix.EPERM)
		}
		if a[1] > unix.CAP_LAST_CAP {
			return fail(unix.EINVAL)
		}
		n := t.Cred.Clone(c.K.NewID())
		n.Bounding &^= 1 << a[1]
		t.Cred = n
		return 0
	case unix.PR_CAP_AMBIENT:
		return ambient(c)
	case unix.PR_GET_TIMERSLACK:
		return task.Result(t.TimerSlack + defaultSlack*b2u(t.TimerSlack == 0))
	case unix.PR_SET_TIMERSLACK:
		t.TimerSlack = a[1]
		return 0
	case unix.PR_SET_NO_NEW_PRIVS:
		if a[1] != 1 || !none {
			return fail(unix.EINVAL)
		}
		t.NoNewPrivs = true
		return 0
	case unix.PR_GET_NO_NEW_PRIVS:
		if a[1] != 0 || !none {
			return fail(unix.EINVAL)
		}
		return task.Result(b2u(t.NoNewPrivs))
	case unix.PR_SET_CHILD_SUBREAPER:
		t.Proc.Subreaper = a[1] != 0
		return 0
	case unix.PR_GET_CHILD_SUBREAPER:
		return fail(usermem.Write32(c.Mem(), a[1], uint32(b2u(t.Proc.Subreaper))))
	case unix.PR_GET_TID_ADDRESS:
		return fail(usermem.Write64(c.Mem(), a[1], t.ClearTid))
	case unix.PR_GET_THP_DISABLE:
		if a[1] != 0 || !none {
			return fail(unix.EINVAL)
		}
		return 0
	case unix.PR_SET_THP_DISABLE:
		if !none {
			return fail(unix.EINVAL)
		}
		return 0
	case unix.PR_MCE_KILL_GET:
		return unix.PR_MCE_KILL_DEFAULT
	}
	return fail(unix.EINVAL)
}

// defaultSlack is the timer slack of a thread that never set one, in ns.
const defaultSlack = 50000

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// ambient is PR_CAP_AMBIENT, capabilities(7).
func ambient(c *task.Call) task.Result {
	t, op, cp := c.T, c.Args[1], c.Args[2]
	if c.Args[3]|c.Args[4] != 0 {
		return fail(unix.EINVAL)
	}
	if op == unix.PR_CAP_AMBIENT_CLEAR_ALL {
		if cp != 0 {
			return fail(unix.EINVAL)
		}
		n := t.Cred.Clone(c.K.NewID())
		n.Ambient = 0
		t.Cred = n
		return 0
	}
	if cp > unix.CAP_LAST_CAP {
		return fail(unix.EINVAL)
	}
	const noAmbientRaise = 1 << 6 // SECBIT_NO_CAP_AMBIENT_RAISE
	switch op {
	case unix.PR_CAP_AMBIENT_IS_SET:
		return task.Result(t.Cred.Ambient >> cp & 1)
	case unix.PR_CAP_AMBIENT_RAISE:
		if (t.Cred.Permitted&t.Cred.Inheritable)>>cp&1 == 0 || t.Cred.SecureBits&noAmbientRaise != 0 {
			return fail(unix.EPERM)
		}
		n := t.Cred.Clone(c.K.NewID())
		n.Ambient |= 1 << cp
		t.Cred = n
		return 0
	case unix.PR_CAP_AMBIENT_LOWER:
		n := t.Cred.Clone(c.K.NewID())
		n.Ambient &^= 1 << cp
		t.Cred = n
		return 0
	}
	return fail(unix.EINVAL)
}

func archPrctl(c *task.Call) task.Result {
	f := c.T.Frame()
	set, get, e := isa.ThreadBase(f, c.Args[0])
	switch {
	case e:
		return fail(unix.EINVAL)
	case set != nil:
		if c.Args[1] >= isa.TaskSize {
			return fail(unix.EPERM)
		}
		set(f, c.Args[1])
		c.T.Change(ipc.MaskSegments)
		return 0
	}
	return fail(usermem.Write64(c.Mem(), c.Args[1], get(f)))
}

// getrandom answers from the seed: the source is ready from the start.
func getrandom(c *task.Call) task.Result {
	const known = unix.GRND_NONBLOCK | unix.GRND_RANDOM | unix.GRND_INSECURE
	if c.Args[2]&^known != 0 || c.Args[2]&(unix.GRND_RANDOM|unix.GRND_INSECURE) == unix.GRND_RANDOM|unix.GRND_INSECURE {
		return fail(unix.EINVAL)
	}
	left := min(c.Args[1], 1<<25-1) // INT_MAX >> 6, what Linux gives at most
	done := uint64(0)
	for done < left {
		s, e := c.Mem().Span(c.Args[0]+done, int(min(left-done, isa.PageSize)), ipc.Write)
		if e != 0 {
			if done == 0 {
				return fail(e)
			}
			break
		}
		c.K.Rand(s)
		done += uint64(len(s))
	}
	return task.Result(done)
}
