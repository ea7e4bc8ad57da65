//go:build starling_server

package main

import (
	"starling/ipc"
)

var hostileCases = []testCase{
	{"privileged and wrong instructions are exceptions of the thread", wrongInstructions},
	{"every instruction after 0f ends in an event", everyInstruction},
	{"32-bit code cannot hurt", compatibilityMode},
	{"hostile registers in a reply hurt nobody", hostileReplies},
}

// wrongCode is a piece of code and what must come of it.
type wrongCode struct {
	name   string
	code   []byte
	kind   ipc.EventKind
	vector uint16
}

// orElse is a vector that is another one on some processors.
func orElse(vector, other uint16) uint16 { return vector | other<<8 }

const fault = ipc.EventFault

var wrongCodes = []wrongCode{
	{"hlt", []byte{0xf4}, ipc.EventException, 13},
	{"cli", []byte{0xfa}, ipc.EventException, 13},
	{"sti", []byte{0xfb}, ipc.EventException, 13},
	{"in al, dx", []byte{0xec}, ipc.EventException, 13},
	{"out dx, al", []byte{0xee}, ipc.EventException, 13},
	{"in al, 0xf4", []byte{0xe4, 0xf4}, ipc.EventException, 13},
	{"rdmsr", []byte{0x0f, 0x32}, ipc.EventException, 13},
	{"wrmsr", []byte{0x0f, 0x30}, ipc.EventException, 13},
	{"mov cr0, rax", []byte{0x0f, 0x22, 0xc0}, ipc.EventException, 13},
	{"mov rax, cr3", []byte{0x0f, 0x20, 0xd8}, ipc.EventException, 13},
	{"mov dr7, rax", []byte{0x0f, 0x23, 0xf8}, ipc.EventException, 13},
	{"lgdt", []byte{0x0f, 0x01, 0x14, 0x25, 0, 0, 0x50, 0}, ipc.EventException, 13},
	{"swapgs", []byte{0x0f, 0x01, 0xf8}, ipc.EventException, 13},
	{"sysretq", []byte{0x48, 0x0f, 0x07}, ipc.EventException, 13},
	{"xsetbv", []byte{0x0f, 0x01, 0xd1}, ipc.EventException, 13},
	{"invlpg", []byte{0x0f, 0x01, 0x3c, 0x25, 0, 0, 0x50, 0}, ipc.EventException, 13},
	{"wbinvd", []byte{0x0f, 0x09}, ipc.EventException, 13},
	{"rdpmc", []byte{0x0f, 0x33}, ipc.EventException, 13},
	{"int 0x80", []byte{0xcd, 0x80}, ipc.EventException, 13},
	{"int 0x20", []byte{0xcd, 0x20}, ipc.EventException, 13},
	{"int 0x30", []byte{0xcd, 0x30}, ipc.EventException, 13},
	{"int 8", []byte{0xcd, 8}, ipc.EventException, 13},
	{"int 2", []byte{0xcd, 2}, ipc.EventException, 13},
	{"int 14", []byte{0xcd, 14}, ipc.EventException, 13},
	{"int3", []byte{0xcc}, ipc.EventException, 3},
	{"ud2", []byte{0x0f, 0x0b}, ipc.EventException, 6},
	{"div by zero", []byte{0x31, 0xc9, 0xf7, 0xf1}, ipc.EventException, 0},
	{"mov ds, kernel", []byte{0x66, 0xb8, 0x18, 0, 0x8e, 0xd8}, ipc.EventException, 13},
	{"mov ss, null", []byte{0x31, 0xc0, 0x8e, 0xd0}, ipc.EventException, 13},
	{"mov fs, tss", []byte{0x66, 0xb8, 0x43, 0, 0x8e, 0xe0}, ipc.EventException, 13},
	{"far return to kernel code", []byte{0x6a, 0x10, 0x68, 0, 0, 0x40, 0, 0x48, 0xcb}, ipc.EventException, 13},
	{"iret to kernel code", []byte{0x6a, 0x18, 0x6a, 0, 0x6a, 2, 0x6a, 0x10, 0x6a, 0, 0x48, 0xcf}, ipc.EventException, 13},
	{"iret with nested task", []byte{0x9c, 0x80, 0x4c, 0x24, 1, 0x40, 0x9d, 0x48, 0xcf}, ipc.EventException, 13},
	{"jump not canonical", []byte{0x48, 0xb8, 0, 0, 0, 0, 0, 0x80, 0, 0, 0xff, 0xe0}, ipc.EventException, 13},
	{"load not canonical", []byte{0x48, 0xa1, 0, 0, 0, 0, 0, 0x80, 0, 0}, ipc.EventException, 13},
	{"push not canonical", []byte{0x48, 0xbc, 0, 0x10, 0, 0, 0, 0x80, 0, 0, 0x50}, ipc.EventException, orElse(12, 13)}, // 13 under TCG
	{"load kernel", []byte{0x48, 0xa1, 0, 0, 0x10, 0, 0, 0x80, 0xff, 0xff}, fault, 0},
	{"store kernel", []byte{0x48, 0xa3, 0, 0, 0x20, 0x80, 0xff, 0xff, 0xff, 0xff}, fault, 0},
	{"jump kernel", []byte{0x48, 0xb8, 0, 0, 0x20, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe0}, fault, 0},
	{"call null", []byte{0x31, 0xc0, 0xff, 0xd0}, fault, 0},
	{"stack kernel", []byte{0x48, 0xbc, 0, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0x48, 0xbc, 0, 0, 0x20, 0x80, 0xff, 0xff, 0xff, 0xff, 0x50}, fault, 0},
	{"call with a kernel stack", []byte{0x48, 0xbc, 0, 0, 0x20, 0x80, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x05}, ipc.EventSyscall, 0},
	{"call with a stack that is not canonical", []byte{0x48, 0xbc, 0, 0, 0, 0, 0, 0x80, 0, 0, 0x0f, 0x05}, ipc.EventSyscall, 0},
	{"call with DF, NT, AC, TF", []byte{0x68, 2, 0x45, 4, 0, 0x9d, 0x0f, 0x05}, ipc.EventSyscall, 0},
	{"sysenter", []byte{0x0f, 0x34}, ipc.EventException, orElse(13, 6)}, // 6 where the processor is AMD's
	{"vmcall", []byte{0x0f, 0x01, 0xc1}, ipc.EventException, 6},
	{"mov ss, then call", []byte{0x8c, 0xd0, 0x8e, 0xd0, 0x0f, 0x05}, ipc.EventSyscall, 0},
	{"mov ss, then int3", []byte{0x8c, 0xd0, 0x8e, 0xd0, 0xcc}, ipc.EventException, 3},
	{"popf does not change the privilege level of ports", []byte{0x68, 2, 0x30, 0, 0, 0x9d, 0xec}, ipc.EventException, 13},
}

