package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Each scenario is a rule of ptrace(2).
var traceScenarios = []Scenario{
	{Name: "trace: TRACEME twice fails, exec without options is a SIGTRAP", Output: "EPERM\nsignal 5 5/0x0\nran\nexited 3\n",
		Programs: map[string]kernel.Program{"/bin/other": func(p *kernel.Prog) { p.Print(1, "ran\n"); p.Exit(3) }},
		Main: func(p *kernel.Prog) {
			pid := p.Fork(func(p *kernel.Prog) {
				want(p, "TRACEME", trace(p, unix.PTRACE_TRACEME, 0, 0, 0), 0)
				say(p, "%s", result(trace(p, unix.PTRACE_TRACEME, 0, 0, 0)))
				p.Syscall(unix.SYS_EXECVE, p.Text("/bin/other"), p.Vector("other"), p.Vector())
			})
			s := stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: each call stops at its entry and at its return", Output: "entry 39 -38\nreturn 39 pid\nentry 1000 -38\nreturn 1000 -38\nexited 9\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACESYSGOOD, func(p *kernel.Prog) {
				getpid(p)
				p.Syscall(1000)
				p.Exit(9)
			})
			next := func() { cont(p, unix.PTRACE_SYSCALL, pid, 0); expect(p, pid, "call") }
			show := func(what string) {
				v := fmt.Sprint(int64(peekUser(p, pid, userAX)))
				if v == fmt.Sprint(pid) {
					v = "pid"
				}
				say(p, "%s %d %s", what, peekUser(p, pid, userOrigAX), v)
			}
			for range 2 {
				next()
				show("entry")
				next()
				show("return")
			}
			next()
			check(p, "exit_group", peekUser(p, pid, userOrigAX) == unix.SYS_EXIT_GROUP)
			cont(p, unix.PTRACE_SYSCALL, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: number, arguments and result of a call can be changed", Output: "written\n77\nskipped -38\nset 5\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACESYSGOOD, func(p *kernel.Prog) {
				at := p.Text("written\n")
				p.Syscall(1000, 1, at, 8) // becomes write(1, ...)
				say(p, "%d", getpid(p))   // its result becomes 77
				n := p.Syscall(unix.SYS_GETPPID)
				p.Print(1, fmt.Sprintf("skipped %d\n", n))
				n = p.Syscall(unix.SYS_GETPPID)
				p.Print(1, fmt.Sprintf("set %d\n", n))
			})
			stop := func() uint64 {
				cont(p, unix.PTRACE_SYSCALL, pid, 0)
				expect(p, pid, "call")
				return peekUser(p, pid, userOrigAX)
			}
			until := func(nr uint64) {
				for stop() != nr {
					stop()
				}
			}
			until(1000)
			pokeUser(p, pid, userOrigAX, unix.SYS_WRITE)
			stop()
			check(p, "result of write", peekUser(p, pid, userAX) == 8)
			until(unix.SYS_GETPID)
			stop()
			pokeUser(p, pid, userAX, 77)
			until(unix.SYS_GETPPID)
			pokeUser(p, pid, userOrigAX, ^uint64(0))
			stop()
			until(unix.SYS_GETPPID)
			pokeUser(p, pid, userOrigAX, ^uint64(0))
			pokeUser(p, pid, userAX, 5)
			stop()
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: resumed from an entry without PTRACE_SYSCALL there is no stop at the return", Output: "signal 10\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACESYSGOOD, func(p *kernel.Prog) {
				getpid(p)
				kill(p, getpid(p), unix.SIGUSR1)
			})
			cont(p, unix.PTRACE_SYSCALL, pid, 0)
			expect(p, pid, "call")
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: a signal stops the thread before its handler has a frame; it can be changed and dropped",
		Output: "signal 10 10/0x0 stack untouched\nhandler 12\nsignal 15\nkept\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, 0, func(p *kernel.Prog) {
				p.Sigaction(int(unix.SIGUSR2), note(p, "handler"), 0, 0)
				kill(p, getpid(p), unix.SIGUSR1)
				kill(p, getpid(p), unix.SIGTERM)
				p.Print(1, "kept\n")
			})
			sp := peekUser(p, pid, 152)
			cont(p, unix.PTRACE_CONT, pid, 0)
			s := stopOf(p, pid)
			where := "stack untouched"
			if peekUser(p, pid, 152) != sp {
				where = "stack moved"
			}
			say(p, "%s %s %s", s, stopInfo(p, pid), where)
			cont(p, unix.PTRACE_CONT, pid, unix.SIGUSR2)
			say(p, "%s", stopOf(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: a dropped signal lets the call go on", Output: "signal 10 rax -512\nread x\nexited 0\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			pid := tracee(p, 0, func(p *kernel.Prog) {
				p.Sigaction(int(unix.SIGUSR1), note(p, "handler"), 0, 0)
				text, n := read(p, r, 5)
				if n < 0 {
					text = result(n)
				}
				p.Print(1, "read "+text+"\n")
			})
			cont(p, unix.PTRACE_CONT, pid, 0)
			blocked(p, pid)
			kill(p, pid, unix.SIGUSR1)
			s := stopOf(p, pid)
			say(p, "%s rax %d", s, int64(peekUser(p, pid, userAX)))
			cont(p, unix.PTRACE_CONT, pid, 0)
			blocked(p, pid)
			write(p, w, "x")
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: even ignored signals stop, SIGKILL never does", Output: "signal 10\nsignal 17\nkilled 9\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, 0, func(p *kernel.Prog) {
				p.Sigaction(int(unix.SIGUSR1), 1, 0, 0)
				kill(p, getpid(p), unix.SIGUSR1)
				kill(p, getpid(p), unix.SIGCHLD)
				kill(p, getpid(p), unix.SIGKILL)
			})
			for range 3 {
				cont(p, unix.PTRACE_CONT, pid, 0)
				say(p, "%s", stopOf(p, pid))
			}
		}},

	{Name: "trace: ATTACH stops with SIGSTOP, DETACH lets go for good", Output: "signal 19 19/0x80\nESRCH\nx\nexited 4\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) {
				text, _ := read(p, r, 1)
				p.Print(1, text+"\n")
				p.Exit(4)
			})
			want(p, "ATTACH", trace(p, unix.PTRACE_ATTACH, pid, 0, 0), 0)
			want(p, "ATTACH again", trace(p, unix.PTRACE_ATTACH, pid, 0, 0), fails(unix.EPERM))
			s := stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			want(p, "DETACH", trace(p, unix.PTRACE_DETACH, pid, 0, 0), 0)
			say(p, "%s", result(trace(p, unix.PTRACE_CONT, pid, 0, 0)))
			write(p, w, "x")
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: nobody traces himself, init or a thread of his own process", Output: "EPERM\nEPERM\nESRCH\nEPERM\n",
		Main: func(p *kernel.Prog) {
			say(p, "%s", result(trace(p, unix.PTRACE_ATTACH, getpid(p), 0, 0)))
			say(p, "%s", result(trace(p, unix.PTRACE_ATTACH, 1, 0, 0)))
			say(p, "%s", result(trace(p, unix.PTRACE_ATTACH, 30000, 0, 0)))
			r, w := pipe(p, 0)
			tid := p.Thread(func(p *kernel.Prog) { read(p, r, 1) })
			say(p, "%s", result(trace(p, unix.PTRACE_SEIZE, tid, 0, 0)))
			write(p, w, "x")
		}},

	{Name: "trace: a group stop of a thread that was not seized has no siginfo",
		Output: "signal 19 19/0x0\nsignal 19 EINVAL\nstill held\nsignal 18\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, 0, func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGSTOP) })
			cont(p, unix.PTRACE_CONT, pid, 0)
			s := stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			cont(p, unix.PTRACE_CONT, pid, unix.SIGSTOP)
			s = stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			kill(p, pid, unix.SIGCONT)
			if got, _ := wait(p, pid, unix.WALL|unix.WNOHANG); got == 0 {
				say(p, "still held")
			}
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: SEIZE, INTERRUPT, group stop, LISTEN and SIGCONT",
		Output: "event stop 5 5/0x8005\nsignal 19 19/0x0\nevent stop 19 19/0x8013\nheld ESRCH\nevent stop 5 5/0x8005\nsignal 18\nexited 2\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) { read(p, r, 1); p.Exit(2) })
			want(p, "SEIZE with an address", trace(p, unix.PTRACE_SEIZE, pid, 1, 0), fails(unix.EIO))
			want(p, "SEIZE with unknown options", trace(p, unix.PTRACE_SEIZE, pid, 0, 1<<10), fails(unix.EIO))
			want(p, "SEIZE", trace(p, unix.PTRACE_SEIZE, pid, 0, unix.PTRACE_O_TRACESYSGOOD), 0)
			blocked(p, pid)
			want(p, "INTERRUPT", trace(p, unix.PTRACE_INTERRUPT, pid, 0, 0), 0)
			s := stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			blocked(p, pid)
			kill(p, pid, unix.SIGSTOP)
			s = stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			cont(p, unix.PTRACE_CONT, pid, unix.SIGSTOP)
			s = stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			want(p, "LISTEN", trace(p, unix.PTRACE_LISTEN, pid, 0, 0), 0)
			got, _ := wait(p, pid, unix.WALL|unix.WNOHANG)
			want(p, "nothing to report", got, 0)
			say(p, "held %s", result(trace(p, unix.PTRACE_CONT, pid, 0, 0)))
			kill(p, pid, unix.SIGCONT)
			s = stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
			cont(p, unix.PTRACE_CONT, pid, unix.SIGCONT)
			write(p, w, "x")
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: SIGCONT while a stop signal waits for the tracer takes the stop away", Output: "signal 20\nsignal 18\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, 0, func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGTSTP) })
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
			kill(p, pid, unix.SIGCONT)
			cont(p, unix.PTRACE_CONT, pid, unix.SIGTSTP)
			say(p, "%s", stopOf(p, pid))
			cont(p, unix.PTRACE_CONT, pid, unix.SIGCONT)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: attaching to a stopped process", Output: "stopped 19\nsignal 19 EINVAL\nsignal 19 19/0x80\nexited 6\n",
		Main: func(p *kernel.Prog) {
			pid := p.Fork(func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGSTOP); p.Exit(6) })
			_, status := wait(p, pid, unix.WUNTRACED)
			say(p, "stopped %d", status>>8)
			want(p, "ATTACH", trace(p, unix.PTRACE_ATTACH, pid, 0, 0), 0)
			s := stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			s = stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			kill(p, pid, unix.SIGCONT)
			want(p, "DETACH", trace(p, unix.PTRACE_DETACH, pid, 0, 0), 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: the tracer's SIGCHLD", Output: "17 code 4 status 10\n17 code 1 status 0\n",
		Main: func(p *kernel.Prog) {
			mask(p, blockMask, bit(unix.SIGCHLD))
			pid := tracee(p, 0, func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGUSR1) })
			set, info := p.Alloc(8), p.Alloc(128)
			p.Store64(set, bit(unix.SIGCHLD))
			next := func() {
				p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, set, info, 0, 8)
				if p.Load32(info+16) != uint32(pid) {
					p.Print(1, "of somebody else\n")
				}
			}
			next() // the first stop's
			for range 2 {
				cont(p, unix.PTRACE_CONT, pid, 0)
				next()
				say(p, "%d code %d status %d", p.Load32(info), p.Load32(info+8), p.Load32(info+24))
				stopOf(p, pid)
			}
		}},

	{Name: "trace: SIGCHLD of a stop that was asked for tells no signal, of a group stop its own until the parent has waited",
		Output: "code 5 status 19\ncode 5 status 0\ncode 5 status 0\n",
		Main: func(p *kernel.Prog) {
			mask(p, blockMask, bit(unix.SIGCHLD))
			pid := ok(p, "fork", p.Fork(func(p *kernel.Prog) {
				kill(p, getpid(p), unix.SIGSTOP)
				for {
					p.Syscall(unix.SYS_PAUSE)
				}
			}))
			set, info := p.Alloc(8), p.Alloc(128)
			p.Store64(set, bit(unix.SIGCHLD))
			next := func() {
				p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, set, info, 0, 8)
				say(p, "code %d status %d", p.Load32(info+8), p.Load32(info+24))
			}
			next()
			wait(p, pid, unix.WUNTRACED)
			want(p, "SEIZE", trace(p, unix.PTRACE_SEIZE, pid, 0, 0), 0)
			next()
			expect(p, pid, "event stop 19")
			kill(p, pid, unix.SIGCONT)
			cont(p, unix.PTRACE_CONT, pid, 0)
			stopOf(p, pid)
			p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, set, info, 0, 8)
			cont(p, unix.PTRACE_CONT, pid, 0)
			for stopOf(p, pid) != "signal 18" {
				cont(p, unix.PTRACE_CONT, pid, 0)
			}
			cont(p, unix.PTRACE_CONT, pid, 0)
			for p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, set, info, p.Alloc(16), 8) > 0 {
			}
			want(p, "INTERRUPT", trace(p, unix.PTRACE_INTERRUPT, pid, 0, 0), 0)
			next()
			expect(p, pid, "event stop 5")
			kill(p, pid, unix.SIGKILL)
			stopOf(p, pid)
		}},
}
