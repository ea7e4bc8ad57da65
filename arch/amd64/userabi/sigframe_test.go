package userabi

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"starling/ipc/frame"
)

// somewhere is n bytes, aligned for words, in two pieces that meet after cut of them.
func somewhere(n, cut int) (low, high []byte) {
	piece := func(n int) []byte {
		words := make([]uint64, n/8+1)
		return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
	}
	return piece(cut), piece(n - cut)
}

func testFrame(r *rand.Rand, cpu *CPU) *Frame {
	f := &Frame{}
	Start(f, r.Uint64()>>17, 0x7fff_0000_0000+r.Uint64N(1<<20))
	f.Regs.R8, f.Regs.AX, f.Regs.CX, f.Regs.BX = r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()
	for i := fxMXCSRMask + 4; i < 416; i++ {
		f.XSave[i] = byte(r.Uint32())
	}
	for i := legacySize + headerSize; i < int(cpu.XSize); i++ {
		f.XSave[i] = byte(r.Uint32())
	}
	put64(f.XSave[xsaveHeader:], cpu.XFeatures)
	return f
}

// A frame is the same wherever the end of a page falls, and comes back as it was.
func TestSignalFrameInTwoPages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cpu := Baseline()
	cpu.XFeatures |= featureAVX
	cpu.XSize = 832
	f := testFrame(r, &cpu)
	s := &SignalFrame{Signal: 11, Code: 2, Payload: [4]uint64{1, 2, 3, 4}, Handler: 5, Restorer: 6, Mask: 7,
		Alt: AltStack{8, 9, 1}, Fault: Fault{10, 11, 12}}
	addr, fp := PlaceSignal(&cpu, BelowRedZone(f.Regs.SP))
	if addr%16 != 8 || fp%64 != 0 || fp < addr+uint64(SignalFrameSize) {
		t.Fatalf("frame at %#x, floating point at %#x", addr, fp)
	}
	n := SignalSize(&cpu, addr, fp)
	whole, _ := somewhere(n, n)
	BuildSignal(&cpu, f, s, addr, fp, whole, nil)
	for _, w := range []struct {
		at   int
		want uint64
	}{{0, 6}, {8, 7}, {24, 8}, {32, 1}, {40, 9}, {48, f.Regs.R8}, {48 + 13*8, f.Regs.AX}, {48 + 23*8, fp}, {304, 7}, {328, 1}, {352, 4}} {
		if got := get64(whole[w.at:]); got != w.want {
			t.Errorf("at %d: %#x, want %#x", w.at, got, w.want)
		}
	}
	for cut := 8; cut < n; cut += 8 {
		if (addr+uint64(cut))%64 != 0 {
			continue // pages end at multiples of more than that
		}
		low, high := somewhere(n, cut)
		BuildSignal(&cpu, f, s, addr, fp, low, high)
		if got := append(bytes.Clone(low), high...); !bytes.Equal(got, whole) {
			t.Fatalf("cut after %d bytes: another frame", cut)
		}
		g := &Frame{Regs: frame.Registers{Flags: f.Regs.Flags}}
		var out Restored
		RestoreSignal(g, whole[frameContext:], &out)
		if out.Mask != 7 || out.FP != fp || out.Alt != s.Alt || out.BadSegment || g.Regs.R8 != f.Regs.R8 || g.Regs.IP != f.Regs.IP {
			t.Fatalf("restored %+v, %+v", out, g.Regs)
		}
		at := int(fp - addr)
		var area, rest []byte
		if cut > at {
			area, rest = low[at:], high
		} else {
			area = high[at-cut:]
		}
		size := FPSize(&cpu, area, rest)
		if size != FPAreaSize(&cpu) || !RestoreFP(&cpu, g, area, rest, size) {
			t.Fatalf("cut after %d bytes: floating point of %d bytes refused", cut, size)
		}
		if g.XSave != f.XSave {
			t.Fatalf("cut after %d bytes: another floating-point state", cut)
		}
	}
}

