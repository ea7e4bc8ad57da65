package pager

import (
	"bytes"
	"testing"

	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/client"
	"starling/pager/table"
)

const (
	rw = ipc.Read | ipc.Write
	rx = ipc.Read | ipc.Execute
)

func TestAnonymousMemory(t *testing.T) {
	b := newBed(t, 2048, nil)
	before := b.counts()
	s := b.space()
	const va = 0x1000_0000
	b.ok(b.c.Map(s, client.Region{Address: va, Pages: 100, Access: rw}))
	for i := range uint64(100) {
		if v := b.load(s, va+i<<12); v != 0 {
			t.Fatalf("page %d reads %d before it was written", i, v)
		}
		b.store(s, va+i<<12, byte(i))
	}
	if f := b.p.header.Faults; f > 20 {
		t.Errorf("%d faults for 100 pages in order: fault-around does not work", f)
	}
	for i := range uint64(100) {
		if p, e := b.c.SpacePage(s, va+i<<12); p == nil || p[0] != byte(i) || !e.Allows(rw) {
			t.Fatalf("page %d: entry %#x", i, e)
		}
	}
	if r := b.c.SpaceRecord(s); r.Resident != 100 || r.Owned != 100 || r.Virtual != 100 {
		t.Errorf("published %+v", *r)
	}
	if _, class := b.touch(s, va+100<<12, ipc.Read); class != ipc.FaultNotMapped {
		t.Errorf("behind the region: class %d", class)
	}
	b.sound()
	b.ok(b.c.SpaceDestroy(s))
	if p, _ := b.c.SpacePage(s, va); p != nil {
		t.Error("a destroyed space still has pages")
	}
	if st := b.c.Unmap(s, va, 1); st != client.Stale {
		t.Errorf("unmap in a destroyed space: %v", st)
	}
	b.sound()
	if after := b.counts(); after != before {
		t.Errorf("counts %+v, at the start %+v", after, before)
	}
}

func TestSparseTouchTakesOnePage(t *testing.T) {
	b := newBed(t, 2048, nil)
	s := b.space()
	b.ok(b.c.Map(s, client.Region{Address: 0x40_0000, Pages: 512, Access: rw}))
	for i := uint64(1); i < 10; i++ {
		b.store(s, 0x40_0000+i*40<<12, 1)
	}
	if r := b.c.SpaceRecord(s).Resident; r != 9 {
		t.Errorf("%d pages resident after 9 scattered stores", r)
	}
}

// TestFirstFaultAtPageZero: a space that never faulted expects no page, page 0
// neither. The model test found a fault there that never went away.
func TestFirstFaultAtPageZero(t *testing.T) {
	b := newBed(t, 1024, nil)
	o, st := b.c.ObjectCreate(4096)
	b.ok(st)
	for _, object := range []client.Object{0, o} {
		s := b.space()
		b.ok(b.c.Map(s, client.Region{Pages: 1, Access: rw, Object: object}))
		b.store(s, 0, 1)
		b.sound()
	}
}

// TestDataIsCopiedAhead: a program that writes its initialised data in order pays
// a fault for every few pages.
func TestDataIsCopiedAhead(t *testing.T) {
	image := bytes.Repeat([]byte{7}, 32*4096)
	b := newBed(t, 2048, image)
	o, st := b.c.ObjectAdopt(0, 30*4096)
	b.ok(st)
	s := b.space()
	const va = 0x60_0000
	b.ok(b.c.Map(s, client.Region{Address: va, Pages: 32, Access: rw, Object: o, Flags: client.CopyAhead}))
	for i := range uint64(30) {
		if b.load(s, va+i<<12) != 7 {
			t.Fatalf("page %d", i)
		}
		b.store(s, va+i<<12, byte(i))
	}
	if f := b.p.header.Faults; f > 12 {
		t.Errorf("%d faults for 30 pages", f)
	}
	if _, class := b.touch(s, va+30<<12, ipc.Write); class != ipc.FaultPastEnd {
		t.Errorf("past the end: class %d", class)
	}
	b.sound()
}

