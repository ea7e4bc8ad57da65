package task

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/usermem"
)

// Bits of a futex that the kernel and programs agree on (FUTEX_* of linux/futex.h).
const (
	futexWaiters   = 0x80000000
	futexOwnerDied = 0x40000000
	futexTIDMask   = 0x3fffffff
)

// futexKey names a futex: the memory object and offset of a shared mapping, or the
// space and address. a's low two bits keep the three kinds apart.
type futexKey struct{ a, b uint64 }

const (
	keyPrivate = iota // FUTEX_PRIVATE_FLAG
	keySpace          // private memory without the flag
	keyObject         // shared memory
)

// futexQueue is the threads that wait for one futex: by priority, then oldest first.
type futexQueue struct {
	key     futexKey
	next    *futexQueue // in its chain of futexTable
	waiters []*futexWait
	// owner has the lock that waiters of kind futexLock wait for; nil: there are none.
	owner *Thread
}

// futexKind says what a thread waits for.
type futexKind uint8

const (
	futexPlain futexKind = iota // FUTEX_WAIT and its like
	futexLock                   // FUTEX_LOCK_PI
	futexProxy                  // FUTEX_WAIT_REQUEUE_PI before it was moved to its lock
)

// futexWait is a thread's place in a queue.
type futexWait struct {
	thread *Thread
	queue  *futexQueue // nil: none
	target futexKey    // of futexProxy
	order  uint64
	bits   uint32
	index  uint16 // futex_waitv(2): place in its list
	kind   futexKind
	rank   uint8 // see futexRank
}

func (w *futexWait) queued() bool { return w.queue != nil }

// Values of Thread.FutexState. With futexWoken a blocked call is over: its result is 0, or the
// place in the list of futex_waitv(2), and nothing is to be looked at again.
const (
	futexIdle = iota
	futexWoken
)

// futexRank is a thread's place among waiters: those with a real-time priority come first.
func futexRank(t *Thread) uint8 {
	const highest = 99
	if t.Realtime() {
		return uint8(highest - t.Priority)
	}
	return highest + 1
}

// FutexKey finds the futex at va. EINVAL when va is not aligned, EFAULT when nothing is there.
// access is what the call does to the futex itself (get_futex_key of Linux's kernel/futex/core.c).
func (k *Core) FutexKey(s *mm.Space, va uint64, private bool, access ipc.Access) (futexKey, unix.Errno) {
	if private && va&3 == 0 && va < isa.TaskSize {
		return futexKey{s.ID<<2 | keyPrivate, va}, 0
	}
	return futexMapped(s, va, access)
}

// futexMapped is FutexKey for the others: those that other processes may know by other addresses,
// and those that cannot be.
func futexMapped(s *mm.Space, va uint64, access ipc.Access) (futexKey, unix.Errno) {
	if va&3 != 0 {
		return futexKey{}, unix.EINVAL
	}
	if va >= isa.TaskSize {
		return futexKey{}, unix.EFAULT
	}
	r := s.Find(va)
	if r == nil || r.Access == 0 || access&ipc.Write != 0 && r.Access&ipc.Write == 0 {
		return futexKey{}, unix.EFAULT
	}
	if r.Flags&mm.Shared != 0 && r.Object != 0 {
		if _, e := usermem.Read32(s, va); e != 0 {
			return futexKey{}, unix.EFAULT // past the end of the file
		}
		return futexKey{uint64(r.Object)<<2 | keyObject, r.Offset + va - r.Start}, 0
	}
	if r.Object == 0 && r.Access&ipc.Write == 0 {
		return futexKey{}, unix.EFAULT // private pages that nobody can change
	}
	return futexKey{s.ID<<2 | keySpace, va}, 0
}