func wrongInstructions(g *guest) error {
	g.faultTo = g.trap
	bystander, err := g.newProgram(countForever)
	if err != nil {
		return err
	}
	bystander.frame.Regs.DI = dataAt
	if err := bystander.start(); err != nil {
		return err
	}
	for _, w := range wrongCodes {
		p, err := g.newProgram(w.code)
		if err != nil {
			return err
		}
		if err := p.start(); err != nil {
			return err
		}
		ev, err := p.expect(w.kind)
		if err != nil {
			return errorf("%s: %v", w.name, err)
		}
		if ev.Vector != w.vector&0xff && (w.vector>>8 == 0 || ev.Vector != w.vector>>8) {
			return errorf("%s: exception %d, want %d", w.name, ev.Vector, w.vector)
		}
		if err := p.reply(ipc.ActionKill, 0); err != nil {
			return err
		}
	}
	return g.untilChange(bystander, bystander.word(0))
}

// crashesQEMU: QEMU 7.2's TCG itself ends with a segmentation fault on some
// encodings that need a VEX prefix and lack it.
func crashesQEMU(prefix []byte, b int) bool {
	return len(prefix) == 2 && prefix[1] == 0x38 && b >= 0x0c && b <= 0x0f
}

func everyInstruction(g *guest) error {
	for _, prefix := range [][]byte{{0x0f}, {0x66, 0x0f}, {0xf3, 0x48, 0x0f}, {0xf2, 0x0f}, {0x0f, 0x01}, {0x0f, 0x38}, {0x0f, 0xae}, {0xf0, 0x0f}} {
		for b := range 256 {
			if crashesQEMU(prefix, b) {
				continue
			}
			g.faultTo = g.trap
			p, err := g.newProgram(append(append([]byte{}, prefix...), byte(b), 0, 0, 0, 0, 0, 0, 0, 0, 0xcc))
			if err != nil {
				return err
			}
			r := &p.frame.Regs
			r.AX, r.BX, r.CX, r.DX = ^uint64(0), 1<<47, 0xc0000080, 0x1234
			r.SI, r.DI, r.R11 = 0xffffffff80200000, 0xffff800000000000, ^uint64(0)
			if err := p.start(); err != nil {
				return err
			}
			// Some run into the zeros behind them and store where they may, for long.
			if err := g.t.TimerSet(g.trap, g.t.Now()+milliseconds/2); err != nil {
				return err
			}
			var ev ipc.Event
			if err := g.t.Wait(g.trap, &ev); err != nil {
				return err
			}
			if ev.Kind != ipc.EventTimer && ev.Badge != p.badge {
				return errorf("% x %02x: %s", prefix, b, show(&ev))
			}
			if err := g.t.ThreadDestroy(p.thread); err != nil {
				return errorf("% x %02x: %v", prefix, b, err)
			}
			g.clean()
		}
	}
	return nil
}

