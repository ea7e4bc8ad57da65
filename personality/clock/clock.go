package clock

import (
	"math"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

const (
	second = 1_000_000_000
	// Tick is the period of the coarse clocks and of the accounting clock in ns
	// (CONFIG_HZ=250).
	Tick = second / 250
	// UserTick is the unit of times(2) and of /proc/PID/stat in ns (USER_HZ=100).
	UserTick = second / 100
	// MaxTime is the latest moment a clock can show, in ns (KTIME_MAX).
	MaxTime = math.MaxInt64
	// maxSettable is how far CLOCK_REALTIME can be set: 30 years before it
	// would overflow (TIME_UPTIME_SEC_MAX of Linux).
	maxSettable = MaxTime/second - 30*365*24*3600
	// ntpMaxError is the initial error bound of adjtimex(2) in us (NTP_PHASE_LIMIT).
	ntpMaxError = 16_000_000
)

// Accounts tells how much processor time threads and processes have used.
type Accounts interface {
	// ThreadCPU is the user and system time of a thread in ns; false when there is no such thread.
	ThreadCPU(tid int32) (user, system int64, ok bool)
	// ProcessCPU is the sum over all threads of a process, the dead ones too.
	ProcessCPU(pid int32) (user, system int64, ok bool)
}

// TimerSignal is a signal that a timer sends.
type TimerSignal struct {
	Process int32
	Thread  int32 // SIGEV_THREAD_ID: the thread it is for; 0: for the process
	Signal  int32
	Posix   bool // si_code SI_TIMER with the fields below; else SI_KERNEL
	Number  int32
	Value   uint64
}

// Outcome says what became of a timer's signal.
type Outcome uint8

const (
	// Queued: the signal waits to be taken.
	Queued Outcome = iota
	// Ignored: the target ignores the signal.
	Ignored
	// Gone: the thread it was for does not exist any more.
	Gone
)

// Sink is what happens when timers expire. The core implements it.
type Sink interface {
	Accounts
	// CallExpired: the deadline of the blocked call of a thread passed.
	CallExpired(thread uint64)
	// TimerFDExpired: the deadline of a timerfd passed.
	TimerFDExpired(id uint64)
	// SendTimerSignal sends a signal and tells what became of it. When it is taken off
	// the queue for delivery the core calls AlarmTaken or PosixTaken.
	SendTimerSignal(s TimerSignal) Outcome
	// AccountCPU makes the threads of a process that are running report, so that
	// their CPU time becomes known; the core may call CheckCPU when they have.
	AccountCPU(process int32)
	// CPULimit: a process has used up what SetLimit said. It returns the next limit, 0: none.
	CPULimit(process int32, used int64) int64
	// ClockWasSet: CLOCK_REALTIME jumped (TFD_TIMER_CANCEL_ON_SET, the vDSO's page).
	ClockWasSet()
}

// Clock is the time of one personality.
type Clock struct {
	Queue
	state.ClockT
	Sink Sink
	// Runnable counts the threads that run or want to; it may be nil.
	Runnable func() int

	now       int64
	processes map[int32]*process
	cpu       []cpuTimer
}

// New makes the clocks; wall is CLOCK_REALTIME at boot in ns since 1970.
func New(wall int64, sink Sink) *Clock {
	return &Clock{
		Queue: Queue{next: Never},
		Sink:  sink,
		ClockT: state.ClockT{
			WallOffset: wall,
			Status:     unix.STA_UNSYNC,
			MaxError:   ntpMaxError,
			EstError:   ntpMaxError,
			Constant:   2,
		},
		processes: map[int32]*process{},
	}
}

// Now is the time of the event being handled, in ns since boot.
func (c *Clock) Now() int64 { return c.now }

// WallNow is CLOCK_REALTIME in ns since 1970.
func (c *Clock) WallNow() int64 { return c.now + c.WallOffset }

// SetNow says what time it is. Time never goes back.
func (c *Clock) SetNow(now int64) {
	if now > c.now {
		c.now = now
		if now >= c.NextLoad {
			c.lookAtLoad()
		}
	}
}

// Advance sets the time and lets every timer expire whose deadline passed. It returns
// the earliest deadline left, Never for none.
func (c *Clock) Advance(now int64) int64 {
	c.SetNow(now)
	for t := c.Expired(c.now); t != nil; t = c.Expired(c.now) {
		switch t.Kind {
		case KindCall:
			c.Sink.CallExpired(t.ID)
		case KindTimerFD:
			c.Sink.TimerFDExpired(t.ID)
		case KindInterval:
			c.alarm(int32(t.ID))
		case KindPosix:
			c.posixExpired(int32(t.ID>>32), int32(uint32(t.ID)))
		case KindCPU:
			c.Sink.AccountCPU(int32(t.ID))
			c.CheckCPU(int32(t.ID))
		}
	}
	return c.Earliest()
}

// Read reads one of the system-wide clocks. EINVAL when id is none of them.
func (c *Clock) Read(id int32) (int64, unix.Errno) {
	switch id {
	case unix.CLOCK_REALTIME, unix.CLOCK_REALTIME_ALARM:
		return c.WallNow(), 0
	case unix.CLOCK_MONOTONIC, unix.CLOCK_MONOTONIC_RAW, unix.CLOCK_BOOTTIME, unix.CLOCK_BOOTTIME_ALARM:
		return c.now, 0
	case unix.CLOCK_REALTIME_COARSE:
		return c.now - c.now%Tick + c.WallOffset, 0
	case unix.CLOCK_MONOTONIC_COARSE:
		return c.now - c.now%Tick, 0
	case unix.CLOCK_TAI:
		return c.WallNow() + int64(c.TaiOffset)*second, 0
	}
	return 0, unix.EINVAL
}

// Base says how a deadline on the clock id relates to ns since boot: deadline -
// offset is the moment, and wall tells that it moves when CLOCK_REALTIME is set. EINVAL
// for clocks that cannot be slept on, ENOTSUP (EOPNOTSUPP) for those Linux knows
// but has no timers for.
func (c *Clock) Base(id int32) (offset int64, wall bool, errno unix.Errno) {
	switch id {
	case unix.CLOCK_REALTIME, unix.CLOCK_REALTIME_ALARM:
		return c.WallOffset, true, 0
	case unix.CLOCK_MONOTONIC, unix.CLOCK_BOOTTIME, unix.CLOCK_BOOTTIME_ALARM: // the machine never sleeps
		return 0, false, 0
	case unix.CLOCK_TAI:
		return c.WallOffset + int64(c.TaiOffset)*second, true, 0
	case unix.CLOCK_MONOTONIC_RAW, unix.CLOCK_REALTIME_COARSE, unix.CLOCK_MONOTONIC_COARSE:
		return 0, false, unix.EOPNOTSUPP
	}
	return 0, false, unix.EINVAL
}

// Deadline turns a time value of the clock with the given base into ns since
// boot, at least 1 so that it is never taken for "none".
func Deadline(value, offset int64) int64 { return max(1, satSub(value, offset)) }

// Resolution is what clock_getres(2) answers in ns.
func (c *Clock) Resolution(id int32) (int64, unix.Errno) {
	switch id {
	case unix.CLOCK_REALTIME, unix.CLOCK_MONOTONIC, unix.CLOCK_MONOTONIC_RAW,
		unix.CLOCK_BOOTTIME, unix.CLOCK_TAI, unix.CLOCK_REALTIME_ALARM, unix.CLOCK_BOOTTIME_ALARM:
		return 1, 0
	case unix.CLOCK_REALTIME_COARSE, unix.CLOCK_MONOTONIC_COARSE:
		return Tick, 0
	}
	return 0, unix.EINVAL
}

// SetWall sets CLOCK_REALTIME to value, ns since 1970. EINVAL when that would put boot before
// 1970 or is too far in the future.
func (c *Clock) SetWall(value int64) unix.Errno {
	if value < c.now || value/second > maxSettable {
		return unix.EINVAL
	}
	step := value - c.WallNow()
	c.WallOffset += step
	c.shiftWall(step)
	for _, p := range c.processes { // each on its own: the order does not matter
		for _, t := range p.posix {
			if t.Wall && !t.timer.Armed() {
				t.Deadline = max(1, satSub(t.Deadline, step))
			}
		}
	}
	c.Sink.ClockWasSet()
	return 0
}

// satSub is a - b, kept within int64.
func satSub(a, b int64) int64 {
	d := a - b
	if (a >= 0) != (b >= 0) && (d >= 0) != (a >= 0) {
		if a >= 0 {
			return math.MaxInt64
		}
		return math.MinInt64
	}
	return d
}

// SatAdd is a + b for a, b >= 0, at most MaxTime.
func SatAdd(a, b int64) int64 {
	if a > MaxTime-b {
		return MaxTime
	}
	return a + b
}

// Nanoseconds turns a timespec into ns as Linux does: EINVAL when it is not
// normalised or negative, MaxTime when it does not fit.
func Nanoseconds(sec, nsec int64) (int64, unix.Errno) {
	if sec < 0 || nsec < 0 || nsec >= second {
		return 0, unix.EINVAL
	}
	if sec >= MaxTime/second {
		return MaxTime, 0
	}
	return sec*second + nsec, 0
}
