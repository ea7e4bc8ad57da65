package userabi

import (
	"testing"
	"unsafe"

	"starling/ipc/frame"
)

// Every rule here was looked up with a C program under Linux 6.18.

func TestUserAreaOffsets(t *testing.T) {
	var f Frame
	f.Regs = frame.Registers{R15: 1, OrigAX: 2, IP: 3, GS: 4, Flags: 0x346}
	for _, c := range []struct {
		off  uint64
		want uint64
		o    Outcome
	}{{0, 1, Stored}, {120, 2, Stored}, {128, 3, Stored}, {208, 4, Stored}, {144, 0x246, Stored},
		{216, 0, Stored}, {224, 0, Stored}, {920, 0, Stored}, {848 + 48, 0xffff0ff0, Stored}, {848 + 56, 0, Stored},
		{928, 0, BadRegister}, {4, 0, BadRegister}, {^uint64(7), 0, BadRegister}} {
		if v, o := PeekUser(&f, true, c.off); v != c.want || o != c.o {
			t.Errorf("offset %d: %#x %v, want %#x %v", c.off, v, o, c.want, c.o)
		}
	}
	if unsafe.Sizeof(f.Regs) != RegistersSize {
		t.Error("size of the registers")
	}
}

func TestRefusedStores(t *testing.T) {
	for _, c := range []struct {
		name   string
		off, v uint64
		want   Outcome
	}{
		{"floating point", 224, 0, BadRegister},
		{"u_fpvalid", 216, 0, BadRegister},
		{"null code selector", 17 * 8, 0, BadRegister},
		{"kernel's code selector", 17 * 8, 0x10, BadRegister},
		{"null stack selector", 20 * 8, 0, BadRegister},
		{"null data selector", 23 * 8, 0, Stored},
		{"data selector", 23 * 8, 0x2b, Stored},
		{"kernel's data selector", 23 * 8, 0x18, BadRegister},
		{"FS base beyond", 21 * 8, 0x7ffffffff000, BadRegister},
		{"FS base", 21 * 8, 0x7fffffffefff, Stored},
		{"GS base in the kernel", 22 * 8, 1 << 63, BadRegister},
		{"unaligned", 1, 0, BadRegister},
		{"outside", 928, 0, BadRegister},
		{"DR4", 848 + 32, 1, BadRegister},
		{"DR5", 848 + 40, 1, BadRegister},
		{"DR0 beyond", 848, 0x800000000000, BadValue},
		{"DR1 in the kernel", 848 + 8, 0xffffffff80000000, BadValue},
		{"DR0", 848, 0x400001, Stored},
		{"four bytes at an odd address", 848 + 56, 0x000d0001, BadValue},
		{"I/O breakpoint", 848 + 56, 0x00020001, BadValue},
		{"execute with a length", 848 + 56, 0x00040001, BadValue},
		{"execute", 848 + 56, 1, Stored},
		{"one byte written", 848 + 56, 0x00010001, Stored},
		{"bits that mean nothing", 848 + 56, 0xffffffff0000ff01, Stored},
		{"a register never set", 848 + 56, 0x30, Stored},
	} {
		f := Frame{Debug: frame.Debug{DR0: 0x400001}}
		forced := false
		debug, o := PokeUser(&f, &forced, c.off, c.v)
		if o != c.want || debug != (c.off >= 848 && c.off < 912) {
			t.Errorf("%s: %v, want %v", c.name, o, c.want)
		}
		if got, _ := PeekUser(&f, false, c.off); o == Stored && got != c.v {
			t.Errorf("%s: reads back as %#x", c.name, got)
		}
	}
}

// Whatever a tracer stores, the flags it may not touch stay.
func TestFlagsOfATracer(t *testing.T) {
	f := Frame{Regs: frame.Registers{Flags: 0x202}}
	forced := false
	PokeUser(&f, &forced, 144, ^uint64(0))
	if f.Regs.Flags != 0x54fd7|0x202 {
		t.Errorf("%#x", f.Regs.Flags)
	}
	PokeUser(&f, &forced, 144, 0)
	if f.Regs.Flags != 0x202 {
		t.Errorf("%#x", f.Regs.Flags)
	}
}