func compatibilityMode(g *guest) error {
	// push 0x23; push 32-bit code; retfq. Then in 32-bit code at +16: the byte given.
	for _, c := range []struct {
		name   string
		code   []byte
		vector uint16
	}{
		{"int3", []byte{0xcc}, 3},
		{"into with overflow", []byte{0xb0, 0x7f, 0x04, 0x01, 0xce}, 4},
		{"int 0x80", []byte{0xcd, 0x80}, 13},
		{"syscall", []byte{0x0f, 0x05}, 6},
		{"sysenter", []byte{0x0f, 0x34}, 13},
		{"bound", []byte{0x62, 0x05, 0, 0, 0x50, 0, 0xcc}, 3},
	} {
		g.faultTo = g.trap
		text := make([]byte, 16, 32)
		copy(text, []byte{0x6a, 0x23, 0x68, 0x10, 0, 0x40, 0, 0x48, 0xcb})
		p, err := g.newProgram(append(text, c.code...))
		if err != nil {
			return err
		}
		if err := p.start(); err != nil {
			return err
		}
		if _, err := p.exception(c.vector); err != nil {
			return errorf("%s: %v", c.name, err)
		}
		if p.frame.Regs.CS != 0x23 {
			return errorf("%s: code selector %#x", c.name, p.frame.Regs.CS)
		}
		if c.name == "syscall" && p.frame.Regs.IP != codeAt+16 {
			return errorf("%s: at %#x", c.name, p.frame.Regs.IP)
		}
		// It goes on in 32-bit code.
		p.frame.Regs.IP = codeAt + 16
		if err := p.reply(ipc.ActionResume, everything); err != nil {
			return err
		}
		if _, err := p.exception(c.vector); err != nil {
			return errorf("%s again: %v", c.name, err)
		}
	}
	return nil
}

func hostileReplies(g *guest) error {
	values := []uint64{0, ^uint64(0), 1 << 47, 1<<47 - 1, 1 << 63, 0xffff800000000000, 0xffffffff80200000, 0x10, 0x23, 0x33, 0x3000, 1 << 17, 1<<8 | 1<<14 | 1<<18, codeAt}
	seed := uint64(12345)
	next := func() uint64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return values[seed>>33%uint64(len(values))]
	}
	for i := range 400 {
		mask := everything | ipc.MaskDebug | ipc.MaskFP
		if i%2 != 0 {
			mask = ipc.MaskGeneral | ipc.MaskControl
		}
		g.faultTo = g.trap
		p, err := g.run(callForever)
		if err != nil {
			return err
		}
		if _, err := p.expect(ipc.EventSyscall); err != nil {
			return err
		}
		r := &p.frame.Regs
		for _, to := range []*uint64{&r.IP, &r.SP, &r.Flags, &r.CS, &r.SS, &r.DS, &r.ES, &r.FS, &r.GS, &r.FSBase, &r.GSBase, &r.CX, &r.R11,
			&p.frame.Debug.DR0, &p.frame.Debug.DR1, &p.frame.Debug.DR6, &p.frame.Debug.DR7} {
			*to = next()
		}
		if err := p.reply(ipc.ActionResume, mask); err != nil {
			return err
		}
		if err := g.t.TimerSet(g.trap, g.t.Now()+milliseconds/10); err != nil {
			return err
		}
		var ev ipc.Event
		if err := g.t.Wait(g.trap, &ev); err != nil {
			return err
		}
		g.clean()
	}
	return nil
}
