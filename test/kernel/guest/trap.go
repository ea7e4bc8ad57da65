//go:build starling_server

package main

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/frame"
)

var trapCases = []testCase{
	{"a system call is an event with the registers in the frame", systemCall},
	{"what the mask does not name is untouched", maskIsolation},
	{"a fault goes to the fault endpoint and on when forwarded", faults},
	{"a thread without a fault endpoint faults to the trap endpoint", noFaultEndpoint},
	{"a stale token is refused", staleTokens},
	{"a reply of all general registers is what the program goes on with", wholeFrame},
	{"a parked thread keeps its token", park},
	{"a jump that is not canonical is an exception of the thread", badJump},
	{"a computing thread can be recalled", recall},
	{"a recall of a stopped thread latches", recallLatches},
	{"a single step is reported", singleStep},
	{"a step over a system call is reported after it", stepSystemCall},
	{"hardware breakpoints and watchpoints", breakpoints},
	{"a program's watchpoint does not see its server", watchedServer},
	{"selectors and bases belong to the thread", selectors},
	{"a thread moves to another space", moveSpace},
}

var (
	// mov eax, 39; syscall; int3
	callThenBreak = []byte{0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xcc, 0x0f, 0x0b}
	// 1: syscall; jmp 1b
	callForever = []byte{0x0f, 0x05, 0xeb, 0xfc}
	// 1: inc qword [rdi]; jmp 1b
	countForever = []byte{0x48, 0xff, 0x07, 0xeb, 0xfb}
)

func systemCall(g *guest) error {
	p, err := g.newProgram(callThenBreak)
	if err != nil {
		return err
	}
	p.frame.Regs.R12, p.frame.Regs.DI = 0x1234, ^uint64(0)
	if err := p.start(); err != nil {
		return err
	}
	ev, err := p.expect(ipc.EventSyscall)
	if err != nil {
		return err
	}
	r := &p.frame.Regs
	if r.OrigAX != 39 || r.AX != 39 || r.IP != codeAt+7 || r.CX != r.IP || r.SP != stackAt || r.R12 != 0x1234 || r.DI != ^uint64(0) ||
		r.CS != 0x33 || r.SS != 0x2b || r.Flags&0x200 == 0 || r.R11 != r.Flags {
		return errorf("registers %+v", *r)
	}
	h := &p.frame.Event
	if h.Kind != uint16(ipc.EventSyscall) || h.Thread != ev.Token.Thread || h.Generation != ev.Token.Generation ||
		h.Sequence != ev.Token.Sequence || h.Badge != p.badge || h.Time > ev.Time || h.Time == 0 {
		return errorf("header %+v, event %s", *h, show(&ev))
	}
	r.AX = 77
	if err := p.reply(ipc.ActionResume, ipc.MaskResult); err != nil {
		return err
	}
	next, err := p.exception(3)
	if err != nil {
		return err
	}
	if r.AX != 77 || r.OrigAX != ^uint64(0) || r.IP != codeAt+8 || next.Token.Sequence != ev.Token.Sequence+1 || next.Time < ev.Time {
		return errorf("after the call: %+v", *r)
	}
	return nil
}

func maskIsolation(g *guest) error {
	p, err := g.newProgram(callThenBreak)
	if err != nil {
		return err
	}
	for i, r := range []*uint64{&p.frame.Regs.BX, &p.frame.Regs.BP, &p.frame.Regs.R8, &p.frame.Regs.R15, &p.frame.Regs.DX} {
		*r = 0x1111 * uint64(i+1)
	}
	if err := p.start(); err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventSyscall); err != nil {
		return err
	}
	before := p.frame.Regs
	all := unsafe.Slice((*byte)(unsafe.Pointer(p.frame)), unsafe.Sizeof(frame.Frame{}))
	for i := range all {
		all[i] = 0xff
	}
	if err := p.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	if _, err := p.exception(3); err != nil {
		return err
	}
	after := p.frame.Regs
	before.IP, before.OrigAX = before.IP+1, ^uint64(0)
	if after != before {
		return errorf("before %+v\nafter %+v", before, after)
	}
	return nil
}