// FutexWait is FUTEX_WAIT and FUTEX_WAIT_BITSET: wait at va while it holds value. deadline is ns
// since boot, 0: none.
func FutexWait(c *Call, va uint64, value, bits uint32, private bool, deadline int64) Result {
	k, t := c.K, c.T
	if c.Again && c.TimedOut {
		return Err(unix.ETIMEDOUT)
	}
	key, e := k.FutexKey(t.MM, va, private, ipc.Read)
	if e != 0 {
		return Err(e)
	}
	have, e := usermem.Read32(t.MM, va)
	if e != 0 {
		return Err(e)
	}
	if have != value {
		return Err(unix.EAGAIN)
	}
	if deadline != 0 && deadline <= k.Now() {
		return Err(unix.ETIMEDOUT)
	}
	k.futexEnqueue(t, key, bits)
	if deadline != 0 {
		c.State.Deadline = deadline
		return c.BlockWithin(RestartBlock, deadline, t.FutexSlack())
	}
	return c.Block(RestartSys, 0)
}

// futexEnqueue makes a thread wait at a key.
func (k *Core) futexEnqueue(t *Thread, key futexKey, bits uint32) {
	k.order++
	t.futex = futexWait{thread: t, bits: bits, order: k.order, rank: futexRank(t)}
	k.futexJoin(&t.futex, key)
}

// futexJoin puts a place into the queue of a key, behind those that go first.
func (k *Core) futexJoin(w *futexWait, key futexKey) {
	q := k.futexes.take(key)
	w.queue = q
	q.waiters = append(q.waiters, w)
	for i := len(q.waiters) - 1; i > 0 && q.waiters[i-1].rank > w.rank; i-- {
		q.waiters[i], q.waiters[i-1] = q.waiters[i-1], w
	}
}

// futexForget takes a thread out of the queues that it is in.
func (k *Core) futexForget(t *Thread) {
	if t.futex.queued() {
		k.futexLeave(&t.futex)
	}
	for i := range t.futexList {
		if w := &t.futexList[i]; w.queued() {
			k.futexLeave(w)
		}
	}
	t.futexList = nil
}

// futexLeave takes one place out of its queue.
func (k *Core) futexLeave(w *futexWait) {
	q := w.queue
	w.queue = nil
	if len(q.waiters) > 1 {
		q.waiters = remove(q.waiters, w)
		if q.owner != nil && q.topLock() == nil {
			q.owner = nil
		}
		return
	}
	q.waiters[0] = nil
	q.waiters, q.owner = q.waiters[:0], nil
	k.futexes.drop(q)
}

// futexRelease ends the wait of one place.
func (k *Core) futexRelease(w *futexWait) {
	t := w.thread
	k.futexLeave(w)
	if w.index != 0 && t.FutexState != futexWoken {
		t.state.Scratch0 = int64(w.index) - 1
	}
	t.FutexState = futexWoken
	t.woken = true
	k.enqueue(t)
}

// FutexWake wakes at most n threads that wait at a key for one of bits, those that go first
// before others. EINVAL when one of them waits for a lock.
func (k *Core) FutexWake(key futexKey, n int, bits uint32) (done int, e unix.Errno) {
	q := k.futexes.find(key)
	for i := 0; q != nil && i < len(q.waiters) && done < n; {
		w := q.waiters[i]
		if w.kind != futexPlain {
			return done, unix.EINVAL
		}
		if w.bits&bits == 0 {
			i++
			continue
		}
		k.futexRelease(w)
		done++
	}
	return done, 0
}

// FutexRequeue wakes n threads at from and moves at most move of the others to to; it
// counts both.
func (k *Core) FutexRequeue(from, to futexKey, n, move int) (done int, e unix.Errno) {
	q := k.futexes.find(from)
	if q == nil {
		return 0, 0
	}
	for _, w := range slices.Clone(q.waiters) {
		if done-n >= move {
			break
		}
		if w.kind != futexPlain {
			return done, unix.EINVAL
		}
		if done++; done <= n {
			k.futexRelease(w)
		} else if from != to {
			k.futexLeave(w)
			k.order++
			w.order = k.order
			k.futexJoin(w, to)
		}
	}
	return done, 0
}

// futexWakeWord wakes one thread that waits for a word which the kernel has changed.
func (k *Core) futexWakeWord(t *Thread, va uint64) {
	if key, e := k.FutexKey(t.MM, va, false, ipc.Write); e == 0 {
		k.FutexWake(key, 1, ^uint32(0))
	}
}
