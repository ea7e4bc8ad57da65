package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/clock"
	"starling/personality/signal"
	"starling/personality/wait"
)

// hold is a stop that the tracer sees; why is the CLD_* it is told with. Any stop does for
// one that was asked for (ptrace_stop of Linux's kernel/signal.c).
func (k *Core) hold(t *Thread, s *Stop, why int32) {
	tr := t.trace
	joined := why == signal.CLDStopped && t.attention&AttendStop != 0
	if joined {
		t.attention &^= AttendStop
	}
	tr.Notice &^= trapStop | trapListening | trapContinued
	if s.Info.Code>>eventShift == unix.PTRACE_EVENT_STOP {
		tr.Notice &^= trapNotify
	}
	t.lookAtTraps()
	t.stopFor(s)
	status := s.Code & 0x7f
	if why == signal.CLDStopped {
		status = t.Proc.untoldStop()
	}
	k.tellTracer(t, why, status)
	if joined {
		k.settleGroupStop(t.Proc)
	}
}

// holdAt is hold at an event, or at a call, that has no signal of its own.
func (k *Core) holdAt(t *Thread, reason StopReason, then RunState, code int32, message uint64) {
	k.hold(t, &Stop{Reason: reason, Then: then, Code: code, Message: message, Info: eventInfo(t, sigTrap, code)}, signal.CLDTrapped)
}

// tellTracer informs the tracer's process of a stop: waiters, and SIGCHLD.
func (k *Core) tellTracer(t *Thread, why, status int32) {
	p := t.trace.tracer.Proc
	k.Waits.Wake(wait.ID(p.WaitId), wait.In)
	u := p.Any()
	if u == nil {
		return
	}
	chld := int32(unix.SIGCHLD)
	a := u.Handlers.Of(chld)
	if a.Handler == signal.Ign || a.Flags&signal.NoCldStop != 0 || a.Handler == signal.Dfl && u.trace == nil && !u.Blocked().Has(chld) {
		return // the last: the default of SIGCHLD is to do nothing
	}
	i := signal.Child(why, t.Tid, t.Cred.UID, status, uint64(t.UserTime/clock.UserTick), uint64(t.SystemTime/clock.UserTick))
	i.Signo = chld
	k.SignalProcess(p, i)
}

// holdForSignal is the stop before a signal is delivered: before its handler's frame is
// built, so that the tracer may change the signal or drop it. False: nobody traces t.
func (k *Core) holdForSignal(t *Thread, i *signal.Info) bool {
	if t.trace == nil || i.Signo == int32(unix.SIGKILL) {
		return false
	}
	k.hold(t, &Stop{Reason: StopSignal, Then: Leaving, Code: i.Signo, Info: *i}, signal.CLDTrapped)
	return true
}

// trapNow is the stop for a group stop or one that was asked for (do_jobctl_trap). Seized
// threads tell it by PTRACE_EVENT_STOP.
func (k *Core) trapNow(t *Thread) {
	n := t.Proc.StopSignal
	s := Stop{Reason: StopTrap, Then: Leaving, Code: n}
	if t.trace.Seized {
		if t.Proc.Stop == byte(NoGroupStop) {
			n = sigTrap
		}
		s.Code = n | unix.PTRACE_EVENT_STOP<<eventShift
		s.Info = eventInfo(t, n, s.Code)
	} else if n == 0 {
		s.Code = int32(unix.SIGSTOP)
	}
	k.hold(t, &s, signal.CLDStopped)
}

// notifyTrap makes a seized thread stop once more, with what is now.
func (k *Core) notifyTrap(t *Thread) {
	t.trace.Notice |= trapNotify
	t.lookAtTraps()
	k.notice(t)
}

// stirred reports whether a thread that is held goes on to look at what has changed.
func (t *Thread) stirred() bool {
	switch t.stop.Reason {
	case StopGroup:
		return t.Proc.Stop == byte(NoGroupStop) || t.attention&AttendTrap != 0
	case StopTrap:
		return t.trace != nil && t.trace.Notice&trapListening != 0 && t.attention&AttendTrap != 0
	}
	return false
}

// Continue lets a held tracee go on with a signal, 0 for none. EIO when there is no such signal or way.
func (k *Core) Continue(t *Thread, how Resume, n int32) unix.Errno {
	t.trace.TraceeT.Resume = byte(how)
	t.lookAtCalls()
	if t.trace.steps() {
		t.beginStep()
	} else {
		t.endStep(t.trace)
	}
	k.release(t, n)
	return 0
}

// release lets a held thread go on once its tracer has its answer: the kernel runs first who
// was answered last, and the tracer, which will most often wait for the next stop, finds it there.
func (k *Core) release(t *Thread, n int32) {
	t.stop.Released, t.stop.Code = true, n
	k.enqueue(t)
}

// goOn is what a thread does that was let go. Stop.Code is the signal it was let go with.
func (k *Core) goOn(t *Thread) {
	s := t.stop
	t.stop = Stop{}
	if s.Reason == StopEvent && s.Then == Calling && s.Event != unix.PTRACE_EVENT_SECCOMP {
		k.again(t) // the call looks for itself whether it can go on
		return
	}
	t.become(s.Then)
	switch s.Reason {
	case StopSignal:
		k.inject(t, &s)
	case StopEntry:
		k.injectAtCall(t, s.Code)
		if s.Message == messageEmulate {
			t.become(Leaving)
			return
		}
		k.guarded(t, false)
	case StopReturn:
		k.injectAtCall(t, s.Code)
	case StopEvent:
		if s.Then == Calling {
			k.guarded(t, true)
		}
	}
}

