package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Fields of struct rseq and flags of rseq(2) (include/uapi/linux/rseq.h).
const (
	rseqStart     = 0
	rseqCPU       = 4
	rseqPointer   = 8
	rseqFlags     = 16
	rseqNode      = 20
	rseqMMCID     = 24
	rseqSize      = 32
	rseqLeave     = 1
	otherSize     = 64
	uninitialised = 1<<32 - 1
)

// enlist registers an area and places a description of the function's sequence in memory.
func enlist(p *kernel.Prog) (area, description uint64) {
	area, r := p.Register(p.Signature())
	want(p, "rseq", r, 0)
	description = (p.Alloc(2*rseqSize) + rseqSize - 1) &^ (rseqSize - 1)
	describe(p, description)
	return area, description
}

func describe(p *kernel.Prog, at uint64) {
	start, length, abort := p.Describe()
	for i, v := range []uint64{0, start, length, abort} {
		p.Store64(at+uint64(i)*8, v)
	}
}

// inSequence runs f as a sequence, again and again until it was whole, and returns how often it was aborted.
func inSequence(p *kernel.Prog, area, description uint64, f func()) (aborts int) {
	for {
		p.Store64(area+rseqPointer, description)
		if p.Sequence(f) {
			p.Store64(area+rseqPointer, 0)
			return aborts
		}
		check(p, "the pointer is cleared by an abort", p.Load64(area+rseqPointer) == 0)
		aborts++
	}
}

// together runs f in a thread and here, and comes back when both are done.
func together(p *kernel.Prog, f func(p *kernel.Prog)) {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM |
		unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
	word, stack := p.Alloc(16), p.Alloc(1<<14)
	ok(p, "clone", p.Clone(f, flags, stack+1<<14, word, word, 0))
	f(p)
	for v := p.Load32(word); v != 0; v = p.Load32(word) {
		p.Syscall(unix.SYS_FUTEX, word, futexWait, uint64(v), 0)
	}
}

