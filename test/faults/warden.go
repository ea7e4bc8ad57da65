package faults

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
	kernel "starling/ipc/sim"
	"starling/test/sim"
)

const (
	wardenPath = "/sbin/warden"
	// patience is how long a scenario may take in ns before the warden ends it, when nobody knows how long it takes
	// without faults; else it gets three times as long, and one of these.
	patience = 200e9
	// extra is for what repeats messages on the way, endless for programs that only do harm to themselves: these
	// may also go round in circles, so that they get so many events of the machine and no more.
	extra   = 10e9
	endless = 500e6
	circles = 40_000
	// look is how often the warden looks, at first.
	look = 20e6
	// spared is the user that warden and bystander are known as. A scenario is root without the power over other users'
	// processes: whatever it makes of kill(2) or ptrace(2) when it was struck, these two are not harmed by it.
	spared = 7
	// bystanding is the exit status of a bystander that noticed nothing.
	bystanding = 42
)

// warden starts a bystander and the scenario, waits for both, ends what is left, and looks at the books.
func (r *run) warden(p *kernel.Prog) {
	r.starts++
	p.Protect()
	p.Strike(false)
	env, _ := p.Env()
	p.Syscall(unix.SYS_SETRESUID, spared, 0, spared)
	adjustOOM(p, "-1000") // nor are they ended for the memory that the scenario takes
	stop, tell := pipe(p, unix.O_NONBLOCK|unix.O_CLOEXEC)
	p.Scratch(func() { // so that the pipe has its memory before a scenario takes all there is
		at := p.Alloc(8)
		p.Syscall(unix.SYS_WRITE, tell, at, 1)
		p.Syscall(unix.SYS_READ, stop, at, 1)
	})
	ready, there := pipe(p, 0)
	b := p.Fork(func(p *kernel.Prog) { bystander(p, stop, there) })
	p.Scratch(func() { p.Syscall(unix.SYS_READ, ready, p.Alloc(8), 1) })
	for _, fd := range []uint64{ready, there} {
		p.Syscall(unix.SYS_CLOSE, fd)
	}
	v := p.Fork(func(p *kernel.Prog) {
		adjustOOM(p, "0")
		p.Syscall(unix.SYS_SETRESUID, 0, 0, 0)
		for _, power := range []uint64{unix.CAP_KILL, unix.CAP_SYS_PTRACE} {
			p.Syscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, power)
		}
		args := append([]string{sim.InitPath}, r.s.Args...)
		p.Syscall(unix.SYS_EXECVE, p.Text(args[0]), p.Vector(args...), p.Vector(env...))
	})
	began := p.Now()
	busy := r.m.Kernel.Stats().Events + circles
	r.seen.Ended, r.seen.Status = r.waitFor(p, v, r.patience, func() bool { return r.circling && r.m.Kernel.Stats().Events > busy })
	r.seen.took = p.Now() - began
	p.Strike(false)
	if !r.seen.Ended {
		p.Syscall(unix.SYS_KILL, uint64(v), uint64(unix.SIGKILL))
		var gone bool
		if gone, r.seen.Status = r.waitFor(p, v, 10e9, never); !gone {
			r.t.Errorf("SIGKILL did not end the scenario within 10 s")
		}
	}
	p.Scratch(func() { p.Syscall(unix.SYS_WRITE, tell, p.Text("!"), 1) })
	if _, r.seen.Bystander = r.waitFor(p, b, patience, never); r.seen.Bystander != bystanding<<8 {
		r.t.Errorf("a bystander noticed: wait status %#x", r.seen.Bystander)
	}
	all := ^uint64(0)
	p.Syscall(unix.SYS_KILL, all, uint64(unix.SIGKILL))
	sleep(p, 1500e6)
	for p.Syscall(unix.SYS_WAIT4, all, 0, unix.WNOHANG, 0) > 0 {
	}
	p.Syscall(unix.SYS_CLOSE, stop)
	p.Syscall(unix.SYS_CLOSE, tell)
	r.seen.Books, r.seen.books = r.m.Books(), true
	p.Exit(0)
}

