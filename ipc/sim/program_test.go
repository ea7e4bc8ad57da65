package sim

import (
	"fmt"
	"slices"
	"testing"

	"starling/ipc"
)

func TestSystemCallsAndMemory(t *testing.T) {
	w := newWorld(t, Config{})
	var got []uint64
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
		r := &w.regs(ev).frame.Regs
		if r.OrigAX == 231 {
			return ipc.Reply{Token: ev.Token, Action: ipc.ActionKill}
		}
		got = append(got, r.OrigAX, r.DI, r.SI, r.DX, r.R10, r.R8, r.R9)
		return w.result(ev, -38)
	}
	var results []int64
	w.run(func(p *Prog) {
		results = append(results, p.Syscall(1000, 1, 2, 3, 4, 5, 6))
		at := p.Put([]byte("hello"))
		if s := p.String(at); s != "hello" {
			t.Errorf("read back %q", s)
		}
		// A store across a page boundary takes both pages.
		p.Store64(arenaLow+1<<20-4, 0x1122334455667788)
		if v := p.Load64(arenaLow + 1<<20 - 4); v != 0x1122334455667788 {
			t.Errorf("across pages: %#x", v)
		}
	})
	w.steps(1000)
	if !slices.Equal(got, []uint64{1000, 1, 2, 3, 4, 5, 6}) || !slices.Equal(results, []int64{-38}) {
		t.Errorf("call %v, result %v", got, results)
	}
}

func TestReplyTakesOnlyTheMask(t *testing.T) {
	type check struct {
		mask ipc.Mask
		name string
		same func(before, after *Thread) bool
	}
	checks := []check{
		{ipc.MaskResult | ipc.MaskGeneral, "AX", func(b, a *Thread) bool { return b.regs.AX == a.regs.AX }},
		{ipc.MaskGeneral, "R12", func(b, a *Thread) bool { return b.regs.R12 == a.regs.R12 }},
		{ipc.MaskGeneral, "OrigAX", func(b, a *Thread) bool { return b.regs.OrigAX == a.regs.OrigAX }},
		{ipc.MaskControl, "IP", func(b, a *Thread) bool { return b.regs.IP == a.regs.IP }},
		{ipc.MaskControl, "Flags", func(b, a *Thread) bool { return b.regs.Flags == a.regs.Flags }},
		{ipc.MaskSegments, "FSBase", func(b, a *Thread) bool { return b.regs.FSBase == a.regs.FSBase }},
		{ipc.MaskFP, "FP", func(b, a *Thread) bool { return b.fp == a.fp }},
		{ipc.MaskDebug, "Debug", func(b, a *Thread) bool { return b.debug == a.debug }},
	}
	for mask := ipc.Mask(0); mask <= maskAll; mask++ {
		w := newWorld(t, Config{})
		var before *Thread
		w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
			th := w.regs(ev)
			c := *th
			before = &c
			// Everything in the frame is changed; only the mask may get through.
			f := th.frame
			for i, p := range []*uint64{&f.Regs.AX, &f.Regs.R12, &f.Regs.OrigAX, &f.Regs.IP, &f.Regs.Flags, &f.Regs.FSBase, &f.Debug.DR0} {
				*p += uint64(4 + i*4)
			}
			f.XSave[160]++
			return ipc.Reply{Token: ev.Token, Mask: mask, Action: ipc.ActionResume}
		}
		th := w.run(func(p *Prog) { p.Syscall(1) })
		for before == nil && w.k.Step() {
		}
		after := *th
		for _, c := range checks {
			if changed := !c.same(before, &after); changed != (mask&c.mask != 0) {
				t.Errorf("mask %#x: %s changed: %v", mask, c.name, changed)
			}
		}
	}
}

