package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/signal"
	"starling/personality/state"
)

// Trace is what there is about a thread that another one traces (ptrace(2)). Why the
// thread is held at the moment is in its Stop, like every stop: a tracee that is held is a
// trap not yet answered.
type Trace struct {
	state.TraceeT
	tracer *Thread
}

// Options of PTRACE_SETOPTIONS. Bit n asks for PTRACE_EVENT_n, bit 0 marks stops at calls.
const (
	optionSysGood  = unix.PTRACE_O_TRACESYSGOOD
	optionExitKill = unix.PTRACE_O_EXITKILL
	// OptionSuspendSeccomp switches filters off while traced.
	OptionSuspendSeccomp = unix.PTRACE_O_SUSPEND_SECCOMP
	// TraceOptions is all options.
	TraceOptions = unix.PTRACE_O_MASK
)

// What a stop at a call tells (PTRACE_GETEVENTMSG).
const (
	MessageEntry  = 1 // PTRACE_EVENTMSG_SYSCALL_ENTRY
	MessageReturn = 2 // PTRACE_EVENTMSG_SYSCALL_EXIT
)

// eventShift is where PTRACE_EVENT_* is in a stop's code.
const eventShift = 8

// Resume says how a tracer lets a thread go on.
type Resume byte

const (
	// ResumeCont: until a signal or an event.
	ResumeCont Resume = iota
	// ResumeCalls: until the next call is entered or left.
	ResumeCalls
	// ResumeEmulate: until the next call, which is not made.
	ResumeEmulate
	// ResumeStep: for one instruction.
	ResumeStep
	// ResumeEmulateStep: for one instruction; a call is not made.
	ResumeEmulateStep
)

// Bits of Tracee.Notice: what the thread still has to stop for, and how it is held.
const (
	trapStop      = 1 << iota // a stop was asked for: PTRACE_INTERRUPT, attaching to a stopped thread
	trapNotify                // the group stop began or ended
	trapListening             // PTRACE_LISTEN: held, but the stop is over for the tracer
	trapContinued             // SIGCONT came while it was held before a stop signal
)

// Tracer is the thread that traces t, nil if none does.
func (t *Thread) Tracer() *Thread {
	if t.trace == nil {
		return nil
	}
	return t.trace.tracer
}

// Trace is what there is about the tracing of t, nil if nobody does.
func (t *Thread) Trace() *Trace { return t.trace }

func (tr *Trace) resume() Resume { return Resume(tr.TraceeT.Resume) }

// calls: stop at calls; emulates: stop at their entry and do not make them.
func (tr *Trace) calls() bool { return tr.resume() == ResumeCalls }
func (tr *Trace) emulates() bool {
	return tr.resume() == ResumeEmulate || tr.resume() == ResumeEmulateStep
}

func (tr *Trace) steps() bool {
	return tr.resume() == ResumeStep || tr.resume() == ResumeEmulateStep
}

// wants reports whether the tracer asked to be told of an event.
func (tr *Trace) wants(event int) bool { return tr.Options>>event&1 != 0 }

// link makes tracer trace t.
func (k *Core) link(t, tracer *Thread, seized bool, options uint32) {
	k.traceRank++
	t.trace = &Trace{tracer: tracer, TraceeT: state.TraceeT{
		Process: t.Proc.Pid, Seized: seized, Options: options, Rank: k.traceRank}}
	tracer.tracees = append(tracer.tracees, t)
}

// unlink ends the tracing of t, except for a stop that it is in.
func (k *Core) unlink(t *Thread) {
	tr := t.trace
	tr.tracer.tracees = remove(tr.tracer.tracees, t)
	t.trace = nil
	t.attention &^= AttendTrap | AttendReturn | AttendEvent
	if t.Run == Dead {
		return
	}
	if tr.ForcedStep && t.Run == Running {
		// The flag is in the processor: it goes when the thread is next seen.
		t.attention |= AttendUnstep
		k.notice(t)
	} else {
		t.endStep(tr)
	}
	t.lookAtCalls()
	if t.Proc.Stop != byte(NoGroupStop) && t.attention&AttendExit == 0 && !(t.Run == Stopped && t.stop.Reason == StopGroup) {
		t.attention |= AttendStop // it takes part in the group stop again
		k.notice(t)
	}
}

// lookAtCalls keeps AttendTrace true: somebody looks at calls, or at single steps over them.
func (t *Thread) lookAtCalls() {
	if t.guard.Mode != 0 || t.Dispatch != nil || t.trace != nil && t.trace.resume() != ResumeCont {
		t.attention |= AttendTrace
	} else {
		t.attention &^= AttendTrace
	}
}

// lookAtTraps keeps AttendTrap true.
func (t *Thread) lookAtTraps() {
	if t.trace != nil && t.trace.Notice&(trapStop|trapNotify) != 0 {
		t.attention |= AttendTrap
	} else {
		t.attention &^= AttendTrap
	}
}

// beginStep makes the next instruction trap.
func (t *Thread) beginStep() {
	var code [isa.InstructionLength]byte
	n := 0
	if t.MM != nil {
		n = t.peekCode(code[:])
	}
	was := isa.Steps(t.frame)
	t.trace.ForcedStep = isa.StartStep(t.frame, t.trace.ForcedStep, code[:n])
	if !was {
		t.Change(ipc.MaskControl)
	}
}

// endStep takes the step flag out of the registers if it is the tracer's.
func (t *Thread) endStep(tr *Trace) {
	if tr.ForcedStep {
		isa.StopStep(t.frame, true)
		tr.ForcedStep = false
		t.Change(ipc.MaskControl)
	}
}

// syncFP brings the floating-point state of a held thread into its frame, unless the frame
// has a newer one already.
func (k *Core) syncFP(t *Thread) {
	if !t.Fresh && t.changed&ipc.MaskFP == 0 {
		k.Transport.EventSync(t.token, ipc.MaskFP)
	}
}

// event reports an event of the call that t is in, before the call goes on
// (ptrace_event of Linux). It reports whether the tracer wants it.
func (k *Core) event(t *Thread, event int, message uint64) bool {
	if t.trace == nil || !t.trace.wants(event) {
		return false
	}
	t.trace.Event, t.trace.EventMessage = byte(event), message
	t.attention |= AttendEvent
	return true
}

// eventInfo is the siginfo of a stop that is not about a signal.
func eventInfo(t *Thread, signo, code int32) signal.Info {
	return signal.User(signo, code, t.Tid, t.Cred.UID)
}

var sigTrap = int32(unix.SIGTRAP)
