package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/signal"
	"starling/personality/wait"
)

// SignalThread sends a signal to one thread (tgkill(2)). It reports whether the
// signal is queued now, as a new one. EAGAIN: RLIMIT_SIGPENDING, for signals that
// carry a value.
func (k *Core) SignalThread(t *Thread, i signal.Info) (queued bool, e unix.Errno) {
	return k.Send(t, t.Proc, &i)
}

// SignalProcess sends a signal to a process: some thread that does not block it takes it.
func (k *Core) SignalProcess(p *Process, i signal.Info) (queued bool, e unix.Errno) {
	return k.Send(nil, p, &i)
}

// notifyProcess is SignalProcess for who only knows a number.
func (k *Core) notifyProcess(pid int32, i signal.Info) {
	if p := k.Process(pid); p != nil {
		_, _ = k.SignalProcess(p, i) // a full queue loses it, as with Linux
	}
}

// SignalGroup sends a signal to every process of a group and reports how many there are.
func (k *Core) SignalGroup(pgid int32, i signal.Info) int {
	members := k.Group(pgid)
	for _, p := range members {
		one := i
		k.Send(nil, p, &one)
	}
	return len(members)
}

// Send is SignalThread or, where t is nil, SignalProcess: the effects of sending, then the queue (__send_signal_locked
// of Linux).
func (k *Core) Send(t *Thread, p *Process, i *signal.Info) (bool, unix.Errno) {
	q, to := &p.Signals, t
	if t != nil {
		q = &t.Signals
	} else {
		to = p.Any()
	}
	if to == nil || p.Zombie || !to.Alive() && t != nil {
		return false, 0
	}
	n, bit := i.Signo, signal.Bit(i.Signo)
	if prepared&bit != 0 {
		k.prepare(p, n)
	}
	if k.ignored(to, n) {
		return false, 0
	}
	if n == int32(unix.SIGKILL) {
		q.AddBare(n)
		k.endProcess(p, n, 0)
		return true, 0
	}
	standard := n < signal.RealTime
	if standard && q.Pending&bit != 0 {
		return false, 0
	}
	// All count against the limit, and standard signals that were not queued on purpose are above it. Of the others those
	// with a value are refused, and the rest loses its siginfo.
	queued := k.queuedOf(to.Cred.UID)
	if *queued >= p.Limits[rlimitSigPending].Cur && !(standard && i.Code >= 0) {
		if !standard && i.Code != signal.SIUser && i.Code != signal.SIKernel {
			return false, unix.EAGAIN
		}
		q.AddBare(n)
	} else {
		i.UID, i.Charged = to.Cred.UID, true
		*queued++
		q.Add(i)
	}
	k.announce(t, p, n)
	k.Waits.Wake(wait.ID(p.SignalId), wait.In)
	return true, 0
}

// Raise is Send and the delivery at once, for a call by which a thread sends itself a signal that it handles and that
// nothing comes before; the call then returns NoReturn. The thread is the one that would take a signal to the process. False: nothing
// was done, it is a case for Send.
func (k *Core) Raise(t *Thread, i *signal.Info) bool {
	n, p := i.Signo, t.Proc
	if !signal.Valid(n) || !t.undisturbed() || (signal.Set(t.Mask) | prepared).Has(n) {
		return false
	}
	a := t.Handlers.Of(n)
	if !a.Plain() {
		return false
	}
	if (n >= signal.RealTime || i.Code < 0) && *k.queuedOf(t.Cred.UID) >= p.Limits[rlimitSigPending].Cur {
		return false
	}
	k.Waits.Wake(wait.ID(p.SignalId), wait.In)
	isa.SetResult(t.frame, 0)
	if !k.pushFrame(t, i, a) {
		k.cannotHandle(t, i)
	}
	if t.attention != 0 {
		t.live = 0
	}
	return true
}

// uncharge takes a signal that left its queue off its user's account.
func (k *Core) uncharge(i *signal.Info) {
	if !i.Charged {
		return
	}
	i.Charged = false
	if n := k.queuedOf(i.UID); *n > 0 {
		*n--
	}
}

// userQueue is how many signals are queued for the processes of a user.
type userQueue struct {
	uid   uint32
	count uint64
}

// queuedOf is a user's account. There are as many as users that ever got a signal: few.
func (k *Core) queuedOf(uid uint32) *uint64 {
	if len(k.pending) > 0 && k.pending[0].uid == uid {
		return &k.pending[0].count
	}
	return k.findQueued(uid)
}

func (k *Core) findQueued(uid uint32) *uint64 {
	for i := range k.pending {
		if k.pending[i].uid == uid {
			return &k.pending[i].count
		}
	}
	k.pending = append(k.pending, userQueue{uid: uid})
	return &k.pending[len(k.pending)-1].count
}

// PendingOf is how many signals of a user are queued (/proc/PID/status SigQ).
func (k *Core) PendingOf(uid uint32) uint64 { return *k.queuedOf(uid) }

// prepared are the signals that do something when they are sent.
const prepared = signal.Stops | 1<<(unix.SIGCONT-1)

