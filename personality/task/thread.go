package task

import (
	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/clock"
	"starling/personality/cred"
	"starling/personality/mm"
	"starling/personality/signal"
	"starling/personality/state"
	"starling/personality/uprobe"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Thread is one thread of a program. The embedded ThreadT is its state; pointers and
// the slices below are rebuilt at an import.
type Thread struct {
	state.ThreadT

	Proc     *Process
	Cred     *cred.Cred
	Files    *vfs.FDTable
	FS       *vfs.FSContext
	MM       *mm.Space // nil: exiting, or process 1
	Handlers *signal.Handlers
	Run      RunState
	Signals  signal.Queue // directed at this thread

	frame *isa.Frame
	live  uintptr // where the floating-point state is that the reply loads, in the event that set it; 0: in the frame
	token ipc.Token
	waits []waiting
	timer clock.Timer
	call  Call
	state state.CallT
	stop  Stop

	// attention says why the thread may not just go back to user mode.
	attention Attention
	// changed is the register groups that the next reply takes from the frame.
	changed ipc.Mask
	// queued: it is on the core's ready list.
	queued bool
	// woken and timedOut say what to run a blocked call again for.
	woken, timedOut bool
	// userBase is the user time of kernel threads before this one; the kernel counts from 0 for each.
	lastEvent int64
	futex     futexWait
	futexList []futexWait // of futex_waitv(2)

	trace   *Trace    // nil: nobody traces it
	tracees []*Thread // that it traces, in the order of linking
	guard   Guard
	probe   uprobe.State
}

// Attention is a set of reasons to look at a thread before it goes back to user mode.
type Attention uint32

const (
	// AttendSignals: a signal that is not blocked is pending.
	AttendSignals Attention = 1 << iota
	// AttendStop: a group stop waits for this thread.
	AttendStop
	// AttendExit: the thread is to end when it runs next.
	AttendExit
	// AttendMask: a temporary signal mask is to be put back.
	AttendMask
	// AttendTrace: a tracer or a filter wants to see system calls.
	AttendTrace
	// AttendTrap: the tracer is owed a stop for a group stop or PTRACE_INTERRUPT.
	AttendTrap
	// AttendReturn: the thread is in a call whose return its tracer may want to see.
	AttendReturn
	// AttendEvent: the tracer is owed the stop of an event.
	AttendEvent
	// AttendNow, with AttendExit: it need not run before it ends.
	AttendNow
	// AttendUnstep: the step flag in the thread's registers was a tracer's that is gone.
	AttendUnstep
	// AttendProbe: the thread executes a copy of a probed instruction; everything else waits.
	AttendProbe
	// AttendRseq: its restartable sequence is to be looked at before it goes on.
	AttendRseq

	// attendLeaving is what holds a thread up on its way to user mode.
	attendLeaving = AttendSignals | AttendStop | AttendExit | AttendTrap | AttendReturn | AttendEvent | AttendUnstep
)

// waiting is one wait of a blocked call.
type waiting struct {
	id     wait.ID
	events wait.Events
	order  uint64
}

// WaitNumber is the thread's number in the wait table.
func (t *Thread) WaitNumber() wait.Thread { return wait.Thread(t.Slot) }

// Frame is the register frame of the thread; its contents count while the thread is
// not running.
func (t *Thread) Frame() *isa.Frame { return t.frame }

// Change says that the thread's next reply takes these groups from the frame.
func (t *Thread) Change(m ipc.Mask) { t.changed |= m }

// TID is the thread's number as programs see it.
func (t *Thread) TID() int32 { return t.Tid }

// Leader reports whether the thread has its process's number.
func (t *Thread) Leader() bool { return t.Tid == t.Proc.Pid }

// Alive reports whether the thread can still run.
func (t *Thread) Alive() bool { return t.Run != Dead && t.Run != Exiting && t.Run != Dumping }

// undisturbed: nothing is to be looked at when the thread's next handler runs but whether it blocks the signal.
func (t *Thread) undisturbed() bool {
	return t.attention == 0 && t.trace == nil && t.ThreadT.Rseq == 0
}

// Blocked is the signal mask.
func (t *Thread) Blocked() signal.Set { return signal.Set(t.Mask) }
