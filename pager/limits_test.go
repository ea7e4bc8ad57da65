package pager

import (
	"testing"

	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/client"
)

func TestOutOfMemory(t *testing.T) {
	b := newBed(t, 1024, nil)
	before := b.counts()
	admin := b.client(adminBadge)
	server, err := b.p.t.SpaceCreate()
	if err != nil {
		t.Fatal(err)
	}
	heap, st := admin.SpaceAdopt(server, 0)
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
	_, st = other.SpaceAdopt(5, 0)
	denied("adopt", st)
	_, _, st = other.Usage(clientBadge)
	denied("usage", st)
	_, st = other.SpaceUsage(s)
	denied("usage of a space", st)
	for badge, want := range map[uint64]uint64{clientBadge: 1, 9: 0} {
		if pages, free, st := admin.Usage(badge); st != client.OK || pages != want || free != b.p.header.FramesFree {
			t.Errorf("client %d has %d pages, %d are free, %v: want %d, %d", badge, pages, free, st, want, b.p.header.FramesFree)
		}
	}
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

// A server gives back what it does not use of its heap: pages of its own space, and of no other server's.
func TestServerDiscardsItsOwn(t *testing.T) {
	b := newBed(t, 1024, nil)
	admin := b.client(adminBadge)
	var own, other client.Space
	for _, s := range []struct {
		to   *client.Space
		user uint64
	}{{&own, clientBadge}, {&other, 0}} {
		h, err := b.p.t.SpaceCreate()
		if err != nil {
			t.Fatal(err)
		}
		var st client.Status
		*s.to, st = admin.SpaceAdopt(h, s.user)
		b.ok(st)
		b.ok(admin.Map(*s.to, client.Region{Address: ipc.HeapAddress, Pages: 64, Access: rw}))
		for i := range uint64(64) {
			b.store(*s.to, ipc.HeapAddress+i<<12, byte(i)+1)
		}
	}
	free := b.p.header.FramesFree
	b.ok(b.c.Discard(own, ipc.HeapAddress+8<<12, 32))
	if got := b.p.header.FramesFree; got != free+32 {
		t.Errorf("%d frames free, %d before", got, free)
	}
	if st := b.c.Discard(other, ipc.HeapAddress, 1); st != pagerwire.StatusDenied {
		t.Errorf("another server's: %v", st)
	}
	if st := b.c.Unmap(own, ipc.HeapAddress, 1); st != pagerwire.StatusDenied {
		t.Errorf("more than to discard: %v", st)
	}
	b.store(own, ipc.HeapAddress+9<<12, 7)
	b.sound()
}
