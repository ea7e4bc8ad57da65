package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// stress is a family of processes that do at random what processes do to each
// other. Each is right or says so in the output: sums of what goes through pipes,
// contents of memory and files, the number and the fate of children.
type stress struct {
	alive, most int // processes now, and how many there may be
	deeds       int // how many things are still to be done, by all together
}

// worker is one process of the family.
type worker struct {
	*stress
	r        *rand.Rand
	children map[int64]uint32 // pid -> wait status it must end with, unless it is anyFate
	hits     int              // signals handled
}

const anyFate = 0xdead

func (s *stress) worker(p *kernel.Prog, seed uint64) {
	w := &worker{stress: s, r: rand.New(rand.NewPCG(seed, 1)), children: map[int64]uint32{}}
	h := p.Handler(func(*kernel.Prog, int, uint64, uint64) { w.hits++ })
	p.Sigaction(int(unix.SIGUSR1), h, saRestart, 0)
	deeds := []func(*worker, *kernel.Prog){(*worker).bear, (*worker).bear, (*worker).reap, (*worker).signal, (*worker).stop,
		(*worker).kill, (*worker).talk, (*worker).memory, (*worker).file, (*worker).thread, (*worker).rest, (*worker).self}
	for s.deeds > 0 {
		s.deeds--
		p.Scratch(func() { deeds[w.r.IntN(len(deeds))](w, p) })
	}
	for len(w.children) > 0 {
		w.wait(p, 0)
	}
	s.alive--
}

// bear makes a child that works like its parent and ends with a status of its own.
func (w *worker) bear(p *kernel.Prog) {
	if w.alive >= w.most {
		return
	}
	w.alive++
	seed, code := w.r.Uint64(), uint32(w.r.IntN(256))
	pid := p.Fork(func(p *kernel.Prog) {
		w.stress.worker(p, seed)
		p.Exit(int(code))
	})
	if pid < 0 {
		w.alive--
		p.Print(1, "fork: "+result(pid)+"\n")
		return
	}
	w.children[pid] = exited(code)
}

// wait waits for any child and checks what became of it.
func (w *worker) wait(p *kernel.Prog, options uint64) {
	pid, status := wait(p, -1, options)
	if pid == 0 {
		return
	}
	expected, mine := w.children[pid]
	if !mine {
		p.Print(1, fmt.Sprintf("wait: %s is no child\n", result(pid)))
		return
	}
	delete(w.children, pid)
	if expected != status && expected != anyFate {
		p.Print(1, fmt.Sprintf("child ended with %#x, want %#x\n", status, expected))
	}
}

func (w *worker) reap(p *kernel.Prog) {
	if len(w.children) > 0 {
		w.wait(p, unix.WNOHANG)
	}
}

// child picks one of the children, in an order that does not depend on the map's.
func (w *worker) child() int64 {
	var list []int64
	for pid := range w.children {
		i := 0
		for i < len(list) && list[i] < pid {
			i++
		}
		list = append(list[:i], append([]int64{pid}, list[i:]...)...)
	}
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

func (w *worker) stop(p *kernel.Prog) {
	if pid := w.child(); pid != 0 {
		want(p, "stop", kill(p, pid, unix.SIGSTOP), 0)
		w.rest(p)
		want(p, "continue", kill(p, pid, unix.SIGCONT), 0)
	}
}

// kill ends a small child that does nothing, so that nobody's sums are wrong.
func (w *worker) kill(p *kernel.Prog) {
	pid := p.Fork(func(p *kernel.Prog) { p.Syscall(unix.SYS_PAUSE) })
	if pid < 0 {
		return
	}
	w.rest(p)
	want(p, "SIGKILL", kill(p, pid, unix.SIGKILL), 0)
	got, status := wait(p, pid, 0)
	want(p, "wait for the killed", got, pid)
	want(p, "status of the killed", int64(status), int64(killed(unix.SIGKILL)))
}

// self sends a signal that must have been handled when the call returns.
func (w *worker) self(p *kernel.Prog) {
	before := w.hits
	kill(p, getpid(p), unix.SIGUSR1)
	check(p, "a signal to oneself is handled at once", w.hits > before)
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

func (w *worker) file(p *kernel.Prog) {
	name := fmt.Sprintf("/tmp/%d", getpid(p))
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

// A family under any schedule loses no child, no byte, no signal and no page.
func TestStress(t *testing.T) {
	for seed := uint64(1); seed <= 16; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var m *Machine
			var seen []Books
			m = Boot(t, Options{Config: kernel.Config{Seed: seed, MemoryPages: 12000}})
			m.Program("/bin/init", func(p *kernel.Prog) {
				for round := range uint64(3) {
					s := &stress{alive: 1, most: 30, deeds: 1500}
					_, status := wait(p, p.Fork(func(p *kernel.Prog) { s.worker(p, seed<<8|round) }), 0)
					want(p, "status", int64(status), 0)
					sleep(p, 1e9)
					seen = append(seen, m.Books())
				}
			})
			if seed%4 == 0 {
				m.EveryMessage(100)
			}
			m.Start("/bin/init")
			m.Finish()
			m.Expect(Exited(0), "")
			if len(seen) == 3 && seen[2].PagerCaps == seen[1].PagerCaps+1 {
				seen[2].PagerCaps-- // it decided what one more piece of its memory is for
			}
			if len(seen) == 3 && seen[1] != seen[2] {
				t.Errorf("after round 3: %+v\nafter round 2: %+v", seen[2], seen[1])
			}
			t.Logf("%+v", m.Kernel.Stats())
		})
	}
}
