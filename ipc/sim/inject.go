package sim

import (
	"fmt"

	"starling/ipc"
	"starling/ipc/fault"
)

// Hooks are what a machine does when a fault strikes a whole server.
type Hooks struct {
	// Crash ends a server and does what the manifest says then. hang: it stood still and was
	// found to.
	Crash func(server string, hang bool)
	// Swap replaces a server at a message boundary.
	Swap func(server string)
}

const (
	// lossTime is how long a client waits for a message that does not come, in ns.
	lossTime = 1e6
	// delayUnit is how late a message is at least, in ns; at most it is 64 times that.
	delayUnit = 25e3
	// hangTime is how long a server stands still before it is found to, in ns.
	hangTime = 2e9
)

// lab is the injector at work in a simulated machine.
type lab struct {
	*fault.Injector
	k          *Kernel
	hooks      Hooks
	traps      bool             // traps and their answers are struck
	protected  map[*Thread]bool // but not those of these programs
	previous   map[string][]byte
	violations []string
}

// Inject makes everything that goes over a wire subject to the injector.
func (k *Kernel) Inject(in *fault.Injector, hooks Hooks) {
	k.lab = &lab{Injector: in, k: k, hooks: hooks, protected: map[*Thread]bool{}, previous: map[string][]byte{}}
}

// Protect keeps the injector away from the traps of the program that calls it.
func (p *Prog) Protect() {
	if l := p.t.k.lab; l != nil {
		l.protected[p.t] = true
	}
}

// Strike says whether traps are struck from now on. What servers say to each other always is.
func (p *Prog) Strike(on bool) { p.t.k.Strike(on) }

// Strike does the same for who is no program.
func (k *Kernel) Strike(on bool) {
	if k.lab != nil {
		k.lab.traps = on
	}
}

// spares reports whether the injector leaves a thread's traps alone.
func (l *lab) spares(t *Thread) bool { return !l.traps || t.server != nil || l.protected[t] }

// Violations is what the kernel accepted and should not have.
func (k *Kernel) Violations() []string {
	if k.lab == nil {
		return nil
	}
	return k.lab.violations
}

func (l *lab) violation(format string, args ...any) {
	l.violations = append(l.violations, fmt.Sprintf(format, args...))
}

func delay(r *fault.Rule) int64 { return delayUnit * int64(1+r.Arg%64) }

// event is a fault of an event that tr just received. It returns true when the event is dealt with.
func (l *lab) event(tr *Transport, ep *endpoint, ev *ipc.Event) bool {
	k := l.k
	message := ""
	switch ev.Kind {
	case ipc.EventSyscall, ipc.EventFault, ipc.EventException, ipc.EventReport:
		message = "program>" + tr.name
	case ipc.EventTimer:
		return l.timer(tr, ep, ev)
	}
	if message == "" {
		return false
	}
	t := k.threads[ev.Token.Thread]
	if l.spares(t) {
		return false
	}
	r := l.Next(fault.Find(message, eventNames[ev.Kind]))
	if r == nil {
		return false
	}
	switch r.Kind {
	case fault.Drop:
		return true
	case fault.Delay:
		t.postpone(ep, k.now+delay(r))
		return true
	case fault.Reorder:
		if len(ep.queue) == 0 {
			t.postpone(ep, k.now+delayUnit)
		} else {
			ep.push(t)
		}
		return true
	case fault.Duplicate:
		again := *ev
		k.handle(tr, ep, ev)
		k.handle(tr, ep, &again)
		return true
	case fault.StaleGeneration, fault.StaleSequence:
		k.handle(tr, ep, r.Stale(ev))
		return t.state != waiting || t.Token() != ev.Token
	case fault.Flip, fault.Field:
		if tr.name == "pager" {
			ev.Address = r.Word(ev.Address)
		} else {
			r.DamageFrame(&t.frame.Regs)
		}
	case fault.CrashBefore, fault.HangBefore:
		l.crash(r, tr.name)
		return true
	case fault.CrashAfter, fault.HangAfter:
		k.handle(tr, ep, ev)
		l.crash(r, tr.name)
		return true
	case fault.Swap:
		k.handle(tr, ep, ev)
		l.hooks.Swap(tr.name)
		return true
	}
	return false
}

