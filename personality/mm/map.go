package mm

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
	"starling/personality/vfs"
)

// maxRegions bounds the book (vm.max_map_count).
const maxRegions = 65530

// Request is a checked mmap(2): addresses and lengths in bytes.
type Request struct {
	Address   uint64
	Length    uint64
	Access    ipc.Access
	Flags     Flags
	Fixed     bool // MAP_FIXED
	NoReplace bool // with Fixed: MAP_FIXED_NOREPLACE
	Low       bool // MAP_32BIT
	Populate  bool // MAP_POPULATE
	// File and Mapping say what is mapped; without a File it is anonymous. Map takes
	// its own reference to File.
	File    *vfs.File
	Mapping vfs.Mapping
	Offset  uint64
	// May is what mprotect(2) may allow later; 0 stands for everything.
	May ipc.Access
}

func pageUp(n uint64) uint64 { return (n + pageMask) &^ pageMask }

// Map maps a region and returns its address.
func (s *Space) Map(q *Request, lim *Limits) (uint64, unix.Errno) {
	length := pageUp(q.Length)
	switch {
	case q.Length == 0:
		return 0, unix.EINVAL
	case length == 0 || length > isa.TaskSize:
		return 0, unix.ENOMEM
	case q.Offset+length < q.Offset:
		return 0, unix.EOVERFLOW
	case s.book.count >= maxRegions:
		return 0, unix.ENOMEM
	}
	start, e := s.place(q, length)
	if e != 0 {
		return 0, e
	}
	end := start + length
	pages := length >> pageShift
	if lim != nil {
		replaced := s.countPages(start, end)
		if (s.total+pages-replaced)<<pageShift > lim.Address && lim.Address != ^uint64(0) {
			return 0, unix.ENOMEM
		}
		if q.File == nil && q.Flags&Shared == 0 && q.Access&ipc.Write != 0 && lim.Data != ^uint64(0) &&
			(s.dataPages()+pages)<<pageShift > lim.Data {
			return 0, unix.ENOMEM
		}
	}
	if s.LockFuture {
		q.Flags |= Locked
	}
	if q.Flags&Locked != 0 && lim != nil && !lim.LockAny && (s.locked+pages)<<pageShift > lim.Lock {
		return 0, unix.EAGAIN
	}
	r := Region{Start: start, End: end, Access: q.Access, May: q.May, Flags: q.Flags, File: q.File,
		Object: client.Object(q.Mapping.Object), Offset: q.Offset}
	if r.May == 0 {
		r.May = ipc.Read | ipc.Write | ipc.Execute
	}
	made := client.Object(0)
	if r.Object == 0 {
		r.Offset = 0
		if q.Flags&Shared != 0 {
			o, st := s.m.Pager.ObjectCreate(length)
			if st != client.OK {
				return 0, errno(st)
			}
			made, r.Object = o, o
			r.Flags |= AnonymousShared
		}
	}
	if s.Pager != 0 {
		b := s.m.Pager.Batch()
		b.Map(s.Pager, r.request())
		if made != 0 {
			b.ObjectDestroy(made) // the mapping keeps it
		}
		if q.Populate || r.Flags&Locked != 0 {
			b.Populate(s.Pager, start, pages, hardware(r.Access))
		}
		b.Run()
		if st := b.Status(0); st != client.OK {
			if made != 0 {
				s.m.Pager.ObjectDestroy(made)
			}
			return 0, errno(st)
		}
	}
	s.clearRange(start, end)
	r.hold()
	s.insert(r)
	if r.File != nil {
		s.shows(start, end, true)
	}
	return start, 0
}

// place decides where a mapping goes.
func (s *Space) place(q *Request, length uint64) (uint64, unix.Errno) {
	if q.Fixed {
		switch {
		case q.Address&pageMask != 0:
			return 0, unix.EINVAL
		case q.Address > isa.TaskSize || length > isa.TaskSize-q.Address:
			return 0, unix.ENOMEM
		case q.Address < isa.MinimumAddress:
			return 0, unix.EPERM
		case q.NoReplace && s.countPages(q.Address, q.Address+length) != 0:
			return 0, unix.EEXIST
		}
		return q.Address, 0
	}
	hint := pageUp(q.Address)
	hinted := q.Address != 0 && hint >= isa.MinimumAddress && s.free(hint, length)
	va, ok := uint64(0), false
	switch {
	case hinted && !q.Low, hinted && hint+length <= isa.LowEnd:
		return hint, 0
	case q.Low:
		va, ok = s.book.lowest(isa.LowStart, isa.LowEnd, length)
	default:
		va, ok = s.gap(length)
	}
	if !ok {
		return 0, unix.ENOMEM
	}
	return va, 0
}

