package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// stressFor runs more of TestStress, until the time is over.
var stressFor = flag.Duration("stress", 0, "how long TestStress goes on with new seeds")

// stressSeed is where it begins.
var stressSeed = flag.Uint64("stress-seed", 1, "first seed of TestStress")

// stress is a family of processes that do at random what processes do to each
// other. Each is right or says so in the output: sums of what goes through pipes,
// contents of memory and files, the number and the fate of children, what is told of a stop.
type stress struct {
	most    int // how many workers there may be
	deeds   int // how many things are still to be done, by all together
	workers map[int64]bool
	killed  map[int64]bool  // who was sent SIGKILL
	stopped map[int64]int64 // who is stopped, and by whom
	files   map[int64]bool  // who may have left one
}

// worker is one process of the family.
type worker struct {
	*stress
	pid      int64
	parent   int64
	r        *rand.Rand
	children map[int64]uint32 // pid -> wait status it must end with, unless it was killed
	hits     int              // signals handled
}

// deed is one thing that a worker can do, picked at random.
func (w *worker) deed() func(*worker, *kernel.Prog) {
	list := [...]func(*worker, *kernel.Prog){(*worker).bear, (*worker).bear, (*worker).bear, (*worker).reap, (*worker).signal, (*worker).stop,
		(*worker).stop, (*worker).kill, (*worker).murder, (*worker).talk, (*worker).memory, (*worker).file, (*worker).thread, (*worker).rest, (*worker).self,
		(*worker).trace, (*worker).seize, (*worker).exec}
	return list[w.r.IntN(len(list))]
}

func (s *stress) worker(p *kernel.Prog, seed uint64) {
	w := &worker{stress: s, pid: getpid(p), parent: p.Syscall(unix.SYS_GETPPID), r: rand.New(rand.NewPCG(seed, 1)), children: map[int64]uint32{}}
	s.workers[w.pid] = true
	h := p.Handler(func(*kernel.Prog, int, uint64, uint64) { w.hits++ })
	p.Sigaction(int(unix.SIGUSR1), h, saRestart, 0)
	for s.deeds > 0 {
		s.deeds--
		p.Scratch(func() { w.deed()(w, p) })
	}
	for len(w.children) > 0 {
		w.wait(p, -1, 0)
	}
}

// patriarch is the first worker, who adopts those whose parents were killed.
func (s *stress) patriarch(p *kernel.Prog, seed uint64) {
	p.Syscall(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1)
	me := getpid(p)
	s.worker(p, seed)
	for len(s.workers) > 1 {
		s.adopted(p, unix.WNOHANG)
		sleep(p, 1e6)
		for _, pid := range sorted(s.workers) {
			if kill(p, pid, 0) == fails(unix.ESRCH) {
				delete(s.workers, pid) // who waited for it was killed in that moment
			}
		}
		for _, pid := range sorted(s.stopped) {
			if !s.workers[s.stopped[pid]] { // who stopped it does not live to let it go on
				kill(p, pid, unix.SIGCONT)
			}
		}
	}
	for s.adopted(p, unix.WUNTRACED) != fails(unix.ECHILD) { // children of those that were killed, stopped or not
	}
	for _, pid := range sorted(s.files) { // of those that were killed before they removed theirs
		path(p, unix.SYS_UNLINK, fileOf(pid))
	}
	delete(s.workers, me)
}

// adopted waits for a child that another one has left. One that came to be traced by its new parent is held
// for ever.
func (s *stress) adopted(p *kernel.Prog, options uint64) int64 {
	pid, status := wait(p, -1, options|unix.WALL)
	if pid > 0 && status&0xff == 0x7f {
		kill(p, pid, unix.SIGKILL)
	} else if pid > 0 {
		delete(s.workers, pid)
		delete(s.stopped, pid)
	}
	return pid
}

