package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
)

// Heap is the server's own memory: in it is kept what programs make, and what handling their calls takes.
type Heap interface {
	// Room is how many bytes more it could have at once.
	Room() uint64
	// Live is how many bytes of it are in use, or were until lately.
	Live() uint64
	// Collect makes room of what is used no more, if that is worth it.
	Collect()
}

// mostKept in bytes is what stays free for calls that are refused nothing, for replies, and for undoing. Calls that make something, or
// take much for a moment, answer ENOMEM before they go below. It is less where the pager keeps less than twice as much for servers.
const mostKept = 1 << 20

// keptRoom is how much of mostKept this machine has.
func (k *Core) keptRoom() uint64 { return min(mostKept, k.Pager.Reserve()*isa.PageSize/2) }

// leastRoom is where refusing has not been enough: a process ends, so that its memory can become the server's.
func (k *Core) leastRoom() uint64 { return k.keptRoom() / 2 }

// RoomFor tells whether the server can have n bytes more of its own for a call, for a moment or for long.
// Where it cannot, the call answers ENOMEM: the alternative is the end of the server, and so of everything.
func (k *Core) RoomFor(n uint64) bool {
	if k.Heap == nil || k.Heap.Room() >= n+k.keptRoom() {
		return true
	}
	k.Heap.Collect()
	return k.Heap.Room() >= n+k.keptRoom()
}

// reclaim is for programs that found no memory: what the server itself does not use any more is given back. It tells whether
// that was anything: if not, to try again would find as little as before.
func (k *Core) reclaim() bool {
	if k.Heap == nil {
		return false
	}
	before := k.Pager.ProgramMemory()
	k.Heap.Collect()
	return k.Pager.ProgramMemory() > before
}

// RelieveHeap is for the time between two messages, after a collection. When the heap has hardly any room, whatever programs made it
// take, the process with the most memory ends, as it does when a page fault finds none. What frames are given back go to servers first.
func (k *Core) RelieveHeap() {
	if k.Heap == nil || k.Heap.Room() >= k.leastRoom() {
		return
	}
	if victim := k.worst(); victim != nil {
		k.endForMemory(victim)
		k.Settle()
	}
}

// RoomToHandOver tells whether the whole state can be made a second time, as objects and as bytes.
func (k *Core) RoomToHandOver() bool { return k.Heap == nil || k.RoomFor(2*k.Heap.Live()) }

// Making is a call that makes something that stays in the server's memory, or may: it is refused while that is short.
func Making(h Handler) Handler {
	return func(c *Call) Result {
		if !c.Again && !c.K.RoomFor(0) {
			return Err(unix.ENOMEM)
		}
		return h(c)
	}
}