func faults(g *guest) error {
	// mov [freeAt], rax; mov rax, [freeAt+8]; mov [codeAt], al; jmp freeAt
	p, err := g.run([]byte{0x48, 0x89, 0x04, 0x25, 0, 0, 0x60, 0, 0x48, 0x8b, 0x04, 0x25, 8, 0, 0x60, 0,
		0x88, 0x04, 0x25, 0, 0, 0x40, 0, 0xb8, 0, 0, 0x60, 0, 0xff, 0xe0})
	if err != nil {
		return err
	}
	ev, err := p.expectAt(g.fault, ipc.EventFault)
	if err != nil {
		return err
	}
	if ev.Address != freeAt || ev.Access != ipc.Write || ev.Class != ipc.FaultNone {
		return errorf("first: %s", show(&ev))
	}
	fresh, err := g.newPage()
	if err != nil {
		return err
	}
	if err := g.t.Map(p.space, freeAt, fresh.memory, []uint64{uint64(readWrite)}); err != nil {
		return err
	}
	if err := p.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	// The read of the next word passes now; the store to code does not.
	if ev, err = p.expectAt(g.fault, ipc.EventFault); err != nil {
		return err
	}
	if ev.Address != codeAt || ev.Access != ipc.Write {
		return errorf("second: %s", show(&ev))
	}
	if err := g.t.Reply(ipc.Reply{Token: p.token, Action: ipc.ActionForward, Class: ipc.FaultNotAllowed}); err != nil {
		return err
	}
	if ev, err = p.expect(ipc.EventFault); err != nil {
		return err
	}
	if ev.Address != codeAt || ev.Access != ipc.Write || ev.Class != ipc.FaultNotAllowed || p.frame.Event.Error&7 != 7 {
		return errorf("forwarded: %s, code %#x", show(&ev), p.frame.Event.Error)
	}
	if err := g.t.Reply(ipc.Reply{Token: p.token, Action: ipc.ActionForward, Class: ipc.FaultNotMapped}); err == nil {
		err = g.t.Wait(g.fault, &ev)
		if err != ipc.ErrInvalid {
			return errorf("a second forward gave %v", err)
		}
	}
	p.frame.Regs.IP += 7
	if err := p.reply(ipc.ActionResume, ipc.MaskControl); err != nil {
		return err
	}
	if ev, err = p.expectAt(g.fault, ipc.EventFault); err != nil {
		return err
	}
	if ev.Address != freeAt || ev.Access != ipc.Execute {
		return errorf("execution: %s", show(&ev))
	}
	return nil
}

func noFaultEndpoint(g *guest) error {
	p, err := g.newProgram([]byte{0x48, 0x8b, 0x04, 0x25, 8, 0, 0x60, 0}) // mov rax, [freeAt+8]
	if err != nil {
		return err
	}
	spec := ipc.ThreadSpec{Space: p.space, Kind: ipc.Program, Priority: 2, TrapEndpoint: g.trap, TrapBadge: p.badge}
	f, err := g.newPage()
	if err != nil {
		return err
	}
	spec.FrameMemory = f.memory
	h, _, err := g.t.ThreadCreate(&spec)
	if err != nil {
		return err
	}
	g.threads = append(g.threads, h)
	(*frame.Frame)(unsafe.Pointer(f.bytes)).Regs = p.frame.Regs
	if err := g.t.ThreadStart(h, everything, 0, 0); err != nil {
		return err
	}
	ev, err := p.expect(ipc.EventFault)
	if err == nil && (ev.Address != freeAt+8 || ev.Class != ipc.FaultNone) {
		err = errorf("%s", show(&ev))
	}
	return err
}

func staleTokens(g *guest) error {
	p, err := g.run(callForever)
	if err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventSyscall); err != nil {
		return err
	}
	good := p.token
	for _, bad := range []ipc.Token{
		{Thread: good.Thread, Generation: good.Generation, Sequence: good.Sequence - 1},
		{Thread: good.Thread, Generation: good.Generation, Sequence: good.Sequence + 1},
		{Thread: good.Thread, Generation: good.Generation + 1, Sequence: good.Sequence},
		{Thread: good.Thread + 1, Generation: good.Generation, Sequence: good.Sequence},
		{Thread: 0}, {Thread: 1 << 31}, {Thread: ^uint32(0), Generation: ^uint32(0), Sequence: ^uint64(0)},
	} {
		if err := g.t.Reply(ipc.Reply{Token: bad}); err != nil {
			return err
		}
		var ev ipc.Event
		if err := g.t.Wait(g.trap, &ev); err != ipc.ErrStale {
			return errorf("token %v: %v, %s", bad, err, show(&ev))
		}
		if err := g.t.EventSync(bad, ipc.MaskFP); err != ipc.ErrStale {
			return errorf("sync by token %v: %v", bad, err)
		}
	}
	if err := p.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventSyscall); err != nil {
		return err
	}
	// Masks and actions that do not exist.
	if err := g.t.EventSync(p.token, 0x4000); err != ipc.ErrInvalid {
		return errorf("sync of groups that do not exist: %v", err)
	}
	for _, r := range []ipc.Reply{{Token: p.token, Mask: 0x4000}, {Token: p.token, Action: ipc.ActionYield + 1}, {Token: p.token, Action: ipc.ActionForward, Class: 1}} {
		var ev ipc.Event
		if err := g.t.Reply(r); err != nil {
			return err
		}
		if err := g.t.Wait(g.trap, &ev); err != ipc.ErrInvalid {
			return errorf("reply %+v: %v", r, err)
		}
	}
	if err := p.reply(ipc.ActionKill, 0); err != nil {
		return err
	}
	if err := g.t.ThreadDestroy(p.thread); err != ipc.ErrGone {
		return errorf("destroying a killed thread: %v", err)
	}
	return nil
}

