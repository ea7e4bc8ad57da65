package runtime

// bareSpace hands out the addresses of one heap area. The runtime reserves
// addresses first and asks for memory later, so a reservation is arithmetic and
// may lie beyond the end; only using it may not.
//
// Requests of an arena or more are aligned to arenas and come from arenas
// upward, so that arenas stay dense; the small ones (metadata) come from pieces
// of one arena's size, the first of which is the beginning of the area.
type bareSpace struct {
	first    uintptr // address of the first arena
	arenas   uintptr // next address for arenas
	small    uintptr // next address for metadata
	smallEnd uintptr
	limit    uintptr // memory exists below this address
	used     uintptr // everything from here on was never written
}

var bareMemory bareSpace

const bareArena = 4 << 20 // heapArenaBytes, see the edit of malloc.go

// mmap reserves n bytes, or with use makes them usable, at addr when fixed.
func (s *bareSpace) mmap(addr, n uintptr, use, fixed bool) uintptr {
	n = (n + 4095) &^ 4095
	if n == 0 || n > 1<<40 {
		return bareError(bareEINVAL)
	}
	if !fixed {
		addr = s.reserve(n)
	}
	if use && !s.commit(addr, n) {
		return bareError(bareENOMEM)
	}
	return addr
}

func (s *bareSpace) reserve(n uintptr) uintptr {
	if n >= bareArena {
		a := s.arenas
		s.arenas += (n + bareArena - 1) &^ (bareArena - 1)
		return a
	}
	if s.smallEnd-s.small < n {
		s.small = s.arenas
		s.arenas += bareArena
		s.smallEnd = s.arenas
	}
	a := s.small
	s.small += n
	return a
}

func (s *bareSpace) commit(addr, n uintptr) bool {
	end := addr + n
	if end < addr || end > s.limit {
		return false
	}
	if end > s.used {
		s.used = end
	}
	return bareCommit(addr, n)
}

// munmap takes back a reservation at the end that was never used: the runtime
// reserves twice an arena to get an aligned one. Other addresses are not used
// again; there are enough.
func (s *bareSpace) munmap(addr, n uintptr) {
	n = (n + 4095) &^ 4095
	if addr+n == s.arenas && addr >= s.used && addr&(bareArena-1) == 0 {
		s.arenas = addr
	}
}

// bareMemoryLimit is the default of GOMEMLIMIT: without it the first collection
// waits for 4 MiB of objects, and a heap of one arena is full before that. The
// limit counts the runtime's metadata too, which lies outside the arenas.
func bareMemoryLimit() int64 {
	const metadata = 1 << 20
	return int64(bareMemory.limit-bareMemory.first) + metadata
}

// BareHeapLive is the number of bytes that the garbage collector counts as
// live: what the last cycle marked plus what was allocated since. It costs one
// load, so an event loop can decide after every event whether to collect.
func BareHeapLive() uint64 { return gcController.heapLive.Load() }
