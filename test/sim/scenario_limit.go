package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// setLimit is prlimit(2) on the caller.
func setLimit(p *kernel.Prog, resource int, cur, max uint64) (r int64) {
	p.Scratch(func() {
		at := p.Alloc(16)
		p.Store64(at, cur)
		p.Store64(at+8, max)
		r = p.Syscall(unix.SYS_PRLIMIT64, 0, uint64(resource), at, 0)
	})
	return r
}

// switches is what getrusage(2) counts: blocked, and preempted.
func switches(p *kernel.Prog) (voluntary, involuntary uint64) {
	p.Scratch(func() {
		at := p.Alloc(144)
		p.Syscall(unix.SYS_GETRUSAGE, unix.RUSAGE_SELF, at)
		voluntary, involuntary = p.Load64(at+128), p.Load64(at+136)
	})
	return voluntary, involuntary
}

var limitScenarios = []Scenario{
	{Name: "RLIMIT_CPU warns every second and kills at last", Output: "soft 3\ndone\n",
		Main: func(p *kernel.Prog) {
			_, status := wait(p, p.Fork(func(p *kernel.Prog) {
				ok(p, "limit", setLimit(p, unix.RLIMIT_CPU, 1, 3))
				warnings := 0
				p.Sigaction(int(unix.SIGXCPU), p.Handler(func(p *kernel.Prog, _ int, _, _ uint64) {
					if warnings++; warnings == 2 {
						at := p.Alloc(16)
						p.Syscall(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CPU, 0, at)
						p.Print(1, fmt.Sprintf("soft %d\n", p.Load64(at)))
					}
				}), 0, 0)
				p.Compute(5e9)
				p.Print(1, "alive\n")
			}), 0)
			want(p, "status", int64(status), int64(killed(unix.SIGKILL)))
			_, status = wait(p, p.Fork(func(p *kernel.Prog) {
				ok(p, "limit", setLimit(p, unix.RLIMIT_CPU, 1, 2))
				p.Compute(5e9)
			}), 0)
			want(p, "without a handler", int64(status&0x7f), int64(unix.SIGXCPU))
			p.Print(1, "done\n")
		}},

	{Name: "context switches are counted", Output: "done\n",
		Main: func(p *kernel.Prog) {
			v, _ := switches(p)
			for range 3 {
				sleep(p, 1e6)
			}
			w, _ := switches(p)
			want(p, "voluntary", int64(w-v), 3)
			compute := func(p *kernel.Prog) {
				for range 20 {
					p.Compute(5e6)
					p.Syscall(unix.SYS_GETPPID)
				}
			}
			pid := p.Fork(compute)
			_, before := switches(p)
			compute(p)
			_, after := switches(p)
			check(p, fmt.Sprintf("involuntary %d to %d", before, after), after > before)
			wait(p, pid, 0)
			p.Print(1, "done\n")
		}},

	{Name: "a file that is mapped to be written cannot be sealed against it", Output: "done\n",
		Main: func(p *kernel.Prog) {
			fd := uint64(ok(p, "memfd", p.Syscall(unix.SYS_MEMFD_CREATE, p.Text("x"), unix.MFD_ALLOW_SEALING)))
			ok(p, "size", p.Syscall(unix.SYS_FTRUNCATE, fd, 8192))
			seal := func(s uint64) int64 { return p.Syscall(unix.SYS_FCNTL, fd, unix.F_ADD_SEALS, s) }
			mapped := func(access, flags uint64) int64 {
				return p.Syscall(unix.SYS_MMAP, 0, 8192, access, flags, fd, 0)
			}
			at := uint64(ok(p, "map", mapped(rw, unix.MAP_SHARED)))
			want(p, "mapped", seal(unix.F_SEAL_WRITE), fails(unix.EBUSY))
			want(p, "half", p.Syscall(unix.SYS_MUNMAP, at, 4096), 0)
			want(p, "half is mapped", seal(unix.F_SEAL_WRITE), fails(unix.EBUSY))
			pid := p.Fork(func(p *kernel.Prog) { sleep(p, 5e6) })
			want(p, "rest", p.Syscall(unix.SYS_MUNMAP, at+4096, 4096), 0)
			want(p, "mapped by the child", seal(unix.F_SEAL_WRITE), fails(unix.EBUSY))
			wait(p, pid, 0)
			only := uint64(ok(p, "map for reading", mapped(unix.PROT_READ, unix.MAP_SHARED)))
			want(p, "could be written", seal(unix.F_SEAL_WRITE), fails(unix.EBUSY))
			want(p, "unmap", p.Syscall(unix.SYS_MUNMAP, only, 8192), 0)
			ok(p, "map for oneself", mapped(rw, unix.MAP_PRIVATE))
			want(p, "seal", seal(unix.F_SEAL_WRITE), 0)
			want(p, "map to write", mapped(rw, unix.MAP_SHARED), fails(unix.EPERM))
			read := uint64(ok(p, "map to read", mapped(unix.PROT_READ, unix.MAP_SHARED)))
			want(p, "make it writable", p.Syscall(unix.SYS_MPROTECT, read, 8192, rw), fails(unix.EACCES))
			ok(p, "map for oneself", mapped(rw, unix.MAP_PRIVATE))
			want(p, "write", write(p, fd, "x"), fails(unix.EPERM))
			p.Print(1, "done\n")
		}},
}
