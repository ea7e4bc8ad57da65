package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// interrupting are calls that wait, and whether one that a handler with SA_RESTART interrupts goes on (signal(7),
// "Interruption of system calls and library functions by signal handlers").
var interrupting = []struct {
	name     string
	restarts bool
	call     func(p *kernel.Prog, r uint64) int64
}{
	{"read", true, func(p *kernel.Prog, r uint64) int64 { return p.Syscall(unix.SYS_READ, r, p.Alloc(16), 1) }},
	{"wait4", true, func(p *kernel.Prog, r uint64) int64 { return p.Syscall(unix.SYS_WAIT4, ^uint64(0), 0, 0, 0) }},
	{"futex", true, func(p *kernel.Prog, r uint64) int64 {
		return p.Syscall(unix.SYS_FUTEX, futexOf(r), futexWait, 0, 0)
	}},
	{"futex with a time-out", false, func(p *kernel.Prog, r uint64) int64 {
		return p.Syscall(unix.SYS_FUTEX, p.Alloc(8), futexWait, 0, span(p, 1e9))
	}},
	{"poll", false, func(p *kernel.Prog, r uint64) int64 { return p.Syscall(unix.SYS_POLL, 0, 0, ^uint64(0)) }},
	{"select", false, func(p *kernel.Prog, r uint64) int64 { return p.Syscall(unix.SYS_SELECT, 0, 0, 0, 0, 0) }},
	{"epoll_wait", false, func(p *kernel.Prog, r uint64) int64 {
		fd := ok(p, "epoll_create1", p.Syscall(unix.SYS_EPOLL_CREATE1, 0))
		return p.Syscall(unix.SYS_EPOLL_WAIT, uint64(fd), p.Alloc(64), 1, ^uint64(0))
	}},
	{"nanosleep", false, func(p *kernel.Prog, r uint64) int64 { return sleep(p, 1e9) }},
	{"clock_nanosleep", false, func(p *kernel.Prog, r uint64) int64 {
		return p.Syscall(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, span(p, 3600e9), 0)
	}},
	{"pause", false, func(p *kernel.Prog, r uint64) int64 { return p.Syscall(unix.SYS_PAUSE) }},
	{"rt_sigsuspend", false, func(p *kernel.Prog, r uint64) int64 { return p.Syscall(unix.SYS_RT_SIGSUSPEND, p.Alloc(8), 8) }},
	{"rt_sigtimedwait", false, func(p *kernel.Prog, r uint64) int64 {
		return p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, p.Alloc(8), 0, 0, 8)
	}},
}

// futexOf is the futex that the handler of the scenario wakes.
func futexOf(r uint64) uint64 { return r >> 8 }

// pending is the set of pending signals.
func pending(p *kernel.Prog) (set uint64) {
	p.Scratch(func() {
		at := p.Alloc(8)
		ok(p, "rt_sigpending", p.Syscall(unix.SYS_RT_SIGPENDING, at, 8))
		set = p.Load64(at)
	})
	return set
}

// handlerOf is the handler of a signal: 0 is SIG_DFL, 1 SIG_IGN.
func handlerOf(p *kernel.Prog, sig unix.Signal) (h uint64) {
	p.Scratch(func() {
		at := p.Alloc(32)
		ok(p, "rt_sigaction", p.Syscall(unix.SYS_RT_SIGACTION, uint64(sig), 0, at, 8))
		h = p.Load64(at)
	})
	return h
}

// maskNow is the signal mask.
func maskNow(p *kernel.Prog) (set uint64) {
	p.Scratch(func() {
		at := p.Alloc(8)
		ok(p, "rt_sigprocmask", p.Syscall(unix.SYS_RT_SIGPROCMASK, blockMask, 0, at, 8))
		set = p.Load64(at)
	})
	return set
}

