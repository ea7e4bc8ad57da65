package pager

import (
	"testing"

	"starling/ipc"
	"starling/pager/client"
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

// a fault for every few pages.
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

// and neighbours that show other places are not joined.
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

// kernel, and when that is gone programs get an error and what they held comes back.
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