// free reports whether a mapping fits at va.
func (s *Space) free(va, length uint64) bool {
	if va > isa.TaskSize || length > isa.TaskSize-va {
		return false
	}
	n := s.book.after(va)
	return n == nil || n.floor() >= va+length
}

// floor is the lowest address that belongs to the region: a stack has a guard below it.
func (r *Region) floor() uint64 {
	if r.Flags&GrowsDown != 0 {
		if r.Start < guardGap {
			return 0
		}
		return r.Start - guardGap
	}
	return r.Start
}

// gap finds the highest free range below the map base, else the lowest above it.
func (s *Space) gap(length uint64) (uint64, bool) {
	if va, ok := s.book.highest(s.mapBase, length); ok {
		return va, true
	}
	return s.book.lowest(s.mapBase, isa.TaskSize, length)
}

// countPages is how many pages of [start, end) are mapped.
func (s *Space) countPages(start, end uint64) (n uint64) {
	for r := range s.RegionsIn(start, end) {
		n += (min(end, r.End) - max(start, r.Start)) >> pageShift
	}
	return n
}

// dataPages is what RLIMIT_DATA counts: private writable memory but the stack.
func (s *Space) dataPages() (n uint64) {
	for r := range s.Regions() {
		if r.Access&ipc.Write != 0 && r.Flags&(Shared|GrowsDown) == 0 {
			n += r.pages()
		}
	}
	return n
}

// checkRange checks the address range of a call: EINVAL.
func checkRange(va, length uint64) (end uint64, e unix.Errno) {
	n := pageUp(length)
	if va&pageMask != 0 || n < length || va > isa.TaskSize || n > isa.TaskSize-va {
		return 0, unix.EINVAL
	}
	return va + n, 0
}

// Unmap is munmap(2).
func (s *Space) Unmap(va, length uint64) unix.Errno {
	end, e := checkRange(va, length)
	if e != 0 || length == 0 {
		return unix.EINVAL
	}
	if s.countPages(va, end) == 0 {
		return 0
	}
	if s.book.count >= maxRegions {
		if r := s.Find(va); r != nil && r.Start < va && r.End > end {
			return unix.ENOMEM
		}
	}
	if st := s.m.Pager.Unmap(s.Pager, va, (end-va)>>pageShift); st != client.OK {
		return errno(st)
	}
	s.clearRange(va, end)
	return 0
}

// Protect is mprotect(2). growsDown and growsUp are PROT_GROWSDOWN and PROT_GROWSUP.
func (s *Space) Protect(va, length uint64, access ipc.Access, growsDown, growsUp bool) unix.Errno {
	if growsDown && growsUp {
		return unix.EINVAL
	}
	if va&pageMask != 0 {
		return unix.EINVAL
	}
	if length == 0 {
		return 0
	}
	n := pageUp(length)
	if n < length || va+n < va {
		return unix.ENOMEM
	}
	end := va + n
	first := s.book.after(va)
	if first == nil {
		return unix.ENOMEM
	}
	if growsDown {
		if first.Start >= end || first.Flags&GrowsDown == 0 {
			return unix.EINVAL
		}
		va = first.Start
	} else if growsUp {
		return unix.EINVAL // no region grows up on this instruction set
	}
	// As Linux does, what lies before a hole or a refusal is changed.
	for at := va; at < end; {
		r := s.Find(at)
		if r == nil {
			return unix.ENOMEM
		}
		if access&^r.May != 0 {
			return unix.EACCES
		}
		to := min(end, r.End)
		if r.Access != access {
			if st := s.m.Pager.Protect(s.Pager, at, (to-at)>>pageShift, hardware(access)); st != client.OK {
				return errno(st)
			}
			s.split(at)
			s.split(to)
			s.Find(at).Access = access
			s.mergeRange(at, to)
			s.shows(at, to, false)
		}
		at = to
	}
	return 0
}

// Break is brk(2): the end of the heap after the call.
func (s *Space) Break(to uint64, lim *Limits) uint64 {
	if to < s.BreakStart || to > isa.TaskSize {
		return s.BreakEnd
	}
	if lim.Data != ^uint64(0) && to-s.BreakStart+s.DataEnd-s.DataStart > lim.Data {
		return s.BreakEnd
	}
	from, end := pageUp(s.BreakEnd), pageUp(to)
	switch {
	case end > from:
		if !s.free(from, end-from+pageSize) {
			return s.BreakEnd
		}
		q := Request{Address: from, Length: end - from, Access: ipc.Read | ipc.Write, Fixed: true}
		if _, e := s.Map(&q, lim); e != 0 {
			return s.BreakEnd
		}
	case end < from:
		if s.Unmap(end, from-end) != 0 {
			return s.BreakEnd
		}
	}
	s.BreakEnd = to
	return to
}
