package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// note makes a handler that prints what it was told.
func note(p *kernel.Prog, text string) uint64 {
	return p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
		p.Print(1, fmt.Sprintf("%s %d\n", text, sig))
	})
}

var signalScenarios = []Scenario{
	{Name: "a handler runs and returns", Output: "handler 10\nback\n",
		Main: func(p *kernel.Prog) {
			want(p, "sigaction", p.Sigaction(int(unix.SIGUSR1), note(p, "handler"), 0, 0), 0)
			want(p, "kill", kill(p, getpid(p), unix.SIGUSR1), 0)
			p.Print(1, "back\n")
		}},

	{Name: "registers survive a handler", Output: "done\n",
		Main: func(p *kernel.Prog) {
			h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				r := p.Regs()
				r.BX, r.R12, r.R15, r.BP = 1, 2, 3, 4
				p.FP()[160], p.FP()[24] = 77, 0xc0
				r.Flags |= 1 << 10
			})
			p.Sigaction(int(unix.SIGUSR1), h, 0, 0)
			r := p.Regs()
			r.BX, r.R12, r.R15, r.BP = 0x1111, 0x2222, 0x3333, 0x4444
			p.FP()[160] = 42
			flags, mxcsr := r.Flags, p.FP()[24]
			kill(p, getpid(p), unix.SIGUSR1)
			check(p, "general registers", r.BX == 0x1111 && r.R12 == 0x2222 && r.R15 == 0x3333 && r.BP == 0x4444)
			check(p, "vector registers", p.FP()[160] == 42 && p.FP()[24] == mxcsr)
			check(p, "flags", r.Flags == flags)
			p.Print(1, "done\n")
		}},

	{Name: "handlers begin with the initial floating-point state", Output: "done\n",
		Main: func(p *kernel.Prog) {
			first := true
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				for i, b := range p.FP()[:832] {
					switch fresh := map[int]byte{0: 0x7f, 1: 0x03, 24: 0x80, 25: 0x1f}[i]; {
					case i >= 28 && i < 32, i >= 416 && i < 576: // a mask of bits, and what is no state
					case b != fresh:
						p.Print(1, fmt.Sprintf("byte %d is %#x\n", i, b))
					}
				}
				area := p.Load64(context + 40 + 23*8)
				for at, want := range map[uint64]byte{24: 0xc0, 160: 42, 576: 43} {
					if !first {
						want = map[uint64]byte{24: 0x80}[at]
					}
					check(p, "the frame", p.Load8(area+at) == want)
				}
				first = false
			}), 0, bit(unix.SIGUSR1))
			p.Sigaction(int(unix.SIGUSR2), note(p, "handler"), 0, 0)
			p.FP()[24], p.FP()[160], p.FP()[576] = 0xc0, 42, 43
			kill(p, getpid(p), unix.SIGUSR1)
			check(p, "what comes back", p.FP()[24] == 0xc0 && p.FP()[160] == 42 && p.FP()[576] == 43)
			// Two at once: the frame of the second shows the first instruction of the other handler.
			both := bit(unix.SIGUSR1) | bit(unix.SIGHUP)
			p.Sigaction(int(unix.SIGHUP), p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {}), 0, 0)
			mask(p, blockMask, both)
			kill(p, getpid(p), unix.SIGHUP)
			kill(p, getpid(p), unix.SIGUSR1)
			mask(p, unblockMask, both)
			check(p, "what comes back from two", p.FP()[24] == 0xc0 && p.FP()[160] == 42 && p.FP()[576] == 43)
			p.Print(1, "done\n")
		}},

	{Name: "a frame lies in two pages wherever the stack ends", Output: "done\n",
		Main: func(p *kernel.Prog) {
			const size = 4 * 4096
			stack := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, size, unix.PROT_READ|unix.PROT_WRITE, private, noFile, 0)))
			old := p.Regs().SP
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				frame, area := p.Regs().SP, p.Load64(context+40+23*8)
				check(p, "places", frame%16 == 8 && area%64 == 0 && context == frame+8 && info == frame+312)
				check(p, "the context", p.Load64(context+40+11*8) == 0x1111 && p.Load64(context+40+15*8) == stack && p.Load32(info) == 10)
				check(p, "the area", p.Load8(area+160) == 42 && p.Load32(area+464) == 0x46505853 && p.Load32(area+832) == 0x46505845)
			}), saSiginfo, 0)
			me := uint64(getpid(p))
			for at := uint64(0); at < 4096; at += 136 {
				r := p.Regs()
				stack += 3*4096 - at
				r.BX, r.SP = 0x1111, stack
				p.FP()[160] = 42
				p.Syscall(unix.SYS_KILL, me, uint64(unix.SIGUSR1))
				check(p, "what comes back", r.BX == 0x1111 && r.SP == stack && p.FP()[160] == 42)
				stack -= 3*4096 - at
			}
			p.Regs().SP = old
			p.Print(1, "done\n")
		}},

	{Name: "a directory of /proc stands for its process", Output: "handler 10\n",
		Main: func(p *kernel.Prog) {
			p.Sigaction(int(unix.SIGUSR1), note(p, "handler"), 0, 0)
			for _, c := range []struct {
				path  string
				flags uint64
				want  int64
			}{
				{"/proc/self", unix.O_DIRECTORY, 0},
				{"/proc/self", unix.O_PATH, -int64(unix.EBADF)},
				{"/proc/self/task", unix.O_DIRECTORY, -int64(unix.EBADF)},
				{"/proc/thread-self", unix.O_DIRECTORY, -int64(unix.EBADF)},
				{"/proc", unix.O_DIRECTORY, -int64(unix.EBADF)},
			} {
				fd := open(p, c.path, c.flags, 0)
				want(p, c.path, p.Syscall(unix.SYS_PIDFD_SEND_SIGNAL, uint64(fd), uint64(unix.SIGUSR1), 0, 0), c.want)
			}
		}},

	{Name: "blocked signals wait, lowest number first", Output: "handler 10\nhandler 12\nhandler 15\nafter\n",
		Main: func(p *kernel.Prog) {
			for _, s := range []unix.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.SIGTERM} {
				p.Sigaction(int(s), note(p, "handler"), 0, ^uint64(0))
			}
			all := bit(unix.SIGUSR1) | bit(unix.SIGUSR2) | bit(unix.SIGTERM)
			mask(p, blockMask, all)
			for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGUSR2, unix.SIGUSR1, unix.SIGUSR1} {
				kill(p, getpid(p), s)
			}
			at := p.Alloc(8)
			p.Syscall(unix.SYS_RT_SIGPENDING, at, 8)
			check(p, "pending", p.Load64(at) == all)
			// Each handler's mask holds the others back, so they run one after the other.
			mask(p, unblockMask, all)
			p.Print(1, "after\n")
		}},

	{Name: "real-time signals queue in order", Output: "34:1 34:2 34:3 35:4 \n",
		Main: func(p *kernel.Prog) {
			h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				p.Print(1, fmt.Sprintf("%d:%d ", sig, p.Load32(info+24)))
			})
			for _, s := range []int{34, 35} {
				p.Sigaction(s, h, saSiginfo, ^uint64(0))
			}
			mask(p, blockMask, bit(34)|bit(35))
			info := p.Alloc(128)
			for _, q := range [][2]uint32{{35, 4}, {34, 1}, {34, 2}, {34, 3}} {
				p.Store32(info, q[0])
				p.Store32(info+8, ^uint32(0)) // SI_QUEUE
				p.Store32(info+24, q[1])
				want(p, "rt_sigqueueinfo", p.Syscall(unix.SYS_RT_SIGQUEUEINFO, uint64(getpid(p)), uint64(q[0]), info), 0)
			}
			mask(p, unblockMask, bit(34)|bit(35))
			p.Print(1, "\n")
		}},

	{Name: "segmentation faults say where and why", Output: "11 1 0x5008\n11 2 0x10000010\n7 2 0x20001000\n11 1 0x7\ndone\n",
		Main: func(p *kernel.Prog) {
			h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				p.Print(1, fmt.Sprintf("%d %d %#x\n", sig, p.Load32(info+8), p.Load64(info+16)))
				ip := p.Load64(context + 40 + 16*8)
				p.Store64(context+40+16*8, ip+2) // step over the access
			})
			p.Sigaction(int(unix.SIGSEGV), h, saSiginfo, 0)
			p.Sigaction(int(unix.SIGBUS), h, saSiginfo, 0)
			p.Store8(0x5008, 1)
			ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0x10000000, 4096, unix.PROT_READ, private|unix.MAP_FIXED, noFile, 0))
			p.Store8(0x10000010, 1)
			fd := uint64(open(p, "/tmp/short", unix.O_RDWR|unix.O_CREAT, 0o600))
			write(p, fd, "x")
			ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0x20000000, 8192, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_FIXED, fd, 0))
			check(p, "the byte", p.Load8(0x20000000) == 'x')
			p.Load8(0x20001000)
			p.Load8(7)
			p.Print(1, "done\n")
		}},

	{Name: "a fault that is blocked or ignored kills", Output: "done\n",
		Main: func(p *kernel.Prog) {
			for _, f := range []kernel.Program{
				func(p *kernel.Prog) { mask(p, blockMask, bit(unix.SIGSEGV)); p.Store8(8, 1) },
				func(p *kernel.Prog) { p.Sigaction(int(unix.SIGSEGV), 1, 0, 0); p.Store8(8, 1) },
				func(p *kernel.Prog) { // no room for the frame
					p.Sigaction(int(unix.SIGSEGV), note(p, "handler"), 0, 0)
					p.Regs().SP = 0x1000
					p.Store8(8, 1)
				},
			} {
				_, status := wait(p, p.Fork(f), 0)
				want(p, "status", int64(status), int64(killed(unix.SIGSEGV)))
			}
			p.Print(1, "done\n")
		}},

	{Name: "the alternate stack", Output: "on it\nEPERM\noff it\n",
		Main: func(p *kernel.Prog) {
			const size = 32768
			stack := p.Alloc(size)
			ss := p.Alloc(24)
			p.Store64(ss, stack)
			p.Store32(ss+8, 0)
			p.Store64(ss+16, size)
			want(p, "sigaltstack", p.Syscall(unix.SYS_SIGALTSTACK, ss, 0), 0)
			h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				if sp := p.Regs().SP; sp > stack && sp < stack+size {
					p.Print(1, "on it\n")
				}
				p.Print(1, result(p.Syscall(unix.SYS_SIGALTSTACK, ss, 0))+"\n")
			})
			p.Sigaction(int(unix.SIGUSR1), h, saOnStack, 0)
			kill(p, getpid(p), unix.SIGUSR1)
			if sp := p.Regs().SP; sp < stack || sp >= stack+size {
				p.Print(1, "off it\n")
			}
		}},

	{Name: "interrupted reads restart or end with EINTR", Output: "handler 10\nx\nhandler 12\nEINTR\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			me := getpid(p)
			p.Sigaction(int(unix.SIGUSR1), note(p, "handler"), saRestart, 0)
			p.Sigaction(int(unix.SIGUSR2), note(p, "handler"), 0, 0)
			pid := p.Fork(func(p *kernel.Prog) {
				sleep(p, 5e6)
				kill(p, me, unix.SIGUSR1)
				sleep(p, 5e6)
				write(p, w, "x")
				sleep(p, 5e6)
				kill(p, me, unix.SIGUSR2)
			})
			text, _ := read(p, r, 10)
			p.Print(1, text+"\n")
			_, n := read(p, r, 10)
			p.Print(1, result(n)+"\n")
			wait(p, pid, 0)
		}},

	{Name: "stop and continue restart a sleep, and are reported once", Output: "slept\ndone\n",
		Main: func(p *kernel.Prog) {
			pid := p.Fork(func(p *kernel.Prog) {
				want(p, "nanosleep", sleep(p, 50e6), 0)
				p.Print(1, "slept\n")
			})
			sleep(p, 5e6)
			kill(p, pid, unix.SIGSTOP)
			got, status := wait(p, pid, unix.WUNTRACED)
			want(p, "wait", got, pid)
			want(p, "stopped", int64(status), int64(stopped(unix.SIGSTOP)))
			got, _ = wait(p, pid, unix.WUNTRACED|unix.WNOHANG)
			want(p, "reported once", got, 0)
			kill(p, pid, unix.SIGCONT)
			_, status = wait(p, pid, unix.WCONTINUED)
			want(p, "continued", int64(status), 0xffff)
			_, status = wait(p, pid, 0)
			want(p, "ended", int64(status), 0)
			p.Print(1, "done\n")
		}},

	{Name: "SIGKILL ends a stopped and a computing process", Output: "done\n",
		Main: func(p *kernel.Prog) {
			a := p.Fork(func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGSTOP) })
			wait(p, a, unix.WUNTRACED)
			b := p.Fork(func(p *kernel.Prog) { p.Compute(1 << 50) })
			for _, pid := range []int64{a, b} {
				kill(p, pid, unix.SIGKILL)
				_, status := wait(p, pid, 0)
				want(p, "status", int64(status), int64(killed(unix.SIGKILL)))
			}
			p.Print(1, "done\n")
		}},

	{Name: "SIGCHLD, and children that are not waited for", Output: "child 17\nECHILD\n",
		Main: func(p *kernel.Prog) {
			p.Sigaction(int(unix.SIGCHLD), note(p, "child"), saRestart, 0)
			wait(p, p.Fork(func(*kernel.Prog) {}), 0)
			p.Sigaction(int(unix.SIGCHLD), 1, 0, 0)
			got, _ := wait(p, p.Fork(func(*kernel.Prog) {}), 0)
			p.Print(1, result(got)+"\n")
		}},

	{Name: "sigsuspend and sigtimedwait", Output: "handler 10\nEINTR\n12\nEAGAIN\n",
		Main: func(p *kernel.Prog) {
			me := getpid(p)
			p.Sigaction(int(unix.SIGUSR1), note(p, "handler"), 0, 0)
			mask(p, blockMask, bit(unix.SIGUSR1)|bit(unix.SIGUSR2))
			kill(p, me, unix.SIGUSR1)
			set := p.Alloc(8)
			p.Store64(set, bit(unix.SIGUSR2))
			p.Print(1, result(p.Syscall(unix.SYS_RT_SIGSUSPEND, set, 8))+"\n")
			pid := p.Fork(func(p *kernel.Prog) { sleep(p, 2e6); kill(p, me, unix.SIGUSR2) })
			p.Print(1, result(p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, set, 0, 0, 8))+"\n")
			wait(p, pid, 0)
			zero := p.Alloc(16)
			p.Print(1, result(p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, set, 0, zero, 8))+"\n")
		}},

	{Name: "a temporary mask ends with its call, whether it waited or not", Output: "done\n",
		Main: func(p *kernel.Prog) {
			p.Sigaction(int(unix.SIGUSR1), note(p, "handler"), 0, 0)
			mask(p, blockMask, bit(unix.SIGUSR2))
			before := maskNow(p)
			r, w := pipe(p, 0)
			write(p, w, "x")
			other := p.Alloc(8)
			p.Store64(other, bit(unix.SIGUSR1))
			pair := p.Alloc(16)
			p.Store64(pair, other)
			p.Store64(pair+8, 8)
			ready := p.Alloc(8)
			p.Store64(ready, r|unix.POLLIN<<32)
			set := p.Alloc(128)
			zero, short := p.Alloc(16), p.Alloc(16)
			p.Store64(short+8, 1e6)
			epoll := uint64(ok(p, "epoll_create1", p.Syscall(unix.SYS_EPOLL_CREATE1, 0)))
			event := p.Alloc(16)
			p.Store32(event, unix.POLLIN)
			want(p, "epoll_ctl", p.Syscall(unix.SYS_EPOLL_CTL, epoll, unix.EPOLL_CTL_ADD, r, event), 0)
			for _, c := range []struct {
				what string
				want int64
				call func() int64
			}{
				{"ppoll, ready", 1, func() int64 { return p.Syscall(unix.SYS_PPOLL, ready, 1, 0, other, 8) }},
				{"ppoll, time-out 0", 0, func() int64 { return p.Syscall(unix.SYS_PPOLL, ready, 0, zero, other, 8) }},
				{"ppoll, time-out", 0, func() int64 { return p.Syscall(unix.SYS_PPOLL, ready, 0, short, other, 8) }},
				{"pselect6, ready", 1, func() int64 {
					p.Store64(set, 1<<r)
					return p.Syscall(unix.SYS_PSELECT6, r+1, set, 0, 0, 0, pair)
				}},
				{"epoll_pwait, ready", 1, func() int64 { return p.Syscall(unix.SYS_EPOLL_PWAIT, epoll, event, 1, ^uint64(0), other, 8) }},
			} {
				want(p, c.what, c.call(), c.want)
				want(p, "the mask after "+c.what, int64(maskNow(p)), int64(before))
			}
			p.Print(1, "done\n")
		}},

	{Name: "SIGPIPE and EPIPE", Output: "EPIPE\ndone\n",
		Main: func(p *kernel.Prog) {
			_, status := wait(p, p.Fork(func(p *kernel.Prog) {
				r, w := pipe(p, 0)
				p.Syscall(unix.SYS_CLOSE, r)
				write(p, w, "x")
			}), 0)
			want(p, "status", int64(status), int64(killed(unix.SIGPIPE)))
			p.Sigaction(int(unix.SIGPIPE), 1, 0, 0)
			r, w := pipe(p, 0)
			p.Syscall(unix.SYS_CLOSE, r)
			p.Print(1, result(write(p, w, "x"))+"\ndone\n")
		}},

	{Name: "a hostile sigreturn kills its thread only", Output: "done\n",
		Main: func(p *kernel.Prog) {
			for range 3 {
				_, status := wait(p, p.Fork(func(p *kernel.Prog) {
					p.Regs().SP = 0x4000
					p.Syscall(unix.SYS_RT_SIGRETURN)
				}), 0)
				want(p, "status", int64(status), int64(killed(unix.SIGSEGV)))
			}
			p.Print(1, "done\n")
		}},

	{Name: "an interval timer interrupts computing", Output: "alarm 14\nalarm 14\nalarm 14\n",
		Main: func(p *kernel.Prog) {
			n := 0
			h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				n++
				p.Print(1, fmt.Sprintf("alarm %d\n", sig))
			})
			p.Sigaction(int(unix.SIGALRM), h, 0, 0)
			it := p.Alloc(32)
			p.Store64(it+8, 3000)
			p.Store64(it+24, 3000)
			want(p, "setitimer", p.Syscall(unix.SYS_SETITIMER, 0, it, 0), 0)
			for n < 3 {
				p.Compute(1e6)
			}
			p.Store64(it+8, 0)
			p.Store64(it+24, 0)
			p.Syscall(unix.SYS_SETITIMER, 0, it, 0)
		}},
}