func TestForkCopiesOnWrite(t *testing.T) {
	b := newBed(t, 2048, nil)
	before := b.counts()
	s := b.space()
	const va = 0x7fff_0000_0000
	b.ok(b.c.Map(s, client.Region{Address: va, Pages: 8, Access: rw}))
	for i := range uint64(8) {
		b.store(s, va+i<<12, byte(10+i))
	}
	child, h, st := b.c.SpaceFork(s)
	b.ok(st)
	if h == 0 || child == s {
		t.Fatalf("fork gave space %#x, handle %d", child, h)
	}
	b.sound()
	used := b.counts().frames - before.frames
	for i := range uint64(8) {
		if v := b.load(child, va+i<<12); v != byte(10+i) {
			t.Fatalf("child page %d reads %d", i, v)
		}
	}
	if u := b.counts().frames - before.frames; u != used {
		t.Errorf("reading in the child took %d frames", u-used)
	}
	b.store(child, va, 1)
	b.store(s, va+1<<12, 2)
	if v := b.load(s, va); v != 10 {
		t.Errorf("the parent sees the child's store: %d", v)
	}
	if v := b.load(child, va+1<<12); v != 11 {
		t.Errorf("the child sees the parent's store: %d", v)
	}
	if u := b.counts().frames - before.frames; u != used+2 {
		t.Errorf("two stores copied %d frames", u-used)
	}
	b.ok(b.c.SpaceDestroy(child))
	copies := b.p.header.Copies
	b.store(s, va+2<<12, 3)
	if b.p.header.Copies != copies {
		t.Error("a page was copied although nobody shares it any more")
	}
	b.sound()
	b.ok(b.c.SpaceDestroy(s))
	if after := b.counts(); after != before {
		t.Errorf("counts %+v, at the start %+v", after, before)
	}
}

func TestFileMappings(t *testing.T) {
	b := newBed(t, 2048, nil)
	before := b.counts()
	o, st := b.c.ObjectCreate(3*4096 + 10)
	b.ok(st)
	if n, st := b.c.ObjectPopulate(o, 0, 1); n != 1 || st != client.OK {
		t.Fatalf("populate: %d, %v", n, st)
	}
	p, e := b.c.ObjectPage(o, 0)
	if p == nil || e&table.Write == 0 {
		t.Fatalf("object page: entry %#x", e)
	}
	p[5] = 42
	s1, s2 := b.space(), b.space()
	const va = 0x2000_0000
	b.ok(b.c.Map(s1, client.Region{Address: va, Pages: 6, Access: rw, Object: o, Flags: client.Shared}))
	b.ok(b.c.Map(s2, client.Region{Address: va, Pages: 6, Access: rw, Object: o}))
	if v1, v2 := b.load(s1, va+5), b.load(s2, va+5); v1 != 42 || v2 != 42 {
		t.Fatalf("mapped file reads %d and %d", v1, v2)
	}
	b.store(s1, va+6, 43)
	if p[6] != 43 || b.load(s2, va+6) != 43 {
		t.Error("a shared store did not reach the object")
	}
	b.store(s2, va+7, 44)
	if p[7] != 0 || b.load(s1, va+7) != 0 {
		t.Error("a private store reached the object")
	}
	b.store(s1, va+3<<12+9, 1)
	if _, class := b.touch(s1, va+4<<12, ipc.Read); class != ipc.FaultPastEnd {
		t.Errorf("past the end of the file: class %d", class)
	}
	b.sound()
	b.store(s2, va+2<<12, 9)
	b.ok(b.c.ObjectResize(o, 4096+6))
	for _, s := range []client.Space{s1, s2} {
		if _, class := b.touch(s, va+2<<12, ipc.Read); class != ipc.FaultPastEnd {
			t.Errorf("after truncation: class %d", class)
		}
	}
	b.ok(b.c.ObjectResize(o, 4*4096))
	if v := b.load(s2, va+2<<12); v != 0 {
		t.Errorf("after growing again the file reads %d", v)
	}
	b.sound()
	b.ok(b.c.ObjectDestroy(o))
	if b.load(s1, va+6) != 43 {
		t.Error("a mapping does not keep the object alive")
	}
	b.ok(b.c.SpaceDestroy(s1))
	b.ok(b.c.SpaceDestroy(s2))
	if _, e := b.c.ObjectPage(o, 0); e != 0 {
		t.Error("the object outlived its last mapping")
	}
	b.sound()
	if after := b.counts(); after != before {
		t.Errorf("counts %+v, at the start %+v", after, before)
	}
}

