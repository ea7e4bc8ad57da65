package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/ipc/planted"
	"starling/personality/clock"
	"starling/personality/signal"
	"starling/personality/state"
	"starling/personality/uprobe"
)

// Handle is one event of the kernel, to its end: when it returns every thread rests.
func (k *Core) Handle(ev *ipc.Event) {
	switch ev.Kind {
	case ipc.EventSyscall:
		k.Syscall(ev)
	case ipc.EventFault, ipc.EventException, ipc.EventReport:
		k.Trap(ev)
	case ipc.EventTimer:
		k.Clock.SetNow(ev.Time)
		k.armed = clock.Never
		k.settle()
	}
}

// Syscall is Handle for system calls. The way of one that does not block and of which nobody
// wants to know is here, without a call that it can do without.
func (k *Core) Syscall(ev *ipc.Event) {
	k.Clock.SetNow(ev.Time)
	t := k.BySlot(ev.Badge)
	if t == nil || !t.trapped(&ev.Token) {
		k.settle()
		return
	}
	k.account(t, ev)
	if t.attention&(AttendTrace|AttendProbe) != 0 && k.watched(t) {
		k.settle()
		return
	}
	f := t.frame
	number := isa.Number(f)
	t.Number = number
	c := &t.call
	isa.Arguments(f, &c.Args)
	if number != unix.SYS_RESTART_SYSCALL {
		t.state = state.CallT{}
	}
	t.Run = Calling
	r := k.handler(number)(c)
	mask := t.changed
	if r > Yielded && t.attention == 0 {
		isa.SetResult(t.frame, int64(r))
		mask |= ipc.MaskResult
	} else {
		k.left(t, r)
		return
	}
	t.Run = Running
	t.changed = 0
	if !k.slot.Put(&t.token, mask) {
		k.Transport.Reply(ipc.Reply{Token: t.token, Action: ipc.ActionResume, Mask: mask})
	}
	if !k.quiet() {
		k.Settle()
	}
}

// left is the end of Syscall for a call that has no result, or whose thread has something to attend to.
func (k *Core) left(t *Thread, r Result) {
	if r != NoReturn || !t.placed() {
		k.called(t, r)
		k.run(t)
		k.settle()
		return
	}
	t.Run = Running
	if t.live != 0 && k.replyLive(t) {
		return // and all is quiet
	}
	k.reply(t)
	k.settle()
}

// reply resumes the thread of a trap, whose registers are all in the frame.
func (k *Core) reply(t *Thread) {
	mask := t.changed
	t.changed = 0
	if !k.slot.Put(&t.token, mask) {
		k.Transport.Reply(ipc.Reply{Token: t.token, Action: ipc.ActionResume, Mask: mask})
	}
}

// replyLive is reply for the thread of this event with the floating-point state at t.live, in its own memory or
// k.initialFP: the processor loads it when all is done, if nothing can change it until then. False: the frame has it now.
func (k *Core) replyLive(t *Thread) bool {
	area := t.live
	t.live = 0
	if k.quiet() && k.slot.PutLive(&t.token, t.changed, area) {
		k.goesLive = t.Slot
		t.changed = 0
		return true
	}
	k.takeLive(t, area)
	return false
}

// takeLive makes the floating-point state in the frame that of an area.
func (k *Core) takeLive(t *Thread, area uintptr) {
	if area != k.initialFP.Address() { // which is in the frame, too
		isa.TakeFP(&k.CPU, t.frame, area)
	}
}

// settleLive is ipc.Live's Settle.
func (k *Core) settleLive() {
	k.takeLive(k.slots[k.goesLive], k.slot.Live.State)
	k.slot.Word ^= uint64(ipc.MaskLive|ipc.MaskFP) << 8
}

// watched is the beginning of a system call that somebody looks at. It reports whether the call was
// dealt with.
func (k *Core) watched(t *Thread) bool {
	if t.attention&AttendProbe != 0 {
		k.probeCalled(t)
	}
	if t.attention&AttendTrace == 0 {
		return false
	}
	k.enter(t)
	k.run(t)
	return true
}

// placed: the thread is where sigreturn(2) or the delivery of a signal has put it, and nothing holds it there.
func (t *Thread) placed() bool {
	return t.attention == 0 && t.Run == Calling && !isa.InCall(t.frame)
}