// postpone takes a thread whose event was received away and queues it again later.
func (t *Thread) postpone(ep *endpoint, at int64) {
	name := t.Token()
	t.state, t.at = stuck, nil
	t.k.At(at, func() {
		if t.state == stuck && t.Token() == name {
			t.queueAt(ep)
		}
	})
}

func (l *lab) timer(tr *Transport, ep *endpoint, ev *ipc.Event) bool {
	r := l.Next(fault.Find("kernel>"+tr.name, "timer"))
	if r == nil {
		return false
	}
	if r.Kind == fault.Duplicate {
		again := *ev
		l.k.handle(tr, ep, ev)
		l.k.handle(tr, ep, &again)
		return true
	}
	l.k.At(l.k.now+delay(r), func() {
		ep.stamp()
		ep.fired = true
	})
	return true
}

// reply is a fault of the answer to a trap. done: it is dealt with.
func (l *lab) reply(tr *Transport, r ipc.Reply) (done bool, err error) {
	if r.Token.Thread == 0 || int(r.Token.Thread) >= len(l.k.threads) {
		return false, nil
	}
	t := l.k.threads[r.Token.Thread]
	if l.spares(t) {
		return false, nil
	}
	message := "reply"
	if r.Action == ipc.ActionForward {
		message = "forward"
	}
	rule := l.Next(fault.Find(tr.name+">program", message))
	if rule == nil {
		return false, nil
	}
	switch rule.Kind {
	case fault.Drop:
		return true, nil
	case fault.Delay:
		l.k.At(l.k.now+delay(rule), func() { tr.replyOnce(r) })
		return true, nil
	case fault.StaleGeneration, fault.StaleSequence:
		l.refused(tr, rule.StaleReply(r), ipc.ErrStale)
	case fault.DoubleReply:
		if r.Action == ipc.ActionPark {
			l.Spare(rule)
			return false, nil
		}
		err = tr.replyOnce(r)
		l.refused(tr, fault.Again(r), ipc.ErrStale)
		return true, err
	case fault.HostileRegisters:
		return true, l.scribble(tr, t, r, rule)
	case fault.Flip:
		rule.DamageFrame(&t.frame.Regs)
	case fault.Field:
		refusal := tr.replyOnce(rule.Invalid(r))
		err := tr.replyOnce(r)
		if !fault.Refused(refusal, err) {
			l.violation("the kernel took a reply of %s that means nothing: %v", tr.name, refusal)
		}
		return true, err
	}
	return false, nil
}

// refused makes a reply that the kernel must refuse.
func (l *lab) refused(tr *Transport, r ipc.Reply, want ipc.Error) {
	if err := tr.replyOnce(r); err != want {
		l.violation("the kernel took a reply of %s that it must refuse with %q: %v", tr.name, want, err)
	}
}

// scribble overwrites everything in the frame that the mask does not name, for the time of the reply.
func (l *lab) scribble(tr *Transport, t *Thread, r ipc.Reply, rule *fault.Rule) error {
	before, f := *t.frame, t.frame
	rule.Scribble(f, r.Mask)
	err := tr.replyOnce(r)
	if err != nil || t.state == ready || t.state == dead || t.state == waiting || r.Action == ipc.ActionForward {
		event := f.Event
		*f = before
		f.Event = event
		return err
	}
	// The kernel has written the next event to the frame: only what it does not write goes back.
	f.XSave, f.Debug = before.XSave, before.Debug
	f.Regs.DS, f.Regs.ES, f.Regs.FS, f.Regs.GS = before.Regs.DS, before.Regs.ES, before.Regs.FS, before.Regs.GS
	return err
}

// notify is a fault of a notification. done: it is dealt with.
func (l *lab) notify(tr *Transport, ep *endpoint, bits uint64) (done bool) {
	r := l.Next(fault.Find(tr.name+">"+ep.receiver.name, "notify"))
	if r == nil {
		return false
	}
	switch r.Kind {
	case fault.Drop:
		return true
	case fault.Flip:
		l.k.notify(ep, r.Word(bits))
		return true
	}
	l.k.At(l.k.now+delay(r), func() { l.k.notify(ep, bits) })
	return r.Kind == fault.Delay
}