// bear makes a child that works like its parent and ends with a status of its own.
func (w *worker) bear(p *kernel.Prog) {
	if len(w.workers) >= w.most {
		return
	}
	seed, code := w.r.Uint64(), uint32(w.r.IntN(256))
	pid := p.Fork(func(p *kernel.Prog) {
		w.stress.worker(p, seed)
		p.Exit(int(code))
	})
	if pid < 0 {
		p.Print(1, "fork: "+result(pid)+"\n")
		return
	}
	w.workers[pid] = true
	w.children[pid] = exited(code)
}

// wait waits for a child, -1 for any, and checks what became of it.
func (w *worker) wait(p *kernel.Prog, who int64, options uint64) {
	pid, status := wait(p, who, options|unix.WALL)
	if pid > 0 && status&0xff == 0x7f {
		kill(p, pid, unix.SIGKILL) // adopted, and traced by who adopted it
	} else if pid != 0 {
		w.ended(p, pid, status)
	}
}

// ended checks the fate of a child. Those that are nobody's any more may be anybody.
func (w *worker) ended(p *kernel.Prog, pid int64, status uint32) {
	expected, mine := w.children[pid]
	orphan := !mine && pid > 0 && w.pid == w.patriarchOf()
	if !mine && !orphan {
		p.Print(1, fmt.Sprintf("wait: %s is no child\n", result(pid)))
		return
	}
	delete(w.children, pid)
	delete(w.workers, pid)
	delete(w.stopped, pid)
	if mine && expected != status && !(w.killed[pid] && status == killed(unix.SIGKILL)) {
		p.Print(1, fmt.Sprintf("child ended with %#x, want %#x\n", status, expected))
	}
}

func (s *stress) patriarchOf() int64 { return sorted(s.workers)[0] }

func (w *worker) reap(p *kernel.Prog) {
	if len(w.children) > 0 {
		w.wait(p, -1, unix.WNOHANG)
	}
}

// sorted is the keys of a map of numbers, in their order.
func sorted[V any](m map[int64]V) (list []int64) {
	for pid := range m {
		list = append(list, pid)
	}
	slices.Sort(list)
	return list
}

// child picks one of the children, 0 if there is none.
func (w *worker) child() int64 {
	list := sorted(w.children)
	if list == nil {
		return 0
	}
	return list[w.r.IntN(len(list))]
}

func (w *worker) signal(p *kernel.Prog) {
	if pid := w.child(); pid != 0 {
		want(p, "kill", kill(p, pid, unix.SIGUSR1), 0)
	}
}

// continued is the wait status of a child that went on (WIFCONTINUED).
const continued = 0xffff

// stop stops a child and lets it go on: each is told once. It may be killed before, in between and after.
func (w *worker) stop(p *kernel.Prog) {
	pid := w.child()
	if pid == 0 {
		return
	}
	tell := func(what string, options uint64, expected uint32) bool {
		got, status := wait(p, pid, options)
		switch {
		case got == pid && status == expected && expected != 0, got == 0 && expected == 0:
			return true
		case got == pid && status&0xff != 0x7f && status != continued:
			w.ended(p, pid, status)
		default:
			p.Print(1, fmt.Sprintf("%s: %s, status %#x\n", what, result(got), status))
		}
		return false
	}
	w.stopped[pid] = w.pid // before it is: the stopper may be killed any time
	want(p, "stop", kill(p, pid, unix.SIGSTOP), 0)
	if !tell("a stop", unix.WUNTRACED, stopped(unix.SIGSTOP)) {
		return
	}
	if !tell("a stop that was told", unix.WUNTRACED|unix.WNOHANG, 0) {
		return
	}
	w.rest(p)
	want(p, "continue", kill(p, pid, unix.SIGCONT), 0)
	delete(w.stopped, pid)
	if tell("going on", unix.WCONTINUED, continued) {
		tell("going on that was told", unix.WCONTINUED|unix.WUNTRACED|unix.WNOHANG, 0)
	}
}

// kill ends a small child that does nothing, for ever if nobody killed its parent.
func (w *worker) kill(p *kernel.Prog) {
	pid := p.Fork(func(p *kernel.Prog) { sleep(p, 100e9) })
	if pid < 0 {
		return
	}
	w.rest(p)
	want(p, "SIGKILL", kill(p, pid, unix.SIGKILL), 0)
	got, status := wait(p, pid, 0)
	want(p, "wait for the killed", got, pid)
	want(p, "status of the killed", int64(status), int64(killed(unix.SIGKILL)))
}

