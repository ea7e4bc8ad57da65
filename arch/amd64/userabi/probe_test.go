package userabi

import (
	"bytes"
	"testing"
)

func TestAnalyzeProbe(t *testing.T) {
	for _, c := range []struct {
		name   string
		code   []byte
		length int // 0: refused
		how    execution
		fix    fixes
		copy   []byte // of the copy, nil: as it is
	}{
		{"nop", []byte{0x90}, 1, byNothing, 0, nil},
		{"long nop", []byte{0x66, 0x0f, 0x1f, 0x44, 0, 0}, 6, byNothing, 0, nil},
		{"endbr64", []byte{0xf3, 0x0f, 0x1e, 0xfa}, 4, byNothing, 0, nil},
		{"push rbp", []byte{0x55}, 1, byPush, fixIP, nil},
		{"push r12", []byte{0x41, 0x54}, 2, byPush, fixIP, nil},
		{"jmp short", []byte{0xeb, 0xfe}, 2, byJump, fixIP, nil},
		{"je near", []byte{0x0f, 0x84, 0, 1, 0, 0}, 6, byCondition, fixIP, nil},
		{"call", []byte{0xe8, 0, 1, 0, 0}, 5, byCall, fixIP, nil},
		{"call [rax]", []byte{0xff, 0x10}, 2, byStep, fixReturn, nil},
		{"jmp [rip+x]", []byte{0xff, 0x25, 1, 2, 3, 4}, 6, byStep, 0, []byte{0xff, 0xa6, 1, 2, 3, 4}},
		{"ret", []byte{0xc3}, 1, byStep, 0, nil},
		{"sub rsp", []byte{0x48, 0x83, 0xec, 8}, 4, byStep, fixIP, nil},
		{"mov rax, [rip+x]", []byte{0x48, 0x8b, 0x05, 1, 2, 3, 4}, 7, byStep, fixIP, []byte{0x48, 0x8b, 0x86, 1, 2, 3, 4}},
		{"mov rsi, [rip+x]", []byte{0x48, 0x8b, 0x35, 1, 2, 3, 4}, 7, byStep, fixIP, []byte{0x48, 0x8b, 0xb7, 1, 2, 3, 4}},
		{"cmp [rip+x], imm8", []byte{0x80, 0x3d, 1, 2, 3, 4, 0}, 7, byStep, fixIP, []byte{0x80, 0xbe, 1, 2, 3, 4, 0}},
		{"vmovdqu ymm0, [rip+x]", []byte{0xc5, 0xfe, 0x6f, 0x05, 1, 2, 3, 4}, 8, byStep, fixIP, []byte{0xc5, 0xfe, 0x6f, 0x86, 1, 2, 3, 4}},
		{"vpshufd with imm8", []byte{0xc5, 0xf9, 0x70, 0xc0, 5}, 5, byStep, fixIP, nil},
		{"vzeroupper", []byte{0xc5, 0xf8, 0x77}, 3, byStep, fixIP, nil},
		{"pushfq", []byte{0x9c}, 1, byStep, fixIP | fixFlags, nil},
		{"popfq", []byte{0x9d}, 1, byStep, fixIP | keepStep, nil},
		{"syscall", []byte{0x0f, 0x05}, 2, byStep, fixIP, nil},
		{"loop", []byte{0xe2, 0xfe}, 2, byStep, fixIP, nil},
		{"int3", []byte{0xcc}, 0, 0, 0, nil},
		{"int 0x80", []byte{0xcd, 0x80}, 0, 0, 0, nil},
		{"hlt", []byte{0xf4}, 0, 0, 0, nil},
		{"ud2", []byte{0x0f, 0x0b}, 2, byStep, fixIP, nil},
		{"lock add", []byte{0xf0, 0x48, 0x01, 0x07}, 0, 0, 0, nil},
		{"mov cr3", []byte{0x0f, 0x22, 0xd8}, 0, 0, 0, nil},
		{"mov ss", []byte{0x8e, 0xd0}, 0, 0, 0, nil},
		{"far return", []byte{0xcb}, 0, 0, 0, nil},
		{"evex", []byte{0x62, 0xf1, 0x7c, 0x48, 0x10, 0x00}, 0, 0, 0, nil},
		{"cut off", []byte{0x48, 0x8b}, 0, 0, 0, nil},
		{"nothing", nil, 0, 0, 0, nil},
	} {
		p, ok := AnalyzeProbe(append(bytes.Clone(c.code), 0x90, 0x90, 0x90)[:len(c.code)+min(3, 3*c.length)])
		if ok != (c.length > 0) {
			t.Errorf("%s: accepted %v", c.name, ok)
			continue
		}
		if !ok {
			continue
		}
		if p.Length != c.length || p.how != c.how || p.how == byStep && p.fix != c.fix {
			t.Errorf("%s: length %d, executed by %d, fixes %b; want %d, %d, %b", c.name, p.Length, p.how, p.fix, c.length, c.how, c.fix)
		}
		want := c.copy
		if want == nil {
			want = c.code
		}
		if p.how == byStep && !bytes.Equal(p.Code[:p.Length], want) {
			t.Errorf("%s: copy % x, want % x", c.name, p.Code[:p.Length], want)
		}
	}
}

