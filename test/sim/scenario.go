package sim

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Scenario is a run of scripted programs and what Linux makes of it. Its output
// does not depend on the schedule, so that it must be the same under every seed,
// with swaps at every message, and with faults that have to be survived.
type Scenario struct {
	Name string
	// Main runs as InitPath; Programs are further files that it executes.
	Main     kernel.Program
	Programs map[string]kernel.Program
	// Prepare changes what is booted, During acts on the machine before the program starts.
	Prepare func(*Options)
	During  func(*Machine)
	Args    []string
	Ending  Ending // default Exited(0)
	Output  string
	// ByTheClock: it is about how long something takes. Faults that delay cannot be judged by it.
	ByTheClock bool
}

// InitPath is the file that a scenario's machine starts.
const InitPath = "/bin/init"

// Scenarios is all of them.
var Scenarios = func() []Scenario {
	var all []Scenario
	for _, list := range [][]Scenario{processScenarios, signalScenarios, memoryScenarios, fileScenarios, waitScenarios, futexScenarios, terminalScenarios, timeScenarios, pairScenarios, meetScenarios, traceScenarios, traceEventScenarios, traceStateScenarios, seccompScenarios, probeScenarios, notifyScenarios, limitScenarios, dumpScenarios, rseqScenarios, ruleScenarios, ipcScenarios} {
		all = append(all, list...)
	}
	return all
}()

// Boot makes the scenario's machine.
func (s *Scenario) Boot(t T, o Options) *Machine {
	t.Helper()
	if s.Prepare != nil {
		s.Prepare(&o)
	}
	m := Boot(t, o)
	m.Program(InitPath, s.Main)
	for path, f := range s.Programs {
		m.Program(path, f)
	}
	if s.During != nil {
		s.During(m)
	}
	return m
}

// Run runs the scenario to its end on a machine it booted, and compares.
func (s *Scenario) Run(m *Machine) {
	m.t.Helper()
	m.Run(append([]string{InitPath}, s.Args...)...)
	end := s.Ending
	if end == (Ending{}) {
		end = Exited(0)
	}
	m.Expect(end, s.Output)
}

// want prints a line when a system call did not give what Linux gives; a scenario's output
// then is not the expected one.
func want(p *kernel.Prog, what string, got, expected int64) {
	if got != expected {
		p.Print(1, fmt.Sprintf("%s: %s, want %s\n", what, result(got), result(expected)))
	}
}

// ok is want for any result that is no error.
func ok(p *kernel.Prog, what string, got int64) int64 {
	if got < 0 && got > -4096 {
		p.Print(1, fmt.Sprintf("%s: %s\n", what, result(got)))
	}
	return got
}

func check(p *kernel.Prog, what string, is bool) {
	if !is {
		p.Print(1, what+"\n")
	}
}

func result(v int64) string {
	if v < 0 && v > -4096 {
		return unix.ErrnoName(unix.Errno(-v))
	}
	return fmt.Sprint(v)
}

// fails is the result of a call that ends with an error.
func fails(e unix.Errno) int64 { return -int64(e) }

// pipe makes a pipe and returns its ends.
func pipe(p *kernel.Prog, flags uint64) (r, w uint64) {
	p.Scratch(func() {
		at := p.Alloc(8)
		ok(p, "pipe2", p.Syscall(unix.SYS_PIPE2, at, flags))
		r, w = uint64(p.Load32(at)), uint64(p.Load32(at+4))
	})
	return r, w
}

// read reads up to n bytes of a descriptor: text, or the error.
func read(p *kernel.Prog, fd uint64, n int) (text string, result int64) {
	p.Scratch(func() {
		at := p.Alloc(uint64(n))
		if result = p.Syscall(unix.SYS_READ, fd, at, uint64(n)); result > 0 {
			text = string(p.Bytes(at, result))
		}
	})
	return text, result
}

// write writes s to a descriptor.
func write(p *kernel.Prog, fd uint64, s string) int64 { return p.Print(int(fd), s) }

