package microkernel

import (
	"unsafe"

	"starling/arch/cpu"
	"starling/ipc"
)

// memory is a contiguous piece of physical memory that servers hold.
type memory struct {
	header
	base, pages uint64
	dead        bool // granted to the kernel
	mapped      bool // was mapped at some time, or is a frame or message buffer: may never become the kernel's
	device      bool
}

func (k *kernel) newMemory(base, pages uint64) (*memory, ipc.Error) {
	m := k.memories.take(&k.pool)
	if m == nil {
		return nil, ipc.ErrMemory
	}
	*m = memory{header: header{refs: 1}, base: base, pages: pages}
	return m, 0
}

// pool is the memory granted to the kernel: pages linked through their first words.
type pool struct {
	free  *freePage
	count uint64
}

type freePage struct{ next *freePage }

// TakePage returns the physical address of a page of zeros, 0 if there is none.
func (p *pool) TakePage() uint64 {
	page := p.free
	if page == nil {
		return 0
	}
	p.free = page.next
	p.count--
	clear((*[cpu.PageSize]byte)(pointer(page))[:])
	return cpu.Address(pointer(page))
}

// GivePage takes a page back.
func (p *pool) GivePage(a uint64) {
	f := (*freePage)(cpu.Physical(a))
	f.next, p.free = p.free, f
	p.count++
}

// grant adds a range of pages.
func (p *pool) grant(base, pages uint64) {
	for i := range pages {
		p.GivePage(base + i*cpu.PageSize)
	}
}

// header begins every object that capabilities count.
type header struct {
	refs     uint32
	nextFree unsafe.Pointer
}

// slab makes objects of one type out of pages, which it keeps.
type slab[T any] struct{ free unsafe.Pointer }

// take returns an object with undefined content beyond its header, nil if there
// is no memory.
func (s *slab[T]) take(p *pool) *T {
	if s.free == nil {
		a := p.TakePage()
		if a == 0 {
			return nil
		}
		var one T
		for at := uintptr(0); at+unsafe.Sizeof(one) <= cpu.PageSize; at += unsafe.Sizeof(one) {
			s.give((*T)(unsafe.Add(cpu.Physical(a), at)))
		}
	}
	o := s.free
	s.free = (*header)(o).nextFree
	return (*T)(o)
}

func (s *slab[T]) give(o *T) {
	h := (*header)(unsafe.Pointer(o))
	h.nextFree = s.free
	s.free = unsafe.Pointer(o)
}
