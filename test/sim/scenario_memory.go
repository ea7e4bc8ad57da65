package sim

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"starling/ipc"
	kernel "starling/ipc/sim"
)

const page = ipc.PageSize

var memoryScenarios = []Scenario{
	{Name: "map, protect, unmap", Output: "done\n",
		Main: func(p *kernel.Prog) {
			at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 4*page, rw, private, noFile, 0)))
			p.Store64(at+page, 7)
			check(p, "zeros", p.Load64(at) == 0 && p.Load64(at+page) == 7)
			want(p, "mprotect", p.Syscall(unix.SYS_MPROTECT, at, page, unix.PROT_NONE), 0)
			want(p, "write from there", p.Syscall(unix.SYS_WRITE, 1, at, 1), fails(unix.EFAULT))
			want(p, "mprotect back", p.Syscall(unix.SYS_MPROTECT, at, page, rw), 0)
			p.Store8(at, 1)
			want(p, "munmap", p.Syscall(unix.SYS_MUNMAP, at+page, 2*page), 0)
			want(p, "write from there", p.Syscall(unix.SYS_WRITE, 1, at+page, 1), fails(unix.EFAULT))
			check(p, "neighbours stay", p.Load8(at) == 1 && p.Load8(at+3*page) == 0)
			want(p, "noreplace", p.Syscall(unix.SYS_MMAP, at, page, rw, private|unix.MAP_FIXED_NOREPLACE, noFile, 0), fails(unix.EEXIST))
			want(p, "no length", p.Syscall(unix.SYS_MMAP, 0, 0, rw, private, noFile, 0), fails(unix.EINVAL))
			want(p, "munmap, not aligned", p.Syscall(unix.SYS_MUNMAP, at+1, page), fails(unix.EINVAL))
			want(p, "mprotect of a hole", p.Syscall(unix.SYS_MPROTECT, at+page, page, rw), fails(unix.ENOMEM))
			p.Print(1, "done\n")
		}},

	{Name: "shared memory is shared, private is not", Output: "done\n",
		Main: func(p *kernel.Prog) {
			s := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, page, rw, shared, noFile, 0)))
			q := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, page, rw, private, noFile, 0)))
			p.Store64(q, 1)
			wait(p, p.Fork(func(p *kernel.Prog) { p.Store64(s, 2); p.Store64(q, 2) }), 0)
			check(p, "shared", p.Load64(s) == 2)
			check(p, "private", p.Load64(q) == 1)
			p.Print(1, "done\n")
		}},

	{Name: "files in memory", Output: "Hello Jello JELLO\n",
		Main: func(p *kernel.Prog) {
			fd := uint64(ok(p, "open", open(p, "/tmp/f", unix.O_RDWR|unix.O_CREAT, 0o600)))
			write(p, fd, "Hello")
			s := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, page, rw, unix.MAP_SHARED, fd, 0)))
			q := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, page, rw, unix.MAP_PRIVATE, fd, 0)))
			p.Store8(q, 'H') // a copy of one's own
			p.Store8(s, 'J')
			p.Syscall(unix.SYS_LSEEK, fd, 0, 0)
			text, _ := read(p, fd, 5)
			p.Syscall(unix.SYS_PWRITE64, fd, p.Put([]byte("JELLO")), 5, 0)
			b, c := make([]byte, 5), make([]byte, 5)
			p.Get(q, b)
			p.Get(s, c)
			p.Print(1, strings.Join([]string{string(b), text, string(c)}, " ")+"\n")
		}},

	{Name: "mapping a file is an access to it", Output: "",
		Main: func(p *kernel.Prog) {
			const atime, mtime = 72, 88 // of struct stat
			fd := uint64(ok(p, "open", open(p, "/tmp/f", unix.O_RDWR|unix.O_CREAT, 0o600)))
			write(p, fd, "Hello")
			sleep := p.Put([]byte{8: 64, 15: 0}) // 64 ns later
			p.Syscall(unix.SYS_NANOSLEEP, sleep, 0)
			ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, page, unix.PROT_READ, unix.MAP_SHARED, fd, 0))
			st := p.Alloc(144)
			want(p, "fstat", p.Syscall(unix.SYS_FSTAT, fd, st), 0)
			time := func(at uint64) uint64 { return p.Load64(st+at)*1e9 + p.Load64(st+at+8) }
			check(p, "the access is later than the write", time(atime) > time(mtime))
		}},

	{Name: "the break", Output: "done\n",
		Main: func(p *kernel.Prog) {
			low := p.Syscall(unix.SYS_BRK, 0)
			want(p, "brk", p.Syscall(unix.SYS_BRK, uint64(low+3*page)), low+3*page)
			p.Store64(uint64(low+2*page), 9)
			want(p, "brk down", p.Syscall(unix.SYS_BRK, uint64(low+page)), low+page)
			want(p, "brk up", p.Syscall(unix.SYS_BRK, uint64(low+3*page)), low+3*page)
			check(p, "zeros again", p.Load64(uint64(low+2*page)) == 0)
			want(p, "brk too far", p.Syscall(unix.SYS_BRK, 1<<46), low+3*page)
			p.Print(1, "done\n")
		}},

	{Name: "mremap and madvise", Output: "done\n",
		Main: func(p *kernel.Prog) {
			at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 2*page, rw, private, noFile, 0)))
			p.Store64(at, 1)
			p.Store64(at+page, 2)
			to := uint64(ok(p, "mremap", p.Syscall(unix.SYS_MREMAP, at, 2*page, 64*page, unix.MREMAP_MAYMOVE)))
			check(p, "contents moved", p.Load64(to) == 1 && p.Load64(to+page) == 2 && p.Load64(to+60*page) == 0)
			want(p, "madvise", p.Syscall(unix.SYS_MADVISE, to, page, unix.MADV_DONTNEED), 0)
			check(p, "dropped", p.Load64(to) == 0 && p.Load64(to+page) == 2)
			ok(p, "shrink", p.Syscall(unix.SYS_MREMAP, to, 64*page, page, 0))
			want(p, "write from the rest", p.Syscall(unix.SYS_WRITE, 1, to+page, 1), fails(unix.EFAULT))
			p.Print(1, "done\n")
		}},

	{Name: "the stack grows, to its limit", Output: "done\n",
		Main: func(p *kernel.Prog) {
			for i := uint64(1); i < 40; i++ {
				p.Regs().SP -= page
				p.Store64(p.Regs().SP, i)
			}
			p.Regs().SP += 39 * page
			_, status := wait(p, p.Fork(func(p *kernel.Prog) { p.Regs().SP -= 16 << 20; p.Store64(p.Regs().SP, 1) }), 0)
			want(p, "status", int64(status), int64(killed(unix.SIGSEGV)))
			p.Print(1, "done\n")
		}},

	{Name: "memory runs out for the one who takes it", Output: "ENOMEM\ndone\n",
		Prepare: func(o *Options) { o.MemoryPages = 3000 },
		Main: func(p *kernel.Prog) {
			p.Print(1, result(p.Syscall(unix.SYS_MMAP, 0, 1<<45, rw, private, noFile, 0))+"\n")
			_, status := wait(p, p.Fork(func(p *kernel.Prog) {
				at := uint64(p.Syscall(unix.SYS_MMAP, 0, 3000*page, rw, private|unix.MAP_NORESERVE, noFile, 0))
				for i := uint64(0); i < 3000; i++ {
					p.Store8(at+i*page, 1)
				}
			}), 0)
			want(p, "status", int64(status), int64(killed(unix.SIGKILL)))
			ok(p, "fork", func() int64 { got, _ := wait(p, p.Fork(func(*kernel.Prog) {}), 0); return got }())
			p.Print(1, "done\n")
		}},

	{Name: "memory that runs out ends who has most, as oom_score_adj weighs it", Output: "done\n",
		Prepare: func(o *Options) { o.MemoryPages = 3000 },
		Main: func(p *kernel.Prog) {
			fill := func(p *kernel.Prog, pages uint64) {
				at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, pages*page, rw, private|unix.MAP_NORESERVE, noFile, 0)))
				for i := range pages {
					p.Store8(at+i*page, 1)
				}
			}
			hold := func(by string, pages uint64) int64 {
				pid := p.Fork(func(p *kernel.Prog) {
					adjustOOM(p, by)
					fill(p, pages)
					p.Syscall(unix.SYS_PAUSE)
				})
				until(p, func() bool { return sleeps(p, pid) })
				return pid
			}
			adjustOOM(p, "-1000")
			// The largest is never to be ended, and the smallest is counted with 300 thousandths of all memory more.
			never, adjusted, middle := hold("-1000", 500), hold("300", 200), hold("0", 400)
			taker := p.Fork(func(p *kernel.Prog) { fill(p, 3000) })
			// In the end nobody is left: it is the one that wants more.
			for i, pid := range []int64{adjusted, middle, taker} {
				got, status := wait(p, -1, 0)
				check(p, fmt.Sprintf("%d. is %d of %d, %d, %d", i+1, got, adjusted, middle, taker), got == pid && status == killed(unix.SIGKILL))
			}
			want(p, "kill", kill(p, never, unix.SIGTERM), 0)
			_, status := wait(p, never, 0)
			want(p, "status", int64(status), int64(killed(unix.SIGTERM)))
			p.Print(1, "done\n")
		}},

	{Name: "memory that runs out ends all that share it, and not the child of a vfork", Output: "done\n",
		Prepare: func(o *Options) { o.MemoryPages = 3000 },
		Main: func(p *kernel.Prog) {
			_, status := wait(p, p.Fork(func(p *kernel.Prog) {
				p.Vfork(func(p *kernel.Prog) {
					at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 3000*page, rw, private|unix.MAP_NORESERVE, noFile, 0)))
					for i := range uint64(3000) {
						p.Store8(at+i*page, 1)
					}
				})
				p.Syscall(unix.SYS_EXIT_GROUP, 1)
			}), 0)
			want(p, "status", int64(status), int64(killed(unix.SIGKILL)))
			p.Print(1, "done\n")
		}},

	{Name: "a handler's frame finds memory although somebody holds all of it", Output: "done\n",
		Prepare: func(o *Options) { o.MemoryPages = 3000 },
		Main: func(p *kernel.Prog) {
			ss, none := p.Alloc(24), p.Alloc(8)
			p.Store64(ss, uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 16*page, rw, private, noFile, 0))))
			p.Store64(ss+16, 16*page)
			want(p, "sigaltstack", p.Syscall(unix.SYS_SIGALTSTACK, ss, 0), 0)
			handled := false
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) { handled = true }), saOnStack, 0)
			mask(p, blockMask, bit(unix.SIGUSR1))
			me := getpid(p)
			hog := p.Fork(func(p *kernel.Prog) {
				at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 2900*page, rw, private|unix.MAP_NORESERVE, noFile, 0)))
				want(p, "populate", p.Syscall(unix.SYS_MADVISE, at, 2900*page, unix.MADV_POPULATE_WRITE), fails(unix.ENOMEM))
				kill(p, me, unix.SIGUSR1)
				p.Syscall(unix.SYS_PAUSE)
			})
			want(p, "sigsuspend", p.Syscall(unix.SYS_RT_SIGSUSPEND, none, 8), fails(unix.EINTR))
			check(p, "handled", handled)
			_, status := wait(p, hog, 0)
			want(p, "status", int64(status), int64(killed(unix.SIGKILL)))
			p.Print(1, "done\n")
		}},

	{Name: "many processes give back what they took", Output: "done\n",
		Main: func(p *kernel.Prog) {
			for range 60 {
				pid := p.Fork(func(p *kernel.Prog) {
					at := uint64(p.Syscall(unix.SYS_MMAP, 0, 50*page, rw, private, noFile, 0))
					for i := uint64(0); i < 50; i++ {
						p.Store8(at+i*page, 1)
					}
				})
				_, status := wait(p, pid, 0)
				want(p, "status", int64(status), 0)
			}
			p.Print(1, "done\n")
		}},

	{Name: "mappings for 32-bit code", Output: "",
		Main: func(p *kernel.Prog) {
			low := func(hint, length uint64) int64 {
				return p.Syscall(unix.SYS_MMAP, hint, length, rw, private|unix.MAP_32BIT, noFile, 0)
			}
			a := uint64(ok(p, "mmap", low(0, page)))
			check(p, "in the second GiB", a >= 1<<30 && a < 2<<30)
			b := uint64(ok(p, "mmap", low(0, page)))
			check(p, "from below", b == a+page)
			want(p, "hint", low(1<<20, page), 1<<20)
			c := uint64(ok(p, "hint that is too high", low(1<<40, page)))
			check(p, "not there", c == b+page)
			want(p, "more than there is", low(0, 1<<30), fails(unix.ENOMEM))
			want(p, "munmap", p.Syscall(unix.SYS_MUNMAP, a, page), 0)
			want(p, "again", low(0, page), int64(a))
		}},

	{Name: "populating needs the permission that it populates for", Output: "",
		Main: func(p *kernel.Prog) {
			for _, c := range []struct{ protection, read, write uint64 }{
				{unix.PROT_READ, 0, uint64(unix.EINVAL)}, {unix.PROT_WRITE, uint64(unix.EINVAL), 0},
				{unix.PROT_NONE, uint64(unix.EINVAL), uint64(unix.EINVAL)}, {rw, 0, 0},
			} {
				at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, page, c.protection, private, noFile, 0)))
				want(p, "for reads", p.Syscall(unix.SYS_MADVISE, at, page, unix.MADV_POPULATE_READ), -int64(c.read))
				want(p, "for writes", p.Syscall(unix.SYS_MADVISE, at, page, unix.MADV_POPULATE_WRITE), -int64(c.write))
			}
		}},

	{Name: "what a structure has more than is known is looked at from the front", Output: "",
		Main: func(p *kernel.Prog) {
			const size = 88 // of struct clone_args, the largest that is known
			at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 2*page, rw, private, noFile, 0)))
			want(p, "munmap", p.Syscall(unix.SYS_MUNMAP, at+page, page), 0)
			name := p.Text("/tmp")
			args := at + page - size - 8 // behind one more word there is nothing
			p.Store64(args, unix.CLONE_NEWPID|unix.CLONE_THREAD)
			clone := func(size uint64) int64 { return p.Syscall(unix.SYS_CLONE3, args, size) }
			want(p, "known", clone(size), fails(unix.EINVAL))
			want(p, "zero", clone(size+8), fails(unix.EINVAL))
			want(p, "zero, then a hole", clone(size+16), fails(unix.EFAULT))
			p.Store8(args+size+7, 1)
			want(p, "more", clone(size+8), fails(unix.E2BIG))
			want(p, "more, then a hole", clone(size+16), fails(unix.E2BIG))
			how := at + page - 32
			p.Store64(how, 0)
			p.Store64(how+8, 0)
			ok(p, "openat2", p.Syscall(unix.SYS_OPENAT2, 0, name, how, 24))
			want(p, "openat2, more, then a hole", p.Syscall(unix.SYS_OPENAT2, 0, name, how, 40), fails(unix.E2BIG))
		}},
}
