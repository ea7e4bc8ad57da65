package sim

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

const (
	ptraceSysemu    = 31
	ptraceGetFilter = 0x420c
	flagStep        = 1 << 8
)

var traceStateScenarios = []Scenario{
	{Name: "trace: a single step is a SIGTRAP with TRAP_TRACE, over a call with TRAP_BRKPT, and hides its flag",
		Output: "5/0x2 5/0x2 5/0x1 0x0\n5 exited 0\n",
		Main: func(p *kernel.Prog) {
			at := p.Alloc(16)
			pid := tracee(p, 0, func(p *kernel.Prog) {
				p.Store64(at, 1)
				p.Store64(at+8, 2)
				getpid(p)
				check(p, "the flag is the program's own", p.Regs().Flags&flagStep == 0)
			})
			// The tracee is in the call that sent SIGSTOP: the first step is that call's return.
			cont(p, unix.PTRACE_SINGLESTEP, pid, 0)
			first := stopOf(p, pid)
			s := ""
			for range 3 {
				cont(p, unix.PTRACE_SINGLESTEP, pid, 0)
				expect(p, pid, "signal 5")
				s += stopInfo(p, pid) + " "
			}
			say(p, "%s%#x", s, peekUser(p, pid, userFlags)&flagStep)
			cont(p, unix.PTRACE_CONT, pid, 0)
			var n int
			fmt.Sscanf(first, "signal %d", &n)
			say(p, "%d %s", n, stopOf(p, pid))
		}},

	{Name: "trace: a step into a signal handler stops at its first instruction", Output: "5/0x5 handler\nexited 0\n",
		Main: func(p *kernel.Prog) {
			h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				check(p, "flags in the frame", p.Load64(context+40+17*8)&flagStep == 0)
			})
			pid := tracee(p, 0, func(p *kernel.Prog) {
				p.Sigaction(int(unix.SIGUSR1), h, 0, 0)
				kill(p, getpid(p), unix.SIGUSR1)
			})
			cont(p, unix.PTRACE_CONT, pid, 0)
			expect(p, pid, "signal 10")
			cont(p, unix.PTRACE_SINGLESTEP, pid, unix.SIGUSR1)
			expect(p, pid, "signal 5")
			where := "elsewhere"
			if peekUser(p, pid, userIP) == h {
				where = "handler"
			}
			say(p, "%s %s", stopInfo(p, pid), where)
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: the program's own step flag stays", Output: "own trap\nsignal 5\nexited 0\n",
		Main: func(p *kernel.Prog) {
			at := p.Alloc(8)
			pid := tracee(p, 0, func(p *kernel.Prog) {
				n := 0
				h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
					if n++; n == 1 {
						p.Print(1, "own trap\n")
					}
					v := p.Load64(context + 40 + 17*8)
					p.Store64(context+40+17*8, v&^flagStep)
				})
				p.Sigaction(int(unix.SIGTRAP), h, 0, 0)
				p.Regs().Flags |= flagStep
				p.Store64(at, 1)
			})
			cont(p, unix.PTRACE_CONT, pid, 0)
			s := stopOf(p, pid)
			check(p, "the flag is shown", peekUser(p, pid, userFlags)&flagStep != 0)
			cont(p, unix.PTRACE_CONT, pid, unix.SIGTRAP)
			end := stopOf(p, pid)
			say(p, "%s\n%s", s, end)
		}},

	{Name: "trace: registers, floating point and segment bases", Output: "ok\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, 0, func(p *kernel.Prog) {
				check(p, "vector register", p.FP()[160] == 42)
				check(p, "upper half", p.FP()[576] == 43)
				check(p, "FS base", p.Regs().FSBase == 0x123000)
				check(p, "R15", p.Regs().R15 == 99)
			})
			regs := p.Alloc(512)
			ok(p, "GETREGS", trace(p, unix.PTRACE_GETREGS, pid, 0, regs))
			p.Store64(regs, 99)
			p.Store64(regs+21*8, 0x123000)
			ok(p, "SETREGS", trace(p, unix.PTRACE_SETREGS, pid, 0, regs))
			vec := p.Alloc(4096)
			iov := p.Alloc(16)
			p.Store64(iov, vec)
			p.Store64(iov+8, 4096)
			ok(p, "GETREGSET", trace(p, unix.PTRACE_GETREGSET, pid, 0x202, iov))
			want(p, "size of the extended state", int64(p.Load64(iov+8)), 832)
			want(p, "components", int64(p.Load64(vec+464)), 7)
			p.Store64(vec+512, 7)
			p.Store8(vec+576, 43)
			ok(p, "SETREGSET", trace(p, unix.PTRACE_SETREGSET, pid, 0x202, iov))
			ok(p, "GETFPREGS", trace(p, unix.PTRACE_GETFPREGS, pid, 0, regs))
			p.Store8(regs+160, 42)
			ok(p, "SETFPREGS", trace(p, unix.PTRACE_SETFPREGS, pid, 0, regs))
			p.Store64(iov+8, 12)
			want(p, "a length that is no multiple", trace(p, unix.PTRACE_GETREGSET, pid, 1, iov), fails(unix.EINVAL))
			p.Store64(iov+8, 16)
			want(p, "part of a set", trace(p, unix.PTRACE_GETREGSET, pid, 1, iov), 0)
			want(p, "no such set", trace(p, unix.PTRACE_GETREGSET, pid, 77, iov), fails(unix.EINVAL))
			want(p, "bad memory", trace(p, unix.PTRACE_GETREGS, pid, 0, 8), fails(unix.EFAULT))
			want(p, "no such register", trace(p, unix.PTRACE_POKEUSR, pid, 216, 0), fails(unix.EIO))
			want(p, "no such request", trace(p, 999, pid, 0, 0), fails(unix.EIO))
			want(p, "no such signal", trace(p, unix.PTRACE_CONT, pid, 0, 65), fails(unix.EIO))
			want(p, "branch steps", trace(p, 33, pid, 0, 0), fails(unix.EIO))
			say(p, "ok")
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: memory is read and written past its protection, in a copy", Output: "before\nafter.\nparent before\nEIO EIO\nexited 0\n",
		Main: func(p *kernel.Prog) {
			at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 4096, rw, private, noFile, 0)))
			p.Set(at, []byte("before"))
			ok(p, "mprotect", p.Syscall(unix.SYS_MPROTECT, at, 4096, unix.PROT_READ))
			pid := tracee(p, 0, func(p *kernel.Prog) {
				b := make([]byte, 6)
				p.Get(at, b)
				p.Print(1, string(b)+"\n")
			})
			word := p.Alloc(8)
			ok(p, "PEEKDATA", trace(p, unix.PTRACE_PEEKDATA, pid, at, word))
			b := make([]byte, 8)
			p.Get(word, b)
			say(p, "%s", b[:6])
			copy(b, "after.")
			want(p, "POKEDATA", trace(p, unix.PTRACE_POKEDATA, pid, at, binary.LittleEndian.Uint64(b)), 0)
			bad := result(trace(p, unix.PTRACE_PEEKDATA, pid, 8, word)) + " " + result(trace(p, unix.PTRACE_POKEDATA, pid, 8, 0))
			cont(p, unix.PTRACE_CONT, pid, 0)
			end := stopOf(p, pid)
			p.Get(at, b)
			say(p, "parent %s\n%s\n%s", b[:6], bad, end)
		}},

	{Name: "trace: siginfo, queued signals and mask of a tracee", Output: "queued 2: 34 35\nsignal 35\n12 of 7 value 5\nmask 0x200000200\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, 0, func(p *kernel.Prog) {
				p.Sigaction(int(unix.SIGUSR2), p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
					p.Print(1, fmt.Sprintf("%d of %d value %d\n", p.Load32(info), p.Load32(info+16), p.Load32(info+24)))
				}), saSiginfo, 0)
				mask(p, blockMask, bit(34)|bit(35))
				p.Syscall(unix.SYS_TKILL, uint64(p.Syscall(unix.SYS_GETTID)), 34)
				p.Syscall(unix.SYS_TKILL, uint64(p.Syscall(unix.SYS_GETTID)), 35)
				kill(p, getpid(p), unix.SIGUSR2)
				at := p.Alloc(8)
				p.Syscall(unix.SYS_RT_SIGPROCMASK, 0, 0, at, 8)
				p.Print(1, fmt.Sprintf("mask %#x\n", p.Load64(at)))
			})
			cont(p, unix.PTRACE_CONT, pid, 0)
			expect(p, pid, "signal 12")
			info := p.Alloc(128)
			ok(p, "GETSIGINFO", trace(p, unix.PTRACE_GETSIGINFO, pid, 0, info))
			p.Store32(info+16, 7)
			p.Store32(info+24, 5)
			want(p, "SETSIGINFO", trace(p, unix.PTRACE_SETSIGINFO, pid, 0, info), 0)
			q, out := p.Alloc(16), p.Alloc(3*128)
			p.Store32(q+12, 3)
			n := trace(p, unix.PTRACE_PEEKSIGINFO, pid, q, out)
			queued := fmt.Sprintf("queued %d: %d %d", n, p.Load32(out), p.Load32(out+128))
			p.Store32(q+8, 2)
			want(p, "unknown flag", trace(p, unix.PTRACE_PEEKSIGINFO, pid, q, out), fails(unix.EINVAL))
			set := p.Alloc(8)
			want(p, "GETSIGMASK of another size", trace(p, unix.PTRACE_GETSIGMASK, pid, 4, set), fails(unix.EINVAL))
			ok(p, "GETSIGMASK", trace(p, unix.PTRACE_GETSIGMASK, pid, 8, set))
			want(p, "mask", int64(p.Load64(set)), int64(bit(34)|bit(35)))
			p.Store64(set, bit(34)|bit(unix.SIGUSR1))
			want(p, "SETSIGMASK", trace(p, unix.PTRACE_SETSIGMASK, pid, 8, set), 0)
			cont(p, unix.PTRACE_CONT, pid, unix.SIGUSR2)
			s := stopOf(p, pid) // what the new mask lets through
			say(p, "%s\n%s", queued, s)
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: GET_SYSCALL_INFO tells bytes and fills what fits", Output: "24 0\n80 1 nr 39\n33 2 error 0\n80 1 nr 1000\n33 2 error 1 -38\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACESYSGOOD, func(p *kernel.Prog) { getpid(p); p.Syscall(1000) })
			at := p.Alloc(96)
			info := func() string {
				n := trace(p, unix.PTRACE_GET_SYSCALL_INFO, pid, 88, at)
				s := fmt.Sprintf("%d %d", n, p.Load8(at))
				switch p.Load8(at) {
				case 1:
					s += fmt.Sprintf(" nr %d", p.Load64(at+24))
				case 2:
					s += fmt.Sprintf(" error %d", p.Load8(at+32))
					if p.Load8(at+32) != 0 {
						s += fmt.Sprintf(" %d", int64(p.Load64(at+24)))
					}
				}
				return s
			}
			say(p, "%s", info())
			want(p, "architecture", int64(p.Load32(at+4)), 0xc000003e)
			for range 4 {
				cont(p, unix.PTRACE_SYSCALL, pid, 0)
				expect(p, pid, "call")
				say(p, "%s", info())
			}
			p.Store64(at+24, 77)
			want(p, "a small buffer", trace(p, unix.PTRACE_GET_SYSCALL_INFO, pid, 24, at), 33)
			check(p, "written past its end", p.Load64(at+24) == 77)
			kill(p, pid, unix.SIGKILL)
			stopOf(p, pid)
		}},

	{Name: "trace: SYSEMU stops at entries and makes no calls", Output: "call 39 1\ncall 39 1\nresult 123\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACESYSGOOD, func(p *kernel.Prog) {
				getpid(p)
				n := getpid(p)
				p.Print(1, fmt.Sprintf("result %d\n", n))
			})
			for i := range 2 {
				cont(p, ptraceSysemu, pid, 0)
				s := stopOf(p, pid)
				say(p, "%s %d %d", s, peekUser(p, pid, userOrigAX), eventMessage(p, pid))
				if i == 1 {
					pokeUser(p, pid, userAX, 123)
				}
			}
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: a signal given at a call's stop is sent", Output: "call\nsignal 10 10/0x80\nexited 0\n",
		Main: func(p *kernel.Prog) {
			pid := tracee(p, unix.PTRACE_O_TRACESYSGOOD, func(p *kernel.Prog) { getpid(p) })
			cont(p, unix.PTRACE_SYSCALL, pid, 0)
			say(p, "%s", stopOf(p, pid))
			cont(p, unix.PTRACE_CONT, pid, unix.SIGUSR1)
			s := stopOf(p, pid)
			say(p, "%s %s", s, stopInfo(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
		}},

	{Name: "trace: who may trace", Output: "EPERM EPERM\nEPERM\nEPERM\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			root := p.Fork(func(p *kernel.Prog) { read(p, r, 1) })
			asUser := func(f kernel.Program) {
				wait(p, p.Fork(func(p *kernel.Prog) {
					ok(p, "setresgid", p.Syscall(unix.SYS_SETRESGID, 1000, 1000, 1000))
					ok(p, "setresuid", p.Syscall(unix.SYS_SETRESUID, 1000, 1000, 1000))
					f(p)
				}), 0)
			}
			asUser(func(p *kernel.Prog) {
				say(p, "%s %s", result(trace(p, unix.PTRACE_ATTACH, root, 0, 0)), result(trace(p, unix.PTRACE_SEIZE, root, 0, 0)))
				iov, at := p.Alloc(16), p.Alloc(8)
				p.Store64(iov, at)
				p.Store64(iov+8, 8)
				say(p, "%s", result(p.Syscall(unix.SYS_PROCESS_VM_READV, uint64(root), iov, 1, iov, 1, 0)))
				say(p, "%s", result(p.Syscall(unix.SYS_KCMP, uint64(root), uint64(getpid(p)), 1, 0, 0)))
			})
			write(p, w, "x")
			wait(p, root, 0)
		}},

	{Name: "process_vm_readv and writev move between processes", Output: "read hello world\nchild wrote HELLO\nEFAULT 5\nEINVAL ESRCH\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			at := p.Put([]byte("hello world"))
			pid := p.Fork(func(p *kernel.Prog) {
				read(p, r, 1)
				b := make([]byte, 5)
				p.Get(at, b)
				p.Print(1, "child wrote "+string(b)+"\n")
			})
			p.Set(at, []byte("xxxxxxxxxxx"))
			buf, local, remote := p.Alloc(16), p.Alloc(32), p.Alloc(32)
			p.Store64(local, buf)
			p.Store64(local+8, 6)
			p.Store64(local+16, buf+6)
			p.Store64(local+24, 5)
			p.Store64(remote, at)
			p.Store64(remote+8, 11)
			want(p, "readv", p.Syscall(unix.SYS_PROCESS_VM_READV, uint64(pid), local, 2, remote, 1, 0), 11)
			b := make([]byte, 11)
			p.Get(buf, b)
			say(p, "read %s", b)
			p.Set(buf, []byte("HELLO"))
			p.Store64(remote+8, 5)
			want(p, "writev", p.Syscall(unix.SYS_PROCESS_VM_WRITEV, uint64(pid), local, 1, remote, 1, 0), 5)
			p.Store64(remote+16, 8)
			p.Store64(remote+24, 5)
			part := p.Syscall(unix.SYS_PROCESS_VM_READV, uint64(pid), local, 2, remote, 2, 0)
			none := p.Syscall(unix.SYS_PROCESS_VM_READV, uint64(pid), local, 2, remote+16, 1, 0)
			flags := p.Syscall(unix.SYS_PROCESS_VM_READV, uint64(pid), local, 2, remote, 1, 1)
			gone := p.Syscall(unix.SYS_PROCESS_VM_READV, 30000, local, 2, remote, 1, 0)
			write(p, w, "x")
			wait(p, pid, 0)
			say(p, "%s %s\n%s %s", result(none), result(part), result(flags), result(gone))
		}},
}
