package task

import "starling/personality/signal"

// RunState says what a thread is doing. It is the whole answer: what a stopped thread
// goes on with is in its Stop, what a waiting one waits for in its waits.
type RunState uint8

const (
	// Starting: made, never run.
	Starting RunState = iota
	// Running: in user mode or ready for it; the kernel has no event of it unanswered.
	Running
	// Calling: a system call's handler is running. Only while an event is handled.
	Calling
	// Waiting: its system call is blocked; the frame and Thread.state are the call.
	Waiting
	// Leaving: on the way back to user mode, signals and stops are looked at.
	Leaving
	// Stopped: held for Thread.stop.Reason.
	Stopped
	// Exiting: giving up what it has.
	Exiting
	// Dead: nothing is left but what wait(2) tells.
	Dead
	// Dumping: at its end; it waits until the core file of its process is written.
	Dumping
	runStates
)

// states has, for each state, its name and what it is.
var states = [runStates]struct{ name, what string }{
	Starting: {"starting", "made, never run"},
	Running:  {"running", "in user mode or ready for it; the kernel has no event of it unanswered"},
	Calling:  {"calling", "a system call's handler is running: only while an event is handled"},
	Waiting:  {"waiting", "its system call is blocked: its frame and its `Call` are the call"},
	Leaving:  {"leaving", "on the way back to user mode: stops, signals and the restart of a call are looked at"},
	Stopped:  {"stopped", "held: its `Stop` says what for, and what it goes on with"},
	Exiting:  {"exiting", "giving up what it has"},
	Dead:     {"dead", "nothing is left but what wait(2) tells"},
	Dumping:  {"dumping", "at its end: it waits until the core file of its process is written"},
}

func (r RunState) String() string {
	if r < runStates {
		return states[r].name
	}
	return "unknown"
}

// Transition is a way from one state to another, and what makes a thread go it.
type Transition struct {
	To  RunState
	Why string
}

// transitions is every way from one state to another. Each row lists where a thread may go
// from there and what makes it go.
var transitions = [runStates][]Transition{
	Starting: {{Running, "started by clone, fork or exec"}, {Leaving, "something is pending before its first instruction"}, {Waiting, "process 1, which only waits"}},
	Running:  {{Calling, "system call"}, {Leaving, "fault, exception or report"}, {Exiting, "its process ends"}},
	Calling:  {{Running, "the call is done and nothing else to look at"}, {Waiting, "the call blocks"}, {Leaving, "the call is done"}, {Exiting, "exit(2), execve(2) of another thread"}, {Stopped, "held by a tracer at the entry of the call or an event in it"}},
	Waiting:  {{Calling, "what it waited for may have happened"}, {Leaving, "a signal ends the call"}, {Exiting, "execve(2) of another thread"}},
	Leaving:  {{Running, "nothing is pending"}, {Stopped, "group stop, or held by a tracer"}, {Exiting, "fatal signal"}},
	Stopped:  {{Leaving, "continued"}, {Calling, "the tracer lets the call begin or go on"}, {Exiting, "killed"}},
	Exiting:  {{Dead, "everything is given up"}, {Stopped, "held by a tracer at its exit"}, {Dumping, "a core file is to be written, and others are not here yet"}},
	Dead:     {},
	Dumping:  {{Exiting, "the core file is written"}},
}

// allowed has the transitions as bits. Its length makes any index below it one that needs no check.
var allowed = func() (a [16]uint16) {
	for from, list := range transitions {
		for _, t := range list {
			a[from] |= 1 << t.To
		}
	}
	return a
}()

// become is where a thread's state changes. Handle writes two transitions out: into a call and back.
func (t *Thread) become(to RunState) {
	if allowed[t.Run%16]&(1<<(to%16)) == 0 {
		panic("task: transition from " + t.Run.String() + " to " + to.String())
	}
	if observed {
		t.observe(to)
	}
	t.Run = to
}

// StopReason says why a thread is held.
type StopReason uint8

const (
	// NotStopped is the reason of a thread that is not.
	NotStopped StopReason = iota
	// StopGroup: the process was stopped by a signal (job control).
	StopGroup
	// StopSignal: held by a tracer before a signal is delivered; Info is the signal.
	StopSignal
	// StopEntry and StopReturn: held by a tracer at a system call.
	StopEntry
	StopReturn
	// StopEvent: held by a tracer at an event; Event and Message say more.
	StopEvent
	// StopTrap: held by a tracer in a group stop, or because it asked for it.
	StopTrap
	stopReasons
)

// Stop is a stop of one thread.
type Stop struct {
	Reason StopReason
	// Then is where the thread goes on.
	Then RunState
	// Code is what wait(2) reports in the upper byte of the status: the signal,
	// with an event above it.
	Code int32
	// Message is the event's (PTRACE_GETEVENTMSG).
	Message uint64
	// Info is the signal that a tracer may change.
	Info signal.Info
	// Reported: wait(2) has told of this stop.
	Reported bool
	// Event is the PTRACE_EVENT_* of StopEvent.
	Event byte
	// Released: the tracer has let the thread go, with the signal that is now in Code.
	// It goes on before the event at hand is done.
	Released bool
}

// stopFor holds a thread.
func (t *Thread) stopFor(s *Stop) {
	t.become(Stopped)
	t.stop = *s
}

// letGo ends a stop and returns where the thread goes on.
func (t *Thread) letGo() RunState {
	then := t.stop.Then
	t.stop = Stop{}
	return then
}

// StoppedFor is the reason why the thread is held.
func (t *Thread) StoppedFor() StopReason {
	if t.Run != Stopped {
		return NotStopped
	}
	return t.stop.Reason
}