func TestHostileRegistersAreSanitised(t *testing.T) {
	w := newWorld(t, Config{})
	_, th := w.thread(0x400000, 0, 1)
	f := th.frame
	f.Regs.Flags = ^uint64(0)
	f.Regs.CS, f.Regs.SS, f.Regs.DS, f.Regs.ES = 0x10, 0x18, 0x10, 0x2b
	f.Regs.FSBase, f.Regs.GSBase = 0xffff_8000_0000_0000, 0x1234
	f.Debug.DR0, f.Debug.DR7 = 0xffff_ffff_8000_0000, ^uint64(0)
	for i := range f.XSave {
		f.XSave[i] = 0xff
	}
	th.take(maskAll)
	r := &th.regs
	if r.Flags&(3<<12) != 0 || r.Flags&(1<<9) == 0 || r.Flags&(1<<17) != 0 || r.Flags>>22 != 0 {
		t.Errorf("flags %#x: IOPL, VM or reserved bits, or interrupts off", r.Flags)
	}
	if r.CS != userCode || r.SS != userData || r.DS != 0 || r.ES != userData {
		t.Errorf("selectors %#x %#x %#x %#x", r.CS, r.SS, r.DS, r.ES)
	}
	if r.FSBase != 0 || r.GSBase != 0x1234 {
		t.Errorf("bases %#x %#x", r.FSBase, r.GSBase)
	}
	if d := th.debug; d.DR7&3 != 0 || d.DR7&(1<<13) != 0 || d.DR7>>32 != 0 {
		t.Errorf("DR7 %#x: kernel breakpoint, general detect or reserved bits", d.DR7)
	}
	if th.fp[26] != 0 || th.fp[xsaveHeader] != xcr0 || th.fp[xsaveHeader+8] != 0 {
		t.Errorf("XSAVE: MXCSR %x components %x header %x", th.fp[24:28], th.fp[xsaveHeader], th.fp[xsaveHeader+8])
	}
}

func TestNonCanonicalInstructionPointerIsAnException(t *testing.T) {
	w := newWorld(t, Config{})
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
		w.regs(ev).frame.Regs.IP = 1 << 47
		return ipc.Reply{Token: ev.Token, Mask: ipc.MaskControl}
	}
	w.run(func(p *Prog) { p.Syscall(1) })
	w.steps(100)
	last := w.events[len(w.events)-1]
	if last.Kind != ipc.EventException || last.Vector != vectorGP {
		t.Errorf("got %+v", last)
	}
}

func TestFaultsAreForwardedWithTheClass(t *testing.T) {
	w := newWorld(t, Config{})
	var seen ipc.Event
	w.fault = func(w *world, ev *ipc.Event) ipc.Reply {
		seen = *ev
		w.regs(ev).frame.Regs.IP += 2 // step over it
		return ipc.Reply{Token: ev.Token, Mask: ipc.MaskControl}
	}
	stepped := false
	w.run(func(p *Prog) { stepped = !p.Set(0x5000, []byte{1}) })
	w.steps(100)
	if seen.Address != 0x5000 || seen.Access != ipc.Write || seen.Class != ipc.FaultNotMapped || seen.Badge != 1 {
		t.Errorf("forwarded %+v", seen)
	}
	if !stepped {
		t.Error("the store was not stepped over")
	}
}

// A handler is entered by the personality, interrupts what the program was
// doing and returns to it through the restorer.
func TestHandlersNestAndReturn(t *testing.T) {
	w := newWorld(t, Config{})
	var order []string
	var handler, restore uint64
	var saved []Thread
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
		th := w.regs(ev)
		f := &th.frame.Regs
		all := ipc.MaskGeneral | ipc.MaskControl
		switch f.OrigAX {
		case 500: // deliver a signal before returning 7
			c := *th
			c.regs.AX = 7
			saved = append(saved, c)
			f.SP = f.SP - 256&^15 - 8
			w.poke(f.SP, restore)
			f.IP = handler // its argument is in DI already
			return ipc.Reply{Token: ev.Token, Mask: all}
		case 15:
			c := saved[len(saved)-1]
			saved = saved[:len(saved)-1]
			*f = c.regs
			return ipc.Reply{Token: ev.Token, Mask: all}
		case 231:
			return ipc.Reply{Token: ev.Token, Action: ipc.ActionKill}
		}
		return w.result(ev, 0)
	}
	w.run(func(p *Prog) {
		p.Store8(p.Regs().SP, 0) // the stack page is there
		restore = p.Restorer()
		handler = p.Handler(func(p *Prog, sig int, info, ctx uint64) {
			order = append(order, fmt.Sprintf("in %d", sig))
			if sig < 3 {
				p.Syscall(500, uint64(sig+1))
			}
			order = append(order, fmt.Sprintf("out %d", sig))
		})
		v := p.Syscall(500, 1)
		order = append(order, fmt.Sprintf("back %d", v))
	})
	w.steps(1000)
	want := []string{"in 1", "in 2", "in 3", "out 3", "out 2", "out 1", "back 7"}
	if !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

