package task

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/usermem"
)

// futexKey names a futex: the memory object and offset of a shared mapping, or the
// space and address. a's low two bits keep the three kinds apart.
type futexKey struct{ a, b uint64 }

const (
	keyPrivate = iota // FUTEX_PRIVATE_FLAG
	keySpace          // private memory without the flag
	keyObject         // shared memory
)

// futexQueue is the threads that wait for one futex, oldest first.
type futexQueue struct{ waiters []*Thread }

// futexWait is a thread's place in a queue.
type futexWait struct {
	key   futexKey
	bits  uint32
	order uint64
	queue *futexQueue
}

func (w *futexWait) queued() bool { return w.queue != nil }

// Values of Thread.FutexState.
const (
	futexIdle = iota
	futexWoken
)

// FutexKey finds the futex at va. EINVAL when va is not aligned, EFAULT when nothing is there.
func (k *Core) FutexKey(s *mm.Space, va uint64, private bool) (futexKey, unix.Errno) {
	if va&3 != 0 {
		return futexKey{}, unix.EINVAL
	}
	if private {
		return futexKey{s.ID<<2 | keyPrivate, va}, 0
	}
	r := s.Find(va)
	if r == nil {
		return futexKey{}, unix.EFAULT
	}
	if r.Flags&mm.Shared != 0 && r.Object != 0 {
		return futexKey{uint64(r.Object)<<2 | keyObject, r.Offset + va - r.Start}, 0
	}
	return futexKey{s.ID<<2 | keySpace, va}, 0
}

// FutexWait is FUTEX_WAIT and FUTEX_WAIT_BITSET: wait at va while it holds value. deadline is ns
// since boot, 0: none.
func FutexWait(c *Call, va uint64, value, bits uint32, private bool, deadline int64) Result {
	k, t := c.K, c.T
	if c.Again {
		if t.FutexState == futexWoken {
			t.FutexState = futexIdle
			return 0
		}
		if c.TimedOut {
			return Err(unix.ETIMEDOUT)
		}
	}
	t.FutexState = futexIdle
	key, e := k.FutexKey(t.MM, va, private)
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
		return c.Block(RestartBlock, deadline)
	}
	return c.Block(RestartSys, 0)
}

func (k *Core) futexEnqueue(t *Thread, key futexKey, bits uint32) {
	q := k.futexes[key]
	if q == nil {
		if n := len(k.spareQueues); n > 0 {
			q, k.spareQueues = k.spareQueues[n-1], k.spareQueues[:n-1]
		} else {
			q = &futexQueue{}
		}
		k.futexes[key] = q
	}
	k.order++
	t.futex = futexWait{key, bits, k.order, q}
	q.waiters = append(q.waiters, t)
}

// futexForget takes a thread out of its queue.
func (k *Core) futexForget(t *Thread) {
	q := t.futex.queue
	t.futex.queue = nil
	q.waiters = remove(q.waiters, t)
	k.settleQueue(t.futex.key, q)
}

func (k *Core) settleQueue(key futexKey, q *futexQueue) {
	if len(q.waiters) == 0 {
		delete(k.futexes, key)
		k.spareQueues = append(k.spareQueues, q)
	}
}

// FutexWake wakes at most n threads that wait at a key for one of bits, oldest first.
func (k *Core) FutexWake(key futexKey, n int, bits uint32) int {
	q := k.futexes[key]
	if q == nil {
		return 0
	}
	done := 0
	kept := q.waiters[:0]
	for i, t := range q.waiters {
		if done == n {
			kept = append(kept, q.waiters[i:]...)
			break
		}
		if t.futex.bits&bits == 0 {
			kept = append(kept, t)
			continue
		}
		t.futex.queue = nil
		t.FutexState = futexWoken
		t.woken = true
		k.enqueue(t)
		done++
	}
	q.waiters = kept
	k.settleQueue(key, q)
	return done
}

// FutexRequeue wakes n threads at from and moves at most move of the others to to.
func (k *Core) FutexRequeue(from, to futexKey, n, move int) (woken, moved int) {
	woken = k.FutexWake(from, n, ^uint32(0))
	q := k.futexes[from]
	if q == nil || from == to {
		if q != nil {
			moved = min(move, len(q.waiters))
		}
		return woken, moved
	}
	moved = min(move, len(q.waiters))
	list := append([]*Thread(nil), q.waiters[:moved]...)
	for _, t := range list {
		bits := t.futex.bits
		k.futexForget(t)
		k.futexEnqueue(t, to, bits)
	}
	return woken, moved
}

// futexWakeWord wakes one thread that waits for a word which the kernel has changed.
func (k *Core) futexWakeWord(t *Thread, va uint64) {
	if key, e := k.FutexKey(t.MM, va, false); e == 0 {
		k.FutexWake(key, 1, ^uint32(0))
	}
}

// Robust lists (get_robust_list(2)).
const (
	robustLimit    = 2048 // ROBUST_LIST_LIMIT
	futexWaiters   = 0x80000000
	futexOwnerDied = 0x40000000
	futexTIDMask   = 0x3fffffff
)

// exitRobust marks the robust futexes that a thread held as its legacy.
func (k *Core) exitRobust(t *Thread) {
	head := t.RobustList
	if head == 0 {
		return
	}
	t.RobustList = 0
	m := t.MM
	entry, e := usermem.Read64(m, head)
	if e != 0 {
		return
	}
	offset, e := usermem.Read64(m, head+8)
	if e != 0 {
		return
	}
	pending, e := usermem.Read64(m, head+16)
	if e != 0 {
		return
	}
	const piBit = 1
	for n := 0; entry&^piBit != head && n < robustLimit; n++ {
		next, e := usermem.Read64(m, entry&^piBit)
		if entry&^piBit != pending&^piBit {
			if !k.ownerDied(t, entry&^piBit+offset, false) {
				return
			}
		}
		if e != 0 {
			return
		}
		entry = next
	}
	if pending&^piBit != 0 {
		k.ownerDied(t, pending&^piBit+offset, true)
	}
}

// ownerDied passes one futex on. False when its memory cannot be used.
func (k *Core) ownerDied(t *Thread, va uint64, pending bool) bool {
	if va&3 != 0 {
		return false
	}
	s, e := t.MM.Span(va, 4, ipc.Write)
	if e != 0 || len(s) < 4 {
		return false
	}
	v := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
	if pending && v == 0 {
		k.futexWakeWord(t, va)
		return true
	}
	if v&futexTIDMask != uint32(t.Tid) {
		return true
	}
	n := v&futexWaiters | futexOwnerDied
	s[0], s[1], s[2], s[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	if v&futexWaiters != 0 {
		k.futexWakeWord(t, va)
	}
	return true
}