// settle is Settle if the event set anything off.
func (k *Core) settle() {
	if !k.quiet() {
		k.Settle()
	}
}

// Trap is Handle for what threads report that is no system call.
func (k *Core) Trap(ev *ipc.Event) {
	k.Clock.SetNow(ev.Time)
	if t := k.BySlot(ev.Badge); t != nil && t.trapped(&ev.Token) {
		k.account(t, ev)
		switch ev.Kind {
		case ipc.EventException:
			k.exception(t, ev)
		case ipc.EventFault:
			k.fault(t, ev)
		default:
			k.reported(t)
		}
	}
	if !k.quiet() {
		k.Settle()
	}
}

// quiet reports whether an event set nothing off that Settle would have to look at:
// the case of nearly every system call.
func (k *Core) quiet() bool {
	if len(k.ready) != 0 || !k.Waits.Idle() {
		return false
	}
	e := k.Clock.Earliest()
	return e >= k.armed && e > k.Clock.Now()
}

// trapped: a token of the running thread that was not handled before, here or by the pager:
// what it tells of would happen twice.
func (t *Thread) trapped(by *ipc.Token) bool {
	if planted.StaleEvent {
		return t.Run == Running && t.token.Name() == by.Name()
	}
	return t.Run == Running && t.token.Name() == by.Name() &&
		by.Sequence > t.token.Sequence && by.Sequence == t.frame.Event.Sequence
}

// account takes the token of an event and the time that it was away for.
func (k *Core) account(t *Thread, ev *ipc.Event) {
	t.token.Sequence = ev.Token.Sequence
	user := t.OldUserTime + t.frame.Event.UserTime
	if k.lastRun == t {
		// Nobody ran in between: what is not user time since the last event was spent
		// for this thread in the kernel and in servers.
		t.SystemTime += max(0, ev.Time-t.lastEvent-(user-t.UserTime))
	} else {
		if k.lastRun != nil {
			k.lastRun.Involuntary++ // it did not wait, and did not run either
		}
		k.lastRun = t
		k.switches++
	}
	t.lastEvent = ev.Time
	t.UserTime = user
}

// handler is what runs for a number.
func (k *Core) handler(number int32) Handler {
	if n := uint32(number); n < TableSize {
		return k.Table[n]
	}
	return missing
}

// missing is the handler of a call that does not exist, which it counts.
func missing(c *Call) Result {
	c.K.Missing[c.T.Number]++
	return Err(unix.ENOSYS)
}

// called is what follows a handler: the thread waits, leaves, or is no more.
func (k *Core) called(t *Thread, r Result) {
	switch {
	case t.Run != Calling:
		// The call ended the thread.
	case r == Blocked && t.attention&AttendEvent != 0:
		k.holdForEvent(t, Calling)
	case r == Blocked:
		t.become(Waiting)
		t.Voluntary++
		if k.lastRun == t {
			k.lastRun = nil // what follows is not its time
		}
		if t.Deadline != 0 {
			k.Clock.SetWithin(&t.timer, t.Deadline, t.DeadlineSlack)
		}
		if k.interruptible(t) {
			k.interrupt(t)
		}
	default:
		if r > Yielded {
			k.setResult(t, r)
		} else if r == Yielded {
			k.yield(t)
			return
		}
		t.become(Leaving)
	}
}

// yield ends a call that lets others run first. A thread that has something to attend to
// on its way does that instead.
func (k *Core) yield(t *Thread) {
	k.setResult(t, 0)
	t.become(Leaving)
	if t.attention&(attendLeaving|AttendProbe) != 0 || t.RestoreMask {
		return
	}
	t.become(Running)
	mask := t.changed
	t.changed = 0
	k.Transport.Reply(ipc.Reply{Token: t.token, Action: ipc.ActionYield, Mask: mask})
}

// setResult puts the result of a call in its register. A temporary mask ends with the call
// unless a signal did end it.
func (k *Core) setResult(t *Thread, r Result) {
	isa.SetResult(t.frame, int64(r))
	t.Change(ipc.MaskResult)
	if t.RestoreMask && r != Err(unix.EINTR) && !isRestart(r) {
		t.restoreMask()
	}
}

