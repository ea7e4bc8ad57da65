package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Operations of futex(2).
const (
	futexWait    = 0
	futexWake    = 1
	futexRequeue = 3
	futexPrivate = 128
)

// clock reads a clock in ns.
func clock(p *kernel.Prog, id uint64) (ns int64) {
	p.Scratch(func() {
		at := p.Alloc(16)
		ok(p, "clock_gettime", p.Syscall(unix.SYS_CLOCK_GETTIME, id, at))
		ns = int64(p.Load64(at))*1e9 + int64(p.Load64(at+8))
	})
	return ns
}

// span is a timespec.
func span(p *kernel.Prog, ns uint64) uint64 {
	at := p.Alloc(16)
	p.Store64(at, ns/1e9)
	p.Store64(at+8, ns%1e9)
	return at
}

// poll polls one descriptor and returns what it is ready for.
func poll(p *kernel.Prog, fd uint64, events uint16, ms int64) (n int64, revents uint16) {
	p.Scratch(func() {
		at := p.Alloc(8)
		p.Store32(at, uint32(fd))
		p.Store32(at+4, uint32(events))
		n = p.Syscall(unix.SYS_POLL, at, 1, uint64(ms))
		revents = uint16(p.Load32(at+4) >> 16)
	})
	return n, revents
}

