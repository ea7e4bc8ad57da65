package mm

import (
	"iter"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
	"starling/personality/vfs"
)

const (
	pageSize  = isa.PageSize
	pageShift = 12
	pageMask  = pageSize - 1
)

// Flags of a region.
type Flags uint32

const (
	// Shared: MAP_SHARED.
	Shared Flags = 1 << iota
	// GrowsDown: a fault right below it extends it (MAP_GROWSDOWN, the stack).
	GrowsDown
	// Stack is the stack of the first thread.
	Stack
	// VDSO and VVar are the pages of vdso(7).
	VDSO
	VVar
	// Locked: mlock(2).
	Locked
	// NoFork: MADV_DONTFORK.
	NoFork
	// Wipe: MADV_WIPEONFORK.
	Wipe
	// NoDump: MADV_DONTDUMP.
	NoDump
	// NoReserve: MAP_NORESERVE.
	NoReserve
	// Sequential and Random: posix_madvise(3).
	Sequential
	Random
	// AnonymousShared: the object is one of our own, without a file.
	AnonymousShared
	// Uprobes is the area where copies of probed instructions are stepped.
	Uprobes
	// Segment: shmat(2). The file is a vfs.MapWatcher, and counts regions: they are not merged.
	Segment
)

// special regions are neither moved nor merged.
const special = Stack | VDSO | VVar | Uprobes

// Region is a piece of an address space with one set of properties.
type Region struct {
	Start, End uint64
	Access     ipc.Access // PROT_*: the bits are the same
	May        ipc.Access // what mprotect(2) may allow
	Flags      Flags
	File       *vfs.File // nil: anonymous; the region holds a reference
	Object     client.Object
	Offset     uint64 // of Start in the file or object, in bytes
}

// Len is the length in bytes.
func (r *Region) Len() uint64 { return r.End - r.Start }

func (r *Region) pages() uint64 { return (r.End - r.Start) >> pageShift }

// Anonymous reports whether the region is private memory that starts as zeros.
func (r *Region) Anonymous() bool { return r.Object == 0 }

// offsetAt is the offset of an address of the region.
func (r *Region) offsetAt(va uint64) uint64 {
	if r.Object == 0 && r.File == nil {
		return 0
	}
	return r.Offset + va - r.Start
}

// continues reports whether b, right behind a, can be one region with it.
func (a *Region) continues(b *Region) bool {
	return a.End == b.Start && a.Access == b.Access && a.May == b.May && a.Flags == b.Flags &&
		a.File == b.File && a.Object == b.Object && a.Flags&(special|Segment) == 0 &&
		b.Offset == a.offsetAt(a.End)
}

// hardware is what the pager is told: what may be written or executed can be
// read, as the page tables have it.
func hardware(access ipc.Access) ipc.Access {
	if access != 0 {
		access |= ipc.Read
	}
	return access
}

// Find returns the region that contains va, or nil. Valid until the next change.
func (s *Space) Find(va uint64) *Region {
	if n := s.book.after(va); n != nil && n.Start <= va {
		return &n.Region
	}
	return nil
}

// Regions goes through the book in order of addresses. None may be changed on the way.
func (s *Space) Regions() iter.Seq[*Region] { return s.book.all() }

// RegionsIn goes through the part of the book about [start, end).
func (s *Space) RegionsIn(start, end uint64) iter.Seq[*Region] {
	return func(yield func(*Region) bool) {
		for n := s.book.after(start); n != nil && n.Start < end && yield(&n.Region); n = n.next {
		}
	}
}

// split makes va a boundary between regions.
func (s *Space) split(va uint64) {
	n := s.book.after(va)
	if n == nil || n.Start >= va {
		return
	}
	high := n.Region
	high.Offset = n.offsetAt(va)
	high.Start = va
	high.hold()
	s.book.setEnd(n, va)
	s.book.add(high)
}

// clearRange removes what the book has in [start, end).
func (s *Space) clearRange(start, end uint64) {
	s.split(start)
	s.split(end)
	for n := s.book.after(start); n != nil && n.Start < end; n = n.next {
		s.total -= n.pages()
		if n.Flags&Locked != 0 {
			s.locked -= n.pages()
		}
		s.release(&n.Region)
		s.book.drop(n)
	}
}

// sharesWrites reports whether the region may make changes of its file that others see: what
// stands against F_SEAL_WRITE (fcntl(2)).
func (r *Region) sharesWrites() bool {
	return r.File != nil && r.Flags&Shared != 0 && r.May&ipc.Write != 0 && r.File.Writable()
}

// hold takes a reference for the region.
func (r *Region) hold() {
	if r.File != nil {
		r.File.Get()
		r.noted()
		if r.Flags&Segment != 0 {
			r.File.Ops.(vfs.MapWatcher).Mapped()
		}
	}
}

// noted counts a region that has its reference.
func (r *Region) noted() {
	if r.sharesWrites() {
		r.File.Inode.AddWritableMapping(1)
	}
}

func (s *Space) release(r *Region) {
	if r.File != nil {
		if r.sharesWrites() {
			r.File.Inode.AddWritableMapping(-1)
		}
		if r.Flags&Segment != 0 {
			r.File.Ops.(vfs.MapWatcher).Unmapped()
		}
		s.m.VFS.Put(r.File)
		r.File = nil
	}
}

// insert adds a region to a free place and merges it with its neighbours. The
// region's reference to its file goes to the book.
func (s *Space) insert(r Region) {
	s.total += r.pages()
	s.peak = max(s.peak, s.total)
	if r.Flags&Locked != 0 {
		s.locked += r.pages()
	}
	if n := s.book.before(s.book.after(r.Start)); n != nil && n.continues(&r) {
		s.book.setEnd(n, r.End)
		s.release(&r)
		s.mergeNext(n)
		return
	}
	s.mergeNext(s.book.add(r))
}

// mergeNext joins a region with the one behind it if they are alike.
func (s *Space) mergeNext(n *node) bool {
	next := n.next
	if next == nil || !n.continues(&next.Region) {
		return false
	}
	end := next.End
	s.release(&next.Region)
	s.book.drop(next)
	s.book.setEnd(n, end)
	return true
}

// mergeRange joins what can be joined around [start, end] after properties changed.
func (s *Space) mergeRange(start, end uint64) {
	n := s.book.after(start)
	if n != nil && n.prev != nil {
		n = n.prev
	}
	for n != nil && n.Start <= end {
		if !s.mergeNext(n) {
			n = n.next
		}
	}
}

// covered reports whether [start, end) has no hole.
func (s *Space) covered(start, end uint64) bool {
	for n := s.book.after(start); start < end; n = n.next {
		if n == nil || n.Start > start {
			return false
		}
		start = n.End
	}
	return true
}