var rseqScenarios = []Scenario{
	{Name: "rseq: an area is registered once, tells the processor, and is given back as it was taken", Output: "28 32\n",
		Main: func(p *kernel.Prog) {
			_, aux := p.Env()
			say(p, "%d %d", aux[27], aux[28]) // AT_RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN
			rseq := func(what string, expected unix.Errno, args ...uint64) {
				want(p, what, p.Syscall(unix.SYS_RSEQ, args...), fails(expected))
			}
			at := (p.Alloc(512) + 127) &^ 127
			p.Store64(at, 1<<63)
			p.Store64(at+rseqPointer, 1234) // left by a thread before
			rseq("nothing to unregister", unix.EINVAL, at, rseqSize, rseqLeave, 1)
			rseq("unknown flag", unix.EINVAL, at, rseqSize, 2, 1)
			rseq("short", unix.EINVAL, at, rseqSize-1, 0, 1)
			rseq("not aligned", unix.EINVAL, at+16, rseqSize, 0, 1)
			rseq("not aligned, larger", unix.EINVAL, at+16, otherSize, 0, 1)
			rseq("NULL", unix.EFAULT, 0, rseqSize, 0, 1)
			rseq("above the program's half", unix.EFAULT, 1<<47-rseqSize, rseqSize, 0, 1)
			rseq("register", 0, at, rseqSize, 0, 1)
			check(p, "the processor", p.Load64(at+rseqStart) == 0 && p.Load64(at+rseqNode) == 0)
			check(p, "what was left is no sequence", p.Load64(at+rseqPointer) == 0)
			rseq("again", unix.EBUSY, at, rseqSize, 0, 1)
			rseq("again with another signature", unix.EPERM, at, rseqSize, 0, 2)
			rseq("elsewhere", unix.EINVAL, at+rseqSize, rseqSize, 0, 1)
			rseq("another size", unix.EINVAL, at, otherSize, 0, 1)
			rseq("unregister elsewhere", unix.EINVAL, at+rseqSize, rseqSize, rseqLeave, 1)
			rseq("unregister another size", unix.EINVAL, at, otherSize, rseqLeave, 1)
			rseq("unregister with another signature", unix.EPERM, at, rseqSize, rseqLeave, 2)
			rseq("unregister with another flag", unix.EINVAL, at, rseqSize, rseqLeave|2, 1)
			rseq("unregister", 0, at, rseqSize, rseqLeave, 1)
			check(p, "no processor", p.Load32(at+rseqStart) == 0 && p.Load32(at+rseqCPU) == uninitialised)
			rseq("unregister twice", unix.EINVAL, at, rseqSize, rseqLeave, 1)
			rseq("larger", 0, at, otherSize, 0, 1)
			p.Syscall(unix.SYS_MPROTECT, at&^(page-1), page, unix.PROT_READ)
			rseq("unregister what cannot be written", unix.EFAULT, at, otherSize, rseqLeave, 1)
		}},

	{Name: "rseq: threads count in sequences and lose nothing, however they are cut off", Output: "400\n",
		Main: func(p *kernel.Prog) {
			counter, aborts := p.Alloc(8), 0
			together(p, func(p *kernel.Prog) {
				area, description := enlist(p)
				for i := range int64(200) {
					aborts += inSequence(p, area, description, func() {
						v := p.Load64(counter)
						p.Compute(10_000 * (1 + i%100))
						p.Store64(counter, v+1)
					})
				}
			})
			say(p, "%d", p.Load64(counter))
			check(p, "no sequence was cut off", aborts > 0)
		}},

	{Name: "rseq: a signal in a sequence aborts it before its handler runs", Output: "handled at the abort handler\n",
		Main: func(p *kernel.Prog) {
			area, description := enlist(p)
			_, _, abort := p.Describe()
			inside := false
			h := p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {
				if !inside && p.Load64(context+40+16*8) == abort && p.Load64(area+rseqPointer) == 0 {
					inside = true
					p.Print(1, "handled at the abort handler\n")
				}
			})
			p.Sigaction(int(unix.SIGALRM), h, 0, 0)
			timer, aborts := p.Alloc(32), 0
			for us := uint64(1000); !inside; us *= 2 { // the signal may come before the sequence
				p.Store64(timer+24, us)
				want(p, "setitimer", p.Syscall(unix.SYS_SETITIMER, 0, timer, 0), 0)
				aborts += inSequence(p, area, description, func() {
					if !inside {
						p.Compute(int64(5000 * us))
					}
				})
			}
			check(p, "nothing was aborted", aborts > 0)
		}},

	{Name: "rseq: outside of a sequence a signal only clears the pointer", Output: "",
		Main: func(p *kernel.Prog) {
			area, description := enlist(p)
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), 0, 0)
			p.Store64(area+rseqPointer, description)
			p.Store64(area+rseqStart, 7<<32|7)
			kill(p, getpid(p), unix.SIGUSR1)
			check(p, "pointer", p.Load64(area+rseqPointer) == 0)
			check(p, "the processor is told again", p.Load64(area+rseqStart) == 0)
		}},

	{Name: "rseq: a sequence that makes no sense is SIGSEGV", Output: "",
		Main: func(p *kernel.Prog) {
			nowhere := uint64(p.Syscall(unix.SYS_MMAP, 0, page, unix.PROT_NONE, private, noFile, 0))
			broken := func(what string, in bool, damage func(p *kernel.Prog, area, description uint64)) {
				_, status := wait(p, p.Fork(func(p *kernel.Prog) {
					area, description := enlist(p)
					p.Sigaction(int(unix.SIGALRM), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), 0, 0)
					timer := p.Alloc(32)
					if !in {
						p.Store64(area+rseqPointer, description)
						damage(p, area, description)
						kill(p, getpid(p), unix.SIGALRM)
						return
					}
					damage(p, area, description)
					for us := uint64(1000); us < 1e6; us *= 2 { // the signal may come before the sequence
						p.Store64(timer+24, us)
						want(p, "setitimer", p.Syscall(unix.SYS_SETITIMER, 0, timer, 0), 0)
						inSequence(p, area, description, func() { p.Compute(int64(5000 * us)) })
					}
				}), 0)
				want(p, what, int64(status), int64(killed(unix.SIGSEGV)))
			}
			word := func(off, v uint64) func(p *kernel.Prog, area, description uint64) {
				return func(p *kernel.Prog, area, description uint64) { p.Store64(description+off, v) }
			}
			broken("unmapped description", false, func(p *kernel.Prog, area, _ uint64) { p.Store64(area+rseqPointer, nowhere) })
			broken("description above", false, func(p *kernel.Prog, area, _ uint64) { p.Store64(area+rseqPointer, 1<<63) })
			broken("version", false, word(0, 1))
			broken("start above", false, word(8, 1<<47))
			broken("end above", false, word(16, 1<<47))
			broken("end wraps", false, word(16, ^uint64(0)))
			broken("abort handler above", false, word(24, 1<<47))
			broken("abort handler inside", false, func(p *kernel.Prog, _, description uint64) {
				start, length, _ := p.Describe()
				p.Store64(description+24, start+length-1)
			})
			broken("signature", false, func(p *kernel.Prog, _, description uint64) {
				_, _, abort := p.Describe()
				p.Store64(description+24, abort+1)
			})
			broken("flags of the description", true, word(0, 1<<32))
			broken("flags of the area", true, func(p *kernel.Prog, area, _ uint64) { p.Store32(area+rseqFlags, 4) })
			broken("area without its page", false, func(p *kernel.Prog, area, _ uint64) {
				p.Syscall(unix.SYS_MUNMAP, area&^(page-1), page)
			})
		}},

	{Name: "rseq: fork hands the area down, a thread and execve begin without", Output: "",
		Programs: map[string]kernel.Program{"/bin/after": func(p *kernel.Prog) {
			_, r := p.Register(1)
			want(p, "register after execve", r, 0)
		}},
		Main: func(p *kernel.Prog) {
			area, r := p.Register(1)
			want(p, "register", r, 0)
			leave := func(p *kernel.Prog) int64 { return p.Syscall(unix.SYS_RSEQ, area, rseqSize, rseqLeave, 1) }
			wait(p, p.Fork(func(p *kernel.Prog) { want(p, "unregister in a child", leave(p), 0) }), 0)
			wait(p, p.Vfork(func(p *kernel.Prog) { want(p, "unregister in a child that shares", leave(p), fails(unix.EINVAL)) }), 0)
			main := p.Syscall(unix.SYS_GETTID)
			together(p, func(p *kernel.Prog) {
				if p.Syscall(unix.SYS_GETTID) != main {
					want(p, "unregister in a thread", leave(p), fails(unix.EINVAL))
				}
			})
			want(p, "the parent still has it", leave(p), 0)
			_, r = p.Register(1)
			want(p, "register again", r, 0)
			p.Syscall(unix.SYS_EXECVE, p.Text("/bin/after"), p.Vector("after"), p.Vector())
		}},

	{Name: "rseq: a tracer sees what its tracee registered, and every stop aborts", Output: "24 0/0x0\n24 32/0xf0eb050f area\n2 aborts\nexited 0\n",
		Main: func(p *kernel.Prog) {
			var area uint64
			pid := tracee(p, 0, func(p *kernel.Prog) {
				var description uint64
				area, description = enlist(p)
				kill(p, getpid(p), unix.SIGSTOP)
				n := 0
				aborts := inSequence(p, area, description, func() {
					if n++; n <= 2 {
						p.Trap(3, 0)
					}
				})
				say(p, "%d aborts", aborts)
			})
			configuration := func() string {
				at := p.Alloc(32)
				n := trace(p, 0x420f, pid, 24, at) // PTRACE_GET_RSEQ_CONFIGURATION
				s := fmt.Sprintf("%d %d/%#x", n, p.Load32(at+8), p.Load32(at+12))
				if a := p.Load64(at); a != 0 && a == area {
					s += " area"
				}
				return s
			}
			say(p, "%s", configuration())
			cont(p, unix.PTRACE_CONT, pid, 0)
			expect(p, pid, "signal 19")
			say(p, "%s", configuration())
			cont(p, unix.PTRACE_CONT, pid, 0)
			for range 2 {
				expect(p, pid, "signal 5")
				cont(p, unix.PTRACE_CONT, pid, 0)
			}
			say(p, "%s", stopOf(p, pid))
		}},
}
