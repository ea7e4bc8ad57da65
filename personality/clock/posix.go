package clock

import (
	"math"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// maxPosixTimers is the most POSIX timers a process can have. Linux bounds them by
// RLIMIT_SIGPENDING, whose usual value is larger.
const maxPosixTimers = 4096

// How a timer notifies (sigevent(7), asm-generic/siginfo.h).
const (
	SigevSignal   = 0
	SigevNone     = 1
	SigevThread   = 2
	SigevThreadID = 4
)

type posixTimer struct {
	state.PosixTimerT
	timer Timer
}

// cpuClock is the CPU clock behind the timer.
func (t *posixTimer) cpuClock() (CPU, bool) { return ParseCPU(t.Clock, 0, 0) }

// due is the deadline in the time base of the timer: ns since boot, or of its CPU clock.
func (t *posixTimer) due() int64 {
	if t.timer.Armed() {
		return t.timer.Deadline()
	}
	return t.Deadline
}

// posixNow is the time in the time base of the timer.
func (c *Clock) posixNow(t *posixTimer) int64 {
	if cpu, ok := t.cpuClock(); ok {
		used, errno := c.ReadCPU(cpu)
		if errno != 0 {
			return t.Deadline - 1 // a dead thread's clock stands still
		}
		return used
	}
	return c.now
}

// PosixSpec is what timer_create(2) asks for.
type PosixSpec struct {
	Clock  int32 // CPU clocks in the form of CPU.Encode
	Target int32 // process whose time a CPU clock counts
	Notify int32 // SIGEV_*
	Signal int32
	Thread int32
	Value  uint64
	// SelfValue: no sigevent was given; the value is the timer's own number.
	SelfValue bool
}

// CreatePosix makes a disarmed timer and returns its number. EAGAIN when there are too many.
func (c *Clock) CreatePosix(pid int32, s PosixSpec) (int32, unix.Errno) {
	p := c.process(pid)
	if len(p.posix) >= maxPosixTimers {
		return 0, unix.EAGAIN
	}
	for p.find(p.next) != nil {
		p.next = (p.next + 1) & math.MaxInt32
	}
	number := p.next
	p.next = (p.next + 1) & math.MaxInt32
	if s.SelfValue {
		s.Value = uint64(uint32(number))
	}
	t := &posixTimer{
		PosixTimerT: state.PosixTimerT{
			Process: pid, Number: number, Clock: s.Clock, Target: s.Target,
			Notify: s.Notify, Signal: s.Signal, Thread: s.Thread, Value: s.Value,
		},
		timer: Timer{Kind: KindPosix, ID: uint64(uint32(pid))<<32 | uint64(uint32(number))},
	}
	i := len(p.posix)
	for i > 0 && p.posix[i-1].Number > number {
		i--
	}
	p.posix = append(p.posix, nil)
	copy(p.posix[i+1:], p.posix[i:])
	p.posix[i] = t
	return number, 0
}

func (p *process) find(number int32) *posixTimer {
	for _, t := range p.posix {
		if t.Number == number {
			return t
		}
	}
	return nil
}

func (c *Clock) findPosix(pid, number int32) *posixTimer {
	if p := c.processes[pid]; p != nil {
		return p.find(number)
	}
	return nil
}

// DeletePosix is timer_delete(2).
func (c *Clock) DeletePosix(pid, number int32) unix.Errno {
	p := c.processes[pid]
	if p == nil {
		return unix.EINVAL
	}
	t := p.find(number)
	if t == nil {
		return unix.EINVAL
	}
	c.removePosix(p, t)
	return 0
}

func (c *Clock) removePosix(p *process, t *posixTimer) {
	c.disarm(t)
	for i := range p.posix {
		if p.posix[i] == t {
			p.posix = append(p.posix[:i], p.posix[i+1:]...)
			return
		}
	}
}

func (c *Clock) disarm(t *posixTimer) {
	t.Armed = false
	if _, ok := t.cpuClock(); ok {
		c.setCPU(t.Process, t.Number, CPU{}, 0, 0)
		return
	}
	c.Stop(&t.timer)
}

// arm starts the timer. A timer that notifies nobody is never put into the queue: what
// it would show is computed when asked for.
func (c *Clock) arm(t *posixTimer, deadline int64) {
	t.Deadline, t.Armed = deadline, true
	if t.Notify == SigevNone {
		return
	}
	if cpu, ok := t.cpuClock(); ok {
		c.setCPU(t.Process, t.Number, cpu, t.Target, max(1, deadline))
		return
	}
	t.timer.Wall = t.Wall
	c.Set(&t.timer, deadline)
}

// SetPosix is timer_settime(2); times in ns, value 0 disarms. It returns the state before.
func (c *Clock) SetPosix(pid, number int32, absolute bool, value, interval int64) (oldLeft, oldInterval int64, errno unix.Errno) {
	t := c.findPosix(pid, number)
	if t == nil {
		return 0, 0, unix.EINVAL
	}
	oldLeft, oldInterval, _ = c.Posix(pid, number)
	c.disarm(t)
	t.Queued, t.Overrun, t.LastOverrun, t.Interval, t.Wall = false, 0, 0, 0, false
	if value == 0 {
		return oldLeft, oldInterval, 0
	}
	t.Interval = interval
	deadline := value
	if !absolute {
		deadline = SatAdd(c.posixNow(t), value)
	} else if _, ok := t.cpuClock(); !ok {
		offset, wall, _ := c.Base(t.Clock)
		deadline, t.Wall = Deadline(value, offset), wall
	}
	c.arm(t, deadline)
	return oldLeft, oldInterval, 0
}

// Posix is timer_gettime(2): what is left and the interval, in ns.
func (c *Clock) Posix(pid, number int32) (left, interval int64, errno unix.Errno) {
	t := c.findPosix(pid, number)
	if t == nil {
		return 0, 0, unix.EINVAL
	}
	if t.Interval == 0 && !t.Armed {
		return 0, 0, 0
	}
	now := c.posixNow(t)
	due := t.due()
	silent := t.Notify == SigevNone
	if t.Interval != 0 && (t.Queued || silent) && due <= now {
		due = forward(due, t.Interval, now)
	}
	left = satSub(due, now)
	if left <= 0 {
		// One ns says "armed"; a silent timer that is over shows zero
		// (common_timer_get).
		left = 1
		if silent {
			left = 0
		}
	}
	return left, t.Interval, 0
}

// Overrun is timer_getoverrun(2).
func (c *Clock) Overrun(pid, number int32) (int32, unix.Errno) {
	t := c.findPosix(pid, number)
	if t == nil {
		return 0, unix.EINVAL
	}
	return t.LastOverrun, 0
}

// posixExpired: the deadline passed. A periodic timer starts its next period when its
// signal is taken, and counts what it missed as overrun.
func (c *Clock) posixExpired(pid, number int32) {
	t := c.findPosix(pid, number)
	if t == nil || !t.Armed {
		return
	}
	due := t.timer.Deadline()
	if _, ok := t.cpuClock(); ok {
		due = t.Deadline
		c.setCPU(pid, number, CPU{}, 0, 0)
	}
	t.Deadline, t.Armed = due, false
	s := TimerSignal{Process: pid, Signal: t.Signal, Posix: true, Number: number, Value: t.Value}
	if t.Notify&SigevThreadID != 0 {
		s.Thread = t.Thread
	}
	switch c.Sink.SendTimerSignal(s) {
	case Queued:
		t.Queued = true
	case Ignored:
		if t.Interval != 0 {
			// Not more often than each tick, for nobody looks (posix_timer_fn).
			now := c.posixNow(t)
			c.arm(t, forward(due, t.Interval, SatAdd(now, max(0, Tick-t.Interval))))
		}
	}
}

// PosixTaken must be called when a timer's signal is taken off a queue. The answer
// is si_overrun; a periodic timer starts its next period.
func (c *Clock) PosixTaken(pid, number int32) int32 {
	t := c.findPosix(pid, number)
	if t == nil || !t.Queued {
		return 0
	}
	t.Queued = false
	t.LastOverrun = 0
	if t.Interval != 0 {
		now := c.posixNow(t)
		next := forward(t.Deadline, t.Interval, now)
		t.LastOverrun = int32(min((next-t.Deadline)/t.Interval-1, math.MaxInt32))
		c.arm(t, next)
	}
	return t.LastOverrun
}
