package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/state"
	"starling/personality/task"
	"starling/personality/usermem"
)

// The calls about threads: prctl(2), arch_prctl(2) and relatives.

var controlRows = []Row{
	{unix.SYS_PRCTL, "prctl", prctl, Partial, "what one processor and no namespaces leave of it; else EINVAL"},
	{unix.SYS_ARCH_PRCTL, "arch_prctl", archPrctl, Full, ""},
	{unix.SYS_GETRANDOM, "getrandom", getrandom, Full, "from the seed of the run"},
	{unix.SYS_RSEQ, "rseq", task.Rseq, Full, "one processor: number 0 of node 0"},
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
		return task.Result(t.TimerSlack)
	case unix.PR_SET_TIMERSLACK:
		if t.TimerSlack = a[1]; a[1] == 0 {
			t.TimerSlack = t.DefaultSlack
		}
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
	case prSetDispatch:
		return setDispatch(c)
	case unix.PR_MCE_KILL_GET:
		if !none || a[1] != 0 {
			return fail(unix.EINVAL)
		}
		return unix.PR_MCE_KILL_DEFAULT
	}
	return fail(unix.EINVAL)
}

// prSetDispatch is PR_SET_SYSCALL_USER_DISPATCH.
const prSetDispatch = 59

// setDispatch is prctl(2)'s PR_SET_SYSCALL_USER_DISPATCH.
func setDispatch(c *task.Call) task.Result {
	on, start, length, selector := c.Args[1], c.Args[2], c.Args[3], c.Args[4]
	switch {
	case on == 0 && start|length|selector == 0:
		c.T.SetDispatch(nil)
		return 0
	case on != 1, start != 0 && start+length <= start:
		return fail(unix.EINVAL)
	case selector >= isa.TaskSize:
		return fail(unix.EFAULT)
	}
	c.T.SetDispatch(&state.DispatchT{Start: start, Length: length, Selector: selector})
	return 0
}

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
	flags := uint32(c.Args[2])
	if flags&^known != 0 || flags&(unix.GRND_RANDOM|unix.GRND_INSECURE) == unix.GRND_RANDOM|unix.GRND_INSECURE {
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
