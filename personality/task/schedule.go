package task

import "golang.org/x/sys/unix"

// ResetOnFork is the bit SCHED_RESET_ON_FORK of a thread's Policy.
const ResetOnFork = 0x40000000

// Realtime reports whether the thread's policy has priorities above all others (sched(7)).
func (t *Thread) Realtime() bool {
	p := t.Policy &^ ResetOnFork
	return p == unix.SCHED_FIFO || p == unix.SCHED_RR
}

// resetSchedule takes from a new thread what SCHED_RESET_ON_FORK does not let it inherit: a real-time
// policy, a nice value below 0, and the flag.
func (t *Thread) resetSchedule() {
	if t.Policy&ResetOnFork == 0 {
		return
	}
	if t.Realtime() {
		t.Policy, t.Priority, t.Nice = unix.SCHED_NORMAL, 0, 0
	}
	t.Policy &^= ResetOnFork
	t.Nice = max(t.Nice, 0)
}
