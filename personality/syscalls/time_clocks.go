package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/wait"
)

// The clocks: time(2), gettimeofday(2), clock_gettime(2), adjtimex(2), times(2).

func timeCall(c *task.Call) task.Result {
	now := c.K.WallNow() / secondNS
	if c.Args[0] != 0 {
		if e := usermem.Write64(c.Mem(), c.Args[0], uint64(now)); e != 0 {
			return fail(e)
		}
	}
	return task.Result(now)
}

func gettimeofday(c *task.Call) task.Result {
	if c.Args[0] != 0 {
		if e := putTimeval(c, c.Args[0], c.K.WallNow()); e != 0 {
			return fail(e)
		}
	}
	if c.Args[1] != 0 {
		var b [8]byte
		binary.LittleEndian.PutUint32(b[0:], uint32(c.K.Clock.MinutesWest))
		binary.LittleEndian.PutUint32(b[4:], uint32(c.K.Clock.DstTime))
		if _, e := usermem.CopyOut(c.Mem(), c.Args[1], b[:]); e != 0 {
			return fail(e)
		}
	}
	return 0
}

// maxMinutesWest bounds the time zone of settimeofday(2): 15 hours.
const maxMinutesWest = 15 * 60

func settimeofday(c *task.Call) task.Result {
	var value int64
	var zone [8]byte
	if c.Args[0] != 0 {
		var b [timevalSize]byte
		_, e := usermem.CopyIn(c.Mem(), b[:], c.Args[0])
		if e == 0 {
			le := binary.LittleEndian
			value, e = fromTimeval(int64(le.Uint64(b[0:])), int64(le.Uint64(b[8:])))
		}
		if e != 0 {
			return fail(e)
		}
	}
	if c.Args[1] != 0 {
		if _, e := usermem.CopyIn(c.Mem(), zone[:], c.Args[1]); e != 0 {
			return fail(e)
		}
	}
	if !c.T.Cred.Has(unix.CAP_SYS_TIME) {
		return fail(unix.EPERM)
	}
	if c.Args[1] != 0 {
		west := int32(binary.LittleEndian.Uint32(zone[0:]))
		if west > maxMinutesWest || west < -maxMinutesWest {
			return fail(unix.EINVAL)
		}
		c.K.Clock.MinutesWest, c.K.Clock.DstTime = west, int32(binary.LittleEndian.Uint32(zone[4:]))
		c.K.ClockChanged()
	}
	if c.Args[0] != 0 {
		return fail(setWall(c, value))
	}
	return 0
}

// setWall sets CLOCK_REALTIME and tells those who sleep until a time of it.
func setWall(c *task.Call, value int64) unix.Errno {
	if e := c.K.Clock.SetWall(value); e != 0 {
		return e
	}
	c.K.Waits.Wake(clock.SetWait, wait.In)
	return 0
}

// cpuClock finds the CPU clock that id names for the caller, and the process whose
// time it counts (pid_for_clock of Linux). cpu is false when id is none; EINVAL when its process
// or thread does not exist or is not the caller's to watch.
func cpuClock(c *task.Call, id int32, reading bool) (k clock.CPU, target int32, cpu bool, e unix.Errno) {
	k, cpu = clock.ParseCPU(id, c.T.Proc.Pid, c.T.Tid)
	if !cpu {
		if id < 0 && !descriptorClock(id) {
			return k, 0, true, unix.EINVAL // of a kind that CPU clocks do not have
		}
		return k, 0, false, 0
	}
	if k.Thread {
		t := c.K.Thread(k.ID)
		if t == nil || t.Proc != c.T.Proc {
			return k, 0, true, unix.EINVAL
		}
		return k, t.Proc.Pid, true, 0
	}
	if reading && k.ID == c.T.Tid {
		k.ID = c.T.Proc.Pid
	}
	if c.K.Process(k.ID) == nil {
		return k, 0, true, unix.EINVAL
	}
	return k, k.ID, true, 0
}

// descriptorClock reports whether id names a clock by a descriptor (CLOCKFD): there are no
// files that are clocks.
func descriptorClock(id int32) bool { return id < 0 && id&7 == 3 }

// alarmClock reports whether id is a clock that could wake the machine up.
func alarmClock(id int32) bool {
	return id == unix.CLOCK_REALTIME_ALARM || id == unix.CLOCK_BOOTTIME_ALARM
}

// readClock reads any clock.
func readClock(c *task.Call, id int32) (int64, unix.Errno) {
	k, _, cpu, e := cpuClock(c, id, true)
	switch {
	case e != 0:
		return 0, e
	case cpu:
		return c.K.Clock.ReadCPU(k)
	}
	return c.K.Clock.Read(id)
}

func clockGettime(c *task.Call) task.Result {
	ns, e := readClock(c, int32(c.Args[0]))
	if e != 0 {
		return fail(e)
	}
	return fail(putTimespec(c, c.Args[1], ns))
}

func clockGetres(c *task.Call) task.Result {
	id := int32(c.Args[0])
	k, _, cpu, e := cpuClock(c, id, false)
	var ns int64
	switch {
	case e != 0:
	case cpu:
		ns = k.Resolution()
	default:
		ns, e = c.K.Clock.Resolution(id)
	}
	if e != 0 || c.Args[1] == 0 {
		return fail(e)
	}
	return fail(putTimespec(c, c.Args[1], ns))
}

func clockSettime(c *task.Call) task.Result {
	id := int32(c.Args[0])
	if id > 0 {
		return fail(unix.EINVAL) // no other fixed clock can be set
	}
	_, _, cpu, known := cpuClock(c, id, false)
	value, e := getTimespec(c, c.Args[1])
	switch {
	case e == unix.EFAULT:
		return fail(e)
	case descriptorClock(id):
		return fail(unix.EINVAL)
	case cpu:
		// A CPU clock cannot be set (posix_cpu_clock_set).
		if known == 0 {
			known = unix.EPERM
		}
		return fail(known)
	}
	if e != 0 {
		return fail(e)
	}
	if !c.T.Cred.Has(unix.CAP_SYS_TIME) {
		return fail(unix.EPERM)
	}
	return fail(setWall(c, value))
}

// initialTicks is what times(2) counts from on Linux: its tick counter starts five
// minutes before it wraps at 32 bits (INITIAL_JIFFIES), here in USER_HZ.
const initialTicks = int64((1<<32 - 300*secondNS/clock.Tick) * clock.Tick / clock.UserTick)

func times(c *task.Call) task.Result {
	if c.Args[0] != 0 {
		p := c.T.Proc
		user, system := c.K.ProcessTimes(p)
		var b [32]byte
		for i, v := range [4]int64{user, system, p.ChildrenUserTime, p.ChildrenSystemTime} {
			binary.LittleEndian.PutUint64(b[8*i:], uint64(v/clock.UserTick))
		}
		if _, e := usermem.CopyOut(c.Mem(), c.Args[0], b[:]); e != 0 {
			return fail(e)
		}
	}
	return task.Result(initialTicks + c.K.Now()/clock.UserTick)
}
