package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

const allEvents = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACEVFORKDONE | unix.PTRACE_O_TRACEEXIT

// birth lets a tracee go on until its event of a new thread, and returns that one's number,
// held in its first stop.
func birth(p *kernel.Prog, tid int64, event, first string) int64 {
	cont(p, unix.PTRACE_CONT, tid, 0)
	expect(p, tid, "event "+event)
	child := eventMessage(p, tid)
	expect(p, child, first)
	return child
}

var traceEventScenarios = []Scenario{
	{Name: "trace: fork, vfork and clone report the new thread, which is traced from the start",
		Output: "fork: exited 1\nvfork: exited 2, vfork done\nclone: exited 0\nexited 5\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACEFORK|unix.PTRACE_O_TRACEVFORK|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEVFORKDONE, func(p *kernel.Prog) {
				mask(p, blockMask, bit(unix.SIGCHLD))
				p.Fork(func(p *kernel.Prog) { p.Exit(1) })
				p.Vfork(func(p *kernel.Prog) { p.Exit(2) })
				done := p.Alloc(8)
				p.Thread(func(p *kernel.Prog) { p.Store64(done, 1) })
				for p.Load64(done) == 0 {
					p.Compute(1e4)
				}
				p.Exit(5)
			})
			c := birth(p, pid, "fork", "signal 19")
			cont(p, unix.PTRACE_CONT, c, 0)
			say(p, "fork: %s", stopOf(p, c))
			c = birth(p, pid, "vfork", "signal 19")
			cont(p, unix.PTRACE_CONT, pid, 0)
			cont(p, unix.PTRACE_CONT, c, 0)
			s := stopOf(p, c)
			expect(p, pid, "event vfork done")
			want(p, "message", eventMessage(p, pid), c)
			say(p, "vfork: %s, vfork done", s)
			c = birth(p, pid, "clone", "signal 19")
			cont(p, unix.PTRACE_CONT, c, 0)
			say(p, "clone: %s", stopOf(p, c))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: children of a seized thread begin with an event stop", Output: "event stop 5\nexited 1\nexited 0\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) {
				read(p, r, 1)
				mask(p, blockMask, bit(unix.SIGCHLD))
				p.Fork(func(p *kernel.Prog) { p.Exit(1) })
			})
			want(p, "SEIZE", trace(p, unix.PTRACE_SEIZE, pid, 0, unix.PTRACE_O_TRACEFORK), 0)
			write(p, w, "x")
			expect(p, pid, "event fork")
			c := eventMessage(p, pid)
			say(p, "%s", stopOf(p, c))
			cont(p, unix.PTRACE_CONT, c, 0)
			say(p, "%s", stopOf(p, c))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: under CLONE_UNTRACED nothing is reported", Output: "exited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, allEvents&^unix.PTRACE_O_TRACEEXIT, func(p *kernel.Prog) {
				mask(p, blockMask, bit(unix.SIGCHLD))
				c := p.Clone(func(p *kernel.Prog) { p.Exit(0) }, unix.CLONE_UNTRACED|uint64(unix.SIGCHLD), 0, 0, 0, 0)
				wait(p, c, 0)
			})
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: every death is an event first", Output: "0x300 exited 3\n0xf killed 15\n0x9 killed 9\n0xb killed 11\n",
		Main: func(p *kernel.Prog) {
			for _, end := range []kernel.Program{
				func(p *kernel.Prog) { p.Exit(3) },
				func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGTERM) },
				func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGKILL) },
				func(p *kernel.Prog) { p.Store8(8, 1) },
			} {
				pid := tracee(p, unix.PTRACE_O_TRACEEXIT, end)
				cont(p, unix.PTRACE_CONT, pid, 0)
				s := stopOf(p, pid)
				for s != "event exit" {
					var sig unix.Signal
					fmt.Sscanf(s, "signal %d", &sig)
					cont(p, unix.PTRACE_CONT, pid, sig)
					s = stopOf(p, pid)
				}
				m := eventMessage(p, pid)
				cont(p, unix.PTRACE_CONT, pid, 0)
				say(p, "%#x %s", m, stopOf(p, pid))
			}
		}},

	{Name: "trace: SIGKILL ends any stop", Output: "killed 9\nevent exit\nkilled 9\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, 0, func(p *kernel.Prog) {})
			kill(p, pid, unix.SIGKILL)
			say(p, "%s", stopOf(p, pid))
			pid = tracee(p, unix.PTRACE_O_TRACEEXIT, func(p *kernel.Prog) {})
			want(p, "PTRACE_KILL", trace(p, unix.PTRACE_KILL, pid, 0, 0), 0)
			say(p, "%s", stopOf(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: exec by another thread takes the leader's number, the others die first",
		Output:   "clone\nleader's exit 0\nthread is the leader\nran\nno SIGTRAP\nexited 8\n",
		Programs: map[string]kernel.Program{"/bin/other": func(p *kernel.Prog) { p.Print(1, "ran\n"); p.Exit(8) }},
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEEXEC|unix.PTRACE_O_TRACEEXIT, func(p *kernel.Prog) {
				p.Thread(func(p *kernel.Prog) {
					p.Syscall(unix.SYS_EXECVE, p.Text("/bin/other"), p.Vector("other"), p.Vector())
				})
				for {
					p.Syscall(unix.SYS_PAUSE)
				}
			})
			c := birth(p, pid, "clone", "signal 19")
			say(p, "clone")
			cont(p, unix.PTRACE_CONT, pid, 0)
			cont(p, unix.PTRACE_CONT, c, 0)
			expect(p, pid, "event exit")
			say(p, "leader's exit %d", eventMessage(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			expect(p, pid, "event exec")
			if eventMessage(p, pid) == c && trace(p, unix.PTRACE_CONT, c, 0, 0) == fails(unix.ESRCH) {
				say(p, "thread is the leader")
			}
			cont(p, unix.PTRACE_CONT, pid, 0)
			s := stopOf(p, pid)
			if s == "event exit" {
				say(p, "no SIGTRAP")
				cont(p, unix.PTRACE_CONT, pid, 0)
				s = stopOf(p, pid)
			}
			say(p, "%s", s)
		}},

	{Name: "trace: a thread's end is told to its tracer, and the leader's when all others are waited for",
		Output: "none yet\nthread exited 0\nexited 7\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACECLONE, func(p *kernel.Prog) {
				p.Thread(func(p *kernel.Prog) {})
				sleep(p, 5e6)
				p.Exit(7)
			})
			c := birth(p, pid, "clone", "signal 19")
			cont(p, unix.PTRACE_CONT, c, 0)
			cont(p, unix.PTRACE_CONT, pid, 0)
			sleep(p, 2e7)
			if got, _ := wait(p, pid, unix.WALL|unix.WNOHANG); got == 0 {
				say(p, "none yet")
			}
			say(p, "thread %s", stopOf(p, c))
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: death is told to the tracer first, then to the parent", Output: "tracer: exited 6\nparent: 6\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			back, told := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) { read(p, r, 1); p.Exit(6) })
			tracer := p.Fork(func(p *kernel.Prog) {
				want(p, "SEIZE", trace(p, unix.PTRACE_SEIZE, pid, 0, 0), 0)
				write(p, told, "a")
				sleep(p, 2e7)
				say(p, "tracer: %s", stopOf(p, pid))
			})
			read(p, back, 1)
			write(p, w, "x")
			for range 3 {
				got, _ := wait(p, pid, unix.WNOHANG)
				want(p, "before the tracer has waited", got, 0)
				sleep(p, 1e6)
			}
			_, status := wait(p, pid, 0)
			wait(p, tracer, 0)
			say(p, "parent: %d", status>>8)
		}},

	{Name: "trace: the tracer's death lets tracees go, or kills them with EXITKILL", Output: "went on\n4\nkilled 9\n",
		Main: func(p *kernel.Prog) {
			for _, options := range []uint64{0, unix.PTRACE_O_EXITKILL} {
				r, w := pipe(p, 0)
				pid := p.Fork(func(p *kernel.Prog) {
					read(p, r, 1)
					p.Print(1, "went on\n")
					p.Exit(4)
				})
				tracer := p.Fork(func(p *kernel.Prog) {
					want(p, "SEIZE", trace(p, unix.PTRACE_SEIZE, pid, 0, options), 0)
					want(p, "INTERRUPT", trace(p, unix.PTRACE_INTERRUPT, pid, 0, 0), 0)
					expect(p, pid, "event stop 5")
					p.Exit(0)
				})
				wait(p, tracer, 0)
				write(p, w, "x")
				_, status := wait(p, pid, 0)
				if status&0x7f != 0 {
					say(p, "killed %d", status&0x7f)
				} else {
					say(p, "%d", status>>8)
				}
			}
		}},

	{Name: "trace: a tracer that dies leaves no step flag behind", Output: "went on\nexited 0\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			at := p.Alloc(8)
			pid := p.Fork(func(p *kernel.Prog) {
				read(p, r, 1)
				for range 20 {
					p.Store64(at, 1)
				}
				p.Print(1, "went on\n")
			})
			tracer := p.Fork(func(p *kernel.Prog) {
				want(p, "SEIZE", trace(p, unix.PTRACE_SEIZE, pid, 0, 0), 0)
				want(p, "INTERRUPT", trace(p, unix.PTRACE_INTERRUPT, pid, 0, 0), 0)
				expect(p, pid, "event stop 5")
				cont(p, unix.PTRACE_SINGLESTEP, pid, 0)
				blocked(p, pid)
			})
			wait(p, tracer, 0)
			write(p, w, "x")
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: a group stop stops every thread, and is told once to the parent", Output: "parent: stopped 19\nparent: continued\nexited 0\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			back, told := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) { read(p, r, 1) })
			tracer := p.Fork(func(p *kernel.Prog) {
				want(p, "SEIZE", trace(p, unix.PTRACE_SEIZE, pid, 0, 0), 0)
				write(p, told, "a")
				expect(p, pid, "signal 19")
				cont(p, unix.PTRACE_CONT, pid, unix.SIGSTOP)
				expect(p, pid, "event stop 19")
				want(p, "LISTEN", trace(p, unix.PTRACE_LISTEN, pid, 0, 0), 0)
				expect(p, pid, "event stop 5")
				cont(p, unix.PTRACE_CONT, pid, 0)
				expect(p, pid, "signal 18")
				cont(p, unix.PTRACE_CONT, pid, 0)
				expect(p, pid, "exited 0")
			})
			read(p, back, 1)
			kill(p, pid, unix.SIGSTOP)
			_, status := wait(p, pid, unix.WUNTRACED)
			say(p, "parent: %s %d", "stopped", status>>8)
			kill(p, pid, unix.SIGCONT)
			_, status = wait(p, pid, unix.WCONTINUED)
			check(p, fmt.Sprintf("%#x is not continued", status), status == 0xffff)
			say(p, "parent: continued")
			write(p, w, "x")
			_, status = wait(p, pid, 0)
			wait(p, tracer, 0)
			say(p, "exited %d", status>>8)
		}},
}
