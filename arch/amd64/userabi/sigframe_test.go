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

// testCPU has x87, SSE and AVX.
func testCPU() CPU {
	cpu := Baseline()
	cpu.XFeatures |= featureAVX
	cpu.XSize = 832
	return cpu
}

// A frame has everything where programs look for it, and comes back as it was.
func TestSignalFrame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cpu := testCPU()
	f := testFrame(r, &cpu)
	was := *f
	addr, fp := PlaceSignal(&cpu, BelowRedZone(f.Regs.SP))
	if addr%16 != 8 || fp%64 != 0 || fp < addr+uint64(SignalFrameSize) {
		t.Fatalf("frame at %#x, floating point at %#x", addr, fp)
	}
	n := SignalSize(&cpu, addr, fp)
	whole, _ := somewhere(n, n)
	s := SignalFrameIn(whole)
	s.Restorer, s.Mask, s.Alt = 6, 7, AltStack{Base: 8, Flags: 1, Size: 9}
	s.SetFault(10, 11, 12)
	area := whole[fp-addr:]
	EnterHandler(f, s, addr, fp, 13, 5)
	SaveFP(&cpu, f, FPAreaIn(&cpu, area))
	for _, w := range []struct {
		at   int
		want uint64
	}{{0, 6}, {8, 7}, {24, 8}, {32, 1}, {40, 9}, {48, was.Regs.R8}, {48 + 13*8, was.Regs.AX}, {48 + 15*8, was.Regs.SP},
		{48 + 18*8, userCS | userSS<<48}, {48 + 19*8, 11}, {48 + 20*8, 12}, {48 + 21*8, 7}, {48 + 22*8, 10}, {48 + 23*8, fp}, {304, 7}} {
		if got := get64(whole[w.at:]); got != w.want {
			t.Errorf("at %d: %#x, want %#x", w.at, got, w.want)
		}
	}
	if h := &f.Regs; h.IP != 5 || h.SP != addr || h.DI != 13 || h.SI != addr+312 || h.DX != addr+8 || h.AX != 0 || h.OrigAX != NoCall {
		t.Errorf("the handler begins with %+v", *h)
	}
	u := SignalContextIn(whole[frameContext:])
	g := &Frame{Regs: frame.Registers{Flags: f.Regs.Flags}}
	if _, ok := RestoreSignal(g, u); !ok || u.Mask != 7 || u.FP() != fp || u.Alt != s.Alt || g.Regs.R8 != was.Regs.R8 || g.Regs.IP != was.Regs.IP {
		t.Errorf("restored %+v, %+v", u, g.Regs)
	}
	size := FPSize(&cpu, area, nil)
	if size != FPAreaSize(&cpu) {
		t.Fatalf("floating point of %d bytes", size)
	}
	for cut := 64; cut <= len(area)+63; cut += 64 {
		at := min(cut, len(area))
		low, high := somewhere(len(area), at)
		copy(high, area[copy(low, area):])
		g := &Frame{}
		if !RestoreFP(&cpu, g, low, high, size) || g.XSave != was.XSave {
			t.Errorf("cut after %d bytes: another floating-point state, or none", at)
		}
	}
	if !RestoreWholeFP(&cpu, g, FPAreaIn(&cpu, area)) || g.XSave != was.XSave {
		t.Error("the whole area: another floating-point state, or none")
	}
}

// An area of a size that no processor of the tests has, with more than AVX in it, is copied to its end.
func TestLargeState(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, size := range []uint32{576, 832, 2440, 2696, 3072} {
		cpu := CPU{XFeatures: 0xe7, XSize: size}
		f := &Frame{}
		for i := range f.XSave[:size] {
			f.XSave[i] = byte(r.Uint32())
		}
		state := stateOf(f)
		state.control, state.present, state.unused = defaultMXCSR, cpu.XFeatures, [7]uint64{}
		was := *f
		area, _ := somewhere(FPAreaSize(&cpu), FPAreaSize(&cpu))
		SaveFP(&cpu, f, FPAreaIn(&cpu, area))
		g := &Frame{}
		if !RestoreWholeFP(&cpu, g, FPAreaIn(&cpu, area)) {
			t.Fatalf("%d bytes: refused", size)
		}
		clear(was.XSave[416:legacySize])
		if g.XSave != was.XSave {
			t.Errorf("%d bytes: another state", size)
		}
	}
}

// Handlers begin with the initial state, and a frame made of it shows it whatever was there before.
func TestStateOfHandlers(t *testing.T) {
	cpu := testCPU()
	f := testFrame(rand.New(rand.NewPCG(7, 8)), &cpu)
	area, _ := somewhere(FPAreaSize(&cpu), FPAreaSize(&cpu))
	SaveFP(&cpu, f, FPAreaIn(&cpu, area))
	SaveFP(&cpu, f, FPAreaIn(&cpu, area))
	initial := &Frame{}
	ResetFP(initial)
	if !bytes.Equal(area[:416], initial.XSave[:416]) || !bytes.Equal(area[576:832], initial.XSave[576:832]) {
		t.Error("a frame made of the initial state shows another one")
	}
	if got := get64(area[xsaveHeader:]); got != featureX87|featureSSE {
		t.Errorf("present: %#x", got)
	}
	g := &Frame{}
	if RestoreWholeFP(&cpu, g, FPAreaIn(&cpu, area)) {
		t.Error("an area without AVX counts as whole")
	}
	if !RestoreFP(&cpu, g, area, nil, FPSize(&cpu, area, nil)) || get64(g.XSave[xsaveHeader:]) != featureX87|featureSSE {
		t.Error("the initial state does not come back")
	}
}

// Whatever the area holds: what XRSTOR refuses is refused and leaves the initial state,
// and components that are not present read as initial.
func TestHostileFP(t *testing.T) {
	cpu := testCPU()
	r := rand.New(rand.NewPCG(3, 4))
	f := testFrame(r, &cpu)
	area, _ := somewhere(FPAreaSize(&cpu), FPAreaSize(&cpu))
	reset := func() {
		g := *f
		SaveFP(&cpu, &g, FPAreaIn(&cpu, area))
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
		{"an extended size that is less", func() { put32(area[fxSoftware+4:], 831) }, true, legacySize},
		{"fewer components than there are", func() { put64(area[fxSoftware+8:], 3) }, true, 836},
	} {
		reset()
		if !RestoreWholeFP(&cpu, g, FPAreaIn(&cpu, area)) {
			t.Fatal("a whole state is none")
		}
		c.harm()
		if RestoreWholeFP(&cpu, g, FPAreaIn(&cpu, area)) {
			t.Errorf("%s: counts as whole", c.name)
		}
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
		var u SignalContext
		u.flags, u.regs.CS, u.regs.SS = c.flags, c.cs, c.ss
		f := &Frame{Regs: frame.Registers{CS: userCS, SS: userSS}}
		if got := ChangesCode(f, &u); got != (c.wantCS != userCS) {
			t.Errorf("%+v: changes the code: %v", c, got)
		}
		selector, ok := RestoreSignal(f, &u)
		if f.Regs.CS != c.wantCS || ok == c.bad || selector != c.selector || !c.bad && f.Regs.SS != userSS {
			t.Errorf("%+v: CS %#x, SS %#x, %v, %#x", c, f.Regs.CS, f.Regs.SS, ok, selector)
		}
	}
}