// murder kills a worker in the middle of what it does: anybody but the patriarch and the murderer.
func (w *worker) murder(p *kernel.Prog) {
	list := sorted(w.workers)
	pid := list[w.r.IntN(len(list))]
	if pid == list[0] || pid == w.pid || w.r.IntN(3) > 0 {
		return
	}
	w.killed[pid] = true
	if r := kill(p, pid, unix.SIGKILL); r != 0 && r != fails(unix.ESRCH) {
		want(p, "murder", r, 0)
	}
}

// self sends a signal that must have been handled when the call returns.
func (w *worker) self(p *kernel.Prog) {
	before := w.hits
	kill(p, getpid(p), unix.SIGUSR1)
	// One that a tracer holds and has been told of is gone when the tracer is killed.
	check(p, "a signal to oneself is handled at once", w.hits > before || w.killed[w.parent])
}

// exec runs another program.
func (w *worker) exec(p *kernel.Prog) {
	code := uint32(w.r.IntN(256))
	pid := p.Fork(func(p *kernel.Prog) {
		p.Syscall(unix.SYS_EXECVE, p.Text("/bin/code"), p.Vector("code", fmt.Sprint(code)), p.Vector())
	})
	if pid > 0 {
		_, status := wait(p, pid, 0)
		want(p, "status of another program", int64(status), int64(exited(code)))
	}
}

// trace follows a small child from call to call, step by step or signal by signal, to its end. Entries
// and returns of calls take turns.
func (w *worker) trace(p *kernel.Prog) {
	how := []uint64{unix.PTRACE_SYSCALL, unix.PTRACE_SINGLESTEP, unix.PTRACE_CONT}[w.r.IntN(3)]
	code := w.r.IntN(200)
	pid := p.Fork(func(p *kernel.Prog) {
		trace(p, unix.PTRACE_TRACEME, 0, 0, 0)
		kill(p, getpid(p), unix.SIGSTOP)
		for range 3 {
			getpid(p)
		}
		p.Sigaction(int(unix.SIGUSR2), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), 0, 0)
		kill(p, getpid(p), unix.SIGUSR2)
		p.Exit(code)
	})
	if pid < 0 {
		return
	}
	calls, sig := 0, unix.Signal(0)
	for {
		got, status := wait(p, pid, unix.WALL)
		if got != pid {
			p.Print(1, "a tracee is lost: "+result(got)+"\n")
			return
		}
		if status&0xff != 0x7f {
			want(p, "status of a tracee", int64(status), int64(exited(uint32(code))))
			break
		}
		sig = 0
		switch s := unix.Signal(status >> 8); {
		case s == unix.SIGTRAP|0x80:
			calls++
		case s == unix.SIGUSR2:
			sig = s
		case s == unix.SIGSTOP:
			want(p, "SETOPTIONS", trace(p, unix.PTRACE_SETOPTIONS, pid, 0, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL), 0)
		case s != unix.SIGTRAP:
			p.Print(1, fmt.Sprintf("a tracee is held for %#x\n", status))
		}
		cont(p, how, pid, sig)
	}
	if how == unix.PTRACE_SYSCALL {
		check(p, fmt.Sprintf("an entry without a return: %d stops", calls), calls%2 == 1) // the last is the entry of exit
	}
}