func TestAdoptedPagesNeverChange(t *testing.T) {
	image := make([]byte, 40*4096)
	for i := range image {
		image[i] = byte(i>>12) + 1
	}
	clear(image[19*4096+100 : 20*4096])
	b := newBed(t, 2048, image)
	before := b.counts()
	o, st := b.c.ObjectAdopt(8*4096, 11*4096+100)
	b.ok(st)
	s1, s2 := b.space(), b.space()
	const va = 0x40_0000
	b.ok(b.c.Map(s1, client.Region{Address: va, Pages: 12, Access: rx, Object: o}))
	b.ok(b.c.Map(s2, client.Region{Address: va, Pages: 12, Access: rw, Object: o, Flags: client.Shared}))
	free := b.p.framesFree
	for i := range uint64(12) {
		if v := b.load(s1, va+i<<12); v != byte(9+i) {
			t.Fatalf("page %d reads %d", i, v)
		}
	}
	if b.p.framesFree != free {
		t.Error("reading adopted pages took frames")
	}
	if b.p.header.Faults > 2 {
		t.Errorf("%d faults to read 12 pages", b.p.header.Faults)
	}
	if _, class := b.touch(s1, va, ipc.Write); class != ipc.FaultNotAllowed {
		t.Errorf("store to text: class %d", class)
	}
	b.store(s2, va+3<<12, 200)
	if v := b.load(s1, va+3<<12); v != 200 {
		t.Errorf("the private mapping reads %d after a shared store", v)
	}
	if _, e := b.c.ObjectPage(o, 3); e&table.Write == 0 || e&table.Image != 0 {
		t.Errorf("stored page: entry %#x", e)
	}
	if _, e := b.c.ObjectPage(o, 4); e&table.Write != 0 || e&table.Image == 0 {
		t.Errorf("untouched page: entry %#x", e)
	}
	b.sound()
	b.ok(b.c.ObjectResize(o, 5*4096+50))
	if p, _ := b.c.ObjectPage(o, 5); p[49] != 14 || p[50] != 0 || p[4095] != 0 {
		t.Error("truncation inside of an adopted page did not zero its rest")
	}
	b.ok(b.c.ObjectDiscard(o, 1, 2))
	if v := b.load(s1, va+1<<12); v != 0 {
		t.Errorf("a punched hole reads %d", v)
	}
	b.sound()
	b.ok(b.c.ObjectDestroy(o))
	b.ok(b.c.SpaceDestroy(s1))
	b.ok(b.c.SpaceDestroy(s2))
	base, _, _ := b.p.t.MemoryInfo(b.p.image.handle)
	if !bytes.Equal(b.k.Physical()[base:base+uint64(len(image))], image) {
		t.Error("the image was changed")
	}
	if after := b.counts(); after != before {
		t.Errorf("counts %+v, at the start %+v", after, before)
	}
	if _, st := b.c.ObjectAdopt(39*4096, 4097); st != client.Invalid {
		t.Errorf("adoption past the image: %v", st)
	}
}