// again runs a blocked call's handler once more.
func (k *Core) again(t *Thread) {
	if t.guard.asked != 0 {
		k.answered(t)
		return
	}
	byFutex, timedOut := t.FutexState == futexWoken, t.timedOut
	k.unblock(t)
	t.woken, t.timedOut = false, false
	if t.Proc.Execing == t.Tid {
		t.Proc.Execing = 0
	}
	t.become(Calling)
	r := Result(t.state.Scratch0)
	if !byFutex {
		r = k.rerun(t, timedOut)
	}
	if r <= Yielded || t.attention != 0 || t.Run != Calling {
		k.called(t, r)
		return
	}
	isa.SetResult(t.frame, int64(r))
	t.Change(ipc.MaskResult)
	k.resume(t)
}

// rerun runs the handler of a blocked call from its start.
func (k *Core) rerun(t *Thread, timedOut bool) Result {
	c := &t.call
	c.Again, c.TimedOut = true, timedOut
	number := t.Number
	if number == unix.SYS_RESTART_SYSCALL {
		number = t.RestartNumber
	}
	isa.Arguments(t.frame, &c.Args)
	r := k.Table[number](c)
	c.Again, c.TimedOut = false, false
	return r
}

// unblock forgets what a thread waited for.
func (k *Core) unblock(t *Thread) {
	for _, w := range t.waits {
		k.Waits.Remove(w.id, t.WaitNumber())
	}
	t.waits = t.waits[:0]
	if t.timer.Armed() {
		k.Clock.Stop(&t.timer)
	}
	if t.Deadline != 0 {
		t.Deadline, t.DeadlineSlack = 0, 0
	}
	t.FutexState = futexIdle
	if t.futex.queued() || t.futexList != nil {
		k.futexForget(t)
	}
	if t.guard.asked != 0 {
		k.withdraw(t)
	}
}

// interruptible reports whether the blocked call has to end now. The parent in a
// vfork(2) waits for its child whatever comes, short of its end, and execve(2) for other threads.
func (k *Core) interruptible(t *Thread) bool {
	if t.VforkChild != 0 || t.Proc.Execing == t.Tid || t.guard.asked != 0 && k.mustAnswer(t) {
		return t.attention&AttendExit != 0 || t.attention&AttendSignals != 0 && t.Proc.Execing != t.Tid && k.fatal(t)
	}
	return t.attention&(AttendSignals|AttendStop|AttendExit|AttendTrap) != 0
}

// fatal tells whether a signal that waits ends the process as soon as it is delivered, and leaves no core file: such a one ends a wait that others
// do not (complete_signal of Linux's kernel/signal.c makes it a SIGKILL for every thread when it is sent).
func (k *Core) fatal(t *Thread) bool {
	if t.trace != nil || t.Proc == k.Init {
		return false
	}
	waiting := (t.Signals.Pending | t.Proc.Signals.Pending) &^ t.Blocked()
	for n := int32(1); n <= signal.Max; n++ {
		if waiting.Has(n) && t.Handlers.Of(n).Handler == signal.Dfl && signal.DefaultOf(n) == signal.Terminate {
			return true
		}
	}
	return false
}

// interrupt ends a blocked call because of a signal, a stop or the end of the thread.
func (k *Core) interrupt(t *Thread) {
	r := -Result(t.ThreadT.Restart)
	if done := t.state.Done; done > 0 {
		r = Result(done)
	}
	if t.ThreadT.Restart == uint16(RestartBlock) {
		// A restarted call that is interrupted again stays the call it was.
		if t.Number != unix.SYS_RESTART_SYSCALL {
			t.RestartNumber = t.Number
		}
		if report := k.Interrupted[t.RestartNumber]; report != nil && r < 0 {
			r = report(&t.call, r)
		}
	}
	k.unblock(t)
	t.woken, t.timedOut = false, false
	k.setResult(t, r)
	t.become(Leaving)
}

// run steps a thread until it rests.
func (k *Core) run(t *Thread) {
	if t.attention == 0 && t.Run == Leaving && !isa.InCall(t.frame) {
		k.resume(t) // what leave does when there is nothing to look at
		return
	}
	for {
		switch t.Run {
		case Leaving:
			k.leave(t)
		case Exiting:
			k.exitThread(t)
		default:
			return
		}
	}
}

