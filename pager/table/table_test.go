package table

import (
	"testing"
	"unsafe"

	"starling/ipc"
)

// memory is a window of n pages over fresh memory, physical addresses from low on.
func memory(n int, low uint64) (Window, []byte) {
	raw := make([]byte, (n+1)*PageSize)
	raw = raw[-uintptr(unsafe.Pointer(&raw[0]))%PageSize:][:n*PageSize]
	return NewWindow(unsafe.Pointer(&raw[0]), low, uint64(n)*PageSize), raw
}

func TestLookup(t *testing.T) {
	const low = 0x10_0000
	w, _ := memory(8, low)
	at := func(page uint64) Entry { return FrameEntry(low+page*PageSize, 0) }
	const page = 3<<27 | 5<<18 | 7<<9 | 11
	w.Node(low + 1*PageSize)[3] = at(2)
	w.Node(low + 2*PageSize)[5] = at(3)
	w.Node(low + 3*PageSize)[7] = at(4)
	want := FrameEntry(low+5*PageSize, Read|Owned)
	w.Node(low + 4*PageSize)[11] = want
	root := uint64(at(1))
	if e := Lookup(&w, root, page); e != want {
		t.Errorf("entry %#x, want %#x", e, want)
	}
	if !want.Allows(ipc.Read) || want.Allows(ipc.Read|ipc.Write) || Entry(0).Allows(0) {
		t.Error("Allows")
	}
	for _, p := range []uint64{page + 1, page + 1<<9, page + 1<<18, page + 1<<27, MaxPages, MaxPages | page} {
		if e := Lookup(&w, root, p); e != 0 {
			t.Errorf("page %#x: entry %#x", p, e)
		}
	}
	o := ObjectRecord{Root: uint64(at(3)), Levels: 2, Extent: low + 6*PageSize, ExtentPages: 2}
	if e := LookupObject(&w, &o, 7<<9|11); e != want {
		t.Errorf("object: entry %#x", e)
	}
	if e := LookupObject(&w, &o, 1); e.Frame() != low+7*PageSize || e&Write != 0 || e&Image == 0 {
		t.Errorf("adopted page: entry %#x", e)
	}
	if e := LookupObject(&w, &o, 2); e != 0 {
		t.Errorf("hole: entry %#x", e)
	}
	if e := LookupObject(&w, &ObjectRecord{Root: uint64(want)}, 0); e != want {
		t.Errorf("object of one page: entry %#x", e)
	}
}

// TestHostileTables: whatever the tables contain, a reader stays in the window.
func TestHostileTables(t *testing.T) {
	for _, low := range []uint64{0, 0x10_0000} {
		w, raw := memory(8, low)
		for i := range raw {
			raw[i] = byte(i*31 + i>>8*17)
		}
		seed := uint64(1)
		for range 20000 {
			seed = seed*6364136223846793005 + 1442695040888963407
			page, root := seed>>28, low+seed>>13%10*PageSize+seed%2*(seed>>7%5)
			// Sprinkle pointers that stay inside, so that walks go deep.
			w.Node(low + (1+seed%7)*PageSize)[seed>>9%512] = FrameEntry(low+seed>>18%9*PageSize, Entry(seed%8))
			Lookup(&w, root, page)
			o := ObjectRecord{Root: root, Levels: uint32(seed >> 40 % 7), Extent: seed, ExtentPages: seed >> 20}
			if e := LookupObject(&w, &o, page>>(seed%36)); e != 0 {
				w.Page(e.Frame())
			}
			NextObject(&w, &o, page>>(seed%36))
		}
	}
}

func TestWindowBounds(t *testing.T) {
	w, _ := memory(4, 0x4000)
	for _, phys := range []uint64{0, 0x3000, 0x4001, 0x8000, ^uint64(0), 1 << 63, 1<<63 + 0x4000} {
		if w.Page(phys) != nil || w.Node(phys) != nil {
			t.Errorf("%#x is shown", phys)
		}
	}
	if w.Page(0x4000) == nil || w.Page(0x7000) == nil {
		t.Error("the ends are not shown")
	}
	if w.At(0x7000, 0x1001) != nil || w.At(0x4000, 0x4000) == nil || w.At(0x5000, ^uint64(0)) != nil {
		t.Error("At")
	}
}

func TestViewChecksHeader(t *testing.T) {
	w, _ := memory(8, 0x4000)
	h := (*Header)(w.At(0x4000, PageSize))
	good := Header{Magic: Magic, Version: Version, Spaces: 0x5000, SpacesCount: 64, Objects: 0x6000, ObjectsCount: 128}
	*h = good
	v, ok := NewView(w, 0x4000)
	if !ok {
		t.Fatal("a sound header is refused")
	}
	v.spaces[3].ID = MakeID(3, 9)
	if v.Space(MakeID(3, 9)) == nil || v.Space(MakeID(3, 8)) != nil || v.Space(0) != nil || v.Space(MakeID(64, 9)) != nil {
		t.Error("records are found by the wrong ids")
	}
	for i, bad := range []func(){
		func() { h.Magic++ }, func() { h.Version++ }, func() { h.Spaces = 0x3000 }, func() { h.Objects += 8 },
		func() { h.SpacesCount = 1 << 40 }, func() { h.ObjectsCount = 64 * 10 }, func() { h.Objects = ^uint64(63) },
	} {
		*h = good
		bad()
		if _, ok := NewView(w, 0x4000); ok {
			t.Errorf("bad header %d is accepted", i)
		}
	}
	if _, ok := NewView(w, 0xc000); ok {
		t.Error("a header outside of the window is accepted")
	}
}
