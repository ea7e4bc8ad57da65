package runtime

import "internal/runtime/atomic"

// A server's heap gets memory by touching it. It gives memory back by itself only in its books: the scavenger's madvise
// does nothing here. What really takes pages away is a message to the pager, which cannot be sent from inside the
// allocator. So pages that nothing lies in are set apart first, as if they were allocated, and
// put back when the pager has taken what was in them.

// BareTakeSpare sets apart free pages of the heap: the first at or above the address after, and all beside it in one piece
// of the page allocator that are free and, in its books, in memory or not as the first. n is in bytes; 0: there are none.
func BareTakeSpare(after uintptr) (addr, n uintptr) {
	systemstack(func() { addr, n = bareTakeSpare(after) })
	return addr, n
}

func bareTakeSpare(after uintptr) (addr, n uintptr) {
	p := &mheap_.pages
	lock(p.mheapLock)
	for ci := p.start; ci < p.end; ci++ {
		chunk := p.tryChunkOf(ci)
		base := chunkBase(ci)
		if chunk == nil || base+pallocChunkBytes <= after {
			continue
		}
		first := uint(0)
		if base < after {
			first = uint((after - base + pageSize - 1) / pageSize)
		}
		used := (*pageBits)(&chunk.pallocBits)
		for first < pallocChunkPages && used.get(first) != 0 {
			first++
		}
		if first == pallocChunkPages {
			continue
		}
		end := first + 1
		for end < pallocChunkPages && used.get(end) == 0 && chunk.scavenged.get(end) == chunk.scavenged.get(first) {
			end++
		}
		addr, n = base+uintptr(first)*pageSize, uintptr(end-first)*pageSize
		bareSpare.scavenged = chunk.scavenged.get(first) != 0
		chunk.allocRange(first, end-first) // they count as not scavenged then
		p.update(addr, n/pageSize, true, true)
		break
	}
	unlock(p.mheapLock)
	return addr, n
}

// bareSpare is what was set apart last.
var bareSpare struct{ scavenged bool }

// BarePutSpare puts the pages of the last BareTakeSpare back. gone: nothing is in them any more, they read as
// zeros and are in memory again when they are touched.
func BarePutSpare(addr, n uintptr, gone bool) {
	systemstack(func() { barePutSpare(addr, n, gone) })
}

func barePutSpare(addr, n uintptr, gone bool) {
	if gone && !bareSpare.scavenged {
		gcController.heapReleased.add(int64(n))
		gcController.heapFree.add(-int64(n))
		stats := memstats.heapStats.acquire()
		atomic.Xaddint64(&stats.committed, -int64(n))
		atomic.Xaddint64(&stats.released, int64(n))
		memstats.heapStats.release()
	}
	p := &mheap_.pages
	lock(p.mheapLock)
	if b := (offAddr{addr}); b.lessThan(p.searchAddr) {
		p.searchAddr = b
	}
	ci, first := chunkIndex(addr), chunkPageIndex(addr)
	chunk := p.chunkOf(ci)
	chunk.free(first, uint(n/pageSize))
	p.update(addr, n/pageSize, true, false)
	if gone || bareSpare.scavenged {
		chunk.scavenged.setRange(first, uint(n/pageSize))
	}
	unlock(p.mheapLock)
}
