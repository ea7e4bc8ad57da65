package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// filter installs a program that answers one call with result and allows the rest.
func filter(p *kernel.Prog, nr uint32, result uint32, flags uint64) (r int64) {
	p.Scratch(func() {
		code := p.Alloc(4 * 8)
		for i, ins := range []uint64{
			unix.BPF_LD | unix.BPF_W | unix.BPF_ABS,
			unix.BPF_JMP | unix.BPF_JEQ | 1<<24 | uint64(nr)<<32,
			unix.BPF_RET | uint64(result)<<32,
			unix.BPF_RET | unix.SECCOMP_RET_ALLOW<<32,
		} {
			p.Store64(code+uint64(8*i), ins)
		}
		prog := p.Alloc(16)
		p.Store64(prog, 4)
		p.Store64(prog+8, code)
		r = p.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, prog)
	})
	return r
}

// ended runs a child and says how it ended.
func ended(p *kernel.Prog, child kernel.Program) {
	_, status := wait(p, p.Fork(child), 0)
	say(p, "%s", stopName(status))
}

const retErrno, retTrap, retTrace, retLog = unix.SECCOMP_RET_ERRNO, unix.SECCOMP_RET_TRAP, unix.SECCOMP_RET_TRACE, unix.SECCOMP_RET_LOG