// prepare is what sending one of them does before the queue: they cancel each other, and
// SIGCONT continues.
func (k *Core) prepare(p *Process, n int32) {
	if n != int32(unix.SIGCONT) {
		k.dropAll(p, signal.Of(unix.SIGCONT))
		return
	}
	k.dropAll(p, signal.Stops)
	k.continueTracees(p)
	k.endGroupStop(p)
}

// ignored reports whether a signal would do nothing. Blocked ones are kept: their
// action may change.
func (k *Core) ignored(to *Thread, n int32) bool {
	handler := to.Handlers.Of(n).Handler
	return handler <= signal.Ign && k.unhandled(to, n, handler == signal.Dfl)
}

func (k *Core) unhandled(to *Thread, n int32, isDefault bool) bool {
	if isDefault && to.Proc == k.Init {
		return true
	}
	if to.Blocked().Has(n) || to.trace != nil {
		return false // a tracer may want to know even of what is ignored
	}
	return to.Handlers.Ignores(n) && n != int32(unix.SIGKILL) && n != int32(unix.SIGSTOP)
}

// dropAll removes signals from all queues of a process.
func (k *Core) dropAll(p *Process, s signal.Set) {
	gone := func(i *signal.Info) { k.dropped(p, i) }
	p.Signals.Drop(s, gone)
	for _, t := range p.threads {
		t.Signals.Drop(s, gone)
		t.recalculate()
	}
}

// dropped is told of a queued signal that nobody will take.
func (k *Core) dropped(p *Process, i *signal.Info) {
	k.uncharge(i)
	if i.Code == signal.SITimer {
		k.Clock.PosixTaken(p.Pid, i.TimerNumber())
	}
}

// taken is told of a signal that leaves its queue to be delivered.
func (k *Core) taken(t *Thread, i *signal.Info) {
	k.uncharge(i)
	switch {
	case i.Code == signal.SITimer:
		i.SetOverrun(k.Clock.PosixTaken(t.Proc.Pid, i.TimerNumber()))
	case i.Signo == int32(unix.SIGALRM) && i.Code == signal.SIKernel:
		k.Clock.AlarmTaken(t.Proc.Pid)
	}
}

// announce finds the thread that is to take a signal and makes it notice.
func (k *Core) announce(t *Thread, p *Process, n int32) {
	target := t
	if t == nil {
		// The leader first, then whoever would take it.
		if target = p.leader; target == nil || !target.wants(n) || len(p.threads) > 1 {
			target = p.taker(n)
		}
	} else if !t.wants(n) {
		return
	}
	if target != nil {
		target.attention |= AttendSignals
		if target.Run != Calling {
			k.notice(target)
		}
	}
}

// taker is the thread that is to take a signal of the process, nil if none can: the leader first, then
// whoever would. All others find it too, should they come by first.
func (p *Process) taker(n int32) *Thread {
	var target *Thread
	if u := p.leader; u != nil && u.wants(n) {
		target = u
	}
	for _, u := range p.threads {
		if target == nil && u.wants(n) {
			target = u
		}
		u.recalculate()
	}
	return target
}

// wants reports whether a thread can take a signal.
func (t *Thread) wants(n int32) bool {
	return t.Alive() && t.attention&AttendExit == 0 && !t.Blocked().Has(n)
}

// retarget makes other threads look at process-directed signals that t no longer takes.
func (k *Core) retarget(t *Thread, left signal.Set) {
	for _, u := range t.Proc.threads {
		if u != t && u.Alive() && left&^u.Blocked() != 0 {
			u.recalculate()
			k.notice(u)
			left &= u.Blocked()
			if left == 0 {
				return
			}
		}
	}
}

// shields reports whether a thread blocks or ignores a signal.
func (t *Thread) shields(n int32) bool {
	return t.Blocked().Has(n) || t.Handlers.Of(n).Handler == signal.Ign
}

// Force sends a signal that an instruction of the thread caused: it cannot be
// blocked or ignored; where it is, it kills (sigaction(2), force_sig_info of Linux).
func (k *Core) Force(t *Thread, i signal.Info) {
	a := t.Handlers.Of(i.Signo)
	blocked := t.Blocked().Has(i.Signo)
	if blocked || a.Handler == signal.Ign {
		*a = signal.Action{}
		if blocked {
			t.setMask(t.Blocked() &^ signal.Bit(i.Signo))
		}
	}
	if t.Signals.Pending.Has(i.Signo) {
		t.Signals.Drop(signal.Bit(i.Signo), func(i *signal.Info) { k.dropped(t.Proc, i) })
	}
	t.Signals.Add(&i)
	t.recalculate()
}

// Flush drops pending signals that have become ignored (sigaction(2)).
func (k *Core) Flush(p *Process, n int32) { k.dropAll(p, signal.Bit(n)) }

// Take takes a pending signal of set off its queue, for sigtimedwait(2) and
// signalfd(2). Signo 0: there is none.
func (k *Core) Take(t *Thread, set signal.Set) signal.Info {
	var i signal.Info
	if t.Signals.Take(^set, &i) || t.Proc.Signals.Take(^set, &i) {
		k.taken(t, &i)
		for _, u := range t.Proc.threads {
			u.recalculate()
		}
	}
	return i
}