// enqueue puts a thread on the list of those to be looked at before the event is done.
func (k *Core) enqueue(t *Thread) {
	if !t.queued {
		t.queued = true
		k.ready = append(k.ready, t)
	}
}

// Settle brings everything that an event set off to rest: threads that were woken
// or signalled, and deadlines that passed. Handle does it; whoever changes something
// outside of Handle calls it.
func (k *Core) Settle() {
	for {
		if k.Clock.Earliest() <= k.Now() {
			k.Clock.Advance(k.Now())
		}
		for {
			n, ok := k.Waits.Woken()
			if !ok {
				break
			}
			if t := k.slots[n]; t != nil && t.Run == Waiting {
				t.woken = true
				k.enqueue(t)
			}
		}
		if len(k.ready) == 0 {
			break
		}
		for i := 0; i < len(k.ready); i++ {
			t := k.ready[i]
			t.queued = false
			k.attend(t)
		}
		k.ready = k.ready[:0]
	}
	if e := k.Clock.Earliest(); e < k.armed {
		// A deadline that went away stays armed: the event finds nothing to do.
		k.armed = e
		k.Transport.TimerSet(k.Endpoint, e)
	}
}

// attend looks at a thread from the ready list.
func (k *Core) attend(t *Thread) {
	switch t.Run {
	case Waiting:
		if t.woken || t.timedOut {
			k.again(t)
		} else if k.interruptible(t) {
			k.interrupt(t)
		}
	case Stopped:
		switch {
		case t.attention&AttendExit != 0:
			if t.letGo() == Exiting {
				t.become(Exiting)
			} else {
				t.become(Leaving)
			}
		case t.stop.Released:
			k.goOn(t)
		case t.stirred():
			t.become(t.letGo())
		}
	case Dumping:
		if t.Proc.Dumper == 0 {
			t.become(Exiting)
		}
	case Running:
		if t.attention&AttendNow != 0 && !t.showsExit() || t.attention&AttendExit != 0 && t.timedOut {
			t.become(Exiting)
		}
	}
	if t.Run == Leaving && k.mustRunFirst(t) {
		k.report(t)
		return
	}
	k.run(t)
}

// mustRunFirst reports whether a thread that somebody else made leave its call is about to
// end: others may see that only once the thread has been scheduled.
func (k *Core) mustRunFirst(t *Thread) bool {
	if t.attention&AttendNow != 0 || t.Fresh || t.Proc.Dumper != 0 {
		return false // the core file shows the call that it was in
	}
	if t.attention&AttendExit != 0 {
		return true
	}
	if t.attention&AttendSignals == 0 {
		return false
	}
	n := t.next()
	if n == 0 || t.Handlers.Of(n).Handler != signal.Dfl {
		return false
	}
	d := signal.DefaultOf(n)
	return d == signal.Terminate || d == signal.Dump
}

// report sends a thread back to user mode so that it comes back before its first instruction.
func (k *Core) report(t *Thread) {
	t.become(Running)
	mask := t.changed
	t.changed = 0
	k.Transport.Reply(ipc.Reply{Token: t.token, Action: ipc.ActionResumeReport, Mask: mask})
	k.expectReport(t)
}

// notice makes a thread look at its attention: a blocked call is interrupted, a running
// program recalled.
func (k *Core) notice(t *Thread) {
	switch t.Run {
	case Waiting, Stopped:
		k.enqueue(t)
	case Running:
		if t.attention&AttendNow != 0 && !t.showsExit() {
			k.enqueue(t)
		} else {
			k.Transport.ThreadRecall(ipc.Handle(t.Handle))
		}
	}
}

// resume sends a thread back to user mode.
func (k *Core) resume(t *Thread) {
	t.become(Running)
	if t.Fresh {
		t.Fresh = false
		k.Transport.ThreadStart(ipc.Handle(t.Handle), t.changed, 0, 0)
		t.changed = 0
		return
	}
	k.reply(t)
}

// reported is a thread that was recalled, or asked to report.
func (k *Core) reported(t *Thread) {
	if k.Clock.WatchesCPU(t.Proc.Pid) {
		k.Clock.CheckCPU(t.Proc.Pid)
	}
	if t.ThreadT.Rseq != 0 {
		t.attention |= AttendRseq
	}
	t.become(Leaving)
	k.run(t)
}