var waitScenarios = []Scenario{
	{Name: "sleeping takes its time", Output: "done\n",
		Main: func(p *kernel.Prog) {
			before := clock(p, unix.CLOCK_MONOTONIC)
			want(p, "nanosleep", sleep(p, 20e6), 0)
			d := clock(p, unix.CLOCK_MONOTONIC) - before
			check(p, fmt.Sprintf("slept %d ns", d), d >= 20e6 && d < 40e6)
			at := p.Alloc(16)
			p.Store64(at+8, 1e9)
			want(p, "too many ns", p.Syscall(unix.SYS_NANOSLEEP, at, 0), fails(unix.EINVAL))
			abs := clock(p, unix.CLOCK_MONOTONIC) + 5e6
			want(p, "clock_nanosleep", p.Syscall(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, span(p, uint64(abs)), 0), 0)
			check(p, "absolute", clock(p, unix.CLOCK_MONOTONIC) >= abs)
			p.Print(1, "done\n")
		}},

	{Name: "computing is accounted", Output: "done\n",
		Main: func(p *kernel.Prog) {
			before := clock(p, unix.CLOCK_PROCESS_CPUTIME_ID)
			p.Compute(30e6)
			d := clock(p, unix.CLOCK_PROCESS_CPUTIME_ID) - before
			check(p, fmt.Sprintf("used %d ns", d), d >= 30e6 && d < 31e6)
			before = clock(p, unix.CLOCK_PROCESS_CPUTIME_ID)
			sleep(p, 30e6)
			d = clock(p, unix.CLOCK_PROCESS_CPUTIME_ID) - before
			check(p, fmt.Sprintf("asleep used %d ns", d), d < 1e6)
			p.Print(1, "done\n")
		}},

	{Name: "futex wait, wake, time-out", Output: "done\n",
		Main: func(p *kernel.Prog) {
			word := p.Alloc(16)
			count, ready := word+8, p.Alloc(8)
			want(p, "another value", p.Syscall(unix.SYS_FUTEX, word, futexWait, 1, 0), fails(unix.EAGAIN))
			want(p, "time-out", p.Syscall(unix.SYS_FUTEX, word, futexWait, 0, span(p, 1e6)), fails(unix.ETIMEDOUT))
			want(p, "nobody", p.Syscall(unix.SYS_FUTEX, word, futexWake, 1), 0)
			want(p, "not aligned", p.Syscall(unix.SYS_FUTEX, word+1, futexWait, 0, 0), fails(unix.EINVAL))
			for range 3 {
				p.Thread(func(p *kernel.Prog) {
					p.Store32(ready, uint32(p.Syscall(unix.SYS_GETTID)))
					want(p, "wait", p.Syscall(unix.SYS_FUTEX, word, futexWait|futexPrivate, 0, 0), 0)
					p.Store64(count, p.Load64(count)+1)
				})
				settled(p, ready)
			}
			want(p, "wake one", p.Syscall(unix.SYS_FUTEX, word, futexWake|futexPrivate, 1), 1)
			until(p, func() bool { return p.Load64(count) > 0 })
			sleep(p, 1e6)
			check(p, "one ran", p.Load64(count) == 1)
			want(p, "wake all", p.Syscall(unix.SYS_FUTEX, word, futexWake|futexPrivate, 100), 2)
			until(p, func() bool { return p.Load64(count) >= 3 })
			p.Print(1, "done\n")
		}},

	{Name: "threads end with a cleared word and a wake", Output: "joined 4\n",
		Main: func(p *kernel.Prog) {
			const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD |
				unix.CLONE_SYSVSEM | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID | unix.CLONE_SETTLS
			sum := p.Alloc(8)
			var words []uint64
			for i := range uint64(4) {
				tid := p.Alloc(8)
				stack := p.Alloc(16384) + 16384
				tls := p.Alloc(64)
				words = append(words, tid)
				got := p.Clone(func(p *kernel.Prog) {
					check(p, "thread pointer", p.Regs().FSBase == tls)
					check(p, "stack", p.Regs().SP == stack)
					sleep(p, (4-i)*1e6)
					p.Store64(sum, p.Load64(sum)+1)
				}, flags, stack, tid, tid, tls)
				check(p, "parent's word", p.Load32(tid) == uint32(got) || p.Load32(tid) == 0)
			}
			for _, tid := range words {
				for {
					v := p.Load32(tid)
					if v == 0 {
						break
					}
					p.Syscall(unix.SYS_FUTEX, tid, futexWait, uint64(v), 0)
				}
			}
			p.Print(1, fmt.Sprintf("joined %d\n", p.Load64(sum)))
		}},

	{Name: "futexes in shared memory", Output: "done\n",
		Main: func(p *kernel.Prog) {
			at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 4096, rw, shared, noFile, 0)))
			pid := p.Fork(func(p *kernel.Prog) {
				for p.Load32(at) == 0 {
					p.Syscall(unix.SYS_FUTEX, at, futexWait, 0, 0)
				}
				p.Store32(at+4, 1)
			})
			sleep(p, 2e6)
			p.Store32(at, 1)
			want(p, "wake", p.Syscall(unix.SYS_FUTEX, at, futexWake, 1), 1)
			wait(p, pid, 0)
			check(p, "woken", p.Load32(at+4) == 1)
			p.Print(1, "done\n")
		}},

	{Name: "poll", Output: "done\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			n, _ := poll(p, r, unix.POLLIN, 0)
			want(p, "nothing", n, 0)
			before := clock(p, unix.CLOCK_MONOTONIC)
			n, _ = poll(p, r, unix.POLLIN, 10)
			want(p, "time-out", n, 0)
			check(p, "took its time", clock(p, unix.CLOCK_MONOTONIC)-before >= 10e6)
			n, ev := poll(p, w, unix.POLLOUT, -1)
			want(p, "writable", n<<16|int64(ev), 1<<16|unix.POLLOUT)
			pid := p.Fork(func(p *kernel.Prog) { sleep(p, 5e6); write(p, w, "x") })
			n, ev = poll(p, r, unix.POLLIN, -1)
			want(p, "readable", n<<16|int64(ev), 1<<16|unix.POLLIN)
			wait(p, pid, 0)
			read(p, r, 1)
			p.Syscall(unix.SYS_CLOSE, w)
			n, ev = poll(p, r, unix.POLLIN, -1)
			want(p, "hung up", n<<16|int64(ev), 1<<16|unix.POLLHUP)
			n, ev = poll(p, 99, unix.POLLIN, -1)
			want(p, "no such descriptor", n<<16|int64(ev), 1<<16|unix.POLLNVAL)
			p.Print(1, "done\n")
		}},

	{Name: "epoll, eventfd, timerfd", Output: "2 1 2 done\n",
		Main: func(p *kernel.Prog) {
			ep := uint64(ok(p, "epoll_create1", p.Syscall(unix.SYS_EPOLL_CREATE1, 0)))
			ev := uint64(ok(p, "eventfd2", p.Syscall(unix.SYS_EVENTFD2, 0, 0)))
			tf := uint64(ok(p, "timerfd_create", p.Syscall(unix.SYS_TIMERFD_CREATE, unix.CLOCK_MONOTONIC, 0)))
			add := func(fd, events, data uint64) {
				at := p.Alloc(16)
				p.Store32(at, uint32(events))
				p.Set(at+4, []byte{byte(data), 0, 0, 0, 0, 0, 0, 0})
				want(p, "epoll_ctl", p.Syscall(unix.SYS_EPOLL_CTL, ep, unix.EPOLL_CTL_ADD, fd, at), 0)
			}
			add(ev, unix.EPOLLIN, 1)
			add(tf, unix.EPOLLIN, 2)
			next := func() {
				at := p.Alloc(120)
				want(p, "epoll_wait", p.Syscall(unix.SYS_EPOLL_WAIT, ep, at, 10, ^uint64(0)), 1)
				p.Print(1, fmt.Sprintf("%d ", p.Load8(at+4)))
			}
			it := p.Alloc(32)
			p.Store64(it+24, 5e6)
			want(p, "timerfd_settime", p.Syscall(unix.SYS_TIMERFD_SETTIME, tf, 0, it, 0), 0)
			next()
			text, _ := read(p, tf, 8)
			check(p, "expirations", text == "\x01\x00\x00\x00\x00\x00\x00\x00")
			pid := p.Fork(func(p *kernel.Prog) { sleep(p, 1e6); write(p, ev, "\x05\x00\x00\x00\x00\x00\x00\x00") })
			next()
			wait(p, pid, 0)
			text, _ = read(p, ev, 8)
			check(p, "counter", text == "\x05\x00\x00\x00\x00\x00\x00\x00")
			p.Syscall(unix.SYS_TIMERFD_SETTIME, tf, 0, it, 0)
			next()
			p.Print(1, "done\n")
		}},

	{Name: "time slices let everybody compute", Output: "done\n",
		Main: func(p *kernel.Prog) {
			start := clock(p, unix.CLOCK_MONOTONIC)
			var pids []int64
			for range 3 {
				pids = append(pids, p.Fork(func(p *kernel.Prog) { p.Compute(100e6) }))
			}
			before := clock(p, unix.CLOCK_MONOTONIC)
			sleep(p, 1e6)
			check(p, "woken while others compute", clock(p, unix.CLOCK_MONOTONIC)-before < 100e6)
			for _, pid := range pids {
				_, status := wait(p, pid, 0)
				want(p, "status", int64(status), 0)
			}
			check(p, "all of it was computed", clock(p, unix.CLOCK_MONOTONIC)-start >= 300e6)
			p.Print(1, "done\n")
		}},
}
