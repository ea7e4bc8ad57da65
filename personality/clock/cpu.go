package clock

import (
	"golang.org/x/sys/unix"
)

// What a CPU clock measures (CPUCLOCK_* of Linux's include/linux/posix-timers.h).
const (
	cpuProf  = 0 // user + system time
	cpuVirt  = 1 // user time
	cpuSched = 2 // time on the processor; here the same as user + system time
	cpuWhich = 3 // mask; the value 3 is a clock named by a file descriptor
	cpuTask  = 4 // of one thread, not of the process
)

// CPU is a clock that measures the processor time of a process or a thread.
type CPU struct {
	ID     int32 // process or thread
	Thread bool
	which  int32
}

// ParseCPU decodes the clock id of a CPU clock; pid and tid are the caller's, for the
// two fixed ids and for an encoded 0. ok is false when id is no CPU clock.
// Encoding: ~pid << 3 | thread << 2 | which (clock_getcpuclockid(3)).
func ParseCPU(id, pid, tid int32) (c CPU, ok bool) {
	switch {
	case id == unix.CLOCK_PROCESS_CPUTIME_ID:
		return CPU{ID: pid, which: cpuSched}, true
	case id == unix.CLOCK_THREAD_CPUTIME_ID:
		return CPU{ID: tid, Thread: true, which: cpuSched}, true
	case id >= 0 || id&cpuWhich == cpuWhich:
		return CPU{}, false
	}
	c = CPU{ID: ^(id >> 3), Thread: id&cpuTask != 0, which: id & cpuWhich}
	if c.ID == 0 {
		if c.Thread {
			c.ID = tid
		} else {
			c.ID = pid
		}
	}
	return c, true
}

// Encode is the clock id with the process or thread written out.
func (c CPU) Encode() int32 {
	id := ^c.ID<<3 | c.which
	if c.Thread {
		id |= cpuTask
	}
	return id
}

// Resolution is that of the clock in ns: user and system time count in ticks
// (posix_cpu_clock_getres).
func (c CPU) Resolution() int64 {
	if c.which == cpuSched {
		return 1
	}
	return Tick
}

// ReadCPU reads a CPU clock in ns; EINVAL when its process or thread is gone.
func (c *Clock) ReadCPU(cpu CPU) (int64, unix.Errno) {
	read := c.Sink.ProcessCPU
	if cpu.Thread {
		read = c.Sink.ThreadCPU
	}
	user, system, ok := read(cpu.ID)
	if !ok {
		return 0, unix.EINVAL
	}
	if cpu.which == cpuVirt {
		return user, 0
	}
	return user + system, 0
}

// cpuTimer is something that expires when a CPU clock reaches a value.
type cpuTimer struct {
	owner    int32 // process
	number   int32 // POSIX timer, or -which for an interval timer
	clock    CPU
	target   int32 // process whose running makes the clock advance
	deadline int64 // ns of the clock
}

// setCPU adds or moves a CPU timer; deadline 0 removes it. The list is kept in the
// order of owner and number so that expiries do not depend on history.
func (c *Clock) setCPU(owner, number int32, clock CPU, target int32, deadline int64) {
	i := 0
	for i < len(c.cpu) && (c.cpu[i].owner < owner || c.cpu[i].owner == owner && c.cpu[i].number < number) {
		i++
	}
	found := i < len(c.cpu) && c.cpu[i].owner == owner && c.cpu[i].number == number
	switch {
	case deadline == 0:
		if !found {
			return
		}
		target = c.cpu[i].target
		c.cpu = append(c.cpu[:i], c.cpu[i+1:]...)
	case found:
		c.cpu[i].clock, c.cpu[i].target, c.cpu[i].deadline = clock, target, deadline
	default:
		c.cpu = append(c.cpu, cpuTimer{})
		copy(c.cpu[i+1:], c.cpu[i:])
		c.cpu[i] = cpuTimer{owner, number, clock, target, deadline}
	}
	c.armCPU(target)
}

// armCPU plans the next look at the CPU clocks of a process: a clock cannot run
// faster than time, so none of its timers expires earlier. Looks are at least a
// tick apart, as Linux's are.
func (c *Clock) armCPU(target int32) {
	least := int64(-1)
	for i := range c.cpu {
		if t := &c.cpu[i]; t.target == target {
			used, errno := c.ReadCPU(t.clock)
			if errno != 0 {
				continue
			}
			left := max(0, t.deadline-used)
			if least < 0 || left < least {
				least = left
			}
		}
	}
	if least < 0 {
		if p := c.processes[target]; p != nil {
			c.Stop(&p.cpu)
		}
		return
	}
	c.Set(&c.process(target).cpu, SatAdd(c.now, max(least, Tick)))
}

// WatchesCPU reports whether a CPU timer depends on the process.
func (c *Clock) WatchesCPU(pid int32) bool {
	p := c.processes[pid]
	return p != nil && p.cpu.Armed()
}

// CheckCPU lets the CPU timers expire whose clocks are clocks of the process.
func (c *Clock) CheckCPU(pid int32) {
	for i := 0; i < len(c.cpu); i++ {
		t := c.cpu[i]
		if t.target != pid {
			continue
		}
		used, errno := c.ReadCPU(t.clock)
		if errno != 0 || used < t.deadline {
			continue
		}
		if t.number < 0 {
			c.intervalExpired(t.owner, int(-t.number))
		} else {
			c.posixExpired(t.owner, t.number)
		}
		if i < len(c.cpu) && (c.cpu[i].owner != t.owner || c.cpu[i].number != t.number) {
			i-- // the timer took itself off the list
		}
	}
	c.armCPU(pid)
}
