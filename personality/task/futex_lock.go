package task

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/usermem"
)

// Futexes that are locks: the word holds the thread that has it (futex(2),
// "Priority-inheritance futexes"; kernel/futex/pi.c and requeue.c of Linux for what it does
// not say). There is one priority of programs to inherit, so what is left of the inheritance
// is who gets the lock: the waiter that goes first.

// topLock is the waiter that gets the lock next, nil if nobody waits for it.
func (q *futexQueue) topLock() *futexWait {
	for _, w := range q.waiters {
		if w.kind == futexLock {
			return w
		}
	}
	return nil
}

// lockWord tries to take the lock at va of s for a thread. If somebody has it, it returns who,
// and the word says that there are waiters. mark: it shall say so in any case.
func (k *Core) lockWord(s *mm.Space, va uint64, key futexKey, t *Thread, mark bool) (owner *Thread, e unix.Errno) {
	v, e := usermem.Read32(s, va)
	if e != 0 {
		return nil, e
	}
	tid := int32(v & futexTIDMask)
	if tid == t.Tid {
		return nil, unix.EDEADLK
	}
	if q := k.futexes.find(key); q != nil {
		if q.waiters[0].kind != futexLock {
			return nil, unix.EINVAL
		}
		if tid != q.owner.Tid && (v&futexOwnerDied == 0 || tid != 0) {
			return nil, unix.EINVAL // the program has changed the word of a lock that is waited for
		}
		return q.owner, 0
	}
	if tid == 0 {
		v = v&futexOwnerDied | uint32(t.Tid)
		if mark {
			v |= futexWaiters
		}
		return nil, usermem.Write32(s, va, v)
	}
	if e := usermem.Write32(s, va, v|futexWaiters); e != 0 {
		return nil, e
	}
	owner = k.Thread(tid)
	switch {
	case owner == nil || !owner.Alive():
		return nil, unix.ESRCH
	case owner.Proc == k.Init:
		return nil, unix.EPERM
	}
	return owner, 0
}

// waitsFor reports whether owner waits, over any number of locks, for one that t has.
func (k *Core) waitsFor(owner, t *Thread) bool {
	for owner != nil {
		if owner == t {
			return true
		}
		if !owner.futex.queued() || owner.futex.kind != futexLock {
			return false
		}
		owner = owner.futex.queue.owner
	}
	return false
}

// awaitLock puts a thread's place among those that wait for a lock. EDEADLK when that would
// never end.
func (k *Core) awaitLock(w *futexWait, key futexKey, owner *Thread) unix.Errno {
	if k.waitsFor(owner, w.thread) {
		return unix.EDEADLK
	}
	k.order++
	w.kind, w.order, w.target = futexLock, k.order, futexKey{}
	k.futexJoin(w, key)
	w.queue.owner = owner
	return 0
}

// FutexLock is FUTEX_LOCK_PI and FUTEX_TRYLOCK_PI. deadline is ns since boot, 0: none.
func FutexLock(c *Call, va uint64, private, try bool, deadline int64) Result {
	k, t := c.K, c.T
	if c.Again && c.TimedOut {
		return Err(unix.ETIMEDOUT)
	}
	key, e := k.FutexKey(t.MM, va, private, ipc.Write)
	if e != 0 {
		return Err(e)
	}
	owner, e := k.lockWord(t.MM, va, key, t, false)
	switch {
	case e != 0:
		return Err(e)
	case owner == nil:
		return 0
	case try:
		return Err(unix.EAGAIN)
	}
	t.futex = futexWait{thread: t, bits: ^uint32(0), rank: futexRank(t)}
	if e := k.awaitLock(&t.futex, key, owner); e != 0 {
		return Err(e)
	}
	if deadline != 0 && deadline <= k.Now() {
		k.futexForget(t)
		return Err(unix.ETIMEDOUT)
	}
	c.State.Deadline = deadline
	return c.Block(RestartNoIntr, deadline)
}