// seize traces a worker for a while. What it is sent meanwhile it gets; it may be killed at any time.
func (w *worker) seize(p *kernel.Prog) {
	pid := w.child()
	if pid == 0 {
		return
	}
	if r := trace(p, unix.PTRACE_SEIZE, pid, 0, 0); r != 0 {
		check(p, "PTRACE_SEIZE: "+result(r), r == fails(unix.EPERM) || r == fails(unix.ESRCH)) // it is at its end
		return
	}
	for range 1 + w.r.IntN(4) {
		w.rest(p)
		if r := trace(p, unix.PTRACE_INTERRUPT, pid, 0, 0); r != 0 {
			check(p, "PTRACE_INTERRUPT: "+result(r), r == fails(unix.ESRCH))
		}
		if !w.heldUntil(p, pid) {
			return
		}
	}
	trace(p, unix.PTRACE_INTERRUPT, pid, 0, 0)
	for {
		got, status := wait(p, pid, unix.WALL)
		if got != pid || status&0xff != 0x7f {
			w.ended(p, got, status)
			return
		}
		if status>>16 == unix.PTRACE_EVENT_STOP {
			if r := trace(p, unix.PTRACE_DETACH, pid, 0, 0); r != 0 {
				check(p, "PTRACE_DETACH: "+result(r), r == fails(unix.ESRCH))
			}
			return
		}
		w.goOn(p, pid, status)
	}
}

// heldUntil lets a seized child go on from what it is held for, until the stop that was asked for is over.
func (w *worker) heldUntil(p *kernel.Prog, pid int64) bool {
	for {
		got, status := wait(p, pid, unix.WALL)
		if got != pid || status&0xff != 0x7f {
			w.ended(p, got, status)
			return false
		}
		w.goOn(p, pid, status)
		if status>>16 == unix.PTRACE_EVENT_STOP {
			return true
		}
	}
}

// goOn lets a tracee go on with the signal it is held for. It may have been killed since.
func (w *worker) goOn(p *kernel.Prog, pid int64, status uint32) {
	sig := uint64(0)
	if status>>16 == 0 {
		sig = uint64(status >> 8 & 0x7f)
	}
	if r := trace(p, unix.PTRACE_CONT, pid, 0, sig); r != 0 {
		check(p, "PTRACE_CONT: "+result(r), r == fails(unix.ESRCH))
	}
}

// talk sends bytes to a child through a pipe and gets their sum as its status.
func (w *worker) talk(p *kernel.Prog) {
	r, wr := pipe(p, 0)
	pid := p.Fork(func(p *kernel.Prog) {
		p.Syscall(unix.SYS_CLOSE, wr)
		sum := 0
		for {
			text, n := read(p, r, 700)
			if n <= 0 {
				break
			}
			for _, c := range []byte(text) {
				sum += int(c)
			}
		}
		p.Exit(sum & 0xff)
	})
	p.Syscall(unix.SYS_CLOSE, r)
	sum := 0
	if pid > 0 {
		for range 1 + w.r.IntN(5) {
			b := make([]byte, 1+w.r.IntN(3000))
			for i := range b {
				b[i] = byte(w.r.Uint32())
				sum += int(b[i])
			}
			want(p, "write", p.Syscall(unix.SYS_WRITE, wr, p.Put(b), uint64(len(b))), int64(len(b)))
		}
	}
	p.Syscall(unix.SYS_CLOSE, wr)
	if pid > 0 {
		_, status := wait(p, pid, 0)
		want(p, "sum", int64(status), int64(exited(uint32(sum&0xff))))
	}
}

// memory maps pages, writes to them, forks over them, and looks at them again.
func (w *worker) memory(p *kernel.Prog) {
	n := uint64(1 + w.r.IntN(20))
	at := uint64(p.Syscall(unix.SYS_MMAP, 0, n*page, rw, private, noFile, 0))
	mark := w.r.Uint64()
	for i := range n {
		p.Store64(at+i*page, mark+i)
	}
	pid := p.Fork(func(p *kernel.Prog) {
		for i := range n {
			check(p, "inherited memory", p.Load64(at+i*page) == mark+i)
			p.Store64(at+i*page, 0)
		}
	})
	for i := range n {
		check(p, "own memory", p.Load64(at+i*page) == mark+i)
		p.Store64(at+i*page+8, mark)
	}
	if pid > 0 {
		_, status := wait(p, pid, 0)
		want(p, "status", int64(status), 0)
	}
	for i := range n {
		check(p, "memory after the child", p.Load64(at+i*page) == mark+i && p.Load64(at+i*page+8) == mark)
	}
	want(p, "munmap", p.Syscall(unix.SYS_MUNMAP, at, n*page), 0)
}

