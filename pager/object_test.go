package pager

import (
	"bytes"
	"testing"

	"starling/ipc"
	"starling/pager/client"
	"starling/pager/table"
)

// TestDataIsCopiedAhead: a program that writes its initialised data in order pays
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

// TestFileRegionsSplitAndJoin: pieces of a region know their place in the file,
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