// A step changes nothing but what the instruction does: a borrowed register is back, the flags are the program's, the
// address that a call pushed is behind the original.
func TestProbeStep(t *testing.T) {
	const at, slot = 0x401000, 0x7fff00000040
	memory := map[uint64]uint64{}
	load := func(va uint64) (uint64, bool) { return memory[va], true }
	store := func(va, v uint64) bool { memory[va] = v; return true }

	p, _ := AnalyzeProbe([]byte{0x48, 0x8b, 0x05, 0x10, 0, 0, 0})
	f := &Frame{}
	f.Regs.SI, f.Regs.IP, f.Regs.Flags = 7, at, 0x202
	saved, own := p.BeginProbeStep(f, at, slot)
	if f.Regs.IP != slot || f.Regs.Flags&flagStep == 0 || f.Regs.SI != at+7 {
		t.Errorf("begin: %+v", f.Regs)
	}
	f.Regs.IP = slot + 7
	if !p.EndProbeStep(f, at, slot, saved, own, load, store) || f.Regs.IP != at+7 || f.Regs.SI != 7 || f.Regs.Flags != 0x202 {
		t.Errorf("end: %+v", f.Regs)
	}
	saved, own = p.BeginProbeStep(f, at, slot)
	p.UndoProbeStep(f, at, saved, own)
	if f.Regs.IP != at || f.Regs.SI != 7 || f.Regs.Flags != 0x202 {
		t.Errorf("undo: %+v", f.Regs)
	}

	p, _ = AnalyzeProbe([]byte{0xff, 0xd0}) // call rax
	f.Regs.AX, f.Regs.SP = 0x402000, 0x1000
	saved, own = p.BeginProbeStep(f, at, slot)
	f.Regs.IP, f.Regs.SP = 0x402000, 0xff8
	memory[0xff8] = slot + 2
	if !p.EndProbeStep(f, at, slot, saved, own, load, store) || f.Regs.IP != 0x402000 || memory[0xff8] != at+2 {
		t.Errorf("call: %+v, pushed %#x", f.Regs, memory[0xff8])
	}

	p, _ = AnalyzeProbe([]byte{0x9c}) // pushfq
	saved, own = p.BeginProbeStep(f, at, slot)
	memory[0xff0], f.Regs.SP = f.Regs.Flags, 0xff0
	if !p.EndProbeStep(f, at, slot, saved, own, load, store) || memory[0xff0]&flagStep != 0 {
		t.Errorf("the step flag can be seen: %#x", memory[0xff0])
	}
}

// Conditions are those of SDM 2A, Jcc.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		cond  byte
		flags uint64
		want  bool
	}{
		{4, flagZero, true}, {5, flagZero, false}, {2, flagCarry, true}, {6, flagCarry, true}, {7, 0, true},
		{0xc, flagSign, true}, {0xc, flagSign | flagOverflow, false}, {0xd, flagOverflow, false}, {0xe, flagZero, true}, {0xf, 0, true}, {0xa, flagParity, true}, {0, flagOverflow, true}, {8, flagSign, true},
	} {
		if holds(c.cond, c.flags) != c.want {
			t.Errorf("condition %x with flags %#x", c.cond, c.flags)
		}
	}
}

// Any bytes are analysed without harm, and a copy has the length of the original.
func FuzzAnalyzeProbe(f *testing.F) {
	f.Add([]byte{0xc4, 0xe2, 0x7d, 0x18, 0x05, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, code []byte) {
		if p, ok := AnalyzeProbe(code); ok && (p.Length <= 0 || p.Length > len(code) || p.Length > InstructionLength) {
			t.Errorf("% x: length %d", code, p.Length)
		}
		InstructionSize(code)
	})
}
