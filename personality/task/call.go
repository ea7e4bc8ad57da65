package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/wait"
)

// Result is what a system call handler returns: a value for the program, minus
// an errno, or one of the special results below, which fit the immediate operand of a comparison.
type Result int64

const (
	// Blocked: the call waits, as recorded by Call.Block. It must be returned as it is.
	Blocked Result = -1 << 30
	// NoReturn: the call set the registers itself, or its thread will not go on in
	// this call: sigreturn, execve, exit.
	NoReturn Result = -1<<30 + 1
	// Yielded is the result 0 of a call that lets the other programs run first.
	Yielded Result = -1<<30 + 2
)

// Err is the result of a failed call. Errno 0 is the result 0.
func Err(e unix.Errno) Result { return -Result(e) }

// Handler is one system call. It is run again from the start, with Call.Again
// set, when what it blocked for may have happened.
type Handler func(c *Call) Result

// Call is one system call being handled. There is one per thread, reused.
type Call struct {
	K    *Core
	T    *Thread
	Args [6]uint64
	// Again: the call blocked before and may find now what it waited for.
	Again bool
	// TimedOut: the deadline given to Block has passed. Only together with Again.
	TimedOut bool
	// State survives from the first run of a call to its later runs.
	State *state.CallT
}

// Restart says what becomes of a blocked call that a signal interrupts, when State.Done
// is 0 (signal(7), "Interruption of system calls"). The values are the errnos
// that Linux uses inside (include/linux/errno.h).
type Restart uint16

const (
	// Interrupt: EINTR whatever the signal's handler says.
	Interrupt = Restart(unix.EINTR)
	// RestartSys: run again if no handler ran or it has SA_RESTART, else EINTR.
	RestartSys Restart = 512
	// RestartNoIntr: always run again.
	RestartNoIntr Restart = 513
	// RestartNoHand: run again if no handler ran, else EINTR.
	RestartNoHand Restart = 514
	// RestartBlock: as RestartNoHand, but with State kept, so that a relative
	// timeout goes on (restart_syscall(2)).
	RestartBlock Restart = 516
)

// On is one thing that a call waits for.
type On struct {
	ID     wait.ID
	Events wait.Events
}

// Block records that the call waits for any of on, and until deadline (ns since
// boot, 0: without end). The handler returns what Block returns.
//
// The handler runs again when one of on was woken or the deadline has passed.
// When a signal comes first, the call ends: with State.Done if that is not 0, else
// as r says; the handler does not run then, so it leaves nothing that needs undoing.
func (c *Call) Block(r Restart, deadline int64, on ...On) Result {
	t := c.T
	t.ThreadT.Restart = uint16(r)
	t.Deadline = deadline
	for _, o := range on {
		c.BlockOn(o.ID, o.Events)
	}
	return Blocked
}

// BlockWithin is Block with a deadline that may be met up to slack ns late, together with others.
func (c *Call) BlockWithin(r Restart, deadline, slack int64, on ...On) Result {
	c.T.DeadlineSlack = slack
	return c.Block(r, deadline, on...)
}

// Slack is how late the thread may be woken when it sleeps (prctl(2), PR_SET_TIMERSLACK), in ns.
// Threads of a real-time policy are not.
func (t *Thread) Slack() int64 {
	if t.RealTime() {
		return 0
	}
	return t.FutexSlack()
}

// FutexSlack is the same for waits for futexes, which do not look at the policy.
func (t *Thread) FutexSlack() int64 { return int64(min(t.TimerSlack, clock.MaxTime)) }

// RealTime reports whether the thread's policy is SCHED_FIFO or SCHED_RR.
func (t *Thread) RealTime() bool {
	return t.Policy == unix.SCHED_FIFO || t.Policy == unix.SCHED_RR
}

// defaultSlack is the timer slack of a thread that never set one, in ns.
const defaultSlack = 50_000

// BlockOn is one more wait of a call that returns what Block returned: for calls that wait for
// a number of things known only at run time.
func (c *Call) BlockOn(id wait.ID, events wait.Events) {
	t := c.T
	t.waits = append(t.waits, waiting{id, events, c.K.Waits.Add(id, t.WaitNumber(), events)})
}

// Mem is the memory of the calling program.
func (c *Call) Mem() usermem.Memory { return c.T.MM }

// SetTemporaryMask replaces the signal mask until the call ends, as ppoll(2) and
// sigsuspend(2) do: a signal that it lets through is delivered before the old one is
// back. It does nothing when the call runs again.
func (c *Call) SetTemporaryMask(mask uint64) {
	if !c.Again {
		c.T.setTemporaryMask(mask)
	}
}

// TemporaryMask reads a signal set argument of size bytes at va and applies it
// with SetTemporaryMask. A va of 0 changes nothing. EINVAL when size is not 8.
func (c *Call) TemporaryMask(va, size uint64) unix.Errno {
	if va == 0 || c.Again {
		return 0
	}
	if size != 8 {
		return unix.EINVAL
	}
	m, e := usermem.Read64(c.Mem(), va)
	if e == 0 {
		c.SetTemporaryMask(m)
	}
	return e
}