// wholeFrame: what the frame holds is what the program goes on with.
func wholeFrame(g *guest) error {
	p, err := g.run(callForever)
	if err != nil {
		return err
	}
	r := &p.frame.Regs
	kept := []*uint64{&r.R15, &r.R14, &r.R13, &r.R12, &r.BP, &r.BX, &r.R10, &r.R9, &r.R8, &r.AX, &r.DX, &r.SI, &r.DI, &r.SP}
	for round := range uint64(20) {
		if _, err := p.expect(ipc.EventSyscall); err != nil {
			return err
		}
		for i, to := range kept {
			if want := round<<8 | uint64(i); round > 0 && *to != want {
				return errorf("round %d: register %d is %#x", round, i, *to)
			}
			*to = (round+1)<<8 | uint64(i)
		}
		if err := p.reply(ipc.ActionResume, ipc.MaskGeneral|ipc.MaskControl); err != nil {
			return err
		}
	}
	return nil
}

func park(g *guest) error {
	p, err := g.run(callThenBreak)
	if err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventSyscall); err != nil {
		return err
	}
	for i := range 3 {
		p.frame.Regs.BX = uint64(i)
		if err := p.reply(ipc.ActionPark, ipc.MaskGeneral); err != nil {
			return err
		}
		if err := g.t.Notify(g.trap, 1); err != nil {
			return err
		}
		var ev ipc.Event
		if err := g.t.Wait(g.trap, &ev); err != nil || ev.Kind != ipc.EventNotify {
			return errorf("%v %s", err, show(&ev))
		}
	}
	if err := p.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	if _, err := p.exception(3); err != nil {
		return err
	}
	if p.frame.Regs.BX != 2 {
		return errorf("register %d", p.frame.Regs.BX)
	}
	return nil
}

func badJump(g *guest) error {
	for _, ip := range []uint64{1 << 47, 1<<63 | 1, 0xffff_7fff_ffff_ffff} {
		p, err := g.run(callThenBreak)
		if err != nil {
			return err
		}
		if _, err := p.expect(ipc.EventSyscall); err != nil {
			return err
		}
		p.frame.Regs.IP = ip
		if err := p.reply(ipc.ActionResume, ipc.MaskControl); err != nil {
			return err
		}
		if _, err := p.exception(13); err != nil {
			return err
		}
		if p.frame.Regs.IP != ip {
			return errorf("instruction pointer %#x, want %#x", p.frame.Regs.IP, ip)
		}
	}
	return nil
}

// pause lets programs run for a time.
func (g *guest) pause(ns int64) error {
	if err := g.t.TimerSet(g.trap, g.t.Now()+ns); err != nil {
		return err
	}
	var ev ipc.Event
	if err := g.t.Wait(g.trap, &ev); err != nil {
		return err
	}
	if ev.Kind != ipc.EventTimer {
		return errorf("while pausing: %s", show(&ev))
	}
	return nil
}

// untilChange waits until the program has changed the first word of its data. The
// time is that of a machine whose host may have other things to do.
func (g *guest) untilChange(p *program, before uint64) error {
	for range 100 {
		if err := g.pause(2 * milliseconds); err != nil {
			return err
		}
		if p.word(0) != before {
			return nil
		}
	}
	return errorf("the program does not run")
}