func never() bool { return false }

// waitFor waits for a child, ns at most, and not when it is enough.
func (r *run) waitFor(p *kernel.Prog, pid int64, ns int64, enough func() bool) (ended bool, status uint32) {
	end, pause := p.Now()+ns, int64(look)
	for p.Now() < end && !enough() {
		var got int64
		p.Scratch(func() {
			at := p.Alloc(8)
			got = p.Syscall(unix.SYS_WAIT4, uint64(pid), at, unix.WNOHANG, 0)
			status = p.Load32(at)
		})
		if got != 0 {
			return got == pid, status
		}
		sleep(p, pause)
		if !r.circling {
			pause = min(2*pause, 1e9)
		}
	}
	return false, 0
}

// bystander does a little of everything until it is told to stop, and ends with bystanding when every result was
// what it must be.
func bystander(p *kernel.Prog, stop, there uint64) {
	p.Protect()
	r, w := pipe(p, unix.O_NONBLOCK)
	page := uint64(p.Syscall(unix.SYS_MMAP, 0, 4*ipc.PageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0))
	for i := range uint64(4) { // it has what it needs before a scenario takes all there is
		p.Store64(page+i*ipc.PageSize, 0)
	}
	p.Syscall(unix.SYS_WRITE, w, page, 8)
	p.Syscall(unix.SYS_READ, r, page, 8)
	p.Scratch(func() { p.Syscall(unix.SYS_WRITE, there, p.Text("!"), 1) })
	pid := p.Syscall(unix.SYS_GETPID)
	pause := int64(5e6)
	for round := uint64(1); ; round++ {
		at := page + round%4*ipc.PageSize
		if was := p.Load64(at); round > 4 && was != (round-4)*0x0101_0101 {
			p.Exit(1)
		}
		p.Store64(at, round*0x0101_0101)
		if p.Syscall(unix.SYS_WRITE, w, at, 8) != 8 || p.Syscall(unix.SYS_READ, r, page+8, 8) != 8 {
			p.Exit(2)
		}
		if p.Load64(page+8) != round*0x0101_0101 {
			p.Exit(3)
		}
		if p.Syscall(unix.SYS_GETPID) != pid {
			p.Exit(4)
		}
		before := p.Now()
		if sleep(p, pause) != 0 || p.Now() < before+pause {
			p.Exit(5)
		}
		pause = min(2*pause, 1e9)
		if p.Syscall(unix.SYS_READ, stop, page+8, 1) == 1 {
			p.Exit(bystanding)
		}
	}
}

// adjustOOM weighs the process for when memory runs out (proc_pid_oom_score_adj(5)).
func adjustOOM(p *kernel.Prog, by string) {
	p.Scratch(func() {
		fd := uint64(p.Syscall(unix.SYS_OPEN, p.Text("/proc/self/oom_score_adj"), unix.O_WRONLY|unix.O_CLOEXEC))
		p.Syscall(unix.SYS_WRITE, fd, p.Text(by), uint64(len(by)))
		p.Syscall(unix.SYS_CLOSE, fd)
	})
}

// pipe makes a pipe with pipe2(2).
func pipe(p *kernel.Prog, flags uint64) (r, w uint64) {
	p.Scratch(func() {
		at := p.Alloc(8)
		p.Syscall(unix.SYS_PIPE2, at, flags)
		r, w = uint64(p.Load32(at)), uint64(p.Load32(at+4))
	})
	return r, w
}

func sleep(p *kernel.Prog, ns int64) (result int64) {
	p.Scratch(func() {
		at := p.Alloc(16)
		p.Store64(at, uint64(ns/1e9))
		p.Store64(at+8, uint64(ns%1e9))
		result = p.Syscall(unix.SYS_NANOSLEEP, at, 0)
	})
	return result
}
