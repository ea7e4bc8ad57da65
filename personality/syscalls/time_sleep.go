package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/task"
	"starling/personality/wait"
)

// Sleeping: nanosleep(2), clock_nanosleep(2).
//
// What a sleep keeps between its runs: State.Deadline is the end in ns since boot,
// State.Scratch0 the end in the time of the clock where that is another,
// State.Scratch1 where the time that is left goes when a signal comes.

func nanosleep(c *task.Call) task.Result {
	if !c.Again {
		ns, e := getTimespec(c, c.Args[0])
		if e != 0 {
			return fail(e)
		}
		c.State.Deadline = clock.SatAdd(c.K.Now(), ns)
		c.State.Scratch1 = int64(c.Args[1])
	}
	return sleepUntil(c)
}

// sleepUntil sleeps until a moment that no setting of a clock moves.
func sleepUntil(c *task.Call) task.Result {
	if c.K.Now() >= c.State.Deadline {
		return 0
	}
	return c.BlockWithin(task.RestartBlock, c.State.Deadline, c.T.Slack())
}

func clockNanosleep(c *task.Call) task.Result {
	id, absolute := int32(c.Args[0]), c.Args[1]&unix.TIMER_ABSTIME != 0
	k, target, cpu, known := cpuClock(c, id, false)
	var offset int64
	var wall bool
	switch {
	case id == unix.CLOCK_THREAD_CPUTIME_ID, descriptorClock(id):
		return fail(unix.EOPNOTSUPP)
	case alarmClock(id) && !c.Again:
		// It looks at the time before it says what is not allowed.
		if _, e := getTimespec(c, c.Args[2]); e != 0 {
			return fail(e)
		}
		if c.Args[1]&0xffffffff&^unix.TIMER_ABSTIME != 0 {
			return fail(unix.EINVAL)
		}
		if !c.T.Cred.Has(unix.CAP_WAKE_ALARM) {
			return fail(unix.EPERM)
		}
		offset, wall, _ = c.K.Clock.Base(id)
	case !cpu:
		var e unix.Errno
		if offset, wall, e = c.K.Clock.Base(id); e != 0 {
			return fail(e)
		}
	}
	if !c.Again {
		ns, e := getTimespec(c, c.Args[2])
		if e != 0 {
			return fail(e)
		}
		if known != 0 || cpu && k.Thread && k.ID == c.T.Tid {
			// It would never wake up: its clock stands while it sleeps.
			return fail(unix.EINVAL)
		}
		c.State.Scratch0 = ns
		if !absolute {
			c.State.Scratch1 = int64(c.Args[3])
			c.State.Deadline = clock.SatAdd(c.K.Now(), ns)
			if cpu {
				used, _ := c.K.Clock.ReadCPU(k)
				c.State.Scratch0 = clock.SatAdd(used, ns)
			}
		}
	}
	switch {
	case cpu:
		return sleepCPU(c, k, target, absolute)
	case !absolute:
		return sleepUntil(c)
	}
	deadline := clock.Deadline(c.State.Scratch0, offset)
	if c.K.Now() >= deadline {
		return 0
	}
	if wall {
		return c.BlockWithin(task.RestartNoHand, deadline, c.T.Slack(), task.On{ID: clock.SetWait, Events: wait.In})
	}
	return c.BlockWithin(task.RestartNoHand, deadline, c.T.Slack())
}

// sleepCPU sleeps until a CPU clock reaches State.Scratch0. The clock cannot run faster than
// time, so there is no need to look before what is missing has passed.
func sleepCPU(c *task.Call, k clock.CPU, target int32, absolute bool) task.Result {
	left := int64(clock.MaxTime) // a clock that is gone never gets there
	if used, e := c.K.Clock.ReadCPU(k); e == 0 {
		if used >= c.State.Scratch0 {
			return 0
		}
		left = c.State.Scratch0 - used
		c.K.Clock.Sink.AccountCPU(target)
	}
	c.State.Deadline = clock.SatAdd(c.K.Now(), max(left, clock.Tick))
	how := task.RestartBlock
	if absolute {
		how = task.RestartNoHand
	}
	return c.Block(how, c.State.Deadline)
}

// sleepReports are the sleeps that tell what is left (task.Core.Interrupted).
func sleepReports(k *task.Core) {
	k.Interrupted[unix.SYS_NANOSLEEP] = sleepInterrupted
	k.Interrupted[unix.SYS_CLOCK_NANOSLEEP] = sleepInterrupted
}

// sleepInterrupted is what a signal makes of a sleep: what is left is reported where the
// caller asked for it. r is the result so far.
func sleepInterrupted(c *task.Call, r task.Result) task.Result {
	va := uint64(c.State.Scratch1)
	if va == 0 {
		return r
	}
	left := c.State.Deadline - c.K.Now()
	if c.T.RestartNumber == unix.SYS_CLOCK_NANOSLEEP {
		if k, _, cpu, e := cpuClock(c, int32(c.Args[0]), false); cpu && e == 0 {
			used, _ := c.K.Clock.ReadCPU(k)
			left = c.State.Scratch0 - used
		}
	}
	if e := putTimespec(c, va, max(left, 0)); e != 0 {
		return fail(e)
	}
	return r
}