func TestProtectSplitsAndJoins(t *testing.T) {
	b := newBed(t, 2048, nil)
	s := b.space()
	const va = 0x1000_0000
	b.ok(b.c.Map(s, client.Region{Address: va, Pages: 10, Access: rw}))
	for i := range uint64(10) {
		b.store(s, va+i<<12, byte(i+1))
	}
	b.ok(b.c.Protect(s, va+3<<12, 4, ipc.Read))
	if n := b.c.SpaceRecord(s).Regions; n != 3 {
		t.Errorf("%d regions", n)
	}
	if _, class := b.touch(s, va+4<<12, ipc.Write); class != ipc.FaultNotAllowed {
		t.Errorf("store to read-only page: class %d", class)
	}
	if _, e := b.c.SpacePage(s, va+4<<12); e.Allows(ipc.Write) || !e.Allows(ipc.Read) {
		t.Errorf("entry %#x", e)
	}
	b.ok(b.c.Protect(s, va+3<<12, 4, 0))
	if _, class := b.touch(s, va+4<<12, ipc.Read); class != ipc.FaultNotAllowed {
		t.Errorf("load from a page without rights: class %d", class)
	}
	if p, e := b.c.SpacePage(s, va+4<<12); p == nil || p[0] != 5 || e.Allows(ipc.Read) {
		t.Errorf("entry %#x", e)
	}
	faults := b.p.header.Faults
	b.ok(b.c.Protect(s, va+3<<12, 4, rw))
	b.store(s, va+4<<12, 77)
	if b.p.header.Faults != faults {
		t.Error("a page given its rights back faulted")
	}
	if n := b.c.SpaceRecord(s).Regions; n != 1 {
		t.Errorf("%d regions after joining", n)
	}
	b.sound()
	// A page shared since a fork must not become writable by mprotect.
	child, _, st := b.c.SpaceFork(s)
	b.ok(st)
	b.ok(b.c.Protect(s, va, 10, ipc.Read))
	b.ok(b.c.Protect(s, va, 10, rw))
	b.store(s, va, 99)
	if v := b.load(child, va); v != 1 {
		t.Errorf("mprotect undid copy-on-write: the child reads %d", v)
	}
	b.sound()
}

// TestFileRegionsSplitAndJoin: pieces of a region know their place in the file,
// and neighbours that show other places are not joined.
func TestFileRegionsSplitAndJoin(t *testing.T) {
	b := newBed(t, 2048, nil)
	o, st := b.c.ObjectCreate(10 * 4096)
	b.ok(st)
	_, st = b.c.ObjectPopulate(o, 0, 10)
	b.ok(st)
	for i := range uint64(10) {
		p, _ := b.c.ObjectPage(o, i)
		p[0] = byte(i + 1)
	}
	s := b.space()
	const va = 0x5000_0000
	b.ok(b.c.Map(s, client.Region{Address: va, Pages: 10, Access: ipc.Read, Object: o}))
	b.ok(b.c.Unmap(s, va+4<<12, 2))
	b.ok(b.c.Map(s, client.Region{Address: va + 4<<12, Pages: 1, Access: ipc.Read, Object: o, Offset: 4 << 12}))
	b.ok(b.c.Map(s, client.Region{Address: va + 5<<12, Pages: 1, Access: ipc.Read, Object: o}))
	if n := b.c.SpaceRecord(s).Regions; n != 3 {
		t.Errorf("%d regions", n)
	}
	for i, want := range []byte{1, 2, 3, 4, 5, 1, 7, 8, 9, 10} {
		if v := b.load(s, va+uint64(i)<<12); v != want {
			t.Errorf("page %d reads %d, want %d", i, v, want)
		}
	}
	b.sound()
}

