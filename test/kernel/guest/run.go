//go:build starling_server

package main

import (
	"starling/ipc"
)

var runCases = []testCase{
	{"computing programs share the processor", func(g *guest) error { return sharing(g, 300*milliseconds) }},
	{"they share it, too, when a server is woken often", func(g *guest) error { return sharing(g, milliseconds) }},
	{"user time is accounted", userTime},
	{"a preempted program reports if its handler wants to know", preempted},
	{"a program that calls without end does not starve another", callerAndComputer},
	{"a program that yields runs after the others", yielding},
}

// sharing lets programs compute while this server waits for a step at a time. A thread whose slice began anew
// whenever a server had been woken would keep out the others.
func sharing(g *guest, step int64) error {
	var list []*program
	for range 3 {
		p, err := g.newProgram(countForever)
		if err != nil {
			return err
		}
		p.frame.Regs.DI = dataAt
		if err := p.start(); err != nil {
			return err
		}
		list = append(list, p)
	}
	for end := g.t.Now() + 300*milliseconds; g.t.Now() < end; {
		if err := g.pause(step); err != nil {
			return err
		}
	}
	low, high := ^uint64(0), uint64(0)
	for _, p := range list {
		low, high = min(low, p.word(0)), max(high, p.word(0))
	}
	if low == 0 || high > 10*low { // the host takes time away, too
		return errorf("between %d and %d rounds", low, high)
	}
	return nil
}

func userTime(g *guest) error {
	p, err := g.newProgram(countForever)
	if err != nil {
		return err
	}
	p.frame.Regs.DI = dataAt
	if err := p.start(); err != nil {
		return err
	}
	begin := g.t.Now()
	if err := g.pause(20 * milliseconds); err != nil {
		return err
	}
	if err := g.t.ThreadRecall(p.thread); err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventReport); err != nil {
		return err
	}
	passed := g.t.Now() - begin
	if used := p.frame.Event.UserTime; used < passed/20 || used > passed {
		return errorf("%d ns used of %d", used, passed)
	}
	return nil
}

func preempted(g *guest) error {
	compute := func(report uint64) (*program, error) {
		p, err := g.newProgram(countForever)
		if err != nil {
			return nil, err
		}
		p.frame.Regs.DI = dataAt
		p.frame.Options.ReportPreemption = report
		return p, p.start()
	}
	watched, err := compute(1)
	if err != nil {
		return err
	}
	// Alone it is interrupted, but nobody runs in front of it.
	if err := g.pause(50 * milliseconds); err != nil {
		return err
	}
	other, err := compute(0)
	if err != nil {
		return err
	}
	for range 3 {
		before := other.word(0)
		if _, err := watched.expect(ipc.EventReport); err != nil {
			return err
		}
		if other.word(0) == before {
			return errorf("it reports though nobody ran in front of it")
		}
		if ip := watched.frame.Regs.IP; ip < codeAt || ip > codeAt+5 || watched.frame.Regs.OrigAX != ^uint64(0) {
			return errorf("registers %+v", watched.frame.Regs)
		}
		if err := watched.reply(ipc.ActionResume, 0); err != nil {
			return err
		}
	}
	watched.frame.Options.ReportPreemption = 0
	return voluntary(g)
}

// What a program does of its own will is no preemption, an exception is one.
func voluntary(g *guest) error {
	caller, err := g.run(callThenBreak)
	if err != nil {
		return err
	}
	// It may be interrupted just there, but not time and again.
	var ev ipc.Event
	for range 5 {
		if _, err := caller.expect(ipc.EventSyscall); err != nil {
			return err
		}
		caller.frame.Options.ReportPreemption = 1
		if err := g.pause(50 * milliseconds); err != nil {
			return err
		}
		if err := caller.reply(ipc.ActionResume, ipc.MaskResult); err != nil {
			return err
		}
		if err := g.t.Wait(g.trap, &ev); err != nil {
			return err
		}
		caller.token = ev.Token
		if ev.Kind == ipc.EventException {
			break
		}
		caller.frame.Options.ReportPreemption = 0
		caller.frame.Regs.IP = codeAt
		if err := caller.reply(ipc.ActionResume, ipc.MaskControl); err != nil {
			return err
		}
	}
	if ev.Kind != ipc.EventException {
		return errorf("after a system call: %s", show(&ev))
	}
	if err := g.pause(50 * milliseconds); err != nil {
		return err
	}
	if err := caller.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	_, err = caller.expect(ipc.EventReport)
	return err
}

func callerAndComputer(g *guest) error {
	caller, err := g.run(callForever)
	if err != nil {
		return err
	}
	computer, err := g.newProgram(countForever)
	if err != nil {
		return err
	}
	computer.frame.Regs.DI = dataAt
	if err := computer.start(); err != nil {
		return err
	}
	calls := 0
	for end := g.t.Now() + 100*milliseconds; g.t.Now() < end; calls++ {
		if _, err := caller.expect(ipc.EventSyscall); err != nil {
			return err
		}
		if err := caller.reply(ipc.ActionResume, ipc.MaskResult); err != nil {
			return err
		}
	}
	if computer.word(0) == 0 || calls < 10 {
		return errorf("%d calls, %d rounds", calls, computer.word(0))
	}
	return nil
}

func yielding(g *guest) error {
	caller, err := g.run(callForever)
	if err != nil {
		return err
	}
	if _, err := caller.expect(ipc.EventSyscall); err != nil {
		return err
	}
	computer, err := g.newProgram(countForever)
	if err != nil {
		return err
	}
	computer.frame.Regs.DI = dataAt
	if err := computer.start(); err != nil {
		return err
	}
	for range 3 {
		before := computer.word(0)
		if err := caller.reply(ipc.ActionYield, ipc.MaskResult); err != nil {
			return err
		}
		if _, err := caller.expect(ipc.EventSyscall); err != nil {
			return err
		}
		if computer.word(0) == before {
			return errorf("the other did not run, it has %d rounds", before)
		}
	}
	return nil
}

// counter reads a counter of the kernel.
func (g *guest) counter(index int) uint64 {
	n, err := g.t.Counter(index)
	if err != nil {
		panic(err)
	}
	return n
}
