package pager

import (
	"testing"

	"starling/ipc"
	"starling/pager/client"
	"starling/pager/table"
)

// The benchmarks measure the pager alone: the kernel under it does nothing.

// nullKernel answers every call that changes mappings at once.
type nullKernel struct{ ipc.Transport }

func (nullKernel) Map(ipc.Handle, uint64, ipc.Handle, []uint64) error   { return nil }
func (nullKernel) Unmap(ipc.Handle, uint64, uint64) error               { return nil }
func (nullKernel) Protect(ipc.Handle, uint64, uint64, ipc.Access) error { return nil }
func (nullKernel) Reply(ipc.Reply) error                                { return nil }

func benchBed(b *testing.B) (*bed, client.Space) {
	image := make([]byte, 512*4096)
	x := newBed(b, 4096, image)
	s := x.space()
	x.p.t = nullKernel{x.p.t}
	return x, s
}

const benchPages = 1024

// BenchmarkAnonymousInOrder touches fresh memory page by page; one iteration is one page.
func BenchmarkAnonymousInOrder(b *testing.B) {
	x, s := benchBed(b)
	b.ReportAllocs()
	ev := ipc.Event{Kind: ipc.EventFault, Badge: uint64(s), Access: ipc.Write, Token: ipc.Token{Sequence: 1}}
	i := table.Index(uint32(s))
	for n := 0; n < b.N; n += benchPages {
		b.StopTimer()
		x.p.unmapRange(i, 0x1_0000, 0x1_0000+benchPages)
		x.p.mapStart(&x.p.spaces[i])
		r := x.p.takeRegion()
		x.p.regions[r] = region{start: 0x1_0000, end: 0x1_0000 + benchPages, space: i, access: rw, priority: 1}
		x.p.addRegion(r)
		b.StartTimer()
		for page := uint64(0); page < benchPages; page++ {
			if e := table.Lookup(&x.p.window, x.p.spaceRecords[i].Root, 0x1_0000+page); e == 0 {
				ev.Address = (0x1_0000 + page) << 12
				x.p.Handle(&ev)
			}
		}
	}
}

// BenchmarkFaultOnePage is a fault that makes one page present, zeroing included.
func BenchmarkFaultOnePage(b *testing.B) {
	x, s := benchBed(b)
	b.ReportAllocs()
	i := table.Index(uint32(s))
	r := x.p.takeRegion()
	x.p.regions[r] = region{start: 0x1_0000, end: 0x1_0000 + 4096, space: i, access: rw, priority: 1}
	x.p.addRegion(r)
	ev := ipc.Event{Kind: ipc.EventFault, Badge: uint64(s), Access: ipc.Write, Token: ipc.Token{Sequence: 1}}
	for n := range b.N {
		page := 0x1_0000 + uint64(n*50%4000)
		ev.Address = page << 12
		x.p.Handle(&ev)
		if n%80 == 79 {
			b.StopTimer()
			x.p.dropPages(i, 0x1_0000, 0x1_0000+4096, allPages)
			b.StartTimer()
		}
	}
}

// BenchmarkForkDestroy forks and destroys a space with 256 pages of its own.
func BenchmarkForkDestroy(b *testing.B) {
	x, s := benchBed(b)
	b.ReportAllocs()
	i := table.Index(uint32(s))
	for k := range uint64(8) {
		r := x.p.takeRegion()
		x.p.regions[r] = region{start: 0x1_0000 + k<<15, end: 0x1_0000 + k<<15 + 32, space: i, access: rw, priority: uint32(k)}
		x.p.addRegion(r)
		x.p.populate(i, 0x1_0000+k<<15, 0x1_0000+k<<15+32, rw, false)
	}
	for b.Loop() {
		c, _ := x.p.fork(i, clientBadge)
		x.p.spaceDestroy(c)
	}
}

// BenchmarkLookup reads one published entry.
func BenchmarkLookup(b *testing.B) {
	x, s := benchBed(b)
	i := table.Index(uint32(s))
	r := x.p.takeRegion()
	x.p.regions[r] = region{start: 0x1_0000, end: 0x1_0000 + 16, space: i, access: rw, priority: 1}
	x.p.addRegion(r)
	x.p.populate(i, 0x1_0000, 0x1_0000+16, rw, false)
	w, root := x.p.window, x.p.spaceRecords[i].Root
	var e table.Entry
	for n := range b.N {
		e |= table.Lookup(&w, root, 0x1_0000+uint64(n)%16)
	}
	if e == 0 {
		b.Fatal("nothing there")
	}
}

// BenchmarkMessage is a batch of two ops: unmap and map, one page.
func BenchmarkMessage(b *testing.B) {
	x, s := benchBed(b)
	c := x.c
	b.ReportAllocs()
	for b.Loop() {
		m := c.Batch()
		m.Unmap(s, 0x1000, 1)
		m.Map(s, client.Region{Address: 0x1000, Pages: 1, Access: rw})
		if st := m.Run(); st != client.OK {
			b.Fatal(st)
		}
	}
}

// TestNothingIsAllocated: the server runs without a garbage collector.
func TestNothingIsAllocated(t *testing.T) {
	b := newBed(t, 4096, modelImage)
	s := b.space()
	o, st := b.c.ObjectAdopt(0, uint64(len(modelImage)))
	b.ok(st)
	b.p.t = nullKernel{b.p.t}
	i := table.Index(uint32(s))
	ev := ipc.Event{Kind: ipc.EventFault, Badge: uint64(s), Token: ipc.Token{Sequence: 1}}
	allocs := testing.AllocsPerRun(100, func() {
		m := b.c.Batch()
		m.Map(s, client.Region{Address: 0x10000, Pages: 64, Access: rw})
		m.Map(s, client.Region{Address: 0x80000, Pages: 12, Access: rw, Object: o})
		m.Protect(s, 0x20000, 4, ipc.Read)
		m.Populate(s, 0x10000, 8, ipc.Write)
		m.Move(s, 0x10000, 4, 0x900000)
		if st := m.Run(); st != client.OK {
			t.Fatal(st)
		}
		for page := uint64(0x10); page < 0x90; page += 3 {
			ev.Address, ev.Access = page<<12, ipc.Read
			b.p.Handle(&ev)
			ev.Access = ipc.Write
			b.p.Handle(&ev)
		}
		b.p.dropPages(i, 0, userPages, allPages)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