func recall(g *guest) error {
	p, err := g.newProgram(countForever)
	if err != nil {
		return err
	}
	p.frame.Regs.DI = dataAt
	if err := p.start(); err != nil {
		return err
	}
	for range 3 {
		before := p.word(0)
		if err := g.untilChange(p, before); err != nil {
			return err
		}
		// The requests collapse: it reports once, when it is its turn to run.
		for range 2 {
			if err := g.t.ThreadRecall(p.thread); err != nil {
				return err
			}
		}
		if _, err := p.expect(ipc.EventReport); err != nil {
			return err
		}
		if ip := p.frame.Regs.IP; ip < codeAt || ip > codeAt+5 || p.frame.Regs.DI != dataAt || p.frame.Regs.OrigAX != ^uint64(0) {
			return errorf("registers %+v", p.frame.Regs)
		}
		stopped := p.word(0)
		if err := g.pause(milliseconds); err != nil {
			return err
		}
		if p.word(0) != stopped {
			return errorf("the program ran on")
		}
		if err := p.reply(ipc.ActionResume, 0); err != nil {
			return err
		}
	}
	return nil
}

func recallLatches(g *guest) error {
	p, err := g.run(callThenBreak)
	if err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventSyscall); err != nil {
		return err
	}
	if err := g.t.ThreadRecall(p.thread); err != nil {
		return err
	}
	if err := p.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	for _, a := range []ipc.Action{ipc.ActionResumeReport, ipc.ActionResume} {
		if _, err := p.expect(ipc.EventReport); err != nil {
			return err
		}
		if p.frame.Regs.IP != codeAt+7 {
			return errorf("it ran to %#x before it reported", p.frame.Regs.IP)
		}
		if err := p.reply(a, 0); err != nil {
			return err
		}
	}
	_, err = p.exception(3)
	return err
}

const flagTrap = 1 << 8

func singleStep(g *guest) error {
	p, err := g.newProgram([]byte{0x90, 0x90, 0x90, 0xcc})
	if err != nil {
		return err
	}
	p.frame.Regs.Flags |= flagTrap
	if err := p.start(); err != nil {
		return err
	}
	for i := range 3 {
		if _, err := p.exception(1); err != nil {
			return err
		}
		if p.frame.Event.DebugStatus&(1<<14) == 0 || p.frame.Regs.IP != codeAt+1+uint64(i) {
			return errorf("step %d: status %#x at %#x", i, p.frame.Event.DebugStatus, p.frame.Regs.IP)
		}
		if err := p.reply(ipc.ActionResume, 0); err != nil {
			return err
		}
	}
	if _, err := p.exception(3); err != nil {
		return err
	}
	if p.frame.Event.DebugStatus != 0 {
		return errorf("debug status %#x of a breakpoint", p.frame.Event.DebugStatus)
	}
	return nil
}

func stepSystemCall(g *guest) error {
	p, err := g.newProgram([]byte{0x0f, 0x05, 0x90, 0x90})
	if err != nil {
		return err
	}
	p.frame.Regs.Flags |= flagTrap
	if err := p.start(); err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventSyscall); err != nil {
		return err
	}
	if p.frame.Regs.Flags&flagTrap == 0 {
		return errorf("flags %#x at the call", p.frame.Regs.Flags)
	}
	if err := p.reply(ipc.ActionResume, ipc.MaskResult); err != nil {
		return err
	}
	if _, err := p.exception(1); err != nil {
		return err
	}
	if p.frame.Regs.IP != codeAt+3 {
		return errorf("stepped to %#x", p.frame.Regs.IP)
	}
	return nil
}

func breakpoints(g *guest) error {
	// nop; mov [dataAt], rax; nop; int3
	p, err := g.newProgram([]byte{0x90, 0x48, 0x89, 0x04, 0x25, 0, 0, 0x50, 0, 0x90, 0xcc})
	if err != nil {
		return err
	}
	p.frame.Debug = frame.Debug{DR0: codeAt, DR1: dataAt, DR7: 1 | 1<<2 | 1<<20 | 3<<22} // execute; write of 8... bytes
	if err := g.t.ThreadStart(p.thread, everything|ipc.MaskDebug, 0, 0); err != nil {
		return err
	}
	if _, err := p.exception(1); err != nil {
		return err
	}
	if p.frame.Event.DebugStatus&0xf != 1 || p.frame.Regs.IP != codeAt {
		return errorf("execution: status %#x at %#x", p.frame.Event.DebugStatus, p.frame.Regs.IP)
	}
	p.frame.Regs.Flags |= 1 << 16 // resume flag
	if err := p.reply(ipc.ActionResume, ipc.MaskControl); err != nil {
		return err
	}
	if _, err := p.exception(1); err != nil {
		return err
	}
	if p.frame.Event.DebugStatus&0xf != 2 || p.frame.Regs.IP != codeAt+9 {
		return errorf("store: status %#x at %#x", p.frame.Event.DebugStatus, p.frame.Regs.IP)
	}
	// Another program at the same addresses is not disturbed.
	other, err := g.run(append([]byte{0x90, 0x48, 0x89, 0x04, 0x25, 0, 0, 0x50, 0}, callForever...))
	if err != nil {
		return err
	}
	if _, err := other.expect(ipc.EventSyscall); err != nil {
		return err
	}
	p.frame.Debug = frame.Debug{}
	if err := g.t.ThreadSync(p.thread, ipc.MaskDebug); err != nil {
		return err
	}
	if p.frame.Debug.DR1 != dataAt || p.frame.Debug.DR7&5 != 5 {
		return errorf("synchronised: %+v", p.frame.Debug)
	}
	if err := p.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	_, err = p.exception(3)
	return err
}

