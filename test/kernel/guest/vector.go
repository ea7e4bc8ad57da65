//go:build starling_server

package main

import (
	"encoding/binary"
	"unsafe"

	"starling/ipc"
	"starling/ipc/frame"
)

var vectorCases = []testCase{
	{"programs that use AVX and x87 run side by side", keepers},
	{"the vector state travels through the frame", threadVectors},
	{"the vector state of an event travels through the frame", eventVectors},
	{"the vector state stays in the processor", liveVectors},
	{"a reply with the state in the processor that cannot be taken goes another way", refusedVectors},
	{"components that a reply does not have become initial", initialVectors},
	{"a hostile XSAVE image hurts nobody", hostileVectors},
}

func keepers(g *guest) error {
	const rounds = 20_000_000 / 14
	waiting := map[uint64]bool{}
	for i := range 3 {
		p, err := g.newProgram(codeBytes(codeVectors))
		if err != nil {
			return err
		}
		p.frame.Regs.BX, p.frame.Regs.CX = 0x0101_0101*uint64(i+1), rounds
		if err := p.start(); err != nil {
			return err
		}
		waiting[p.badge] = true
	}
	for len(waiting) > 0 {
		var ev ipc.Event
		if err := g.t.Wait(g.trap, &ev); err != nil {
			return err
		}
		if ev.Kind != ipc.EventSyscall || !waiting[ev.Badge] {
			return errorf("a register changed: %s", show(&ev))
		}
		delete(waiting, ev.Badge)
	}
	return nil
}

// Offsets in the XSAVE area, SDM 1 13.4 and 13.5.
const (
	mxcsrAt   = 24
	xmmAt     = 160
	headerAt  = 512
	ymmHighAt = 576
)

func threadVectors(g *guest) error {
	return vectorSync(g, ipc.MaskFP, func(p *program) error { return g.t.ThreadSync(p.thread, ipc.MaskFP) })
}

func eventVectors(g *guest) error {
	return vectorSync(g, ipc.MaskFP|ipc.MaskGeneral|ipc.MaskControl, func(p *program) error { return g.t.EventSync(p.token, ipc.MaskFP) })
}

// vectorPattern is what startVectors puts into registers.
const vectorPattern = 0x1122334455667788

// pi as x87 stores it in 64 bits.
const pi = 0x400921fb54442d18

// startVectors starts a program that has the pattern in XMM0 and YMM1 and pi on the x87 stack when it makes a call, and then stores the
// low half of XMM0, the high half of YMM1 and the top of the stack.
func startVectors(g *guest) (*program, error) {
	// movq xmm0, rbx; vbroadcastsd ymm1, xmm0; fldpi; syscall; movq [dataAt], xmm0;
	// vextractf128 xmm2, ymm1, 1; movq [dataAt+8], xmm2; fstp qword [dataAt+16]; int3
	p, err := g.newProgram([]byte{0x66, 0x48, 0x0f, 0x6e, 0xc3, 0xc4, 0xe2, 0x7d, 0x19, 0xc8, 0xd9, 0xeb, 0x0f, 0x05,
		0x66, 0x0f, 0xd6, 0x04, 0x25, 0, 0, 0x50, 0, 0xc4, 0xe3, 0x7d, 0x19, 0xca, 1,
		0x66, 0x0f, 0xd6, 0x14, 0x25, 8, 0, 0x50, 0, 0xdd, 0x1c, 0x25, 16, 0, 0x50, 0, 0xcc})
	if err != nil {
		return nil, err
	}
	p.frame.Regs.BX = vectorPattern
	if err := p.start(); err != nil {
		return nil, err
	}
	_, err = p.expect(ipc.EventSyscall)
	return p, err
}

