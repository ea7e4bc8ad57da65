package clock

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// process is what the clock keeps of a process that has timers.
type process struct {
	interval [4]state.IntervalTimerT // by ITIMER_*, and limitTimer
	alarm    Timer                   // ITIMER_REAL
	cpu      Timer                   // the next look at the CPU clocks
	posix    []*posixTimer           // by number
	next     int32                   // number of the next POSIX timer
}

func (c *Clock) process(pid int32) *process {
	p := c.processes[pid]
	if p == nil {
		p = &process{
			alarm: Timer{Kind: KindInterval, ID: uint64(uint32(pid))},
			cpu:   Timer{Kind: KindCPU, ID: uint64(uint32(pid))},
		}
		for i := range p.interval {
			p.interval[i].Process, p.interval[i].Which = pid, int32(i)
		}
		c.processes[pid] = p
	}
	return p
}

// intervalClock is the CPU clock behind ITIMER_VIRTUAL and ITIMER_PROF.
func intervalClock(pid int32, which int) CPU {
	if which == unix.ITIMER_VIRTUAL {
		return CPU{ID: pid, which: cpuVirt}
	}
	return CPU{ID: pid, which: cpuProf}
}

// limitTimer is the place of RLIMIT_CPU beside the interval timers.
const limitTimer = 3

// SetLimit makes the sink hear when a process has used so many ns of processor time; 0: never.
func (c *Clock) SetLimit(pid int32, deadline int64) {
	if deadline == 0 && c.processes[pid] == nil {
		return
	}
	c.process(pid).interval[limitTimer].Deadline = deadline
	c.setCPU(pid, -limitTimer, intervalClock(pid, limitTimer), pid, deadline)
}

var intervalSignal = [3]int32{int32(unix.SIGALRM), int32(unix.SIGVTALRM), int32(unix.SIGPROF)}

// Interval is getitimer(2): what is left and the interval, in ns.
func (c *Clock) Interval(pid int32, which int) (left, interval int64) {
	p := c.processes[pid]
	if p == nil {
		return 0, 0
	}
	t := &p.interval[which]
	switch {
	case which == unix.ITIMER_REAL:
		if p.alarm.Armed() {
			left = max(p.alarm.Deadline()-c.now, 1000)
		}
	case t.Deadline != 0:
		used, _ := c.ReadCPU(intervalClock(pid, which))
		left = t.Deadline - used
		if left <= 0 {
			left = Tick
		}
	}
	return left, t.Interval
}

// SetInterval is setitimer(2): value 0 disarms. It returns the state before.
func (c *Clock) SetInterval(pid int32, which int, value, interval int64) (oldLeft, oldInterval int64) {
	oldLeft, oldInterval = c.Interval(pid, which)
	p := c.process(pid)
	t := &p.interval[which]
	t.Interval, t.Fired, t.Deadline = interval, false, 0
	if which == unix.ITIMER_REAL {
		// A value of 0 leaves no interval behind either (do_setitimer).
		if value == 0 {
			t.Interval = 0
			c.Stop(&p.alarm)
		} else {
			c.Set(&p.alarm, SatAdd(c.now, value))
		}
		return oldLeft, oldInterval
	}
	clock := intervalClock(pid, which)
	if value != 0 {
		used, _ := c.ReadCPU(clock)
		t.Deadline = SatAdd(used, value)
	}
	c.setCPU(pid, int32(-which), clock, pid, t.Deadline)
	return oldLeft, oldInterval
}

// alarm: ITIMER_REAL expired. The interval starts again when the signal is taken,
// so that a short one cannot flood a process that does not run.
func (c *Clock) alarm(pid int32) {
	p := c.processes[pid]
	if p == nil {
		return
	}
	t := &p.interval[unix.ITIMER_REAL]
	t.Deadline = p.alarm.Deadline()
	if t.Interval == 0 {
		t.Deadline = 0
	}
	t.Fired = c.Sink.SendTimerSignal(TimerSignal{Process: pid, Signal: int32(unix.SIGALRM)}) == Queued
}

// AlarmTaken must be called when a SIGALRM is taken off the queue of a process: a
// periodic ITIMER_REAL starts its next period.
func (c *Clock) AlarmTaken(pid int32) {
	p := c.processes[pid]
	if p == nil {
		return
	}
	t := &p.interval[unix.ITIMER_REAL]
	if t.Interval == 0 || !t.Fired || p.alarm.Armed() {
		return
	}
	t.Fired = false
	c.Set(&p.alarm, forward(t.Deadline, t.Interval, c.now))
}

// intervalExpired: ITIMER_VIRTUAL or ITIMER_PROF expired.
func (c *Clock) intervalExpired(pid int32, which int) {
	t := &c.process(pid).interval[which]
	clock := intervalClock(pid, which)
	if which == limitTimer {
		used, _ := c.ReadCPU(clock)
		c.SetLimit(pid, c.Sink.CPULimit(pid, used))
		return
	}
	if t.Interval == 0 {
		t.Deadline = 0
	} else {
		used, _ := c.ReadCPU(clock)
		t.Deadline = forward(t.Deadline, t.Interval, used)
	}
	c.setCPU(pid, int32(-which), clock, pid, t.Deadline)
	c.Sink.SendTimerSignal(TimerSignal{Process: pid, Signal: intervalSignal[which]})
}

// forward is the first moment deadline + k*interval, k > 0, that is after now.
func forward(deadline, interval, now int64) int64 {
	if now < deadline {
		return SatAdd(deadline, interval)
	}
	k := (now-deadline)/interval + 1
	if k > (MaxTime-deadline)/interval {
		return MaxTime
	}
	return deadline + k*interval
}

// Exec forgets what does not survive execve(2): the POSIX timers.
func (c *Clock) Exec(pid int32) {
	p := c.processes[pid]
	if p == nil {
		return
	}
	for len(p.posix) > 0 {
		c.removePosix(p, p.posix[0])
	}
	p.next = 0
}

// ProcessGone forgets a process that died, and every timer on its clocks.
func (c *Clock) ProcessGone(pid int32) {
	p := c.processes[pid]
	if p != nil {
		c.Exec(pid)
		for which := unix.ITIMER_VIRTUAL; which <= limitTimer; which++ {
			c.setCPU(pid, int32(-which), CPU{}, pid, 0)
		}
		c.Stop(&p.alarm)
	}
	kept := c.cpu[:0]
	for _, t := range c.cpu {
		if t.target != pid {
			kept = append(kept, t)
		}
	}
	c.cpu = kept
	if p != nil {
		c.Stop(&p.cpu)
		delete(c.processes, pid)
	}
}