// watchedServer: breakpoints compare addresses of any space, so the server's stores to
// its own message buffer would hit the program's watchpoint.
func watchedServer(g *guest) error {
	p, err := g.newProgram(callForever)
	if err != nil {
		return err
	}
	p.frame.Debug = frame.Debug{DR0: ipc.BufferAddress, DR7: 1 | 1<<16}
	if err := g.t.ThreadStart(p.thread, everything|ipc.MaskDebug, 0, 0); err != nil {
		return err
	}
	for i := range 50 {
		if _, err := p.expect(ipc.EventSyscall); err != nil {
			return err
		}
		g.t.Buffer()[0] = byte(i)
		if err := p.reply(ipc.ActionResume, ipc.MaskResult); err != nil {
			return err
		}
	}
	return nil
}

func selectors(g *guest) error {
	// mov ds, eax; mov es, eax; mov gs, eax; wrfsbase rbx; wrgsbase rbx; syscall;
	// xor ecx, ecx; mov cx, ds; mov dx, gs; rdfsbase rsi; rdgsbase rdi; int3
	p, err := g.newProgram([]byte{0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xe8,
		0xf3, 0x48, 0x0f, 0xae, 0xd3, 0xf3, 0x48, 0x0f, 0xae, 0xdb, 0x0f, 0x05,
		0x31, 0xc9, 0x66, 0x8c, 0xd9, 0x8c, 0xea, 0xf3, 0x48, 0x0f, 0xae, 0xc6, 0xf3, 0x48, 0x0f, 0xae, 0xcf, 0xcc})
	if err != nil {
		return err
	}
	p.frame.Regs.AX, p.frame.Regs.BX = 0x2b, 0x1234_5678_9000
	if err := p.start(); err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventSyscall); err != nil {
		return err
	}
	if p.frame.Regs.FSBase != 0x1234_5678_9000 || p.frame.Regs.GSBase != 0x1234_5678_9000 {
		return errorf("bases %#x %#x", p.frame.Regs.FSBase, p.frame.Regs.GSBase)
	}
	other, err := g.run([]byte{0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xe8, 0x0f, 0x05}) // null selectors
	if err != nil {
		return err
	}
	if _, err := other.expect(ipc.EventSyscall); err != nil {
		return err
	}
	if err := p.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	if _, err := p.exception(3); err != nil {
		return err
	}
	r := &p.frame.Regs
	if r.CX != 0x2b || r.DX&0xffff != 0x2b || r.SI != 0x1234_5678_9000 || r.DI != 0x1234_5678_9000 {
		return errorf("after another program ran: ds %#x gs %#x bases %#x %#x", r.CX, r.DX, r.SI, r.DI)
	}
	if err := g.t.ThreadSync(p.thread, ipc.MaskSegments); err != nil {
		return err
	}
	if r.DS != 0x2b || r.GS != 0x2b {
		return errorf("synchronised: ds %#x gs %#x", r.DS, r.GS)
	}
	return nil
}

func moveSpace(g *guest) error {
	p, err := g.run(callForever)
	if err != nil {
		return err
	}
	if _, err := p.expect(ipc.EventSyscall); err != nil {
		return err
	}
	space, _, _, err := g.newSpace([]byte{0x90, 0x90, 0x0f, 0x0b})
	if err != nil {
		return err
	}
	if err := g.t.ThreadSetSpace(p.thread, space, 99); err != nil {
		return err
	}
	if err := g.t.SpaceDestroy(p.space); err != nil {
		return err
	}
	if err := p.reply(ipc.ActionResume, 0); err != nil {
		return err
	}
	_, err = p.exception(6)
	return err
}
