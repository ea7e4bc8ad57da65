package clock

import (
	"sort"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// Export is everything that survives a swap, sorted.
func (c *Clock) Export() *state.ClockT {
	s := c.ClockT
	pids := make([]int, 0, len(c.processes))
	for pid := range c.processes {
		pids = append(pids, int(pid))
	}
	sort.Ints(pids)
	for _, pid := range pids {
		p := c.processes[int32(pid)]
		for which := range p.interval {
			t := p.interval[which]
			if which == unix.ITIMER_REAL && p.alarm.Armed() {
				t.Deadline, t.Armed = p.alarm.Deadline(), true
			}
			if t.Interval != 0 || t.Deadline != 0 || t.Fired {
				s.IntervalTimers = append(s.IntervalTimers, &t)
			}
		}
		for _, t := range p.posix {
			r := t.PosixTimerT
			r.Deadline = t.due()
			s.PosixTimers = append(s.PosixTimers, &r)
		}
		r := state.TimerProcessT{Process: int32(pid), Next: p.next}
		if p.cpu.Armed() {
			r.Look = p.cpu.Deadline()
		}
		if r.Next != 0 || r.Look != 0 {
			s.Processes = append(s.Processes, &r)
		}
	}
	return &s
}

// Import puts exported state into a fresh Clock whose time is set. CPU clocks must be
// readable already: the core imports its threads first.
func (c *Clock) Import(s *state.ClockT) {
	c.ClockT = *s
	c.IntervalTimers, c.PosixTimers, c.ClockT.Processes = nil, nil, nil
	for _, r := range s.IntervalTimers {
		if r.Which < 0 || r.Which > limitTimer {
			continue
		}
		p := c.process(r.Process)
		t := &p.interval[r.Which]
		*t = *r
		t.Armed = false
		if r.Which == unix.ITIMER_REAL {
			if r.Armed {
				c.Set(&p.alarm, r.Deadline)
			}
		} else if r.Deadline != 0 {
			c.setCPU(r.Process, -r.Which, intervalClock(r.Process, int(r.Which)), r.Process, r.Deadline)
		}
	}
	for _, r := range s.PosixTimers {
		p := c.process(r.Process)
		t := &posixTimer{PosixTimerT: *r,
			timer: Timer{Kind: KindPosix, ID: uint64(uint32(r.Process))<<32 | uint64(uint32(r.Number))}}
		p.posix = append(p.posix, t)
		if r.Armed {
			c.arm(t, r.Deadline)
		}
	}
	for _, r := range s.Processes {
		p := c.process(r.Process)
		p.next = r.Next
		if r.Look != 0 {
			c.Queue.Set(&p.cpu, r.Look)
		}
	}
}