// poke writes to the program's memory, which must be there.
func (w *world) poke(va, v uint64) {
	s, _, _ := find[*space](w.tr, w.space, kindSpace)
	phys, _, ok := s.translate(va, ipc.Write)
	if !ok {
		w.t.Fatalf("poke at %#x", va)
	}
	for i := range uint64(8) {
		w.k.arena[phys+i] = byte(v >> (8 * i))
	}
}

func TestASystemCallIsRestarted(t *testing.T) {
	w := newWorld(t, Config{})
	n := 0
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
		f := &w.regs(ev).frame.Regs
		if f.OrigAX == 231 {
			return ipc.Reply{Token: ev.Token, Action: ipc.ActionKill}
		}
		if n++; n < 4 {
			f.IP -= 2
			f.AX = f.OrigAX
			return ipc.Reply{Token: ev.Token, Mask: ipc.MaskResult | ipc.MaskControl}
		}
		return w.result(ev, 42)
	}
	var v int64
	w.run(func(p *Prog) { v = p.Syscall(600) })
	w.steps(100)
	if v != 42 || n != 4 {
		t.Errorf("result %d after %d calls", v, n)
	}
}

func TestAChildStartsBehindTheCallOfItsParent(t *testing.T) {
	w := newWorld(t, Config{})
	var order []string
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
		f := &w.regs(ev).frame.Regs
		switch f.OrigAX {
		case 56:
			h, child := w.thread(f.IP, f.SI, 2)
			child.frame.Regs.BX = f.BX
			if err := w.tr.ThreadStart(h, ipc.MaskControl|ipc.MaskGeneral, 0, 0); err != nil {
				t.Error(err)
			}
			return w.result(ev, 2)
		case 60, 231:
			order = append(order, fmt.Sprintf("exit %d", f.OrigAX))
			return ipc.Reply{Token: ev.Token, Action: ipc.ActionKill}
		}
		return w.result(ev, 0)
	}
	w.run(func(p *Prog) {
		v := p.Thread(func(p *Prog) { order = append(order, "child") })
		order = append(order, fmt.Sprintf("parent %d", v))
	})
	w.steps(1000)
	if want := []string{"parent 2", "exit 231", "child", "exit 60"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

func TestRecallLatchesAndPreempts(t *testing.T) {
	w := newWorld(t, Config{})
	var reports int
	w.other = func(w *world, ev *ipc.Event) ipc.Reply {
		if ev.Kind != ipc.EventReport {
			t.Errorf("got %+v", *ev)
		}
		reports++
		return ipc.Reply{Token: ev.Token}
	}
	im := w.k.Image("test", func(p *Prog) {
		p.Syscall(1)
		p.Compute(50e6)
	})
	w.text = im.ELF()[textOffset : textOffset+slotCount*slotSize]
	h, _ := w.thread(im.entry, stackTop-64, 1)
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
		if w.regs(ev).frame.Regs.OrigAX == 231 {
			return ipc.Reply{Token: ev.Token, Action: ipc.ActionKill}
		}
		for range 3 { // they collapse
			if err := w.tr.ThreadRecall(h); err != nil {
				t.Error(err)
			}
		}
		return w.result(ev, 0)
	}
	if err := w.tr.ThreadStart(h, ipc.MaskControl, 0, 0); err != nil {
		t.Fatal(err)
	}
	w.k.At(25e6, func() { w.tr.ThreadRecall(h) })
	w.steps(100)
	if reports != 2 {
		t.Errorf("%d reports, want one latched and one while computing", reports)
	}
}

func TestSingleStepTrapsAfterEachInstruction(t *testing.T) {
	w := newWorld(t, Config{})
	var steps int
	w.other = func(w *world, ev *ipc.Event) ipc.Reply {
		if ev.Vector != vectorDebug || w.regs(ev).frame.Event.DebugStatus&stepStatus == 0 {
			t.Errorf("got %+v", *ev)
		}
		steps++
		return ipc.Reply{Token: ev.Token}
	}
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
		f := &w.regs(ev).frame.Regs
		if f.OrigAX == 231 {
			return ipc.Reply{Token: ev.Token, Action: ipc.ActionKill}
		}
		f.Flags |= flagTrap
		return ipc.Reply{Token: ev.Token, Mask: ipc.MaskControl}
	}
	w.run(func(p *Prog) {
		p.Syscall(1)
		p.Store8(arenaLow, 1)
		p.Load8(arenaLow)
	})
	w.steps(100)
	if steps != 3 {
		t.Errorf("%d steps, want 3", steps)
	}
}
