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
func (p *Prog) Strike(on bool) {
	if l := p.t.k.lab; l != nil {
		l.traps = on
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
		stale := *ev
		if r.Kind == fault.StaleGeneration {
			stale.Token.Generation -= 1 + uint32(r.Arg%3)
		} else {
			stale.Token.Sequence -= min(stale.Token.Sequence, 1+r.Arg%3)
		}
		k.handle(tr, ep, &stale)
		return t.state != waiting || t.Token() != ev.Token
	case fault.Flip, fault.Field:
		if tr.name == "pager" {
			ev.Address = r.Word(ev.Address)
		} else {
			r.DamageFrame(&t.frame.Regs)
		}
	case fault.CrashBefore:
		l.hooks.Crash(tr.name, false)
		return true
	case fault.CrashAfter:
		k.handle(tr, ep, ev)
		l.hooks.Crash(tr.name, false)
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
	case fault.StaleGeneration:
		stale := r
		stale.Token.Generation--
		l.refused(tr, stale, ipc.ErrStale)
	case fault.StaleSequence:
		stale := r
		stale.Token.Sequence -= 1 + rule.Arg%3
		l.refused(tr, stale, ipc.ErrStale)
	case fault.DoubleReply:
		if r.Action == ipc.ActionPark {
			l.Spare(rule)
			return false, nil
		}
		err = tr.replyOnce(r)
		again := r
		again.Action, again.Class = ipc.ActionResume, 0
		l.refused(tr, again, ipc.ErrStale)
		return true, err
	case fault.HostileRegisters:
		return true, l.scribble(tr, t, r, rule.Arg)
	case fault.Flip:
		rule.DamageFrame(&t.frame.Regs)
	case fault.Field:
		l.invalid(tr, r, rule.Arg)
	}
	return false, nil
}

// refused makes a reply that the kernel must refuse, with everything in its mask.
func (l *lab) refused(tr *Transport, r ipc.Reply, want ipc.Error) {
	r.Mask = maskAll
	if err := tr.replyOnce(r); err != want {
		l.violation("the kernel took a reply of %s that it must refuse with %q: %v", tr.name, want, err)
	}
}

// invalid makes a reply with a field that means nothing.
func (l *lab) invalid(tr *Transport, r ipc.Reply, arg uint64) {
	switch arg % 4 {
	case 0:
		r.Action = ipc.ActionYield + 1 + ipc.Action(arg/4%100)
	case 1:
		r.Mask = maskAll + 1<<(arg/4%8)
	case 2:
		r.Class = ipc.FaultOutOfMemory + 1 + ipc.FaultClass(arg/4%100)
	case 3:
		r.Action, r.Class = ipc.ActionForward, ipc.FaultNone
	}
	if err := tr.replyOnce(r); err != ipc.ErrInvalid {
		l.violation("the kernel took a reply of %s that means nothing: %v", tr.name, err)
	}
}

// scribble overwrites everything in the frame that the mask does not name, for the time of the reply.
func (l *lab) scribble(tr *Transport, t *Thread, r ipc.Reply, arg uint64) error {
	before, f := *t.frame, t.frame
	for i := range f.XSave {
		f.XSave[i] = byte(arg >> (i % 8))
	}
	hostile := *f
	for i, v := range [...]*uint64{&hostile.Regs.R15, &hostile.Regs.R14, &hostile.Regs.R12, &hostile.Regs.BX, &hostile.Regs.BP,
		&hostile.Regs.CX, &hostile.Regs.DX, &hostile.Regs.SI, &hostile.Regs.DI, &hostile.Regs.IP, &hostile.Regs.SP, &hostile.Regs.Flags,
		&hostile.Regs.CS, &hostile.Regs.SS, &hostile.Regs.FSBase, &hostile.Regs.GSBase, &hostile.Regs.DS, &hostile.Debug.DR0, &hostile.Debug.DR7} {
		*v = ^arg*uint64(2*i+1) ^ arg<<17
	}
	if r.Mask&(ipc.MaskResult|ipc.MaskGeneral) == 0 {
		hostile.Regs.AX, hostile.Regs.OrigAX = ^arg, ^arg
	}
	for i := range groups { // what the reply names is its sender's to say
		if r.Mask&groups[i].mask != 0 {
			keep(&hostile, &before, groups[i].mask)
		}
	}
	*f = hostile
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
