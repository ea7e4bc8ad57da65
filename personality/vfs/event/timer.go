package event

import (
	"math"

	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// TimerFD is a timer that is read. The interval is in ns, 0 for once. A periodic timer rests from its
// expiration until it is read, so that nobody can keep the system busy with a short interval; Deadline is
// then the one that has passed. It is 0 at any other time, but for an armed timer in an export.
type TimerFD struct {
	state.TimerFDT
	timer clock.Timer
}

func (x *TimerFD) init() {
	x.timer.Kind, x.timer.ID = clock.KindTimerFD, x.Id
	x.timer.Wall = x.wall()
}

func (x *TimerFD) wall() bool {
	return (x.Clock == unix.CLOCK_REALTIME || x.Clock == unix.CLOCK_REALTIME_ALARM) && x.Flags&unix.TFD_TIMER_ABSTIME != 0
}

// TimerFD is timerfd_create(2); the clock is checked.
func (m *Events) TimerFD(clockID int32, flags int) (*vfs.File, unix.Errno) {
	x := &TimerFD{TimerFDT: state.TimerFDT{Id: m.v.NewID(), Clock: clockID}}
	x.init()
	f, e := m.v.NewAnonFile("anon_inode:[timerfd]", vfs.KindTimerFD, x.Id, timerOps{m: m}, unix.O_RDWR|uint32(flags)&unix.O_NONBLOCK)
	if e != 0 {
		return nil, e
	}
	m.timers[x.Id] = x
	f.Private = x
	return f, 0
}

// TimerOf is the timer behind an open file, or nil.
func TimerOf(f *vfs.File) *TimerFD {
	x, _ := f.Private.(*TimerFD)
	return x
}

// Settings is what timerfd_gettime(2) shows, in ns.
func (m *Events) Settings(x *TimerFD) (value, interval int64) {
	switch {
	case x.timer.Armed():
		value = max(1, x.timer.Deadline()-m.v.Now())
	case x.Deadline != 0:
		_, next := x.periods(m.v.Now())
		value = next - m.v.Now()
	}
	return value, x.Interval
}

// Arm is timerfd_settime(2): value in ns, relative or of the clock with
// TFD_TIMER_ABSTIME; 0 disarms.
func (m *Events) Arm(x *TimerFD, value, interval int64, flags int32) {
	m.clock.Stop(&x.timer)
	x.Flags, x.Interval, x.Expirations, x.Deadline, x.Cancelled = flags, interval, 0, 0, false
	x.timer.Wall = x.wall()
	if value == 0 {
		return
	}
	deadline := int64(math.MaxInt64)
	if flags&unix.TFD_TIMER_ABSTIME != 0 {
		deadline = value
		if x.wall() {
			// Before boot counts as now.
			deadline = max(1, value-(m.v.WallNow()-m.v.Now()))
		}
	} else if value < math.MaxInt64-m.v.Now() {
		deadline = m.v.Now() + value
	}
	m.clock.Set(&x.timer, deadline)
	if deadline <= m.v.Now() {
		m.clock.Stop(&x.timer)
		m.expire(x, deadline)
	}
}

// TimerExpired is for the core: the deadline of the timerfd id has passed.
func (m *Events) TimerExpired(id uint64) {
	if x := m.timers[id]; x != nil {
		m.expire(x, x.timer.Deadline())
	}
}

// expire is the first expiration since the timer was armed or read.
func (m *Events) expire(x *TimerFD, deadline int64) {
	x.Expirations++
	if x.Interval > 0 {
		x.Deadline = deadline
	}
	m.v.Waits.Wake(wait.ID(x.Id), wait.In)
}

// periods is how many periods of a resting timer are over since its Deadline, and when the one of now ends.
func (x *TimerFD) periods(now int64) (over uint64, next int64) {
	missed := max(0, now-x.Deadline) / x.Interval
	if missed >= (math.MaxInt64-x.Deadline)/x.Interval {
		return uint64(missed), math.MaxInt64
	}
	return uint64(missed), x.Deadline + (missed+1)*x.Interval
}

// ClockWasSet is for the core: timers with TFD_TIMER_CANCEL_ON_SET are cancelled.
func (m *Events) ClockWasSet() {
	for _, x := range m.timers {
		if x.wall() && x.Flags&unix.TFD_TIMER_CANCEL_ON_SET != 0 {
			x.Cancelled = true
			m.v.Waits.Wake(wait.ID(x.Id), wait.In)
		}
	}
}

type timerKind struct{ m *Events }

// Reopen implements vfs.Kind.
func (k timerKind) Reopen(f *vfs.File) unix.Errno {
	x := k.m.timers[f.Key0]
	if x == nil {
		return unix.EINVAL
	}
	f.Private, f.Ops = x, timerOps{m: k.m}
	return 0
}

type timerOps struct {
	vfs.FileBase
	m *Events
}

// Read implements vfs.FileOps.
func (o timerOps) Read(_ *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	x := f.Private.(*TimerFD)
	switch {
	case io.Len() < 8:
		return 0, unix.EINVAL
	case x.Cancelled:
		x.Cancelled, x.Expirations, x.Deadline = false, 0, 0
		return 0, unix.ECANCELED
	case x.Expirations == 0:
		return 0, unix.EAGAIN
	}
	n := x.Expirations
	x.Expirations = 0
	if x.Deadline != 0 {
		over, next := x.periods(o.m.v.Now())
		x.Deadline = 0
		o.m.clock.Set(&x.timer, next)
		n += over
	}
	return put64(io, n)
}

// Ready implements vfs.FileOps.
func (timerOps) Ready(f *vfs.File, mask wait.Events) wait.Events {
	if x := f.Private.(*TimerFD); x.Expirations > 0 || x.Cancelled {
		return wait.In & mask
	}
	return 0
}

// WaitID implements vfs.FileOps.
func (timerOps) WaitID(f *vfs.File) wait.ID { return wait.ID(f.Private.(*TimerFD).Id) }

// Release implements vfs.FileOps.
func (o timerOps) Release(_ *vfs.VFS, f *vfs.File) {
	o.m.clock.Stop(&f.Private.(*TimerFD).timer)
	delete(o.m.timers, f.Key0)
}
