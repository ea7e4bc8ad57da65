package faults

import (
	"fmt"

	"golang.org/x/sys/unix"

	"starling/ipc"
	kernel "starling/ipc/sim"
	"starling/test/sim"
)

// scenarios is those of test/sim and some that send what those do not.
var scenarios = append(append([]sim.Scenario{}, sim.Scenarios...),
	sim.Scenario{Name: "memory and file pages come and go", Main: pages, Output: "done\n"},
	sim.Scenario{Name: "lines of standard input", Main: lines, During: typing, Output: "1 one\n2 two\nend\n"},
	sim.Scenario{Name: "lines of a terminal", Main: terminal, During: typing, Output: "one\r\ntwo\r\n1 one\r\n2 two\r\ndrained\r\n",
		Prepare: func(o *sim.Options) { o.Terminal = true }},
	sim.Scenario{Name: "effects that add up", Main: effects, Output: "done\n"},
)

// expect prints what is not as it must be.
func expect(p *kernel.Prog, what string, got, want int64) {
	if got != want {
		p.Print(1, fmt.Sprintf("%s: %d, want %d\n", what, got, want))
	}
}

const pageSize = ipc.PageSize

// mmap maps anonymous memory.
func mmap(p *kernel.Prog, pages uint64) uint64 {
	return uint64(p.Syscall(unix.SYS_MMAP, 0, pages*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0))
}

// file makes a file that is open and has no name.
func file(p *kernel.Prog) (fd uint64) {
	p.Scratch(func() {
		fd = uint64(p.Syscall(unix.SYS_MEMFD_CREATE, p.Text("file"), 0))
	})
	return fd
}

// pages moves, drops, protects and unmaps memory, and punches holes.
func pages(p *kernel.Prog) {
	at := mmap(p, 4)
	for i := range uint64(4) {
		p.Store64(at+i*pageSize, i+1)
	}
	to := mmap(p, 16)
	moved := uint64(p.Syscall(unix.SYS_MREMAP, at, 2*pageSize, 2*pageSize, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, to+8*pageSize))
	expect(p, "mremap", int64(moved), int64(to+8*pageSize))
	expect(p, "moved", int64(p.Load64(moved+pageSize)), 2)
	expect(p, "madvise", p.Syscall(unix.SYS_MADVISE, moved, pageSize, unix.MADV_DONTNEED), 0)
	expect(p, "dropped", int64(p.Load64(moved)), 0)
	expect(p, "mprotect", p.Syscall(unix.SYS_MPROTECT, at+2*pageSize, pageSize, unix.PROT_READ), 0)
	expect(p, "kept", int64(p.Load64(at+2*pageSize)), 3)
	expect(p, "munmap", p.Syscall(unix.SYS_MUNMAP, at+2*pageSize, 2*pageSize), 0)
	fd := file(p)
	for i := range int64(4) {
		expect(p, "pwrite", p.Syscall(unix.SYS_PWRITE64, fd, moved+pageSize, 8, uint64(i)*pageSize), 8)
	}
	const punch = 3 // FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
	expect(p, "fallocate", p.Syscall(unix.SYS_FALLOCATE, fd, punch, pageSize, 2*pageSize), 0)
	for i, want := range []int64{2, 0, 0, 2} {
		expect(p, "pread", p.Syscall(unix.SYS_PREAD64, fd, moved, 8, uint64(i)*pageSize), 8)
		expect(p, "contents", int64(p.Load64(moved)), want)
	}
	expect(p, "ftruncate", p.Syscall(unix.SYS_FTRUNCATE, fd, pageSize/2), 0)
	shared := uint64(p.Syscall(unix.SYS_MMAP, 0, pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED, fd, 0))
	expect(p, "mapped", int64(p.Load64(shared)), 2)
	p.Store64(shared, 77)
	expect(p, "pread", p.Syscall(unix.SYS_PREAD64, fd, moved, 8, 0), 8)
	expect(p, "shared", int64(p.Load64(moved)), 77)
	expect(p, "close", p.Syscall(unix.SYS_CLOSE, fd), 0)
	p.Print(1, "done\n")
}

