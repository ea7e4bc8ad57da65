//go:build starling_server

package main

import (
	"encoding/binary"
	"unsafe"

	"starling/ipc"
)

var vectorCases = []testCase{
	{"programs that use AVX and x87 run side by side", keepers},
	{"the vector state travels through the frame", threadVectors},
	{"the vector state travels through the frame by the short way", eventVectors},
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

// initialVectors: a reply of the short way, and of the long one, whose image has no component.
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