// inject delivers what the tracer made of a signal.
func (k *Core) inject(t *Thread, s *Stop) {
	n, i := s.Code, s.Info
	if n == 0 || t.attention&AttendExit != 0 {
		return
	}
	if n != i.Signo {
		by := t.Tracer()
		if by == nil {
			by = t.Proc.parent.Any()
		}
		i = signal.Info{Signo: n}
		if by != nil {
			i = signal.User(n, signal.SIUser, by.Tid, by.Cred.UID)
		}
	}
	if t.Blocked().Has(n) && n != int32(unix.SIGKILL) {
		k.SignalThread(t, i)
		return
	}
	if n == int32(unix.SIGKILL) {
		k.endProcess(t.Proc, n, AttendNow)
		return
	}
	k.deliver(t, &i)
}

// injectAtCall sends the signal that a tracer gave with a stop at a call.
func (k *Core) injectAtCall(t *Thread, n int32) {
	if n != 0 && signal.Valid(n) {
		k.SignalThread(t, signal.Kernel(n))
	}
}

// returned is what comes first on the way out of a call: events, the stop at
// the return, the report of a step over the call. It reports whether the thread is held.
func (k *Core) returned(t *Thread) bool {
	tr := t.trace
	if t.attention&AttendEvent != 0 {
		k.holdForEvent(t, Leaving)
		return true
	}
	t.attention &^= AttendReturn
	switch {
	case tr.calls():
		k.holdAt(t, StopReturn, Leaving, tr.callCode(), MessageReturn)
		return true
	case tr.resume() == ResumeStep:
		s := isa.StepReport()
		k.Force(t, signal.Fault(s.Number, s.Code, isa.IP(t.frame)))
	}
	return false
}

// holdForEvent is the stop of an event that was noted. What the thread goes on with tells
// its tracer about the return as if the call had been entered under trace.
func (k *Core) holdForEvent(t *Thread, then RunState) {
	tr := t.trace
	event, message := int32(tr.Event), tr.EventMessage
	tr.Event, tr.EventMessage = 0, 0
	t.attention = t.attention&^AttendEvent | AttendReturn
	code := sigTrap | event<<eventShift
	k.hold(t, &Stop{Reason: StopEvent, Then: then, Code: code, Event: byte(event), Message: message,
		Info: eventInfo(t, sigTrap, code)}, signal.CLDTrapped)
}

// callCode is the code of a stop at a call.
func (tr *Trace) callCode() int32 {
	if tr.Options&optionSysGood != 0 {
		return sigTrap | 0x80
	}
	return sigTrap
}

// heldAtExit is PTRACE_EVENT_EXIT: while the thread still has all it had. Every death
// comes here, whatever the reason.
func (k *Core) heldAtExit(t *Thread) bool {
	tr := t.trace
	if tr.ExitShown || !tr.wants(unix.PTRACE_EVENT_EXIT) {
		return false
	}
	tr.ExitShown = true
	t.attention &^= AttendExit // only one more SIGKILL ends this stop
	code := sigTrap | unix.PTRACE_EVENT_EXIT<<eventShift
	k.hold(t, &Stop{Reason: StopEvent, Then: Exiting, Code: code, Event: unix.PTRACE_EVENT_EXIT,
		Message: uint64(uint32(t.ExitCode)), Info: eventInfo(t, sigTrap, code)}, signal.CLDTrapped)
	return true
}

// steppedIntoHandler is the stop at the first instruction of a signal handler
// of a thread that is stepped (signal_delivered of Linux).
func (k *Core) steppedIntoHandler(t *Thread) {
	k.holdAt(t, StopEvent, Leaving, sigTrap, 0)
}

// debugTrap brings the debug registers that a tracer sees up to date.
func (k *Core) debugTrap(t *Thread) {
	if isa.DebugTrap(t.frame) {
		t.Change(ipc.MaskControl)
	}
}

// continued reports whether SIGCONT came while a tracer held the thread before the stop
// signal that is now delivered: then nothing stops.
func (t *Thread) continued() bool {
	if t.trace == nil || t.trace.Notice&trapContinued == 0 {
		return false
	}
	t.trace.Notice &^= trapContinued
	return true
}

// showsExit reports whether a running thread has to be recalled to end: its tracer looks at
// its registers once more.
func (t *Thread) showsExit() bool {
	return t.trace != nil && t.trace.wants(unix.PTRACE_EVENT_EXIT) && !t.trace.ExitShown
}

// endOthers makes the other threads of a process end, for execve(2). True: they are gone.
func (k *Core) endOthers(t *Thread) bool {
	p := t.Proc
	held := p.deadThreads > 0
	for _, u := range p.threads {
		held = held || u != t && u.trace != nil
	}
	if !held {
		return true // onlyThread ends them at once
	}
	p.Execing = t.Tid
	for _, u := range p.threads {
		if u != t && !(u.trace != nil && u.trace.ExitShown) {
			k.endThread(u, AttendNow)
		}
	}
	return len(p.threads) == 1 && p.deadThreads == 0
}

// continueTracees is what SIGCONT does to traced threads when it is sent: a stop that the tracer has not
// decided about is off, and seized threads say that something happened.
func (k *Core) continueTracees(p *Process) {
	for _, t := range p.threads {
		if t.trace == nil || !t.Alive() {
			continue
		}
		if t.Run == Stopped && t.stop.Reason == StopSignal {
			t.trace.Notice |= trapContinued
		}
		if t.trace.Seized {
			k.notifyTrap(t)
		}
	}
}
