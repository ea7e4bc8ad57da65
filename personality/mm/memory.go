package mm

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
)

// Span implements usermem.Memory. The hot path sends no message.
func (s *Space) Span(va uint64, n int, access ipc.Access) ([]byte, unix.Errno) {
	// Nothing is present from TaskSize on.
	if p := s.m.Pager.Spotted(s.spots.Of(va), va, access); p != nil {
		off := va & pageMask
		return p[off:min(off+uint64(n), pageSize)], 0
	}
	return s.find(va, n, access)
}

// find is Span for a page that is not remembered.
func (s *Space) find(va uint64, n int, access ipc.Access) ([]byte, unix.Errno) {
	if p := s.remember(va, access); p != nil {
		off := va & pageMask
		return p[off:min(off+uint64(n), pageSize)], 0
	}
	return s.resolve(va, n, access)
}

// Page is the page of va, nil if it is not present for the access: then Span may still make it so. Valid until the
// next call that can change mappings.
func (s *Space) Page(va uint64, access ipc.Access) *client.Page {
	if p := s.m.Pager.Spotted(s.spots.Of(va), va, access); p != nil {
		return p
	}
	return s.remember(va, access)
}

// remember is Page for one that is not remembered.
func (s *Space) remember(va uint64, access ipc.Access) *client.Page {
	if s.m.Pager.Remember(s.spots.Of(va), s.Pager, va) {
		return s.m.Pager.Spotted(s.spots.Of(va), va, access)
	}
	return nil
}

// Pair returns the n bytes at va, at most a page, in the one or two pieces that they are:
// as Span does it for each.
func (s *Space) Pair(va uint64, n int, access ipc.Access) (low, high []byte, e unix.Errno) {
	low, e = s.Span(va, n, access)
	if e == 0 && len(low) < n {
		// The first once more: to make the second present may change mappings.
		if high, e = s.Span(va+uint64(len(low)), n-len(low), access); e == 0 {
			low, e = s.Span(va, len(low), access)
		}
	}
	return low, high, e
}

// populateAhead bounds how many pages a long copy makes present with one message.
const populateAhead = 32

// resolve makes the page of va present, or says EFAULT.
func (s *Space) resolve(va uint64, n int, access ipc.Access) ([]byte, unix.Errno) {
	if va >= isa.TaskSize {
		return nil, unix.EFAULT
	}
	off := int(va & pageMask)
	grown, reclaimed := false, false
again:
	if pages := (uint64(off) + uint64(n) + pageMask) >> pageShift; pages > 1 {
		first := va &^ pageMask
		pages = min(pages, populateAhead, (isa.TaskSize-first)>>pageShift)
		s.m.Pager.Populate(s.Pager, first, pages, access)
		if p, e := s.m.Pager.SpacePage(s.Pager, va); p != nil && e.Allows(access) {
			return p[off:min(pageSize, off+n)], 0
		}
	}
	e, class, st := s.m.Pager.Resolve(s.Pager, va, access, false)
	switch {
	case st == client.OK:
		if p := s.m.Pager.PageAt(e); p != nil {
			return p[off:min(pageSize, off+n)], 0
		}
		return nil, unix.EFAULT
	case st == client.Fault && class == ipc.FaultOutOfMemory, st == client.NoMemory:
		if !reclaimed && s.m.Reclaim != nil && s.m.Reclaim() {
			reclaimed = true
			goto again
		}
		return nil, unix.ENOMEM
	case class == ipc.FaultNotMapped && !grown && s.Grow(va, ^uint64(0)):
		grown = true
		goto again
	}
	return nil, unix.EFAULT
}

// Forced is the memory of the space as a debugger reaches it: rights of regions do not
// count, and stores to private regions get a copy of their own
// (/proc/PID/mem, ptrace(2)).
type Forced struct{ S *Space }

// Span implements usermem.Memory.
func (f Forced) Span(va uint64, n int, access ipc.Access) ([]byte, unix.Errno) {
	s := f.S
	if va >= isa.TaskSize {
		return nil, unix.EIO
	}
	r := s.Find(va)
	if r == nil || r.Flags&VVar != 0 {
		return nil, unix.EIO
	}
	if access&ipc.Write == 0 && r.May&ipc.Read == 0 || access&ipc.Write != 0 && r.Flags&Shared != 0 && r.Access&ipc.Write == 0 {
		return nil, unix.EIO
	}
	off := int(va & pageMask)
	if p, e := s.m.Pager.SpacePage(s.Pager, va); p != nil && e.Allows(access) {
		return p[off:min(pageSize, off+n)], 0
	}
	if access&ipc.Write == 0 && r.Anonymous() {
		if next, ok := s.m.Pager.SpaceNext(s.Pager, va); !ok || next != va&^pageMask {
			return zeros[off:min(pageSize, off+n)], 0 // never touched: to look at it takes no memory
		}
	}
	e, _, st := s.m.Pager.Resolve(s.Pager, va, access, true)
	if st == client.NoMemory {
		return nil, unix.ENOMEM
	}
	if st != client.OK {
		return nil, unix.EIO
	}
	p := s.m.Pager.PageAt(e)
	if p == nil {
		return nil, unix.EIO
	}
	return p[off:min(pageSize, off+n)], 0
}

// zeros is what memory that was never touched reads as.
var zeros [pageSize]byte

// guardGap stays free below a region that grows down (stack_guard_gap, 256 pages).
const guardGap = 256 * pageSize

// Grow extends the region above va downwards to va if it is one that grows and the
// limit (RLIMIT_STACK in bytes) allows it. It reports whether the fault is to be tried again.
func (s *Space) Grow(va uint64, limit uint64) bool {
	if va >= isa.TaskSize || va < isa.MinimumAddress {
		return false
	}
	r := s.book.after(va)
	if r == nil {
		return false
	}
	if r.Start <= va || r.Flags&GrowsDown == 0 {
		return false
	}
	start := va &^ pageMask
	if r.End-start > min(limit, s.growLimit()) {
		return false
	}
	if below := r.prev; below != nil {
		if below.Access != 0 && below.Flags&GrowsDown == 0 && start-below.End < guardGap || below.End > start {
			return false
		}
	}
	pages := (r.Start - start) >> pageShift
	st := s.m.Pager.Map(s.Pager, client.Region{Address: start, Pages: pages, Access: hardware(r.Access), Flags: client.Keep})
	if st != client.OK {
		return false
	}
	s.book.setStart(r, start)
	s.total += pages
	s.peak = max(s.peak, s.total)
	return true
}

// growLimit is how far a stack may grow when the caller has no limit at hand: to the
// highest address maps go to.
func (s *Space) growLimit() uint64 { return isa.StackTop - s.mapBase }
