package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/task"
	"starling/personality/usermem"
)

// The calls about the system as a whole, limits and priorities.

var systemRows = []Row{
	{unix.SYS_UNAME, "uname", sysUname, Full, ""},
	{unix.SYS_SETHOSTNAME, "sethostname", sysSethostname, Full, ""},
	{unix.SYS_SETDOMAINNAME, "setdomainname", sysSetdomainname, Full, ""},
	{unix.SYS_SYSINFO, "sysinfo", sysSysinfo, Full, ""},
	{unix.SYS_GETRLIMIT, "getrlimit", sysGetrlimit, Full, ""},
	{unix.SYS_SETRLIMIT, "setrlimit", sysSetrlimit, Partial, "RLIMIT_RSS and RLIMIT_RTTIME are remembered only"},
	{unix.SYS_PRLIMIT64, "prlimit64", sysPrlimit64, Partial, "as setrlimit"},
	{unix.SYS_GETPRIORITY, "getpriority", sysGetpriority, Full, ""},
	{unix.SYS_SETPRIORITY, "setpriority", sysSetpriority, Partial, "remembered; the scheduler is round robin"},
	{unix.SYS_SCHED_YIELD, "sched_yield", sysSchedYield, Full, ""},
	{unix.SYS_SCHED_GETAFFINITY, "sched_getaffinity", sysSchedGetaffinity, Full, ""},
	{unix.SYS_SCHED_SETAFFINITY, "sched_setaffinity", sysSchedSetaffinity, Full, ""},
	{unix.SYS_SCHED_GETPARAM, "sched_getparam", sysSchedGetparam, Full, ""},
	{unix.SYS_SCHED_SETPARAM, "sched_setparam", sysSchedSetparam, Partial, "remembered; the scheduler is round robin"},
	{unix.SYS_SCHED_GETSCHEDULER, "sched_getscheduler", sysSchedGetscheduler, Full, ""},
	{unix.SYS_SCHED_SETSCHEDULER, "sched_setscheduler", sysSchedSetscheduler, Partial, "remembered; the scheduler is round robin"},
	{unix.SYS_SCHED_SETATTR, "sched_setattr", sysSchedSetattr, Partial, "as sched_setscheduler; no deadlines (EBUSY), no utilisation (EOPNOTSUPP)"},
	{unix.SYS_SCHED_GETATTR, "sched_getattr", sysSchedGetattr, Full, ""},
	{unix.SYS_SCHED_GET_PRIORITY_MAX, "sched_get_priority_max", sysSchedGetPriorityMax, Full, ""},
	{unix.SYS_SCHED_GET_PRIORITY_MIN, "sched_get_priority_min", sysSchedGetPriorityMin, Full, ""},
	{unix.SYS_SCHED_RR_GET_INTERVAL, "sched_rr_get_interval", sysSchedRrGetInterval, Full, ""},
	{unix.SYS_GETCPU, "getcpu", sysGetcpu, Full, ""},
	{unix.SYS_PERSONALITY, "personality", sysPersonality, Partial, "remembered; of the flags only ADDR_NO_RANDOMIZE has an effect"},
	{unix.SYS_MEMBARRIER, "membarrier", sysMembarrier, Full, "one processor: every barrier has been passed"},
}

// put copies b out and gives 0 or the errno.
func put(c *task.Call, va uint64, b []byte) task.Result {
	if _, e := usermem.CopyOut(c.Mem(), va, b); e != 0 {
		return fail(e)
	}
	return 0
}

// nameLength is the length of a field of struct utsname, NUL included.
const nameLength = 65

// Release is what uname(2) tells: the version of Linux whose behaviour this is.
const Release = "6.1.0-starling"

// Version is the second word of what the system is.
const Version = "#1 Starling"