// Whatever the area holds: what XRSTOR refuses is refused and leaves the initial state,
// and components that are not present read as initial.
func TestHostileFP(t *testing.T) {
	cpu := Baseline()
	cpu.XFeatures |= featureAVX
	cpu.XSize = 832
	r := rand.New(rand.NewPCG(3, 4))
	f := testFrame(r, &cpu)
	area, _ := somewhere(FPAreaSize(&cpu), FPAreaSize(&cpu))
	reset := func() {
		BuildSignal(&cpu, f, &SignalFrame{}, 0, uint64(SignalFrameSize), make([]byte, SignalFrameSize), area)
	}
	g := &Frame{}
	initial := &Frame{}
	ResetFP(initial)
	for _, c := range []struct {
		name string
		harm func()
		ok   bool
		size int
	}{
		{"a component that there is not", func() { area[xsaveHeader+1] = 2 }, false, 836},
		{"compacted", func() { area[xsaveHeader+15] = 0x80 }, false, 836},
		{"reserved", func() { area[xsaveHeader+63] = 1 }, false, 836},
		{"no magic", func() { put32(area[fxSoftware:], 0) }, true, legacySize},
		{"no second magic", func() { put32(area[832:], 0) }, true, 836},
		{"too small", func() { put32(area[fxSoftware+16:], 575) }, true, legacySize},
		{"too large", func() { put32(area[fxSoftware+16:], 833) }, true, legacySize},
		{"odd", func() { put32(area[fxSoftware+16:], 577) }, true, 581},
		{"huge", func() { put32(area[fxSoftware+16:], 1<<32-1) }, true, legacySize},
	} {
		reset()
		c.harm()
		size := FPSize(&cpu, area, nil)
		ok := RestoreFP(&cpu, g, area, nil, size)
		if ok != c.ok || size != c.size {
			t.Errorf("%s: %v, %d bytes", c.name, ok, size)
		}
		if !ok && !bytes.Equal(g.XSave[:legacySize+headerSize], initial.XSave[:legacySize+headerSize]) {
			t.Errorf("%s: not the initial state", c.name)
		}
	}
	reset()
	put64(area[xsaveHeader:], 0)
	if !RestoreFP(&cpu, g, area, nil, FPSize(&cpu, area, nil)) {
		t.Fatal("a state of nothing is refused")
	}
	put32(initial.XSave[fxMXCSR:], get32(g.XSave[fxMXCSR:])) // always comes from the area (SDM 1 13.8.1)
	if g.XSave != initial.XSave {
		t.Error("components that are not present are not initial")
	}
	for range 20000 {
		for i := range area {
			area[i] = byte(r.Uint32())
		}
		if r.Uint32()%2 == 0 {
			put32(area[fxSoftware:], xstateMagic1)
			put32(area[fxSoftware+4:], 1<<31)
			put32(area[fxSoftware+16:], 570+r.Uint32N(270))
		}
		cut := r.IntN(len(area)/64) * 64
		low, high := area[:cut:cut], area[cut:]
		RestoreFP(&cpu, g, low, high, FPSize(&cpu, low, high))
		if get64(g.XSave[xsaveHeader:])&^cpu.XFeatures != 0 {
			t.Fatal("a component that there is not")
		}
	}
}

// A frame says which kind of code to return to, and a segment that is none faults (sigreturn(2), arch/x86/kernel/signal_64.c).
func TestSegmentsOfFrames(t *testing.T) {
	const strict, loose = ucXState | ucSS | ucStrictSS, ucXState | ucSS
	for _, c := range []struct {
		flags    uint64
		cs, ss   uint16
		wantCS   uint64
		bad      bool
		selector uint64
	}{
		{strict, 0x33, 0x2b, 0x33, false, 0},
		{strict, 0x30, 0x28, 0x33, false, 0},
		{loose, 0x23, 0x2b, 0x23, false, 0},
		{loose, 0x33, 0, 0x33, false, 0},
		{strict, 0x33, 0, 0x33, true, 0},
		{strict, 0x33, 0x33, 0x33, true, 0x30},
		{loose, 0x23, 0, 0x23, true, 0},
		{strict, 0, 0x2b, 3, true, 0},
		{strict, 0x47, 0x2b, 0x47, true, 0x44},
		{strict, 0x10, 0x2b, 0x13, true, 0x10},
	} {
		var u userContext
		u.Flags, u.Regs.CS, u.Regs.SS = c.flags, c.cs, c.ss
		f := &Frame{Regs: frame.Registers{CS: userCS, SS: userSS}}
		var out Restored
		b := (*[SignalContextSize]byte)(unsafe.Pointer(&u))[:]
		if got := ChangesCode(f, b); got != (c.wantCS != userCS) {
			t.Errorf("%+v: changes the code: %v", c, got)
		}
		RestoreSignal(f, b, &out)
		if f.Regs.CS != c.wantCS || out.BadSegment != c.bad || out.Selector != c.selector || !c.bad && f.Regs.SS != userSS {
			t.Errorf("%+v: CS %#x, SS %#x, %+v", c, f.Regs.CS, f.Regs.SS, out)
		}
	}
}
