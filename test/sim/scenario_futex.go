package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Operations and bits of futex(2) that other scenarios do not use.
const (
	futexCmpRequeue    = 4
	futexLockPI        = 6
	futexUnlockPI      = 7
	futexTrylockPI     = 8
	futexWaitBitset    = 9
	futexWaitRequeuePI = 11
	futexCmpRequeuePI  = 12
	futexWaitersBit    = 0x80000000
	futexOwnerDiedBit  = 0x40000000
)

// waitv makes the list of futex_waitv(2): every word is to hold 0.
func waitv(p *kernel.Prog, words ...uint64) uint64 {
	const size, flag32 = 24, 2
	at := p.Alloc(uint64(len(words)) * size)
	for i, w := range words {
		p.Store64(at+uint64(i)*size+8, w)
		p.Store32(at+uint64(i)*size+16, flag32|futexPrivate)
	}
	return at
}

var futexScenarios = []Scenario{
	{Name: "a requeue counts the woken and the moved", Output: "done\n",
		Main: func(p *kernel.Prog) {
			a, b, ready := p.Alloc(8), p.Alloc(8), p.Alloc(8)
			for range 5 {
				p.Thread(func(p *kernel.Prog) {
					p.Store32(ready, uint32(p.Syscall(unix.SYS_GETTID)))
					want(p, "wait", p.Syscall(unix.SYS_FUTEX, a, futexWait|futexPrivate, 0, 0), 0)
				})
				settled(p, ready)
			}
			want(p, "requeue", p.Syscall(unix.SYS_FUTEX, a, futexRequeue|futexPrivate, 1, 2, b), 3)
			want(p, "moved", p.Syscall(unix.SYS_FUTEX, b, futexWake|futexPrivate, 10), 2)
			want(p, "other value", p.Syscall(unix.SYS_FUTEX, a, futexCmpRequeue|futexPrivate, 1, 2, b, 7), fails(unix.EAGAIN))
			want(p, "the rest", p.Syscall(unix.SYS_FUTEX, a, futexCmpRequeue|futexPrivate, 1, 2, b, 0), 2)
			want(p, "the last", p.Syscall(unix.SYS_FUTEX, b, futexWake|futexPrivate, 10), 1)
			sleep(p, 1e6)
			p.Print(1, "done\n")
		}},

	{Name: "a wait for several futexes", Output: "done\n",
		Main: func(p *kernel.Prog) {
			a, b, ready := p.Alloc(8), p.Alloc(8), p.Alloc(8)
			list := waitv(p, a, b)
			p.Thread(func(p *kernel.Prog) {
				p.Store32(ready, uint32(p.Syscall(unix.SYS_GETTID)))
				want(p, "which", p.Syscall(unix.SYS_FUTEX_WAITV, list, 2, 0, 0, 0), 1)
				p.Store32(a+4, 1)
			})
			settled(p, ready)
			want(p, "wake", p.Syscall(unix.SYS_FUTEX, b, futexWake|futexPrivate, 1), 1)
			want(p, "out of the other queue", p.Syscall(unix.SYS_FUTEX, a, futexWake|futexPrivate, 1), 0)
			until(p, func() bool { return p.Load32(a+4) == 1 })
			p.Store32(b, 1)
			want(p, "another value", p.Syscall(unix.SYS_FUTEX_WAITV, list, 2, 0, 0, 0), fails(unix.EAGAIN))
			want(p, "time-out", p.Syscall(unix.SYS_FUTEX_WAITV, list, 1, 0, span(p, 1), unix.CLOCK_MONOTONIC), fails(unix.ETIMEDOUT))
			want(p, "clock", p.Syscall(unix.SYS_FUTEX_WAITV, list, 1, 0, span(p, 1), unix.CLOCK_BOOTTIME), fails(unix.EINVAL))
			want(p, "none", p.Syscall(unix.SYS_FUTEX_WAITV, list, 0, 0, 0, 0), fails(unix.EINVAL))
			want(p, "too many", p.Syscall(unix.SYS_FUTEX_WAITV, list, 129, 0, 0, 0), fails(unix.EINVAL))
			p.Store32(list+16, futexPrivate)
			want(p, "size", p.Syscall(unix.SYS_FUTEX_WAITV, list, 1, 0, 0, 0), fails(unix.EINVAL))
			p.Print(1, "done\n")
		}},

	{Name: "a lock goes to the thread that waits longest", Output: "done\n",
		Main: func(p *kernel.Prog) {
			lock, turn, ready := p.Alloc(8), p.Alloc(8), p.Alloc(8)
			me := p.Syscall(unix.SYS_GETTID)
			want(p, "lock", p.Syscall(unix.SYS_FUTEX, lock, futexLockPI, 0, 0), 0)
			want(p, "word", int64(p.Load32(lock)), me)
			want(p, "twice", p.Syscall(unix.SYS_FUTEX, lock, futexLockPI, 0, 0), fails(unix.EDEADLK))
			want(p, "unlock", p.Syscall(unix.SYS_FUTEX, lock, futexUnlockPI, 0), 0)
			want(p, "free", int64(p.Load32(lock)), 0)
			want(p, "not mine", p.Syscall(unix.SYS_FUTEX, lock, futexUnlockPI, 0), fails(unix.EPERM))
			p.Store32(lock, uint32(me))
			for i := range uint32(3) {
				p.Thread(func(p *kernel.Prog) {
					tid := p.Syscall(unix.SYS_GETTID)
					want(p, "try", p.Syscall(unix.SYS_FUTEX, lock, futexTrylockPI, 0), fails(unix.EAGAIN))
					p.Store32(ready, uint32(tid))
					want(p, "lock", p.Syscall(unix.SYS_FUTEX, lock, futexLockPI, 0, 0), 0)
					want(p, "owner", int64(p.Load32(lock)&^futexWaitersBit), tid)
					want(p, "order", int64(p.Load32(turn)), int64(i))
					p.Store32(turn, i+1)
					want(p, "unlock", p.Syscall(unix.SYS_FUTEX, lock, futexUnlockPI, 0), 0)
				})
				settled(p, ready)
			}
			check(p, "waiters", p.Load32(lock) == uint32(me)|futexWaitersBit)
			want(p, "a wake of a lock", p.Syscall(unix.SYS_FUTEX, lock, futexWake, 1), fails(unix.EINVAL))
			want(p, "unlock", p.Syscall(unix.SYS_FUTEX, lock, futexUnlockPI, 0), 0)
			until(p, func() bool { return p.Load32(lock) == 0 })
			want(p, "all had it", int64(p.Load32(turn)), 3)
			p.Store32(lock, 30000)
			want(p, "no such owner", p.Syscall(unix.SYS_FUTEX, lock, futexLockPI, 0, 0), fails(unix.ESRCH))
			p.Print(1, "done\n")
		}},

	{Name: "a lock outlives its owner", Output: "done\n",
		Main: func(p *kernel.Prog) {
			lock, end, ready := p.Alloc(8), p.Alloc(8), p.Alloc(8)
			me := p.Syscall(unix.SYS_GETTID)
			p.Thread(func(p *kernel.Prog) {
				want(p, "lock", p.Syscall(unix.SYS_FUTEX, lock, futexLockPI, 0, 0), 0)
				p.Store32(ready, uint32(p.Syscall(unix.SYS_GETTID)))
				want(p, "wait", p.Syscall(unix.SYS_FUTEX, end, futexWait|futexPrivate, 0, 0), 0)
			})
			settled(p, ready)
			p.Thread(func(p *kernel.Prog) {
				until(p, func() bool { return sleeps(p, me) })
				want(p, "wake", p.Syscall(unix.SYS_FUTEX, end, futexWake|futexPrivate, 1), 1)
			})
			want(p, "inherited", p.Syscall(unix.SYS_FUTEX, lock, futexLockPI, 0, 0), 0)
			check(p, fmt.Sprintf("word %#x", p.Load32(lock)),
				p.Load32(lock) == uint32(me)|futexWaitersBit|futexOwnerDiedBit)
			p.Print(1, "done\n")
		}},

	{Name: "threads that wait for each other's lock", Output: "done\n",
		Main: func(p *kernel.Prog) {
			a, b, ready := p.Alloc(8), p.Alloc(8), p.Alloc(8)
			want(p, "lock a", p.Syscall(unix.SYS_FUTEX, a, futexLockPI, 0, 0), 0)
			p.Thread(func(p *kernel.Prog) {
				want(p, "lock b", p.Syscall(unix.SYS_FUTEX, b, futexLockPI, 0, 0), 0)
				p.Store32(ready, uint32(p.Syscall(unix.SYS_GETTID)))
				want(p, "lock a", p.Syscall(unix.SYS_FUTEX, a, futexLockPI, 0, 0), 0)
				want(p, "unlock a", p.Syscall(unix.SYS_FUTEX, a, futexUnlockPI, 0), 0)
				want(p, "unlock b", p.Syscall(unix.SYS_FUTEX, b, futexUnlockPI, 0), 0)
			})
			settled(p, ready)
			want(p, "a circle", p.Syscall(unix.SYS_FUTEX, b, futexLockPI, 0, 0), fails(unix.EDEADLK))
			want(p, "unlock", p.Syscall(unix.SYS_FUTEX, a, futexUnlockPI, 0), 0)
			want(p, "lock b", p.Syscall(unix.SYS_FUTEX, b, futexLockPI, 0, 0), 0)
			sleep(p, 1e6)
			p.Print(1, "done\n")
		}},

	{Name: "waiters of a condition are moved to its lock", Output: "done\n",
		Main: func(p *kernel.Prog) {
			cond, lock, count, ready := p.Alloc(8), p.Alloc(8), p.Alloc(8), p.Alloc(8)
			for range 3 {
				p.Thread(func(p *kernel.Prog) {
					p.Store32(ready, uint32(p.Syscall(unix.SYS_GETTID)))
					want(p, "wait", p.Syscall(unix.SYS_FUTEX, cond, futexWaitRequeuePI, 0, 0, lock), 0)
					want(p, "owner", int64(p.Load32(lock)&^futexWaitersBit), p.Syscall(unix.SYS_GETTID))
					p.Store32(count, p.Load32(count)+1)
					want(p, "unlock", p.Syscall(unix.SYS_FUTEX, lock, futexUnlockPI, 0), 0)
				})
				settled(p, ready)
			}
			want(p, "a plain requeue", p.Syscall(unix.SYS_FUTEX, cond, futexRequeue, 1, 1, lock), fails(unix.EINVAL))
			want(p, "a plain wake", p.Syscall(unix.SYS_FUTEX, cond, futexWake, 1), fails(unix.EINVAL))
			want(p, "another lock", p.Syscall(unix.SYS_FUTEX, cond, futexCmpRequeuePI, 1, 1, count, 0), fails(unix.EINVAL))
			want(p, "two woken", p.Syscall(unix.SYS_FUTEX, cond, futexCmpRequeuePI, 2, 1, lock, 0), fails(unix.EINVAL))
			want(p, "lock", p.Syscall(unix.SYS_FUTEX, lock, futexLockPI, 0, 0), 0)
			want(p, "requeue", p.Syscall(unix.SYS_FUTEX, cond, futexCmpRequeuePI, 1, 100, lock, 0), 3)
			sleep(p, 1e6)
			want(p, "they wait", int64(p.Load32(count)), 0)
			want(p, "unlock", p.Syscall(unix.SYS_FUTEX, lock, futexUnlockPI, 0), 0)
			until(p, func() bool { return p.Load32(count) >= 3 && p.Load32(lock) == 0 })
			want(p, "all had it", int64(p.Load32(count)), 3)
			want(p, "time-out", p.Syscall(unix.SYS_FUTEX, cond, futexWaitRequeuePI, 0, span(p, 1), lock), fails(unix.ETIMEDOUT))
			p.Print(1, "done\n")
		}},
}