func vectorSync(g *guest, mask ipc.Mask, sync func(*program) error) error {
	p, err := startVectors(g)
	if err != nil {
		return err
	}
	if err := sync(p); err != nil {
		return err
	}
	const pattern = vectorPattern
	x := p.frame.XSave[:]
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(x[at:]) }
	if word(headerAt)&7 != 7 || word(xmmAt) != pattern || word(xmmAt+16) != pattern || word(ymmHighAt+16) != pattern || binary.LittleEndian.Uint32(x[mxcsrAt:]) != 0x1f80 {
		return errorf("header %#x, xmm0 %#x, ymm1 %#x %#x, mxcsr %#x", word(headerAt), word(xmmAt), word(xmmAt+16), word(ymmHighAt+16), binary.LittleEndian.Uint32(x[mxcsrAt:]))
	}
	binary.LittleEndian.PutUint64(x[xmmAt:], 42)
	binary.LittleEndian.PutUint64(x[ymmHighAt+16:], 43)
	if err := p.reply(ipc.ActionResume, mask); err != nil {
		return err
	}
	if _, err := p.exception(3); err != nil {
		return err
	}
	if p.word(0) != 42 || p.word(1) != 43 || p.word(2) != pi {
		return errorf("after the reply: %d %d %#x", p.word(0), p.word(1), p.word(2))
	}
	return nil
}

// vectorArea is room for an XSAVE area.
type vectorArea struct{ bytes []byte }

func newVectorArea() *vectorArea {
	b := make([]byte, frame.XSaveSize+63)
	return &vectorArea{b[-uintptr(unsafe.Pointer(&b[0]))&63:]}
}

func (a *vectorArea) address() uintptr         { return uintptr(unsafe.Pointer(&a.bytes[0])) }
func (a *vectorArea) word(at int) uint64       { return binary.LittleEndian.Uint64(a.bytes[at:]) }
func (a *vectorArea) put(at int, value uint64) { binary.LittleEndian.PutUint64(a.bytes[at:], value) }

// change makes the area another state: what startVectors stores of it is 42, 43 and pi.
func (a *vectorArea) change() {
	a.put(xmmAt, 42)
	a.put(ymmHighAt+16, 43)
}

// changed checks that the program has that state.
func (p *program) changed() error {
	if _, err := p.exception(3); err != nil {
		return err
	}
	if p.word(0) != 42 || p.word(1) != 43 || p.word(2) != pi {
		return errorf("after the reply: %d %d %#x", p.word(0), p.word(1), p.word(2))
	}
	return nil
}

const liveMask = ipc.MaskGeneral | ipc.MaskControl

// liveVectors: the state is stored by this server's own instruction, and loaded by it.
func liveVectors(g *guest) error {
	for _, mask := range []ipc.Mask{liveMask, liveMask | ipc.MaskSegments, 0} { // by the short way, and the others
		p, err := startVectors(g)
		if err != nil {
			return err
		}
		if p.frame.Event.Vector&frame.Live == 0 {
			return errorf("the event does not say that the state is in the processor")
		}
		a := newVectorArea()
		if !g.t.EventSave(&p.token, a.address()) {
			return errorf("it was not stored")
		}
		if a.word(headerAt)&7 != 7 || a.word(xmmAt) != vectorPattern || a.word(xmmAt+16) != vectorPattern || a.word(ymmHighAt+16) != vectorPattern ||
			uint32(a.word(mxcsrAt)) != 0x1f80 {
			return errorf("header %#x, xmm0 %#x, ymm1 %#x %#x, mxcsr %#x", a.word(headerAt), a.word(xmmAt), a.word(xmmAt+16), a.word(ymmHighAt+16), uint32(a.word(mxcsrAt)))
		}
		a.change()
		slot := g.t.ReplySlot()
		slot.Live.Settle = func() { panic("nothing comes between") }
		if !slot.PutLive(&p.token, mask, a.address()) {
			return errorf("the slot did not take it")
		}
		if err := p.changed(); err != nil {
			return err
		}
		q, err := startVectors(g) // another program has run since
		if err != nil {
			return err
		}
		if g.t.EventSave(&p.token, a.address()) {
			return errorf("the state of a program that did not run last was stored")
		}
		if !g.t.EventSave(&q.token, a.address()) {
			return errorf("after a refusal nothing is stored")
		}
		p = q
		_ = g.counter(0) // any call
		if g.t.EventSave(&p.token, a.address()) || slot.PutLive(&p.token, mask, a.address()) {
			return errorf("after another call it was taken")
		}
	}
	return nil
}