func sysUname(c *task.Call) task.Result {
	var b [6 * nameLength]byte
	for i, s := range [...]string{"Linux", c.K.Hostname, Release, Version, isa.Machine, c.K.Domainname} {
		copy(b[i*nameLength:(i+1)*nameLength-1], s)
	}
	return put(c, c.Args[0], b[:])
}

func setName(c *task.Call, name *string) task.Result {
	if !c.T.Cred.Has(unix.CAP_SYS_ADMIN) {
		return fail(unix.EPERM)
	}
	n := int64(c.Args[1])
	if n < 0 || n >= nameLength {
		return fail(unix.EINVAL)
	}
	b := make([]byte, n)
	if _, e := usermem.CopyIn(c.Mem(), b, c.Args[0]); e != 0 {
		return fail(e)
	}
	for i, v := range b {
		if v == 0 {
			b = b[:i]
			break
		}
	}
	*name = string(b)
	return 0
}

func sysSethostname(c *task.Call) task.Result   { return setName(c, &c.K.Hostname) }
func sysSetdomainname(c *task.Call) task.Result { return setName(c, &c.K.Domainname) }

// sysinfoSize is the size of struct sysinfo on a 64-bit machine, sysinfo(2).
const sysinfoSize = 112

func sysSysinfo(c *task.Call) task.Result {
	var b [sysinfoSize]byte
	le := binary.LittleEndian
	m := c.K.Memory()
	_, threads := c.K.RunnableThreads()
	le.PutUint64(b[0:], uint64(c.K.Now()/1e9))
	for i, l := range c.K.LoadAverage() {
		le.PutUint64(b[8+8*i:], l)
	}
	le.PutUint64(b[32:], m.Total)
	le.PutUint64(b[40:], m.Free)
	le.PutUint64(b[48:], m.Shared)
	le.PutUint16(b[80:], uint16(min(threads, 0xffff)))
	le.PutUint32(b[104:], 1) // sizes are in bytes
	return put(c, c.Args[0], b[:])
}

// maxOpenFiles is fs.nr_open: RLIMIT_NOFILE cannot be raised above it.
const maxOpenFiles = 1 << 20

func sysGetrlimit(c *task.Call) task.Result {
	resource := uint32(c.Args[0])
	if resource >= task.NumLimits {
		return fail(unix.EINVAL)
	}
	return putLimit(c, c.Args[1], c.T.Proc.Limits[resource])
}

func putLimit(c *task.Call, va uint64, l unix.Rlimit) task.Result {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], l.Cur)
	binary.LittleEndian.PutUint64(b[8:], l.Max)
	return put(c, va, b[:])
}

func takeLimit(c *task.Call, va uint64) (unix.Rlimit, unix.Errno) {
	var b [16]byte
	_, e := usermem.CopyIn(c.Mem(), b[:], va)
	return unix.Rlimit{Cur: binary.LittleEndian.Uint64(b[:]), Max: binary.LittleEndian.Uint64(b[8:])}, e
}

func sysSetrlimit(c *task.Call) task.Result {
	l, e := takeLimit(c, c.Args[1])
	if e != 0 {
		return fail(e)
	}
	return fail(changeLimit(c, c.T.Proc, c.Args[0], l))
}

func changeLimit(c *task.Call, p *task.Process, resource uint64, l unix.Rlimit) unix.Errno {
	switch {
	case resource >= task.NumLimits, l.Cur > l.Max:
		return unix.EINVAL
	case resource == unix.RLIMIT_NOFILE && l.Max > maxOpenFiles:
		return unix.EPERM
	case l.Max > p.Limits[resource].Max && !c.T.Cred.Has(unix.CAP_SYS_RESOURCE):
		return unix.EPERM
	}
	p.Limits[resource] = l
	if resource == unix.RLIMIT_CPU {
		c.K.LimitCPU(p)
	}
	return 0
}