func TestMoveKeepsContents(t *testing.T) {
	b := newBed(t, 2048, nil)
	before := b.counts()
	s := b.space()
	const from, to = 0x1000_0000, 0x7000_0000_0000 - 3<<12
	b.ok(b.c.Map(s, client.Region{Address: from, Pages: 20, Access: rw}))
	b.ok(b.c.Map(s, client.Region{Address: to + 2<<12, Pages: 1, Access: rw}))
	b.store(s, to+2<<12, 200)
	for i := range uint64(20) {
		b.store(s, from+i<<12, byte(i+1))
	}
	if st := b.c.Move(s, from, 20, from+19<<12); st != client.Invalid {
		t.Errorf("overlapping move: %v", st)
	}
	if st := b.c.Move(s, from+10<<12, 20, to); st != client.NotMapped {
		t.Errorf("move with a hole: %v", st)
	}
	b.ok(b.c.Move(s, from+5<<12, 10, to))
	faults := b.p.header.Faults
	for i := range uint64(10) {
		if v := b.load(s, to+i<<12); v != byte(i+6) {
			t.Errorf("moved page %d reads %d", i, v)
		}
	}
	if b.p.header.Faults != faults {
		t.Error("moved pages fault")
	}
	if _, class := b.touch(s, from+5<<12, ipc.Read); class != ipc.FaultNotMapped {
		t.Errorf("the old place: class %d", class)
	}
	if b.load(s, from+4<<12) != 5 || b.load(s, from+15<<12) != 16 {
		t.Error("pages beside the moved ones changed")
	}
	b.sound()
	b.ok(b.c.SpaceDestroy(s))
	if after := b.counts(); after != before {
		t.Errorf("counts %+v, at the start %+v", after, before)
	}
}

func TestDebuggerAccess(t *testing.T) {
	image := bytes.Repeat([]byte{0x90}, 4096)
	b := newBed(t, 2048, image)
	o, st := b.c.ObjectAdopt(0, 4096)
	b.ok(st)
	s := b.space()
	const va = 0x40_0000
	b.ok(b.c.Map(s, client.Region{Address: va, Pages: 1, Access: rx, Object: o}))
	b.ok(b.c.Map(s, client.Region{Address: va + 1<<12, Pages: 1}))
	b.ok(b.c.Map(s, client.Region{Address: va + 2<<12, Pages: 1, Access: ipc.Read, Object: o, Flags: client.Shared}))
	b.load(s, va)
	if _, class, st := b.c.Resolve(s, va, ipc.Write, false); st != client.Fault || class != ipc.FaultNotAllowed {
		t.Fatalf("store without force: %v, class %d", st, class)
	}
	e, _, st := b.c.Resolve(s, va, ipc.Write, true)
	b.ok(st)
	b.c.PageAt(e)[0] = 0xcc
	if b.load(s, va) != 0xcc {
		t.Error("the program does not see the breakpoint")
	}
	if p, _ := b.c.ObjectPage(o, 0); p[0] != 0x90 {
		t.Error("the breakpoint reached the file")
	}
	if _, class := b.touch(s, va, ipc.Write); class != ipc.FaultNotAllowed {
		t.Errorf("the program may now write: class %d", class)
	}
	child, _, st := b.c.SpaceFork(s)
	b.ok(st)
	if e, _, st = b.c.Resolve(child, va, ipc.Write, true); st != client.OK {
		t.Fatal(st)
	}
	b.c.PageAt(e)[0] = 0x90
	if b.load(s, va) != 0xcc || b.load(child, va) != 0x90 {
		t.Error("a forced store in the child did not copy")
	}
	if e, _, st = b.c.Resolve(s, va+1<<12, rw, true); st != client.OK || e.Allows(ipc.Read) {
		t.Errorf("forced access without rights: %v, entry %#x", st, e)
	}
	if _, class, st := b.c.Resolve(s, va+2<<12, ipc.Write, true); st != client.Fault || class != ipc.FaultNotAllowed {
		t.Errorf("forced store to a shared region: %v, class %d", st, class)
	}
	b.sound()
}