// wait waits for a child and returns its pid and wait status.
func wait(p *kernel.Prog, pid int64, options uint64) (got int64, status uint32) {
	p.Scratch(func() {
		at := p.Alloc(16)
		got = p.Syscall(unix.SYS_WAIT4, uint64(pid), at, options, 0)
		status = p.Load32(at)
	})
	return got, status
}

// open opens a path relative to the current directory.
func open(p *kernel.Prog, path string, flags, mode uint64) int64 {
	var fd int64
	p.Scratch(func() {
		fd = p.Syscall(unix.SYS_OPENAT, atCWD, p.Text(path), flags, mode)
	})
	return fd
}

// path makes a call whose only pointer is a path in the first argument.
func path(p *kernel.Prog, nr uintptr, name string, args ...uint64) int64 {
	var n int64
	p.Scratch(func() { n = p.Syscall(nr, append([]uint64{p.Text(name)}, args...)...) })
	return n
}

// sleep sleeps for ns.
func sleep(p *kernel.Prog, ns uint64) int64 {
	var n int64
	p.Scratch(func() {
		at := p.Alloc(16)
		p.Store64(at, ns/1e9)
		p.Store64(at+8, ns%1e9)
		n = p.Syscall(unix.SYS_NANOSLEEP, at, 0)
	})
	return n
}

const (
	atCWD   = 0xffff_ffff_ffff_ff9c // AT_FDCWD
	private = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	shared  = unix.MAP_SHARED | unix.MAP_ANONYMOUS
	rw      = unix.PROT_READ | unix.PROT_WRITE
	noFile  = ^uint64(0)

	setMask, blockMask, unblockMask = 2, 0, 1 // SIG_SETMASK, SIG_BLOCK, SIG_UNBLOCK
	saSiginfo                       = 4
	saRestart                       = 0x10000000
	saOnStack                       = 0x08000000
	saNoDefer                       = 0x40000000
)

// mask changes the signal mask.
func mask(p *kernel.Prog, how, set uint64) {
	p.Scratch(func() {
		at := p.Alloc(8)
		p.Store64(at, set)
		ok(p, "rt_sigprocmask", p.Syscall(unix.SYS_RT_SIGPROCMASK, how, at, 0, 8))
	})
}

// bit is the signal's bit in a set.
func bit(sig unix.Signal) uint64 { return 1 << (sig - 1) }

func kill(p *kernel.Prog, pid int64, sig unix.Signal) int64 {
	return p.Syscall(unix.SYS_KILL, uint64(pid), uint64(sig))
}

func getpid(p *kernel.Prog) int64 { return p.Syscall(unix.SYS_GETPID) }

// adjustOOM sets /proc/self/oom_score_adj.
func adjustOOM(p *kernel.Prog, by string) {
	fd := uint64(ok(p, "open oom_score_adj", open(p, "/proc/self/oom_score_adj", unix.O_WRONLY, 0)))
	want(p, "adjust", write(p, fd, by), int64(len(by)))
	p.Syscall(unix.SYS_CLOSE, fd)
}

func exited(code uint32) uint32      { return code << 8 }
func killed(sig unix.Signal) uint32  { return uint32(sig) }
func stopped(sig unix.Signal) uint32 { return uint32(sig)<<8 | 0x7f }

// until sleeps until something is so. Those that wait for each other wait like this: how long a message takes is the
// machine's business.
func until(p *kernel.Prog, is func() bool) {
	for !is() {
		sleep(p, 1e6)
	}
}

// sleeps reports whether a thread sleeps in a system call.
func sleeps(p *kernel.Prog, tid int64) bool {
	return strings.Contains(headOf(p, fmt.Sprintf("/proc/%d/stat", tid), 100), ") S ")
}

// settled waits until the thread that has put its number at an address sleeps, in the system call that it was
// about to make then, and clears the number.
func settled(p *kernel.Prog, at uint64) {
	until(p, func() bool {
		tid := p.Load32(at)
		return tid != 0 && sleeps(p, int64(tid))
	})
	p.Store32(at, 0)
}