func sysPrlimit64(c *task.Call) task.Result {
	pid, resource, newAt, oldAt := int32(c.Args[0]), c.Args[1], c.Args[2], c.Args[3]
	if resource >= task.NumLimits {
		return fail(unix.EINVAL)
	}
	t := c.T
	if pid != 0 {
		if t = c.K.Thread(pid); t == nil {
			return fail(unix.ESRCH)
		}
	}
	if mine, its := c.T.Cred, t.Cred; t.Proc != c.T.Proc && !mine.Has(unix.CAP_SYS_RESOURCE) &&
		(mine.UID != its.EUID || mine.UID != its.SUID || mine.UID != its.UID ||
			mine.GID != its.EGID || mine.GID != its.SGID || mine.GID != its.GID) {
		return fail(unix.EPERM)
	}
	old := t.Proc.Limits[resource]
	if newAt != 0 {
		l, e := takeLimit(c, newAt)
		if e != 0 {
			return fail(e)
		}
		if e := changeLimit(c, t.Proc, resource, l); e != 0 {
			return fail(e)
		}
	}
	if oldAt != 0 {
		return putLimit(c, oldAt, old)
	}
	return 0
}

// niceTargets are the threads that a which and who of getpriority(2) mean.
func niceTargets(c *task.Call, which, who uint64) ([]*task.Thread, unix.Errno) {
	var list []*task.Thread
	switch which {
	case unix.PRIO_PROCESS:
		t := c.T
		if who != 0 {
			t = c.K.Thread(int32(who))
		}
		if t != nil {
			list = append(list, t)
		}
	case unix.PRIO_PGRP:
		group := int32(who)
		if who == 0 {
			group = c.T.Proc.Group
		}
		for _, p := range c.K.Group(group) {
			list = append(list, p.Threads()...)
		}
	case unix.PRIO_USER:
		uid := uint32(who)
		if who == 0 {
			uid = c.T.Cred.UID
		}
		for _, p := range c.K.Processes() {
			for _, t := range p.Threads() {
				if t.Cred.UID == uid {
					list = append(list, t)
				}
			}
		}
	default:
		return nil, unix.EINVAL
	}
	if len(list) == 0 {
		return nil, unix.ESRCH
	}
	return list, 0
}

func sysGetpriority(c *task.Call) task.Result {
	list, e := niceTargets(c, c.Args[0], c.Args[1])
	if e != 0 {
		return fail(e)
	}
	best := int32(19)
	for _, t := range list {
		best = min(best, t.Nice)
	}
	return task.Result(20 - best) // the raw call's range is 40 to 1
}

func sysSetpriority(c *task.Call) task.Result {
	list, e := niceTargets(c, c.Args[0], c.Args[1])
	if e != 0 {
		return fail(e)
	}
	nice := min(max(int32(c.Args[2]), -20), 19)
	for _, t := range list {
		cr := c.T.Cred
		switch {
		case cr.EUID != t.Cred.UID && cr.EUID != t.Cred.EUID && !cr.Has(unix.CAP_SYS_NICE):
			e = unix.EPERM
		case nice < t.Nice && uint64(20-nice) > t.Proc.Limits[unix.RLIMIT_NICE].Cur && !cr.Has(unix.CAP_SYS_NICE):
			e = unix.EACCES
		default:
			t.Nice = nice
		}
	}
	return fail(e)
}

func sysSchedYield(c *task.Call) task.Result { return task.Yielded }

// schedTarget is the thread that a pid of a sched_ call means.
func schedTarget(c *task.Call) (*task.Thread, unix.Errno) {
	pid := int32(c.Args[0])
	switch {
	case pid < 0:
		return nil, unix.EINVAL
	case pid == 0:
		return c.T, 0
	}
	if t := c.K.Thread(pid); t != nil {
		return t, 0
	}
	return nil, unix.ESRCH
}

// affinityTarget is the thread that an affinity call is about. Unlike the scheduler calls these
// look a negative number up like any other (find_process_by_pid of Linux).
func affinityTarget(c *task.Call) (*task.Thread, unix.Errno) {
	if int32(c.Args[0]) < 0 {
		return nil, unix.ESRCH
	}
	return schedTarget(c)
}