// fault is a page fault that the pager could not resolve.
func (k *Core) fault(t *Thread, ev *ipc.Event) {
	t.become(Leaving)
	switch ev.Class {
	case ipc.FaultNotMapped:
		if t.MM.Grow(ev.Address, t.Proc.Limits[rlimitStack].Cur) {
			t.MinorFaults++
			k.run(t)
			return
		}
		k.faultSignal(t, ev, signal.Fault(int32(unix.SIGSEGV), signal.SegvMapErr, ev.Address))
	case ipc.FaultPastEnd:
		k.faultSignal(t, ev, signal.Fault(int32(unix.SIGBUS), signal.BusAdrErr, ev.Address))
	case ipc.FaultOutOfMemory:
		if t.attention&AttendProbe != 0 {
			k.probeFaulted(t)
		}
		k.outOfMemory(t)
		k.run(t)
	default:
		k.faultSignal(t, ev, signal.Fault(int32(unix.SIGSEGV), signal.SegvAccErr, ev.Address))
	}
}

func (k *Core) faultSignal(t *Thread, ev *ipc.Event, i signal.Info) {
	if t.attention&AttendProbe != 0 {
		k.probeFaulted(t)
	}
	f := isa.PageFault(ev.Address, ev.Class == ipc.FaultNotAllowed, ev.Access&ipc.Write != 0, ev.Access&ipc.Execute != 0)
	t.FaultAddress, t.FaultError, t.FaultVector = f.Address, f.Error, f.Vector
	k.strike(t, &i)
}

// exception is any other exception of a program.
func (k *Core) exception(t *Thread, ev *ipc.Event) {
	t.become(Leaving)
	if isa.IsBreakpoint(ev.Vector) && t.MM.Probed && k.probeHit(t) {
		return
	}
	if t.attention&AttendProbe != 0 {
		if !isa.IsDebugTrap(ev.Vector) {
			k.probeFaulted(t)
		} else if o := k.Probes.Stepped(t.target()); o != uprobe.DoneStep {
			k.probeOutcome(t, o)
			return
		} else {
			t.Change(ipc.MaskGeneral | ipc.MaskControl)
			t.attention &^= AttendProbe
		}
	}
	if isa.NeedsFP(ev.Vector) {
		k.Transport.EventSync(t.token, ipc.MaskFP)
	}
	if isa.IsDebugTrap(ev.Vector) {
		if t.attention&AttendUnstep != 0 {
			k.run(t) // a step of a tracer's that is gone
			return
		}
		k.debugTrap(t)
	}
	s := isa.Exception(t.frame, ev.Vector)
	t.FaultError, t.FaultVector = ev.Error, uint64(ev.Vector)
	i := signal.Info{Signo: s.Number, Code: s.Code}
	if s.AtIP {
		i.Payload[0] = isa.IP(t.frame)
	}
	k.strike(t, &i)
}

// strike is Force, and run. Where nothing comes before, it is the delivery at once: no signal waits, and
// this one is the first that leave would take.
func (k *Core) strike(t *Thread, i *signal.Info) {
	if t.undisturbed() {
		if a := t.Handlers.Of(i.Signo); !t.Blocked().Has(i.Signo) && a.Plain() {
			if !k.pushFrame(t, i, a) {
				k.cannotHandle(t, i)
			} else if t.attention == 0 {
				t.become(Running)
				if t.live == 0 || !k.replyLive(t) {
					k.reply(t)
				}
				return
			}
			t.live = 0
			k.run(t)
			return
		}
	}
	if t.attention&attendLeaving != 0 || t.shields(i.Signo) {
		k.Force(t, *i)
	} else if t.trace == nil || !k.holdForSignal(t, i) {
		k.deliver(t, i)
	}
	k.run(t)
}

// BySlot is the thread with a frame slot, nil if there is none.
func (k *Core) BySlot(badge uint64) *Thread {
	if badge >= uint64(len(k.slots)) {
		return nil
	}
	return k.slots[badge]
}

// CallNow is the call in the thread's frame: number and arguments.
func (t *Thread) CallNow() (number int32, args [6]uint64) {
	isa.Arguments(t.frame, &args)
	return isa.Number(t.frame), args
}