var seccompScenarios = []Scenario{
	{Name: "seccomp: errno, trap, kill, log", Output: "-22 ok\nexited 0\nSIGSYS code 1 errno 7 call 110 arch 0xc000003e result 110\nexited 0\nkilled 31\nkilled 31\nlogged\nexited 0\n-38\nexited 0\n",
		Main: func(p *kernel.Prog) {
			const nr = unix.SYS_GETPPID
			ended(p, func(p *kernel.Prog) {
				ok(p, "filter", filter(p, nr, retErrno|22, 0))
				say(p, "%d %s", p.Syscall(nr), "ok")
				want(p, "PR_GET_SECCOMP", p.Syscall(unix.SYS_PRCTL, unix.PR_GET_SECCOMP), 2)
			})
			ended(p, func(p *kernel.Prog) {
				p.Sigaction(int(unix.SIGSYS), p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
					p.Print(1, fmt.Sprintf("SIGSYS code %d errno %d call %d arch %#x ", p.Load32(info+8), p.Load32(info+4), p.Load32(info+24), p.Load32(info+28)))
				}), saSiginfo, 0)
				ok(p, "filter", filter(p, nr, retTrap|7, 0))
				r := p.Syscall(nr)
				say(p, "result %d", r)
			})
			ended(p, func(p *kernel.Prog) { filter(p, nr, unix.SECCOMP_RET_KILL_PROCESS, 0); p.Syscall(nr) })
			ended(p, func(p *kernel.Prog) {
				p.Sigaction(int(unix.SIGSYS), 1, 0, 0) // ignoring does not help
				filter(p, nr, unix.SECCOMP_RET_KILL_THREAD, 0)
				p.Syscall(nr)
			})
			ended(p, func(p *kernel.Prog) {
				filter(p, nr, retLog, 0)
				check(p, "getppid", p.Syscall(nr) > 0)
				say(p, "logged")
			})
			ended(p, func(p *kernel.Prog) { filter(p, nr, retTrace|1, 0); say(p, "%d", p.Syscall(nr)) }) // nobody traces
		}},

	{Name: "seccomp: KILL_THREAD ends one thread of several", Output: "went on\nexited 3\n",
		Main: func(p *kernel.Prog) {
			ended(p, func(p *kernel.Prog) {
				done := p.Alloc(8)
				ok(p, "filter", filter(p, unix.SYS_GETPPID, unix.SECCOMP_RET_KILL_THREAD, 0))
				p.Thread(func(p *kernel.Prog) { p.Store64(done, 1); p.Syscall(unix.SYS_GETPPID); p.Store64(done, 2) })
				sleep(p, 3e6)
				if p.Load64(done) == 1 {
					say(p, "went on")
				}
				p.Exit(3)
			})
		}},

	{Name: "seccomp: strict mode", Output: "allowed\nexited 0\nkilled 9\n",
		Main: func(p *kernel.Prog) {
			strict := func(p *kernel.Prog) {
				ok(p, "prctl", p.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, 1, 0, 0, 0))
			}
			at := p.Text("allowed\n")
			ended(p, func(p *kernel.Prog) {
				strict(p)
				p.Syscall(unix.SYS_WRITE, 1, at, 8)
				p.Syscall(unix.SYS_EXIT, 0)
			})
			ended(p, func(p *kernel.Prog) { strict(p); p.Syscall(unix.SYS_GETPID) })
		}},

	{Name: "seccomp: the strongest action of all filters wins, children and programs keep them", Output: "-1 -2\nchild -1\nprogram -1\nexited 0\n",
		Programs: map[string]kernel.Program{"/bin/other": func(p *kernel.Prog) { p.Print(1, fmt.Sprintf("program %d\n", p.Syscall(unix.SYS_GETPPID))) }},
		Main: func(p *kernel.Prog) {
			ended(p, func(p *kernel.Prog) {
				filter(p, unix.SYS_GETPPID, retErrno|1, 0)
				filter(p, unix.SYS_GETPPID, retLog, 0)
				filter(p, unix.SYS_GETPGID, retErrno|3, 0)
				filter(p, unix.SYS_GETPGID, retErrno|2, 0)
				say(p, "%d %d", p.Syscall(unix.SYS_GETPPID), p.Syscall(unix.SYS_GETPGID, 0))
				wait(p, p.Fork(func(p *kernel.Prog) { say(p, "child %d", p.Syscall(unix.SYS_GETPPID)) }), 0)
				p.Syscall(unix.SYS_EXECVE, p.Text("/bin/other"), p.Vector("other"), p.Vector())
			})
		}},

	{Name: "seccomp: without privileges only with no_new_privs", Output: "EACCES\n0 1\nexited 0\n",
		Main: func(p *kernel.Prog) {
			ended(p, func(p *kernel.Prog) {
				ok(p, "setresuid", p.Syscall(unix.SYS_SETRESUID, 1000, 1000, 1000))
				say(p, "%s", result(filter(p, 0, 0, 0)))
				ok(p, "prctl", p.Syscall(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
				r := filter(p, unix.SYS_GETPPID, retErrno, 0)
				say(p, "%d %d", r, p.Syscall(unix.SYS_PRCTL, unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
			})
		}},

	{Name: "seccomp: TSYNC reaches all threads or none", Output: "thread -5\nrefused by the other\nESRCH\nexited 0\n",
		Main: func(p *kernel.Prog) {
			ended(p, func(p *kernel.Prog) {
				r, w := pipe(p, 0)
				back, told := pipe(p, 0)
				tid := p.Thread(func(p *kernel.Prog) {
					read(p, r, 1)
					p.Print(1, fmt.Sprintf("thread %d\n", p.Syscall(unix.SYS_GETPPID)))
					filter(p, 1000, retErrno, 0)
					write(p, told, "x")
					for {
						p.Syscall(unix.SYS_PAUSE)
					}
				})
				want(p, "TSYNC", filter(p, unix.SYS_GETPPID, retErrno|5, unix.SECCOMP_FILTER_FLAG_TSYNC), 0)
				write(p, w, "x")
				read(p, back, 1)
				if filter(p, 1001, retErrno, unix.SECCOMP_FILTER_FLAG_TSYNC) == tid {
					say(p, "refused by the other")
				}
				say(p, "%s", result(filter(p, 1001, retErrno, unix.SECCOMP_FILTER_FLAG_TSYNC|unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH)))
				p.Exit(0)
			})
		}},

	{Name: "seccomp: a tracer is asked between entry and call, and the filters again after it",
		Output: "event seccomp 5 110\nresult 1\nevent seccomp 5 110\nresult -9\nevent seccomp 5 110\nresult -38\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACESECCOMP, func(p *kernel.Prog) {
				ok(p, "filter", filter(p, unix.SYS_GETPPID, retTrace|5, 0))
				ok(p, "filter", filter(p, unix.SYS_GETPGID, retErrno|9, 0))
				for range 3 {
					n := p.Syscall(unix.SYS_GETPPID)
					p.Print(1, fmt.Sprintf("result %d\n", min(n, 1)))
				}
			})
			next := func() {
				cont(p, unix.PTRACE_CONT, pid, 0)
				s := stopOf(p, pid)
				say(p, "%s %d %d", s, eventMessage(p, pid), peekUser(p, pid, userOrigAX))
			}
			next()
			next()
			pokeUser(p, pid, userOrigAX, unix.SYS_GETPGID)
			next()
			pokeUser(p, pid, userOrigAX, ^uint64(0))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "seccomp: what the tracer changes at the entry is what the filters see", Output: "-6\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACESYSGOOD, func(p *kernel.Prog) {
				ok(p, "filter", filter(p, unix.SYS_GETPPID, retErrno|6, 0))
				say(p, "%d", p.Syscall(1000))
			})
			for n := uint64(0); n != 1000; n = peekUser(p, pid, userOrigAX) {
				cont(p, unix.PTRACE_SYSCALL, pid, 0)
				expect(p, pid, "call")
			}
			pokeUser(p, pid, userOrigAX, unix.SYS_GETPPID)
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "seccomp: filters can be read by a tracer, and suspended", Output: "4 0x101000015\nENOENT EINVAL\n1\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, 0, func(p *kernel.Prog) {
				filter(p, 1, retLog, 0)
				filter(p, unix.SYS_GETPPID, retErrno|6, unix.SECCOMP_FILTER_FLAG_LOG)
				kill(p, getpid(p), unix.SIGUSR1)
				n := p.Syscall(unix.SYS_GETPPID)
				p.Print(1, fmt.Sprintf("%d\n", min(n, 1)))
			})
			at := p.Alloc(64)
			none := result(trace(p, ptraceGetFilter, pid, 0, at))
			cont(p, unix.PTRACE_CONT, pid, 0)
			expect(p, pid, "signal 10")
			n := trace(p, ptraceGetFilter, pid, 0, at)
			say(p, "%d %#x", n, p.Load64(at+8)) // the oldest filter
			p.Store64(at, 1)
			want(p, "metadata", trace(p, 0x420d, pid, 16, at), 16)
			want(p, "flags", int64(p.Load64(at+8)), unix.SECCOMP_FILTER_FLAG_LOG)
			say(p, "%s %s", result(trace(p, ptraceGetFilter, pid, 2, at)), none)
			want(p, "SUSPEND_SECCOMP", trace(p, unix.PTRACE_SETOPTIONS, pid, 0, unix.PTRACE_O_SUSPEND_SECCOMP), 0)
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "seccomp: bad input", Output: "EINVAL EINVAL EFAULT EINVAL ENOTSUP 0 0 80 24 64\n",
		Main: func(p *kernel.Prog) {
			at := p.Alloc(16)
			call := func(args ...uint64) string { return result(p.Syscall(unix.SYS_SECCOMP, args...)) }
			s := call(77, 0, 0) + " " + call(unix.SECCOMP_SET_MODE_STRICT, 1, 0) + " " + call(unix.SECCOMP_SET_MODE_FILTER, 0, 8) + " " +
				call(unix.SECCOMP_SET_MODE_FILTER, 0, at) + " "
			p.Store32(at, 0x12340000)
			s += call(unix.SECCOMP_GET_ACTION_AVAIL, 0, at) + " "
			p.Store32(at, unix.SECCOMP_RET_KILL_PROCESS)
			s += call(unix.SECCOMP_GET_ACTION_AVAIL, 0, at) + " " + call(unix.SECCOMP_GET_NOTIF_SIZES, 0, at)
			say(p, "%s %d %d %d", s, p.Load32(at)&0xffff, p.Load32(at)>>16, p.Load32(at+4)&0xffff)
		}},
}