// The step flag is hidden and kept while it is the tracer's, and the program's own once
// the tracer wrote it.
func TestStepFlagBelongsToSomebody(t *testing.T) {
	f := Frame{Regs: frame.Registers{Flags: 0x202, CS: userCS, SS: userSS}}
	forced := StartStep(&f, false, []byte{0x90})
	if !forced || f.Regs.Flags != 0x302 {
		t.Fatalf("%v %#x", forced, f.Regs.Flags)
	}
	var b [RegistersSize]byte
	GetRegisters(&f, forced, &b)
	if got := get64(b[144:]); got != 0x202 {
		t.Errorf("shown as %#x", got)
	}
	SetRegisters(&f, &forced, b[:])
	if !forced || f.Regs.Flags != 0x302 {
		t.Error("writing back what was read stopped the step")
	}
	if !StartStep(&f, forced, nil) {
		t.Error("stepping on")
	}
	put64(b[144:], 0x302)
	if o := SetRegisters(&f, &forced, b[:]); o != Stored || forced {
		t.Errorf("%v, forced %v", o, forced)
	}
	StopStep(&f, forced)
	if f.Regs.Flags != 0x302 {
		t.Error("the program's own flag is gone")
	}
	if StartStep(&f, false, nil) {
		t.Error("the program's flag became the tracer's")
	}
	f.Regs.Flags = 0x202
	for _, code := range [][]byte{{0x9d}, {0x66, 0x9d}, {0x48, 0xcf}} {
		if StartStep(&f, true, code) {
			t.Errorf("% x loads the flag", code)
		}
	}
	if f.Regs.Flags = 0x202; !StartStep(&f, false, []byte{0x9c}) {
		t.Error("pushf does not")
	}
}

func TestDebugTrap(t *testing.T) {
	f := Frame{Debug: frame.Debug{DR7: 1 | 1<<2 | 1<<20}, Regs: frame.Registers{Flags: 0x202}} // 0: execute; 1: write
	f.Event.DebugStatus = 0xffff0ff0 | 2 | 1<<14
	if DebugTrap(&f) || f.Debug.DR6 != 2|1<<14 {
		t.Errorf("watch: %#x", f.Debug.DR6)
	}
	f.Event.DebugStatus = 0xffff0ff0 | 1 | 8
	if !DebugTrap(&f) || f.Debug.DR6 != 1 || f.Regs.Flags != 0x10202 {
		t.Errorf("break: %#x %#x", f.Debug.DR6, f.Regs.Flags)
	}
	if v, _ := PeekUser(&f, false, 848+48); v != 0xffff0ff1 {
		t.Errorf("shown as %#x", v)
	}
}

func TestExtendedState(t *testing.T) {
	cpu := CPU{XFeatures: 7, XSize: 832}
	set := &Regsets[2]
	var f Frame
	ResetFP(&f)
	put64(f.XSave[xsaveHeader:], 0)
	f.XSave[600], f.XSave[160] = 9, 9 // stale: the header says initial
	b := make([]byte, MaximumRegset)
	set.Get(&cpu, &f, false, b)
	if b[600] != 0 || b[160] != 0 || get16(b) != 0x37f || get32(b[24:]) != 0x1f80 || get64(b[464:]) != 7 {
		t.Error("what is in its initial state")
	}
	b = b[:set.Size(&cpu)]
	put64(b[512:], 7)
	b[600], b[160] = 1, 2
	if o := set.Set(&cpu, &f, nil, b); o != Stored || f.XSave[600] != 1 || f.XSave[160] != 2 {
		t.Errorf("%v", o)
	}
	if o := set.Set(&cpu, &f, nil, b[:824]); o != BadLength {
		t.Errorf("short: %v", o)
	}
	for _, c := range []struct{ at, v byte }{{0, 0}, {8, 1}, {48, 1}, {7, 0x40}, {0, 8}} {
		x := append([]byte(nil), b...)
		x[512+int(c.at)] |= c.v
		if o := set.Set(&cpu, &f, nil, x); (o == Stored) != (c.v == 0) {
			t.Errorf("header byte %d: %v", c.at, o)
		}
	}
	b[27] = 1
	if o := set.Set(&cpu, &f, nil, b); o != BadValue {
		t.Errorf("MXCSR: %v", o)
	}
	legacy := &Regsets[1]
	if o := legacy.Set(&cpu, &f, nil, b[:512]); o != BadValue {
		t.Errorf("MXCSR: %v", o)
	}
	b[27], b[416-1] = 0, 5
	if o := legacy.Set(&cpu, &f, nil, b[:512]); o != Stored || f.XSave[415] != 5 || f.XSave[600] != 1 {
		t.Errorf("legacy: %v", o)
	}
	if legacy.Set(&cpu, &f, nil, b[:504]) != BadValue {
		t.Error("a short FXSAVE image")
	}
}