// Rules of Linux that no other scenario is about (docs/semantics.md).
var ruleScenarios = []Scenario{
	{Name: "a handler with SA_RESTART restarts some calls and never others, and a signal without a handler none",
		Main: func(p *kernel.Prog) {
			for _, c := range interrupting {
				p.Scratch(func() {
					me, futex := getpid(p), p.Alloc(8)
					r, w := pipe(p, 0)
					handled := 0
					h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) { handled++ })
					p.Sigaction(int(unix.SIGUSR1), h, saRestart, 0)
					p.Sigaction(int(unix.SIGURG), 0, 0, 0)
					pid := p.Fork(func(p *kernel.Prog) {
						sleep(p, 2e6)
						kill(p, me, unix.SIGURG) // ignored by default: as if nothing was sent
						sleep(p, 2e6)
						kill(p, me, unix.SIGUSR1)
						sleep(p, 2e6)
						write(p, w, "x")
					})
					var waker int64
					arg := r
					if c.name == "futex" {
						arg = futex << 8
						waker = thread(p, func(p *kernel.Prog) {
							sleep(p, 20e6)
							p.Syscall(unix.SYS_FUTEX, futex, 1 /* FUTEX_WAKE */, 1)
						})
					}
					got := c.call(p, arg)
					check(p, c.name+": the handler ran", handled == 1)
					if c.restarts {
						check(p, c.name+" gives "+result(got)+" and not what it waited for", got == 1 || got == pid || waker != 0 && got == 0)
					} else {
						want(p, c.name, got, fails(unix.EINTR))
					}
					wait(p, pid, 0)
					p.Syscall(unix.SYS_CLOSE, r)
					p.Syscall(unix.SYS_CLOSE, w)
				})
			}
		}},

	{Name: "a FIFO is not waited for beyond a signal, and who was waited for is no process any more",
		Main: func(p *kernel.Prog) {
			me := getpid(p)
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), 0, 0)
			want(p, "mknod", path(p, unix.SYS_MKNOD, "/fifo", unix.S_IFIFO|0o600, 0), 0)
			pid := p.Fork(func(p *kernel.Prog) {
				sleep(p, 5e6)
				kill(p, me, unix.SIGUSR1)
			})
			want(p, "open", open(p, "/fifo", unix.O_RDONLY, 0), fails(unix.EINTR))
			path(p, unix.SYS_UNLINK, "/fifo")
			want(p, "there", kill(p, pid, 0), 0)
			wait(p, pid, 0)
			want(p, "gone", kill(p, pid, 0), fails(unix.ESRCH))
		}},

	{Name: "a frame that cannot be written kills, and an alternate stack may disarm itself",
		Main: func(p *kernel.Prog) {
			const size, disarm = 1 << 14, 1 << 31
			nothing := p.Handler(func(*kernel.Prog, int, uint64, uint64) {})
			_, status := wait(p, p.Fork(func(p *kernel.Prog) {
				ss := p.Alloc(24)
				p.Store64(ss, uint64(p.Syscall(unix.SYS_MMAP, 0, size, unix.PROT_NONE, private, noFile, 0)))
				p.Store64(ss+16, size)
				want(p, "sigaltstack", p.Syscall(unix.SYS_SIGALTSTACK, ss, 0), 0)
				p.Sigaction(int(unix.SIGUSR1), nothing, saOnStack, 0)
				p.Sigaction(int(unix.SIGSEGV), nothing, saOnStack, 0)
				kill(p, getpid(p), unix.SIGUSR1)
			}), 0)
			want(p, "without a place for the frame", int64(status), int64(killed(unix.SIGSEGV)))
			ss, old := p.Alloc(24), p.Alloc(24)
			p.Store64(ss, p.Alloc(size))
			p.Store64(ss+8, disarm)
			p.Store64(ss+16, size)
			want(p, "SS_AUTODISARM", p.Syscall(unix.SYS_SIGALTSTACK, ss, 0), 0)
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				want(p, "in the handler", p.Syscall(unix.SYS_SIGALTSTACK, 0, old), 0)
				check(p, "it is disarmed", p.Load32(old+8) == 2)
				want(p, "and may be changed", p.Syscall(unix.SYS_SIGALTSTACK, ss, 0), 0)
			}), saOnStack, 0)
			kill(p, getpid(p), unix.SIGUSR1)
			want(p, "afterwards", p.Syscall(unix.SYS_SIGALTSTACK, 0, old), 0)
			check(p, "it is back", p.Load64(old) == p.Load64(ss) && p.Load32(old+8) == disarm)
		}},

	{Name: "SA_NOCLDSTOP and SA_NOCLDWAIT, and RLIMIT_SIGPENDING bounds the queue",
		Main: func(p *kernel.Prog) {
			const noStop, noWait, limitPending, sig = 1, 2, 11, 40
			told := 0
			h := p.Handler(func(*kernel.Prog, int, uint64, uint64) { told++ })
			p.Sigaction(int(unix.SIGCHLD), h, saRestart|noStop, 0)
			pid := p.Fork(func(p *kernel.Prog) { p.Syscall(unix.SYS_PAUSE) })
			kill(p, pid, unix.SIGSTOP)
			_, status := wait(p, pid, unix.WUNTRACED)
			want(p, "stopped", int64(status), int64(stopped(unix.SIGSTOP)))
			check(p, "no SIGCHLD for a stop", told == 0)
			kill(p, pid, unix.SIGKILL)
			wait(p, pid, 0)
			check(p, "SIGCHLD for the end", told == 1)
			p.Sigaction(int(unix.SIGCHLD), h, saRestart|noWait, 0)
			got, _ := wait(p, p.Fork(func(*kernel.Prog) {}), 0)
			want(p, "a child that is not waited for", got, fails(unix.ECHILD))
			mask(p, blockMask, bit(sig))
			limit, info := p.Alloc(16), p.Alloc(128)
			p.Store64(limit, 3)
			p.Store64(limit+8, 3)
			want(p, "setrlimit", p.Syscall(unix.SYS_SETRLIMIT, limitPending, limit), 0)
			p.Store32(info+8, 0xffff_ffff) // SI_QUEUE
			for i := range 5 {
				expected := int64(0)
				if i >= 3 {
					expected = fails(unix.EAGAIN)
				}
				want(p, "rt_sigqueueinfo", p.Syscall(unix.SYS_RT_SIGQUEUEINFO, uint64(getpid(p)), sig, info), expected)
			}
		}},

	{Name: "with a full queue kill keeps its siginfo, others lose theirs, and values are refused",
		Output: "10 from 1\n10 from 0\n40 from 0\n",
		Main: func(p *kernel.Prog) {
			const limitPending, realTime = 11, 40
			me := uint64(getpid(p))
			h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				from := p.Load32(info + 16)
				if from == uint32(me) {
					from = 1
				}
				p.Print(1, fmt.Sprintf("%d from %d\n", sig, from))
			})
			p.Sigaction(int(unix.SIGUSR1), h, saSiginfo, 0)
			p.Sigaction(realTime, h, saSiginfo, 0)
			want(p, "setrlimit", p.Syscall(unix.SYS_SETRLIMIT, limitPending, p.Alloc(16)), 0)
			want(p, "kill", p.Syscall(unix.SYS_KILL, me, uint64(unix.SIGUSR1)), 0)
			want(p, "tgkill", p.Syscall(unix.SYS_TGKILL, me, me, uint64(unix.SIGUSR1)), 0)
			want(p, "kill", p.Syscall(unix.SYS_KILL, me, realTime), 0)
			want(p, "tgkill", p.Syscall(unix.SYS_TGKILL, me, me, realTime), fails(unix.EAGAIN))
		}},

	{Name: "what fork, execve and a thread inherit of signals and timers",
		Programs: map[string]kernel.Program{"/bin/after": func(p *kernel.Prog) {
			check(p, "execve keeps the mask", maskNow(p) == bit(unix.SIGUSR1)|bit(unix.SIGUSR2))
			check(p, "execve keeps what is pending", pending(p) == bit(unix.SIGUSR1))
			check(p, "execve resets handlers", handlerOf(p, unix.SIGUSR1) == 0)
			check(p, "execve keeps what is ignored", handlerOf(p, unix.SIGPIPE) == 1)
			at := p.Alloc(32)
			want(p, "getitimer", p.Syscall(unix.SYS_GETITIMER, 0, at), 0)
			check(p, "execve keeps the alarm", p.Load64(at+16) != 0)
			want(p, "execve drops POSIX timers", p.Syscall(unix.SYS_TIMER_GETTIME, 0, at), fails(unix.EINVAL))
			want(p, "sigaltstack", p.Syscall(unix.SYS_SIGALTSTACK, 0, at), 0)
			check(p, "execve drops the alternate stack", p.Load32(at+8) == 2)
		}},
		Main: func(p *kernel.Prog) {
			at := p.Alloc(64)
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), 0, 0)
			p.Sigaction(int(unix.SIGPIPE), 1, 0, 0)
			mask(p, setMask, bit(unix.SIGUSR1)|bit(unix.SIGUSR2))
			kill(p, getpid(p), unix.SIGUSR1)
			p.Store64(at, p.Alloc(1<<14))
			p.Store64(at+8, 0)
			p.Store64(at+16, 1<<14)
			want(p, "sigaltstack", p.Syscall(unix.SYS_SIGALTSTACK, at, 0), 0)
			p.Store64(at, 0)
			p.Store64(at+16, 100)
			want(p, "setitimer", p.Syscall(unix.SYS_SETITIMER, 0, at, 0), 0)
			_, r := timer(p, unix.CLOCK_MONOTONIC, 1 /* SIGEV_NONE */, unix.SIGUSR2, 0)
			want(p, "timer_create", r, 0)
			h := handlerOf(p, unix.SIGUSR1)
			_, status := wait(p, p.Fork(func(p *kernel.Prog) {
				check(p, "fork keeps the mask", maskNow(p) == bit(unix.SIGUSR1)|bit(unix.SIGUSR2))
				check(p, "fork hands down nothing pending", pending(p) == 0)
				check(p, "fork keeps handlers", handlerOf(p, unix.SIGUSR1) == h && handlerOf(p, unix.SIGPIPE) == 1)
				want(p, "getitimer", p.Syscall(unix.SYS_GETITIMER, 0, at), 0)
				check(p, "fork hands down no alarm", p.Load64(at+16) == 0 && p.Load64(at+24) == 0)
				want(p, "fork hands down no timers", p.Syscall(unix.SYS_TIMER_GETTIME, 0, at), fails(unix.EINVAL))
				want(p, "sigaltstack", p.Syscall(unix.SYS_SIGALTSTACK, 0, at), 0)
				check(p, "fork keeps the alternate stack", p.Load64(at+16) == 1<<14)
			}), 0)
			want(p, "status", int64(status), 0)
			main := p.Syscall(unix.SYS_GETTID)
			together(p, func(p *kernel.Prog) {
				if p.Syscall(unix.SYS_GETTID) == main {
					return
				}
				check(p, "a thread has the mask", maskNow(p) == bit(unix.SIGUSR1)|bit(unix.SIGUSR2))
				own := p.Alloc(32)
				want(p, "sigaltstack", p.Syscall(unix.SYS_SIGALTSTACK, 0, own), 0)
				check(p, "a thread has no alternate stack", p.Load32(own+8) == 2)
			})
			p.Syscall(unix.SYS_EXECVE, p.Text("/bin/after"), p.Vector("after"), p.Vector())
		}},
}
