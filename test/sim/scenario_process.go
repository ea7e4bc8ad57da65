package sim

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

var processScenarios = []Scenario{
	{Name: "two wait for each other by yielding", Output: "",
		Main: func(p *kernel.Prog) {
			at := uint64(p.Syscall(unix.SYS_MMAP, 0, 4096, rw, shared, noFile, 0))
			until := func(p *kernel.Prog, at uint64) {
				for range 10_000 {
					if p.Load32(at) != 0 {
						return
					}
					want(p, "sched_yield", p.Syscall(unix.SYS_SCHED_YIELD), 0)
				}
				check(p, "the other ran", false)
			}
			child := p.Fork(func(p *kernel.Prog) {
				until(p, at)
				p.Store32(at+4, 1)
			})
			p.Store32(at, 1)
			until(p, at+4)
			wait(p, child, 0)
		}},
	{Name: "attributes of the schedule", Output: "",
		Main: func(p *kernel.Prog) {
			const size, latest = 48, 56
			at := p.Alloc(64)
			set := func(size, policy uint32, flags uint64, nice, priority int32) int64 {
				p.Set(at, make([]byte, 64))
				p.Store32(at, size)
				p.Store32(at+4, policy)
				p.Store64(at+8, flags)
				p.Store32(at+16, uint32(nice))
				p.Store32(at+20, uint32(priority))
				return p.Syscall(unix.SYS_SCHED_SETATTR, 0, at, 0)
			}
			is := func(p *kernel.Prog, what string, policy uint32, flags uint64, nice, priority int32) {
				want(p, what, p.Syscall(unix.SYS_SCHED_GETATTR, 0, at, latest, 0), 0)
				check(p, what, p.Load32(at) == latest && p.Load32(at+4) == policy && p.Load64(at+8) == flags &&
					int32(p.Load32(at+16)) == nice && int32(p.Load32(at+20)) == priority)
			}
			want(p, "nice", set(size, unix.SCHED_BATCH, 0, 5, 0), 0)
			is(p, "nice", unix.SCHED_BATCH, 0, 5, 0)
			want(p, "first in, first out", set(0, unix.SCHED_FIFO, 0, 0, 7), 0)
			is(p, "first in, first out", unix.SCHED_FIFO, 0, 0, 7)
			want(p, "kept policy", set(size, unix.SCHED_IDLE, unix.SCHED_FLAG_KEEP_POLICY, 0, 9), 0)
			is(p, "kept policy", unix.SCHED_FIFO, 0, 0, 9)
			for _, flags := range []uint64{0, unix.SCHED_FLAG_RESET_ON_FORK} {
				want(p, "real time", set(size, unix.SCHED_RR, flags, 0, 3), 0)
				wait(p, p.Fork(func(p *kernel.Prog) {
					if flags == 0 {
						is(p, "inherited", unix.SCHED_RR, 0, 0, 3)
					} else {
						is(p, "reset", unix.SCHED_NORMAL, 0, 0, 0)
					}
				}), 0)
			}
			is(p, "not reset", unix.SCHED_RR, unix.SCHED_FLAG_RESET_ON_FORK, 0, 3)
			for _, r := range []int64{set(size, unix.SCHED_FIFO, 0, 0, 0), set(size, unix.SCHED_NORMAL, 0, 0, 1), set(size, 1<<30, 0, 0, 0),
				set(size, unix.SCHED_NORMAL, 0x80, 0, 0), set(size, unix.SCHED_NORMAL, 0x20, 0, 0), set(size, unix.SCHED_DEADLINE, 0, 0, 0),
				p.Syscall(unix.SYS_SCHED_SETATTR, 0, 0, 0), p.Syscall(unix.SYS_SCHED_SETATTR, 0, at, 1),
				p.Syscall(unix.SYS_SCHED_GETATTR, 0, at, size-1, 0), p.Syscall(unix.SYS_SCHED_GETATTR, 0, at, size, 1)} {
				want(p, "refused", r, fails(unix.EINVAL))
			}
			want(p, "too small", set(size-1, 0, 0, 0, 0), fails(unix.E2BIG))
			check(p, "the known size is written", p.Load32(at) == latest)
			want(p, "utilisation", set(latest, 0, 0x20, 0, 0), fails(unix.EOPNOTSUPP))
			want(p, "nobody", p.Syscall(unix.SYS_SCHED_GETATTR, 29999, at, size, 0), fails(unix.ESRCH))
			want(p, "nowhere", p.Syscall(unix.SYS_SCHED_GETATTR, 0, 8, size, 0), fails(unix.EFAULT))
		}},

	{Name: "exit status", Ending: Exited(7), Output: "hello\n",
		Main: func(p *kernel.Prog) {
			p.Print(1, "hello\n")
			p.Exit(7)
		}},

	{Name: "arguments, environment, auxiliary vector", Args: []string{"one", "two three"}, Output: "/bin/init,one,two three\nPATH=/bin\n",
		Main: func(p *kernel.Prog) {
			env, aux := p.Env()
			p.Print(1, strings.Join(p.Args(), ",")+"\n"+strings.Join(env, ",")+"\n")
			check(p, "AT_PAGESZ", aux[6] == 4096)
			check(p, "AT_ENTRY", aux[9] != 0)
			check(p, "AT_PHNUM", aux[5] == 3)
			check(p, "AT_RANDOM", p.Load64(aux[25]) != 0)
			check(p, "stack alignment", p.Regs().SP%16 == 0)
		}},

	{Name: "children end in every way", Output: "done\n",
		Main: func(p *kernel.Prog) {
			end := func(child kernel.Program, status uint32) {
				pid := ok(p, "fork", p.Fork(child))
				got, s := wait(p, pid, 0)
				want(p, "wait4", got, pid)
				want(p, "status", int64(s), int64(status))
			}
			end(func(p *kernel.Prog) {}, exited(0))
			end(func(p *kernel.Prog) { p.Exit(255) }, exited(255))
			end(func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGKILL) }, killed(unix.SIGKILL))
			end(func(p *kernel.Prog) { kill(p, getpid(p), unix.SIGTERM) }, killed(unix.SIGTERM))
			end(func(p *kernel.Prog) { p.Store8(8, 1) }, killed(unix.SIGSEGV))
			end(func(p *kernel.Prog) { p.Trap(0, 0) }, killed(unix.SIGFPE))
			end(func(p *kernel.Prog) { p.Trap(6, 0) }, killed(unix.SIGILL))
			end(func(p *kernel.Prog) { p.Trap(3, 0) }, killed(unix.SIGTRAP))
			got, _ := wait(p, -1, 0)
			want(p, "no children left", got, fails(unix.ECHILD))
			p.Print(1, "done\n")
		}},

	{Name: "fork copies memory, descriptors, and shares offsets", Output: "parent sees ab\n",
		Main: func(p *kernel.Prog) {
			fd := uint64(ok(p, "open", open(p, "/tmp/f", unix.O_RDWR|unix.O_CREAT, 0o600)))
			at := p.Put([]byte("parent"))
			pid := p.Fork(func(p *kernel.Prog) {
				p.Set(at, []byte("child "))
				write(p, fd, "a")
				p.Syscall(unix.SYS_CLOSE, fd)
			})
			wait(p, pid, 0)
			write(p, fd, "b")
			p.Syscall(unix.SYS_LSEEK, fd, 0, 0)
			text, _ := read(p, fd, 10)
			p.Print(1, p.String(at)+" sees "+text+"\n")
		}},

	{Name: "exec by a thread ends those that wait, compute or are stopped, and takes the process's number", Output: "the number is kept, 1 thread\n",
		Programs: map[string]kernel.Program{"/bin/after": func(p *kernel.Prog) {
			kept := "another number"
			if p.Args()[1] == fmt.Sprint(getpid(p)) && getpid(p) == p.Syscall(unix.SYS_GETTID) {
				kept = "the number is kept"
			}
			text := contents(p, "/proc/self/status")
			_, text, _ = strings.Cut(text, "Threads:\t")
			text, _, _ = strings.Cut(text, "\n")
			p.Print(1, kept+", "+text+" thread\n")
		}},
		Main: func(p *kernel.Prog) {
			pid, pipe := getpid(p), p.Alloc(8)
			ok(p, "pipe", p.Syscall(unix.SYS_PIPE, pipe))
			read := func(p *kernel.Prog) { p.Syscall(unix.SYS_READ, uint64(p.Load32(pipe)), pipe, 1) }
			thread(p, read)
			thread(p, func(p *kernel.Prog) {
				for {
					p.Compute(1e6)
				}
			})
			thread(p, func(p *kernel.Prog) {
				sleep(p, 5e6)
				path(p, unix.SYS_EXECVE, "/bin/after", p.Vector("after", fmt.Sprint(pid)), p.Vector())
			})
			read(p)
		}},

	{Name: "exec", Output: "/bin/other,x\npid same\ndescriptor closed\nhandler gone\n", Ending: Exited(5),
		Programs: map[string]kernel.Program{"/bin/other": func(p *kernel.Prog) {
			args := p.Args()
			p.Print(1, strings.Join(args[:2], ",")+"\n")
			if args[2] == fmt.Sprint(getpid(p)) {
				p.Print(1, "pid same\n")
			}
			if p.Syscall(unix.SYS_FCNTL, 9, unix.F_GETFD) == fails(unix.EBADF) && p.Syscall(unix.SYS_FCNTL, 8, unix.F_GETFD) == 0 {
				p.Print(1, "descriptor closed\n")
			}
			p.Scratch(func() {
				at := p.Alloc(32)
				ok(p, "rt_sigaction", p.Syscall(unix.SYS_RT_SIGACTION, uint64(unix.SIGUSR1), 0, at, 8))
				if p.Load64(at) == 0 {
					p.Print(1, "handler gone\n")
				}
			})
			p.Exit(5)
		}},
		Main: func(p *kernel.Prog) {
			ok(p, "dup2", p.Syscall(unix.SYS_DUP2, 1, 8))
			ok(p, "dup3", p.Syscall(unix.SYS_DUP3, 1, 9, unix.O_CLOEXEC))
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), 0, 0)
			want(p, "no such file", path(p, unix.SYS_EXECVE, "/bin/nothing", 0, 0), fails(unix.ENOENT))
			want(p, "a directory", path(p, unix.SYS_EXECVE, "/bin", 0, 0), fails(unix.EACCES))
			argv := p.Vector("/bin/other", "x", fmt.Sprint(getpid(p)))
			want(p, "execve", path(p, unix.SYS_EXECVE, "/bin/other", argv, p.Vector()), 0)
		}},

	{Name: "exec by script", Output: "/bin/shell -x /bin/script arg\n",
		Prepare: func(o *Options) {
			o.Files = map[string]string{"bin/script": "#!/bin/shell -x\nignored\n"}
		},
		Programs: map[string]kernel.Program{"/bin/shell": func(p *kernel.Prog) {
			p.Print(1, strings.Join(p.Args(), " ")+"\n")
		}},
		Main: func(p *kernel.Prog) {
			want(p, "execve", path(p, unix.SYS_EXECVE, "/bin/script", p.Vector("script", "arg"), p.Vector()), 0)
		}},

	{Name: "a script in a descriptor that exec closes cannot be given to its interpreter", Output: "/bin/shell /dev/fd/4/script\n/bin/shell /bin/script\n",
		Prepare: func(o *Options) {
			o.Files = map[string]string{"bin/script": "#!/bin/shell\n"}
		},
		Programs: map[string]kernel.Program{"/bin/shell": func(p *kernel.Prog) {
			p.Print(1, strings.Join(p.Args(), " ")+"\n")
		}},
		Main: func(p *kernel.Prog) {
			closed := uint64(ok(p, "open", open(p, "/bin", unix.O_PATH|unix.O_CLOEXEC, 0)))
			kept := uint64(ok(p, "open", open(p, "/bin", unix.O_PATH, 0)))
			script := uint64(ok(p, "open", open(p, "/bin/script", unix.O_PATH|unix.O_CLOEXEC, 0)))
			exec := func(p *kernel.Prog, dir uint64, name string, flags uint64) int64 {
				return p.Syscall(unix.SYS_EXECVEAT, dir, p.Text(name), p.Vector("script"), p.Vector(), flags)
			}
			want(p, "below the descriptor", exec(p, closed, "script", 0), fails(unix.ENOENT))
			want(p, "the descriptor", exec(p, script, "", unix.AT_EMPTY_PATH), fails(unix.ENOENT))
			want(p, "an empty path below a file", exec(p, script, "", 0), fails(unix.ENOENT))
			want(p, "an empty path below nothing", exec(p, 99, "", 0), fails(unix.ENOENT))
			wait(p, p.Fork(func(p *kernel.Prog) { exec(p, kept, "script", 0) }), 0)
			want(p, "execveat", exec(p, closed, "/bin/script", 0), 0)
		}},

	{Name: "vfork holds the parent until exec", Output: "other parent\n",
		Programs: map[string]kernel.Program{"/bin/other": func(p *kernel.Prog) { p.Print(1, "other ") }},
		Main: func(p *kernel.Prog) {
			at := p.Alloc(8)
			pid := p.Vfork(func(p *kernel.Prog) {
				p.Store64(at, 1)
				sleep(p, 5e6)
				argv := p.Vector("other")
				path(p, unix.SYS_EXECVE, "/bin/other", argv, p.Vector())
			})
			check(p, "the child runs in our memory, before us", p.Load64(at) == 1)
			_, status := wait(p, pid, 0)
			want(p, "status", int64(status), int64(exited(0)))
			p.Print(1, "parent\n")
		}},

	{Name: "orphans go to process 1", Output: "orphan\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			child := p.Fork(func(p *kernel.Prog) {
				parent := getpid(p)
				p.Fork(func(p *kernel.Prog) {
					for p.Syscall(unix.SYS_GETPPID) == parent {
						sleep(p, 1e6)
					}
					who := "adopted\n"
					if p.Syscall(unix.SYS_GETPPID) == 1 {
						who = "orphan\n"
					}
					write(p, w, who)
				})
			})
			wait(p, child, 0)
			text, _ := read(p, r, 20)
			p.Print(1, text)
		}},

	{Name: "waitid, WNOHANG, WNOWAIT", Output: "done\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) { read(p, r, 1); p.Exit(3) })
			got, _ := wait(p, pid, unix.WNOHANG)
			want(p, "nothing yet", got, 0)
			write(p, w, "x")
			info := p.Alloc(128)
			want(p, "waitid", p.Syscall(unix.SYS_WAITID, 1, uint64(pid), info, unix.WEXITED|unix.WNOWAIT, 0), 0)
			want(p, "si_signo", int64(p.Load32(info)), int64(unix.SIGCHLD))
			want(p, "si_code", int64(p.Load32(info+8)), 1) // CLD_EXITED
			want(p, "si_pid", int64(p.Load32(info+16)), pid)
			want(p, "si_status", int64(p.Load32(info+24)), 3)
			got, status := wait(p, -1, 0)
			want(p, "still there", got, pid)
			want(p, "status", int64(status), int64(exited(3)))
			p.Print(1, "done\n")
		}},

	{Name: "sessions and process groups", Output: "done\n",
		Main: func(p *kernel.Prog) {
			me := getpid(p)
			pid := p.Fork(func(p *kernel.Prog) {
				child := getpid(p)
				want(p, "setsid", p.Syscall(unix.SYS_SETSID), child)
				want(p, "getsid", p.Syscall(unix.SYS_GETSID, 0), child)
				want(p, "getpgid", p.Syscall(unix.SYS_GETPGID, 0), child)
				want(p, "setsid again", p.Syscall(unix.SYS_SETSID), fails(unix.EPERM))
				want(p, "setpgid of a session leader", p.Syscall(unix.SYS_SETPGID, 0, 0), fails(unix.EPERM))
				want(p, "setpgid of nobody", p.Syscall(unix.SYS_SETPGID, 12345, 0), fails(unix.ESRCH))
			})
			_, status := wait(p, pid, 0)
			want(p, "status", int64(status), 0)
			pid = p.Fork(func(p *kernel.Prog) { p.Syscall(unix.SYS_PAUSE) })
			want(p, "setpgid of a child", p.Syscall(unix.SYS_SETPGID, uint64(pid), uint64(pid)), 0)
			want(p, "getpgid of it", p.Syscall(unix.SYS_GETPGID, uint64(pid)), pid)
			want(p, "kill its group", kill(p, -pid, unix.SIGTERM), 0)
			_, status = wait(p, -pid, 0)
			want(p, "status", int64(status), int64(killed(unix.SIGTERM)))
			want(p, "kill a group that is gone", kill(p, -pid, 0), fails(unix.ESRCH))
			want(p, "getpid", getpid(p), me)
			p.Print(1, "done\n")
		}},

	{Name: "exit_group ends every thread", Ending: Exited(9),
		Main: func(p *kernel.Prog) {
			r, _ := pipe(p, 0)
			for range 3 {
				ok(p, "clone", p.Thread(func(p *kernel.Prog) { read(p, r, 1) }))
			}
			ok(p, "clone", p.Thread(func(p *kernel.Prog) { p.Compute(1e12) }))
			sleep(p, 1e6)
			p.Exit(9)
		}},

	{Name: "exec ends the other threads", Output: "alone\n",
		Programs: map[string]kernel.Program{"/bin/other": func(p *kernel.Prog) { p.Print(1, "alone\n") }},
		Main: func(p *kernel.Prog) {
			r, _ := pipe(p, 0)
			ok(p, "clone", p.Thread(func(p *kernel.Prog) { read(p, r, 1); p.Print(1, "not dead\n") }))
			argv := p.Vector("other")
			path(p, unix.SYS_EXECVE, "/bin/other", argv, p.Vector())
		}},

	{Name: "too many processes", Output: "done\n",
		Prepare: func(o *Options) { o.FrameSlots = 20 },
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			n := 0
			var result int64
			for n = 0; n < 100; n++ {
				result = p.Fork(func(p *kernel.Prog) {
					p.Syscall(unix.SYS_CLOSE, w)
					read(p, r, 1)
				})
				if result < 0 {
					break
				}
			}
			want(p, "fork", result, fails(unix.EAGAIN))
			check(p, "some forks", n > 10)
			p.Syscall(unix.SYS_CLOSE, w)
			for range n {
				ok(p, "wait", func() int64 { got, _ := wait(p, -1, 0); return got }())
			}
			ok(p, "fork again", p.Fork(func(*kernel.Prog) {}))
			wait(p, -1, 0)
			p.Print(1, "done\n")
		}},

	{Name: "unknown calls and hostile pointers", Output: "done\n",
		Main: func(p *kernel.Prog) {
			want(p, "call 999", p.Syscall(999), fails(unix.ENOSYS))
			want(p, "call -1", p.Syscall(^uintptr(0)), fails(unix.ENOSYS))
			for _, bad := range []uint64{1, 0x1000, 1 << 47, 0xffff_8000_0000_0000, ^uint64(0) - 3} {
				want(p, "write", p.Syscall(unix.SYS_WRITE, 1, bad, 5), fails(unix.EFAULT))
				want(p, "open", p.Syscall(unix.SYS_OPEN, bad, 0, 0), fails(unix.EFAULT))
				want(p, "pipe", p.Syscall(unix.SYS_PIPE, bad), fails(unix.EFAULT))
				want(p, "uname", p.Syscall(unix.SYS_UNAME, bad), fails(unix.EFAULT))
				want(p, "execve", p.Syscall(unix.SYS_EXECVE, bad, bad, bad), fails(unix.EFAULT))
				want(p, "sigaction", p.Syscall(unix.SYS_RT_SIGACTION, 10, bad, 0, 8), fails(unix.EFAULT))
			}
			p.Print(1, "done\n")
		}},
}