func TestOutOfMemory(t *testing.T) {
	b := newBed(t, 1024, nil)
	before := b.counts()
	admin := b.client(adminBadge)
	server, err := b.p.t.SpaceCreate()
	if err != nil {
		t.Fatal(err)
	}
	heap, st := admin.SpaceAdopt(server)
	b.ok(st)
	b.ok(admin.Map(heap, client.Region{Address: ipc.HeapAddress, Pages: 64, Access: rw}))
	s := b.space()
	const va = 0x1000_0000
	if st := b.c.Map(s, client.Region{Address: va, Pages: b.p.header.FramesTotal + 1000, Access: rw}); st != client.NoMemory {
		t.Errorf("obvious overcommit: %v", st)
	}
	b.ok(b.c.Map(s, client.Region{Address: va, Pages: 4096, Access: rw, Flags: client.NoReserve}))
	var class ipc.FaultClass
	pages := uint64(0)
	for ; class == ipc.FaultNone; pages++ {
		_, class = b.touch(s, va+pages<<12, ipc.Write)
	}
	if class != ipc.FaultOutOfMemory || pages < b.p.header.FramesTotal*2/3 {
		t.Fatalf("class %d after %d pages", class, pages)
	}
	b.sound()
	if _, class, st := b.c.Resolve(s, va+pages<<12, ipc.Write, false); st != client.NoMemory || class != ipc.FaultOutOfMemory {
		t.Errorf("resolve: %v, class %d", st, class)
	}
	o, st := b.c.ObjectCreate(1 << 20)
	b.ok(st)
	if n, st := b.c.ObjectPopulate(o, 0, 4); n != 0 || st != client.NoMemory {
		t.Errorf("populate: %d, %v", n, st)
	}
	// Servers go on.
	for i := range uint64(16) {
		b.store(heap, ipc.HeapAddress+i<<12, 1)
	}
	b.sound()
	// And when the program is gone, so is the shortage.
	b.ok(b.c.SpaceDestroy(s))
	b.ok(b.c.ObjectDestroy(o))
	s = b.space()
	b.ok(b.c.Map(s, client.Region{Address: va, Pages: 10, Access: rw}))
	b.store(s, va, 1)
	b.ok(b.c.SpaceDestroy(s))
	b.ok(admin.SpaceDestroy(heap))
	b.sound()
	if after := b.counts(); after != before {
		t.Errorf("counts %+v, at the start %+v", after, before)
	}
}

// TestKernelMemoryRunsOut: page tables are paid from what was set aside for the
// kernel, and when that is gone programs get an error and what they held comes back.
func TestKernelMemoryRunsOut(t *testing.T) {
	b := newBed(t, 1024, nil)
	s := b.space()
	var class ipc.FaultClass
	n := uint64(0)
	for ; class == ipc.FaultNone && n < 2000; n++ {
		va := n << 30
		b.ok(b.c.Map(s, client.Region{Address: va, Pages: 1, Access: rw}))
		_, class = b.touch(s, va, ipc.Write)
	}
	if class != ipc.FaultOutOfMemory {
		t.Fatalf("class %d after %d pages a gigabyte apart", class, n)
	}
	b.sound()
	b.ok(b.c.SpaceDestroy(s))
	s = b.space()
	b.ok(b.c.Map(s, client.Region{Address: 4096, Pages: 1, Access: rw}))
	b.store(s, 4096, 1)
	b.sound()
}

func TestClientsAreKeptApart(t *testing.T) {
	b := newBed(t, 1024, nil)
	before := b.counts()
	s := b.space()
	o, st := b.c.ObjectCreate(4096)
	b.ok(st)
	b.ok(b.c.Map(s, client.Region{Address: 0x1000, Pages: 1, Access: rw, Object: o}))
	b.store(s, 0x1000, 1)
	other, admin := b.client(9), b.client(adminBadge)
	denied := func(what string, st client.Status) {
		t.Helper()
		if st != pagerwire.StatusDenied {
			t.Errorf("%s: %v", what, st)
		}
	}
	denied("unmap", other.Unmap(s, 0x1000, 1))
	denied("destroy", other.SpaceDestroy(s))
	denied("object", other.ObjectDestroy(o))
	denied("release", other.Release(clientBadge))
	_, st = other.SpaceAdopt(5)
	denied("adopt", st)
	b.ok(admin.Release(clientBadge))
	if after := b.counts(); after != before {
		t.Errorf("counts %+v, at the start %+v", after, before)
	}
	b.sound()
}