func fileOf(pid int64) string { return fmt.Sprintf("/tmp/%d", pid) }

func (w *worker) file(p *kernel.Prog) {
	name := fileOf(w.pid)
	w.files[w.pid] = true
	fd := uint64(ok(p, "open", open(p, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)))
	size := w.r.IntN(20000)
	want(p, "ftruncate", p.Syscall(unix.SYS_FTRUNCATE, fd, uint64(size)), 0)
	want(p, "pwrite", p.Syscall(unix.SYS_PWRITE64, fd, p.Text("mark"), 4, uint64(size)), 4)
	p.Syscall(unix.SYS_LSEEK, fd, uint64(size), 0)
	text, _ := read(p, fd, 10)
	check(p, "file contents", text == "mark")
	want(p, "unlink", path(p, unix.SYS_UNLINK, name), 0)
	want(p, "close", p.Syscall(unix.SYS_CLOSE, fd), 0)
}

// thread joins a thread the way C libraries do.
func (w *worker) thread(p *kernel.Prog) {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD |
		unix.CLONE_SYSVSEM | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
	word := p.Alloc(16)
	stack := p.Alloc(4096) + 4096
	mark := w.r.Uint64()
	tid := p.Clone(func(p *kernel.Prog) { p.Store64(word+8, mark) }, flags, stack, word, word, 0)
	if tid < 0 {
		p.Print(1, "clone: "+result(tid)+"\n")
		return
	}
	for v := p.Load32(word); v != 0; v = p.Load32(word) {
		p.Syscall(unix.SYS_FUTEX, word, futexWait, uint64(v), 0)
	}
	check(p, "the thread ran", p.Load64(word+8) == mark)
}

func (w *worker) rest(p *kernel.Prog) {
	if w.r.IntN(2) == 0 {
		sleep(p, uint64(w.r.IntN(3_000_000)))
	} else {
		p.Compute(int64(w.r.IntN(3_000_000)))
	}
}

// Workers of a family at most.
const smallFamily, largeFamily = 30, 200

// household runs rounds of a family under a seed, and wants everything back after each.
func household(t *testing.T, seed uint64, most, deeds int) {
	var m *Machine
	var seen []Books
	const memory = 40000
	m = Boot(t, Options{Config: kernel.Config{Seed: seed, MemoryPages: memory}, FrameSlots: 1024, MaxSteps: 1 << 30})
	m.Program("/bin/init", func(p *kernel.Prog) {
		for round := range uint64(3) {
			s := &stress{most: most, deeds: deeds, workers: map[int64]bool{}, killed: map[int64]bool{}, files: map[int64]bool{}, stopped: map[int64]int64{}}
			_, status := wait(p, p.Fork(func(p *kernel.Prog) { s.patriarch(p, seed<<8|round) }), 0)
			want(p, "status", int64(status), 0)
			sleep(p, 1e9)
			seen = append(seen, m.Books())
		}
	})
	m.Program("/bin/code", func(p *kernel.Prog) {
		var code int
		fmt.Sscan(p.Args()[1], &code)
		p.Exit(code)
	})
	if seed%4 == 0 {
		m.EveryMessage(200)
	}
	m.Start("/bin/init")
	m.Finish()
	m.Expect(Exited(0), "")
	if len(seen) == 3 && seen[1] != seen[2] {
		t.Errorf("after round 3: %+v\nafter round 2: %+v", seen[2], seen[1])
	}
	t.Logf("%+v", m.Kernel.Stats())
}

// A family under any schedule loses no child, no byte, no signal, no wake-up and no page, and is told of no
// stop twice: small families, and ones of two hundred. With -stress 10m it goes on for ten minutes.
func TestStress(t *testing.T) {
	end := time.Now().Add(*stressFor)
	for n := uint64(0); n < 16 || *stressFor > 0 && time.Now().Before(end); n++ {
		seed, most := *stressSeed+n, smallFamily
		if n%16 == 15 || n >= 16 {
			most = largeFamily
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { household(t, seed, most, 50*most) })
	}
}
