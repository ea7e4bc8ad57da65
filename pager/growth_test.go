package pager

import (
	"testing"

	"starling/ipc"
	"starling/pager/client"
)

// TestMemoryIsDecidedLate: data and tables both grow out of what is undecided at the
// start, every window shows what they got, and data leaves enough for others to start.
func TestMemoryIsDecidedLate(t *testing.T) {
	b := newBed(t, 8192, modelImage)
	admin := b.client(adminBadge)
	server, err := b.p.t.SpaceCreate()
	if err != nil {
		t.Fatal(err)
	}
	linux, st := admin.SpaceAdopt(server, 0)
	b.ok(st)
	b.ok(admin.WindowMap(linux, client.WindowData|client.WindowTables|client.WindowImage))
	b.ok(admin.Map(linux, client.Region{Address: ipc.HeapAddress, Pages: 64, Access: rw}))
	start := b.c.Stats()
	if start.FramesFree+start.TablesTotal+start.GrantsTotal != 8192 || start.FramesUsed != 0 {
		t.Errorf("published at the start: %+v", start)
	}

	hog := b.space()
	const va = 0x1_0000_0000
	b.ok(b.c.Map(hog, client.Region{Address: va, Pages: 8192, Access: rw, Flags: client.NoReserve}))
	pages := uint64(0)
	for ; ; pages++ {
		if _, class := b.touch(hog, va+pages<<12, ipc.Write); class == ipc.FaultOutOfMemory {
			break
		}
	}
	if pages < start.FramesTotal*3/4 {
		t.Errorf("out of memory after %d of %d pages", pages, start.FramesTotal)
	}
	full := b.c.Stats()
	if full.FramesUsed != pages || full.Spare < 8192/8 {
		t.Errorf("published when full: %+v", full)
	}
	b.sound()
	// Others can still be made and have their page tables paid.
	others := []client.Space{}
	for range 20 {
		s := b.space()
		b.ok(b.c.Map(s, client.Region{Address: va, Pages: 4, Access: rw}))
		b.ok(b.c.Map(s, client.Region{Address: 0x7000_0000_0000, Pages: 4, Access: rw}))
		if _, class := b.touch(s, va, ipc.Write); class != ipc.FaultOutOfMemory {
			t.Fatalf("a frame for a program although memory is full: class %d", class)
		}
		others = append(others, s)
	}
	b.store(linux, ipc.HeapAddress, 1)
	b.ok(b.c.SpaceDestroy(hog))

	// Now tables: sparse spaces, several nodes for each page.
	tables := b.c.Stats().TablesTotal
	for i := range uint64(200) {
		s := others[i%20]
		at := 0x10_0000_0000 + i<<30
		b.ok(b.c.Map(s, client.Region{Address: at, Pages: 1, Access: rw}))
		if _, class := b.touch(s, at, ipc.Write); class == ipc.FaultOutOfMemory {
			t.Fatalf("out of memory after %d sparse pages", i)
		}
	}
	if b.c.Stats().TablesTotal == tables {
		t.Error("the tables did not grow")
	}
	b.sound()
	b.windowIsWhole(server)
}

// TestGrowthFeedsTheKernel: data and tables grow when the kernel has not a page left to note a new
// capability or to map it, and no page gets lost.
func TestGrowthFeedsTheKernel(t *testing.T) {
	b := newBed(t, 4096, nil)
	admin := b.client(adminBadge)
	server, err := b.p.t.SpaceCreate()
	if err != nil {
		t.Fatal(err)
	}
	linux, st := admin.SpaceAdopt(server, 0)
	b.ok(st)
	b.ok(admin.WindowMap(linux, client.WindowData|client.WindowTables))
	drain := b.drain()
	s := b.space()
	grown, total := len(b.p.data)+len(b.p.tables), b.c.Stats().GrantsTotal
	var class ipc.FaultClass
	for i := uint64(0); class == ipc.FaultNone; i++ {
		if b.p.framesFree <= b.p.frameReserve+1 || b.p.nodesFree <= b.p.nodeReserve+3 {
			drain()
		}
		va := 1<<44 + i<<12
		if i%8 == 0 {
			va = 1<<45 + i<<30 // with tables of its own
		}
		b.ok(b.c.Map(s, client.Region{Address: va, Pages: 1, Access: rw}))
		_, class = b.touch(s, va, ipc.Write)
	}
	full := b.c.Stats()
	if class != ipc.FaultOutOfMemory || full.DataLeft > 0 || full.GrantsTotal <= total || len(b.p.data)+len(b.p.tables) < grown+4 {
		t.Errorf("class %d, %d pages undecided, %d granted, %d areas of data, %d of tables",
			class, full.Spare, full.GrantsTotal, len(b.p.data), len(b.p.tables))
	}
	if sum := full.FramesUsed + full.FramesFree + full.TablesTotal + full.GrantsTotal; sum != 4096 {
		t.Errorf("%d pages of 4096 are accounted for: %+v", sum, full)
	}
	b.sound()
	b.windowIsWhole(server)
}

// drain gives a function that takes all that the kernel has.
func (b *bed) drain() func() {
	b.t.Helper()
	other := b.k.Server("drain")
	objects := other.GiveMemory(drainPages)
	return func() {
		for err := error(nil); err == nil; {
			_, err = other.SpaceCreate()
		}
		for err := error(nil); err == nil; {
			_, err = other.MemorySplit(objects, 1)
		}
	}
}

// windowIsWhole checks that a window shows all data, all tables and the image, with the
// right access, and nothing else.
func (b *bed) windowIsWhole(space ipc.Handle) {
	b.t.Helper()
	left := map[uint64]ipc.Access{}
	for page, access := range b.shown[space] {
		left[page] = access
	}
	check := func(a area, want ipc.Access, what string) {
		for page := a.base >> 12; page < a.end>>12; page++ {
			if left[page] != want {
				b.t.Fatalf("%s page %#x is shown with access %d", what, page, left[page])
			}
			delete(left, page)
		}
	}
	for _, a := range b.p.data {
		check(a, rw, "data")
	}
	for _, a := range b.p.tables {
		check(a, ipc.Read, "tables")
	}
	check(b.p.image, ipc.Read, "image")
	if len(left) != 0 {
		b.t.Errorf("%d pages too many are shown", len(left))
	}
}

// TestFewPages: the least memory starts, less is refused with an error.
func TestFewPages(t *testing.T) {
	b := newBed(t, 512, nil)
	s := b.space()
	b.ok(b.c.Map(s, client.Region{Address: 0x1000, Pages: 4, Access: rw}))
	b.store(s, 0x1000, 1)
	b.sound()
	e := &pagerEnd{Transport: b.k.Server("another"), b: b}
	for _, memory := range [][]ipc.Handle{nil, {99}, {b.p.spare.handle}} {
		if _, err := New(Config{Window: b.window(), Memory: memory}, e); err == nil {
			t.Errorf("a pager of memory %v starts", memory)
		}
	}
}