// TestStaleNames: an id keeps naming nothing after its index is used again.
func TestStaleNames(t *testing.T) {
	b := newBed(t, 1024, nil)
	s := b.space()
	o, st := b.c.ObjectCreate(0)
	b.ok(st)
	b.ok(b.c.SpaceDestroy(s))
	b.ok(b.c.ObjectDestroy(o))
	for range 3 * len(b.p.objects) {
		x, st := b.c.ObjectCreate(0)
		b.ok(st)
		if x == o {
			t.Fatal("an id came back")
		}
		b.ok(b.c.ObjectDestroy(x))
	}
	if st := b.c.ObjectResize(o, 1); st != client.Stale {
		t.Errorf("stale object: %v", st)
	}
	if _, class := b.touch2(s, 0x1000); class != ipc.FaultNotMapped {
		t.Errorf("fault in a stale space: class %d", class)
	}
}

// touch2 is a fault of a thread whose space is gone.
func (b *bed) touch2(s client.Space, va uint64) (ipc.Action, ipc.FaultClass) {
	b.p.Handle(&ipc.Event{Kind: ipc.EventFault, Badge: uint64(s), Address: va, Access: ipc.Read, Token: ipc.Token{Sequence: 7}})
	return b.reply.Action, b.reply.Class
}

func TestBatchStopsAtFirstFailure(t *testing.T) {
	b := newBed(t, 1024, nil)
	x := b.c.Batch()
	i := x.SpaceCreate()
	x.Map(client.NewSpace, client.Region{Address: 0x1000, Pages: 2, Access: rw})
	bad := x.Map(client.NewSpace, client.Region{Address: 0x1001, Pages: 2, Access: rw})
	late := x.Unmap(client.NewSpace, 0x1000, 1)
	if st := x.Run(); st != client.Invalid {
		t.Fatalf("batch: %v", st)
	}
	if x.Status(i) != client.OK || x.Status(bad) != client.Invalid || x.Status(late) != pagerwire.StatusNotRun {
		t.Errorf("statuses %v, %v, %v", x.Status(i), x.Status(bad), x.Status(late))
	}
	if x.Handle() == 0 {
		t.Error("the space's capability got lost")
	}
	s := client.Space(x.Value(i))
	b.store(s, 0x2000, 1)
	b.ok(b.c.SpaceDestroy(s))
}

func TestRegionFlags(t *testing.T) {
	b := newBed(t, 1024, nil)
	s := b.space()
	b.ok(b.c.Map(s, client.Region{Address: 0x1000, Pages: 4, Access: rw, Flags: client.NoFork}))
	b.store(s, 0x1000, 1)
	if st := b.c.Map(s, client.Region{Address: 0x4000, Pages: 1, Access: rw, Flags: client.Keep}); st != client.Exists {
		t.Errorf("keep: %v", st)
	}
	b.ok(b.c.Map(s, client.Region{Address: 0x5000, Pages: 1, Access: rw, Flags: client.Keep}))
	child, _, st := b.c.SpaceFork(s)
	b.ok(st)
	if _, class := b.touch(child, 0x1000, ipc.Read); class != ipc.FaultNotMapped {
		t.Errorf("a region kept from fork: class %d", class)
	}
	b.store(child, 0x5000, 1)
	b.ok(b.c.Discard(s, 0x1000, 4))
	if v := b.load(s, 0x1000); v != 0 {
		t.Errorf("discarded page reads %d", v)
	}
	n, st := b.c.Populate(s, 0x1000, 10, ipc.Write)
	if n != 5 || st != client.Fault {
		t.Errorf("populate over a hole: %d, %v", n, st)
	}
	b.sound()
}
