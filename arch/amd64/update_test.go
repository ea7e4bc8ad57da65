package amd64

import (
	"testing"
	"unsafe"

	"starling/ipc/frame"
)

// newContext is a context as the microkernel makes it, in a page of its own.
func newContext(t *testing.T) *Context {
	t.Helper()
	page := make([]byte, 2*ContextSize)
	at := unsafe.Pointer(&page[0])
	at = unsafe.Add(at, ContextSize-uintptr(at)%ContextSize)
	c := (*Context)(at)
	c.Init(true, PageTable{})
	return c
}

func fill(f *frame.Frame, b byte) {
	for i := range unsafe.Slice((*byte)(unsafe.Pointer(f)), unsafe.Sizeof(*f)) {
		unsafe.Slice((*byte)(unsafe.Pointer(f)), unsafe.Sizeof(*f))[i] = b
	}
}

// What the mask does not name keeps its value whatever the frame holds.
func TestTakeTouchesOnlyItsGroups(t *testing.T) {
	type part struct {
		name string
		mask Group
		read func(c *Context) any
	}
	parts := []part{
		{"result", GroupResult | GroupGeneral, func(c *Context) any { return c.Regs.AX }},
		{"general", GroupGeneral, func(c *Context) any {
			r := c.Regs
			return [...]uint64{r.R15, r.R14, r.R13, r.R12, r.BP, r.BX, r.R11, r.R10, r.R9, r.R8, r.CX, r.DX, r.SI, r.DI, r.OrigAX}
		}},
		{"control", GroupControl, func(c *Context) any { return [...]uint64{c.Regs.IP, c.Regs.SP, c.Regs.Flags} }},
		{"segments", GroupSegments, func(c *Context) any {
			r := c.Regs
			return [...]uint64{r.CS, r.SS, r.DS, r.ES, r.FS, r.GS, r.FSBase, r.GSBase}
		}},
		{"vectors", GroupVectors, func(c *Context) any { return *c.area() }},
		{"debug", GroupDebug, func(c *Context) any { return c.debug }},
	}
	var f frame.Frame
	fill(&f, 0x2b)
	f.Regs.DS, f.Regs.FSBase = selUserData, 0x2b2b
	for mask := Group(0); mask <= GroupAll; mask++ {
		c := newContext(t)
		before := make([]any, len(parts))
		for i, p := range parts {
			before[i] = p.read(c)
		}
		c.Take(&f, mask)
		for i, p := range parts {
			changed := p.read(c) != before[i]
			if changed != (mask&p.mask != 0) {
				t.Errorf("mask %#x: %s changed: %v", mask, p.name, changed)
			}
		}
	}
}

func TestTakeMakesControlSafe(t *testing.T) {
	for _, flags := range []uint64{0, ^uint64(0), 0x200, 0x3000, 1 << 17, 1 << 19} {
		c := newContext(t)
		var f frame.Frame
		f.Regs.Flags = flags
		c.Take(&f, GroupControl)
		got := c.Regs.Flags
		if got&0x200 == 0 || got&2 == 0 {
			t.Errorf("flags %#x became %#x: a fixed bit is missing", flags, got)
		}
		if got&^uint64(flagsUser|flagsFixed) != 0 {
			t.Errorf("flags %#x became %#x: a system bit is set", flags, got)
		}
	}
}

func TestTakeMakesSegmentsSafe(t *testing.T) {
	for _, v := range []uint64{0x10, 0x18, 0x08, 0x40, 0x30, 0x28, 0x33, 0x23, 0x2b, 0x7, 0xffff, 1 << 40} {
		c := newContext(t)
		f := frame.Frame{Regs: frame.Registers{CS: v, SS: v, DS: v, ES: v, FS: v, GS: v, FSBase: 1 << 47, GSBase: 1<<63 | 5}}
		c.Take(&f, GroupSegments)
		r := c.Regs
		code := uint64(selUserCode)
		if v == selUser32 {
			code = selUser32
		}
		if r.CS != code || r.SS != selUserData {
			t.Errorf("selector %#x: CS %#x, SS %#x", v, r.CS, r.SS)
		}
		for _, s := range []uint64{r.DS, r.ES, r.FS, r.GS} {
			if s > 3 && s&3 != 3 || s > 0x33 || s&4 != 0 {
				t.Errorf("selector %#x became %#x", v, s)
			}
		}
		if r.FSBase != 0 || r.GSBase != 0 {
			t.Errorf("bases that are not canonical became %#x, %#x", r.FSBase, r.GSBase)
		}
	}
}