// refusedVectors: another call comes first, another thread has to run first, or the event is an old one. Each time the state
// goes to the frame.
func refusedVectors(g *guest) error {
	slot := g.t.ReplySlot()
	settled := 0
	var p *program
	a := newVectorArea()
	slot.Live.Settle = func() {
		settled++
		copy(p.frame.XSave[:], a.bytes[:len(p.frame.XSave)])
		slot.Word ^= uint64(ipc.MaskLive|ipc.MaskFP) << 8
	}
	for i, way := range []func() error{
		func() error { // another call
			slot.PutLive(&p.token, liveMask, a.address())
			_ = g.counter(0)
			return nil
		},
		func() error { // a second reply
			q := &program{g: g, token: p.token}
			q.token.Sequence--
			slot.PutLive(&p.token, liveMask, a.address())
			if err := q.reply(ipc.ActionResume, 0); err != nil {
				return err
			}
			var ev ipc.Event
			if err := g.t.Wait(g.trap, &ev); err != ipc.ErrStale {
				return errorf("the second reply: %v", err)
			}
			return nil
		},
		func() error { // a thread that is more urgent
			q, err := g.newProgram([]byte{0xeb, 0xfe})
			if err != nil {
				return err
			}
			q.priority = 1
			if err := q.makeThread(); err != nil {
				return err
			}
			if err := g.t.ThreadRecall(q.thread); err != nil {
				return err
			}
			if err := q.start(); err != nil {
				return err
			}
			// The server did not wait since, so the state is still there, but a Transport cannot know it.
			slot.Put(&p.token, liveMask|ipc.MaskLive)
			slot.Live.State = a.address()
			_, err = q.expect(ipc.EventReport)
			return err
		},
	} {
		var err error
		if p, err = startVectors(g); err != nil {
			return err
		}
		if !g.t.EventSave(&p.token, a.address()) {
			return errorf("way %d: it was not stored", i)
		}
		a.change()
		if err := way(); err != nil {
			return errorf("way %d: %v", i, err)
		}
		if err := p.changed(); err != nil {
			return errorf("way %d: %v", i, err)
		}
		if settled != i+1 {
			return errorf("way %d: %d times settled", i, settled)
		}
	}
	p.token.Sequence--
	slot.Put(&p.token, liveMask|ipc.MaskLive)
	slot.Live.State = a.address()
	var ev ipc.Event
	if err := g.t.Wait(g.trap, &ev); err != ipc.ErrStale {
		return errorf("a stale event: %v", err)
	}
	return nil
}

// initialVectors: replies whose image has no component, with other groups and without.
func initialVectors(g *guest) error {
	for _, mask := range []ipc.Mask{ipc.MaskFP | ipc.MaskGeneral | ipc.MaskControl, ipc.MaskFP} {
		p, err := startVectors(g)
		if err != nil {
			return err
		}
		if err := g.t.EventSync(p.token, ipc.MaskFP); err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(p.frame.XSave[headerAt:], 0)
		if err := p.reply(ipc.ActionResume, mask); err != nil {
			return err
		}
		if _, err := p.exception(3); err != nil {
			return err
		}
		// An empty x87 stack stores a NaN, or 0 where the emulator knows no empty stack.
		if p.word(0) != 0 || p.word(1) != 0 || p.word(2) == pi {
			return errorf("mask %#x: %#x %#x %#x", mask, p.word(0), p.word(1), p.word(2))
		}
	}
	return nil
}

func hostileVectors(g *guest) error {
	p, err := g.run(callForever)
	if err != nil {
		return err
	}
	var present [8]byte
	for i := range 50 {
		if _, err := p.expect(ipc.EventSyscall); err != nil {
			return err
		}
		if i == 0 {
			if err := g.t.EventSync(p.token, ipc.MaskFP); err != nil {
				return err
			}
			copy(present[:], p.frame.XSave[headerAt:])
		}
		all := unsafe.Slice(&p.frame.XSave[0], len(p.frame.XSave))
		for j := range all {
			all[j] = byte(i*j*37+i) | byte(0xff>>(i%9))
		}
		mask := ipc.MaskFP
		if i%2 != 0 {
			mask |= ipc.MaskGeneral | ipc.MaskControl
		}
		if i%4 == 3 { // just what the processor has
			copy(all[headerAt:], present[:])
		}
		if err := p.reply(ipc.ActionResume, mask); err != nil {
			return err
		}
	}
	return nil
}