// FutexUnlock is FUTEX_UNLOCK_PI: the lock goes to the waiter that goes first.
func FutexUnlock(c *Call, va uint64, private bool) Result {
	k, t := c.K, c.T
	v, e := usermem.Read32(t.MM, va)
	if e != 0 {
		return Err(e)
	}
	if int32(v&futexTIDMask) != t.Tid {
		return Err(unix.EPERM)
	}
	key, e := k.FutexKey(t.MM, va, private, ipc.Write)
	if e != 0 {
		return Err(e)
	}
	q := k.futexes.find(key)
	if q == nil {
		return Err(usermem.Write32(t.MM, va, 0))
	}
	if w := q.waiters[0]; w.kind != futexLock || q.owner != t {
		return Err(unix.EINVAL)
	}
	next := q.topLock()
	if e := usermem.Write32(t.MM, va, uint32(next.thread.Tid)|futexWaiters); e != 0 {
		return Err(e)
	}
	k.passLock(q, next)
	return 0
}

// passLock makes a waiter the owner of the lock.
func (k *Core) passLock(q *futexQueue, next *futexWait) {
	q.owner = next.thread
	k.futexRelease(next)
}

// exitLocks passes the locks on that a thread has and others wait for.
func (k *Core) exitLocks(t *Thread) {
	var held []*futexQueue
	for q := range k.futexes.all() {
		if q.owner == t {
			held = append(held, q)
		}
	}
	slices.SortFunc(held, func(x, y *futexQueue) int {
		return cmp.Or(cmp.Compare(x.key.a, y.key.a), cmp.Compare(x.key.b, y.key.b))
	})
	for _, q := range held {
		next := q.topLock()
		heir := next.thread
		usermem.Write32(heir.MM, heir.lockAddress(), uint32(heir.Tid)|futexWaiters|futexOwnerDied)
		k.passLock(q, next)
	}
}

// lockAddress is where a waiting thread sees the lock, by the arguments of its call.
func (t *Thread) lockAddress() uint64 {
	var args [6]uint64
	isa.Arguments(t.frame, &args)
	if uint32(args[1])&127 == futexWaitRequeueLock {
		return args[4]
	}
	return args[0]
}

// futexWaitRequeueLock is FUTEX_WAIT_REQUEUE_PI.
const futexWaitRequeueLock = 11

// FutexWaitLock is FUTEX_WAIT_REQUEUE_PI: wait at va, then for the lock at lock, where
// FutexRequeueLock moves the thread. deadline is ns since boot, 0: none.
func FutexWaitLock(c *Call, va uint64, value uint32, lock uint64, private bool, deadline int64) Result {
	k, t := c.K, c.T
	if va == lock {
		return Err(unix.EINVAL)
	}
	if c.Again && c.TimedOut {
		return Err(unix.ETIMEDOUT)
	}
	target, e := k.FutexKey(t.MM, lock, private, ipc.Write)
	if e != 0 {
		return Err(e)
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
	if key == target {
		return Err(unix.EINVAL)
	}
	if deadline != 0 && deadline <= k.Now() {
		return Err(unix.ETIMEDOUT)
	}
	k.futexEnqueue(t, key, ^uint32(0))
	t.futex.kind, t.futex.target = futexProxy, target
	c.State.Deadline = deadline
	return c.BlockWithin(RestartNoIntr, deadline, t.FutexSlack())
}

// FutexRequeueLock is FUTEX_CMP_REQUEUE_PI after its comparison: the first waiter at from gets
// the lock at va, which is to's, or waits for it, and at most move more wait for it.
func FutexRequeueLock(c *Call, from, to futexKey, va uint64, move int) Result {
	k := c.K
	q := k.futexes.find(from)
	if from == to {
		return Err(unix.EINVAL)
	}
	if q == nil {
		return 0
	}
	done := 0
	for i, w := range slices.Clone(q.waiters) {
		if done-1 >= move {
			break
		}
		if w.kind != futexProxy || w.target != to {
			return Err(unix.EINVAL)
		}
		owner, e := k.lockWord(c.T.MM, va, to, w.thread, move > 0)
		if e != 0 {
			if i > 0 && e != unix.EDEADLK {
				break
			}
			return Err(e)
		}
		done++
		if owner == nil {
			k.futexRelease(w)
			continue
		}
		k.futexLeave(w)
		if e := k.awaitLock(w, to, owner); e != 0 {
			return Err(e)
		}
		// A signal cannot start the call over now: the word it waited at has changed.
		w.thread.ThreadT.Restart = uint16(unix.EAGAIN)
	}
	return Result(done)
}