// SYSRET is only right when RCX and R11 are the instruction pointer and the flags,
// nothing steps, and the address can be returned to.
func TestSlowReturn(t *testing.T) {
	good := frame.Registers{IP: 0x401000, CX: 0x401000, Flags: 0x202, R11: 0x202, CS: selUserCode, SS: selUserData}
	for _, test := range []struct {
		name string
		edit func(r *frame.Registers)
		slow uint64
	}{
		{"as after a system call", func(*frame.Registers) {}, 0},
		{"another address", func(r *frame.Registers) { r.IP++ }, 1},
		{"another R11", func(r *frame.Registers) { r.R11 = 0 }, 1},
		{"single step", func(r *frame.Registers) { r.Flags |= flagTF; r.R11 |= flagTF }, 1},
		{"resume flag", func(r *frame.Registers) { r.Flags |= flagRF; r.R11 |= flagRF }, 1},
		{"kernel address", func(r *frame.Registers) { r.IP = 0xffff8000_00000000; r.CX = r.IP }, 1},
		{"not canonical", func(r *frame.Registers) { r.IP = 1 << 47; r.CX = r.IP }, 1},
		{"above the limit", func(r *frame.Registers) { r.IP = UserLimit; r.CX = r.IP }, 1},
	} {
		c := newContext(t)
		f := frame.Frame{Regs: good}
		test.edit(&f.Regs)
		c.Take(&f, GroupGeneral|GroupControl|GroupSegments)
		if c.slow != test.slow {
			t.Errorf("%s: slow = %d", test.name, c.slow)
		}
	}
}

func TestBadJump(t *testing.T) {
	for a, bad := range map[uint64]bool{0: false, 1<<47 - 1: false, 1 << 47: true, 1<<63 | 1: true, 0xffff8000_00000000: false, ^uint64(0): false} {
		c := newContext(t)
		c.Regs.IP = a
		if c.BadJump() != bad {
			t.Errorf("%#x: BadJump = %v", a, !bad)
		}
	}
}

// XRSTOR faults on each of these: SDM 1 13.8.1.
func TestTakeMakesVectorsSafe(t *testing.T) {
	c := newContext(t)
	var f frame.Frame
	fill(&f, 0xff)
	c.Take(&f, GroupVectors)
	a := c.area()
	if a.mxcsr&^vectorUnit.mxcsrMask != 0 || a.compacted != 0 || a.reserved != [6]uint64{} || a.present&^vectorUnit.components != 0 {
		t.Errorf("mxcsr %#x, present %#x, compacted %#x, reserved %v", a.mxcsr, a.present, a.compacted, a.reserved)
	}
	// Without the component the XMM registers are in their initial state.
	(*xsaveArea)(unsafe.Pointer(&f.XSave)).present = 0
	c.Take(&f, GroupVectors)
	if a.xmm != [16][16]byte{} || a.mxcsr != mxcsrInitial {
		t.Errorf("absent SSE state: mxcsr %#x, xmm %v", a.mxcsr, a.xmm[0])
	}
}

func TestTakeMakesDebugSafe(t *testing.T) {
	for _, test := range []struct {
		in   frame.Debug
		want uint64
	}{
		{frame.Debug{DR7: 1}, 1 | dr7Fixed},
		{frame.Debug{DR0: UserLimit, DR7: 3}, dr7Fixed},
		{frame.Debug{DR1: 0xffffffff80000000, DR2: 8, DR7: 4 | 16}, 16 | dr7Fixed},
		{frame.Debug{DR7: 1 | 2<<16}, 2<<16 | dr7Fixed}, // I/O breakpoint
		{frame.Debug{DR7: 1 << 13}, dr7Fixed},           // general detect
		{frame.Debug{DR7: ^uint64(0)}, 0xffff0000 | dr7User | dr7Fixed},
	} {
		c := newContext(t)
		c.Take(&frame.Frame{Debug: test.in}, GroupDebug)
		if c.debug.DR7 != test.want {
			t.Errorf("%+v: DR7 %#x, want %#x", test.in, c.debug.DR7, test.want)
		}
	}
}

func TestTakeAndSyncAgree(t *testing.T) {
	c := newContext(t)
	var in, out frame.Frame
	fill(&in, 0x23)
	c.Take(&in, GroupAll)
	c.Sync(&out, GroupAll)
	var again frame.Frame
	c.Take(&out, GroupAll)
	c.Sync(&again, GroupAll)
	if out != again {
		t.Error("a synchronised frame taken and synchronised again differs")
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	c := newContext(t)
	var f frame.Frame
	if n := testing.AllocsPerRun(100, func() { c.Take(&f, GroupAll); c.Sync(&f, GroupAll); c.Publish(&f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