// typing types two lines at fixed times, and then ends the input.
func typing(m *sim.Machine) {
	now := m.Kernel.Now()
	m.Kernel.At(now+100e6, func() { m.Console.Type("one\n") })
	m.Kernel.At(now+400e6, func() { m.Console.Type("two\n") })
	m.Kernel.At(now+700e6, m.Console.EndInput)
}

// readLine reads what there is of a line.
func readLine(p *kernel.Prog) (text string) {
	p.Scratch(func() {
		at := p.Alloc(64)
		if n := p.Syscall(unix.SYS_READ, 0, at, 64); n > 0 {
			text = string(p.Bytes(at, n))
		}
	})
	return text
}

func lines(p *kernel.Prog) {
	for i := 1; ; i++ {
		text := readLine(p)
		if text == "" {
			break
		}
		p.Print(1, fmt.Sprintf("%d %s", i, text))
	}
	p.Print(1, "end\n")
}

func terminal(p *kernel.Prog) {
	sleep(p, 500e6) // both lines are there
	for i := 1; i <= 2; i++ {
		p.Print(1, fmt.Sprintf("%d %s", i, readLine(p)))
	}
	const drain = 1
	expect(p, "tcdrain", p.Syscall(unix.SYS_IOCTL, 1, unix.TCSBRK, drain), 0)
	p.Print(1, "drained\n")
}

// effects does what would be seen if it were done twice, or not at all: appending, counting, taking
// from a pipe, starting children, sending signals.
func effects(p *kernel.Prog) {
	fd := file(p)
	r, w := pipe(p, unix.O_NONBLOCK)
	counter := uint64(0)
	p.Scratch(func() { counter = uint64(p.Syscall(unix.SYS_EVENTFD2, 0, unix.O_NONBLOCK)) })
	at := p.Alloc(32)
	caught := 0
	p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) { caught++ }), 0, 0)
	const rounds = 3
	for i := range uint64(rounds) {
		p.Store64(at, i+1)
		expect(p, "write", p.Syscall(unix.SYS_WRITE, fd, at, 8), 8)
		expect(p, "to the pipe", p.Syscall(unix.SYS_WRITE, w, at, 3), 3)
		expect(p, "eventfd", p.Syscall(unix.SYS_WRITE, counter, at, 8), 8)
		expect(p, "kill", p.Syscall(unix.SYS_KILL, uint64(p.Syscall(unix.SYS_GETPID)), uint64(unix.SIGUSR1)), 0)
		child := p.Fork(func(p *kernel.Prog) {
			p.Syscall(unix.SYS_WRITE, fd, at, 8)
			p.Exit(int(i))
		})
		expect(p, "child", p.Syscall(unix.SYS_WAIT4, uint64(child), at+16, 0, 0), child)
		expect(p, "its status", int64(p.Load32(at+16)), int64(i)<<8)
	}
	expect(p, "size", p.Syscall(unix.SYS_LSEEK, fd, 0, unix.SEEK_CUR), 2*rounds*8)
	expect(p, "of the pipe", p.Syscall(unix.SYS_READ, r, at, 32), 3*rounds)
	expect(p, "count", p.Syscall(unix.SYS_READ, counter, at, 8), 8)
	expect(p, "counted", int64(p.Load64(at)), rounds*(rounds+1)/2)
	expect(p, "signals", int64(caught), rounds)
	p.Print(1, "done\n")
}

// own reports whether a scenario is one of this package: what they are typed is for a child.
func own(s *sim.Scenario) bool {
	for i := len(sim.Scenarios); i < len(scenarios); i++ {
		if scenarios[i].Name == s.Name {
			return true
		}
	}
	return false
}