// cpuMaskSize is what sched_getaffinity(2) returns: the size of the kernel's mask.
const cpuMaskSize = 8

func sysSchedGetaffinity(c *task.Call) task.Result {
	if c.Args[1]%8 != 0 || c.Args[1] < cpuMaskSize {
		return fail(unix.EINVAL)
	}
	if _, e := affinityTarget(c); e != 0 {
		return fail(e)
	}
	if r := put(c, c.Args[2], []byte{1, 0, 0, 0, 0, 0, 0, 0}); r != 0 {
		return r
	}
	return cpuMaskSize
}

func sysSchedSetaffinity(c *task.Call) task.Result {
	var b [cpuMaskSize]byte
	if _, e := usermem.CopyIn(c.Mem(), b[:min(c.Args[1], cpuMaskSize)], c.Args[2]); e != 0 {
		return fail(e)
	}
	t, e := affinityTarget(c)
	if e != 0 {
		return fail(e)
	}
	if cr := c.T.Cred; cr.EUID != t.Cred.UID && cr.EUID != t.Cred.EUID && !cr.Has(unix.CAP_SYS_NICE) {
		return fail(unix.EPERM)
	}
	if b[0]&1 == 0 {
		return fail(unix.EINVAL) // no processor there is
	}
	return 0
}

// realtime reports whether a policy has priorities 1 to 99.
func realtime(policy int32) bool { return policy == unix.SCHED_FIFO || policy == unix.SCHED_RR }

const resetOnFork = task.ResetOnFork

func sysSchedGetparam(c *task.Call) task.Result {
	t, e := schedTarget(c)
	if e == 0 && c.Args[1] == 0 {
		e = unix.EINVAL
	}
	if e == 0 {
		e = usermem.Write32(c.Mem(), c.Args[1], uint32(t.Priority))
	}
	return fail(e)
}

func sysSchedSetparam(c *task.Call) task.Result {
	t, e := schedTarget(c)
	if e != 0 {
		return fail(e)
	}
	return setPolicy(c, t, t.Policy, c.Args[1])
}

func sysSchedGetscheduler(c *task.Call) task.Result {
	t, e := schedTarget(c)
	if e != 0 {
		return fail(e)
	}
	return task.Result(t.Policy)
}

func sysSchedSetscheduler(c *task.Call) task.Result {
	if int32(c.Args[1]) < 0 {
		return fail(unix.EINVAL)
	}
	t, e := schedTarget(c)
	if e != 0 {
		return fail(e)
	}
	return setPolicy(c, t, int32(c.Args[1]), c.Args[2])
}

func setPolicy(c *task.Call, t *task.Thread, policy int32, at uint64) task.Result {
	if at == 0 {
		return fail(unix.EINVAL)
	}
	v, e := usermem.Read32(c.Mem(), at)
	if e != 0 {
		return fail(e)
	}
	return fail(schedule(c, t, policy, int32(v), t.Nice))
}

// schedule gives a thread a policy, with its priority and nice value, if the caller may (sched(7)).
func schedule(c *task.Call, t *task.Thread, policy, priority, nice int32) unix.Errno {
	plain := policy &^ resetOnFork
	switch plain {
	case unix.SCHED_NORMAL, unix.SCHED_BATCH, unix.SCHED_IDLE:
		if priority != 0 {
			return unix.EINVAL
		}
	case unix.SCHED_FIFO, unix.SCHED_RR:
		if priority < 1 || priority > 99 {
			return unix.EINVAL
		}
	default:
		return unix.EINVAL
	}
	if cr := c.T.Cred; !cr.Has(unix.CAP_SYS_NICE) &&
		(cr.EUID != t.Cred.UID && cr.EUID != t.Cred.EUID ||
			realtime(plain) && uint64(priority) > t.Proc.Limits[unix.RLIMIT_RTPRIO].Cur ||
			nice < t.Nice && uint64(20-nice) > t.Proc.Limits[unix.RLIMIT_NICE].Cur) {
		return unix.EPERM
	}
	t.Policy, t.Priority, t.Nice = policy, priority, nice
	return 0
}

func schedPriority(c *task.Call, real task.Result) task.Result {
	switch int32(c.Args[0]) {
	case unix.SCHED_FIFO, unix.SCHED_RR:
		return real
	case unix.SCHED_NORMAL, unix.SCHED_BATCH, unix.SCHED_IDLE, unix.SCHED_DEADLINE:
		return 0
	}
	return fail(unix.EINVAL)
}

func sysSchedGetPriorityMax(c *task.Call) task.Result { return schedPriority(c, 99) }
func sysSchedGetPriorityMin(c *task.Call) task.Result { return schedPriority(c, 1) }

// timeSlice is the kernel's, in ns: sched_rr_get_interval(2).
const timeSlice = 10_000_000

func sysSchedRrGetInterval(c *task.Call) task.Result {
	if _, e := schedTarget(c); e != 0 {
		return fail(e)
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[8:], timeSlice)
	return put(c, c.Args[1], b[:])
}

func sysGetcpu(c *task.Call) task.Result {
	for _, at := range c.Args[:2] {
		if at != 0 {
			if e := usermem.Write32(c.Mem(), at, 0); e != 0 {
				return fail(e)
			}
		}
	}
	return 0
}

func sysPersonality(c *task.Call) task.Result {
	old := c.T.Proc.Persona
	if v := uint32(c.Args[0]); v != 0xffffffff {
		c.T.Proc.Persona = v
	}
	return task.Result(old)
}

// Commands of membarrier(2).
const (
	membarrierQuery              = 0
	membarrierGlobal             = 1 << 0
	membarrierGlobalExpedited    = 1 << 1
	membarrierRegisterGlobal     = 1 << 2
	membarrierPrivate            = 1 << 3
	membarrierRegisterPrivate    = 1 << 4
	membarrierSyncCore           = 1 << 5
	membarrierRegisterSyncCore   = 1 << 6
	membarrierRseq               = 1 << 7
	membarrierRegisterRseq       = 1 << 8
	membarrierSupported          = 1<<9 - 1
	membarrierRegisteredPrivate  = membarrierRegisterPrivate
	membarrierRegisteredSyncCore = membarrierRegisterSyncCore
	membarrierRegisteredRseq     = membarrierRegisterRseq

	// membarrierOnCPU is the one flag, of membarrierRseq: the barrier is for one processor.
	membarrierOnCPU = 1
)

func sysMembarrier(c *task.Call) task.Result {
	command, flags := uint32(c.Args[0]), uint32(c.Args[1])
	if flags != 0 && (command != membarrierRseq || flags != membarrierOnCPU) {
		return fail(unix.EINVAL)
	}
	registered := &c.T.Proc.Leader().Membarrier
	switch command {
	case membarrierQuery:
		return membarrierSupported
	case membarrierGlobal, membarrierGlobalExpedited:
		return 0
	case membarrierRegisterGlobal, membarrierRegisterPrivate, membarrierRegisterSyncCore, membarrierRegisterRseq:
		*registered |= command
		return 0
	case membarrierPrivate:
		if *registered&membarrierRegisteredPrivate == 0 {
			return fail(unix.EPERM)
		}
		return 0
	case membarrierSyncCore:
		if *registered&membarrierRegisteredSyncCore == 0 {
			return fail(unix.EPERM)
		}
		return 0
	case membarrierRseq:
		// Where another thread was in a sequence, it goes on at its abort handler: the caller ran since.
		if *registered&membarrierRegisteredRseq == 0 {
			return fail(unix.EPERM)
		}
		return 0
	}
	return fail(unix.EINVAL)
}
