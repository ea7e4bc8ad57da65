package sim

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// shortHeap is a server's memory with as much room as its test says.
type shortHeap struct {
	room      func() uint64
	refused   int // how often there was little
	collected int
}

// Room in bytes: for everything, too little for some, for nothing. The machine is so small that half of what its pager keeps
// for servers is what is not to be used.
const muchRoom = 1 << 40

func littleRoom(m *Machine) uint64 { return m.reader.Stats().Reserve * page / 2 * 3 / 4 }
func noRoom(m *Machine) uint64     { return m.reader.Stats().Reserve * page / 2 / 4 }

func (h *shortHeap) Room() uint64 {
	n := h.room()
	if n < muchRoom {
		h.refused++
	}
	return n
}

func (h *shortHeap) Live() uint64 { return 0 }
func (h *shortHeap) Collect()     { h.collected++ }

// tree calls f with all files below a directory, each directory after what is in it. There are no more of them than one getdents64 gives.
func tree(p *kernel.Prog, dir string, f func(name string, directory bool)) {
	if dir == "/proc" || dir == "/sys" {
		return
	}
	var b []byte
	p.Scratch(func() {
		fd := uint64(open(p, dir+"/", unix.O_RDONLY|unix.O_DIRECTORY, 0))
		const room = 8192
		at := p.Alloc(room)
		b = p.Bytes(at, p.Syscall(unix.SYS_GETDENTS64, fd, at, room))
		p.Syscall(unix.SYS_CLOSE, fd)
	})
	for len(b) > 0 {
		n := binary.LittleEndian.Uint16(b[16:])
		name, _, _ := strings.Cut(string(b[19:n]), "\x00")
		directory := b[18] == unix.DT_DIR
		if b = b[n:]; name == "." || name == ".." {
			continue
		}
		name = dir + "/" + name
		if directory {
			tree(p, name, f)
		}
		f(name, directory)
	}
}

// Whatever call of a scenario finds that the server has no memory, nothing of what it had begun stays.
func TestNothingLeaksWithoutRoom(t *testing.T) {
	refused := 0
	each(t, func(t *testing.T, s *Scenario) {
		if s.During != nil {
			return // its keys are typed once
		}
		r := rand.New(rand.NewPCG(1, 1))
		on := false
		var m *Machine
		h := &shortHeap{}
		h.room = func() uint64 {
			// It is asked twice before something is refused: before and after a collection.
			if on && (h.refused%2 == 1 || r.IntN(6) == 0) {
				return littleRoom(m)
			}
			return muchRoom
		}
		var seen []Books
		twice := *s
		twice.Main = func(p *kernel.Prog) {
			found := map[string]bool{}
			tree(p, "", func(name string, _ bool) { found[name] = true })
			for range 6 {
				child := p.Fork(func(p *kernel.Prog) {
					on = true
					s.Main(p)
				})
				for range 100 { // it may wait for what it could not make, or try for ever
					if pid, _ := wait(p, child, unix.WNOHANG); pid != 0 {
						break
					}
					sleep(p, 2e6)
				}
				on = false
				kill(p, -1, unix.SIGKILL)
				for {
					if pid, _ := wait(p, -1, 0); pid < 0 {
						break
					}
				}
				sleep(p, 200e6)
				tree(p, "", func(name string, directory bool) {
					if nr := uintptr(unix.SYS_UNLINK); !found[name] {
						if directory {
							nr = unix.SYS_RMDIR
						}
						p.Scratch(func() { path(p, nr, name) })
					}
				})
				seen = append(seen, m.Books())
			}
		}
		m = twice.Boot(t, Options{Heap: h})
		m.Start(append([]string{InitPath}, s.Args...)...)
		m.Finish()
		// What a scenario takes once and for all it may not have come to in the first runs.
		last := len(seen) - 1
		if seen[last] != seen[last-1] {
			t.Errorf("after run %d: %+v\nafter run %d: %+v", last+1, seen[last], last, seen[last-1])
		}
		refused += h.refused
	})
	if refused < len(Scenarios) {
		t.Errorf("there was no room %d times", refused)
	}
}

// Calls that make something say ENOMEM when the server has no room, others go on; and where there is none at all, the process with the
// most memory ends.
func TestWithoutRoom(t *testing.T) {
	room := uint64(muchRoom)
	h := &shortHeap{room: func() uint64 { return room }}
	m := Boot(t, Options{Heap: h})
	m.Program(InitPath, func(p *kernel.Prog) {
		r, w := pipe(p, 0)
		child := p.Fork(func(p *kernel.Prog) {
			at := uint64(p.Syscall(unix.SYS_MMAP, 0, 64*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0))
			for i := range uint64(64) {
				p.Store64(at+i*page, 1)
			}
			write(p, w, "x")
			for {
				sleep(p, 1e9)
			}
		})
		read(p, r, 1)
		poll := uint64(ok(p, "epoll_create1", p.Syscall(unix.SYS_EPOLL_CREATE1, 0)))
		p.Scratch(func() {
			event := p.Alloc(12)
			p.Store32(event, unix.EPOLLIN)
			want(p, "EPOLL_CTL_ADD", p.Syscall(unix.SYS_EPOLL_CTL, poll, unix.EPOLL_CTL_ADD, r, event), 0)
		})
		room = littleRoom(m)
		for _, c := range []struct {
			name string
			got  int64
		}{
			{"open", open(p, "/new", unix.O_CREAT|unix.O_RDWR, 0644)},
			{"mkdir", path(p, unix.SYS_MKDIR, "/d", 0755)},
			{"dup", p.Syscall(unix.SYS_DUP, 0)},
			{"eventfd2", p.Syscall(unix.SYS_EVENTFD2, 0, 0)},
			{"mmap", p.Syscall(unix.SYS_MMAP, 0, page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0)},
			{"fork", p.Syscall(unix.SYS_FORK)},
			{"execve", path(p, unix.SYS_EXECVE, InitPath, 0, 0)},
			{"semget", p.Syscall(unix.SYS_SEMGET, 0, 1, 0600)},
		} {
			p.Scratch(func() { want(p, c.name, c.got, fails(unix.ENOMEM)) })
		}
		// Nothing is made by these.
		want(p, "F_GETFD", p.Syscall(unix.SYS_FCNTL, w, unix.F_GETFD), 0)
		p.Scratch(func() {
			event := p.Alloc(12)
			p.Store32(event, unix.EPOLLIN)
			want(p, "EPOLL_CTL_ADD", p.Syscall(unix.SYS_EPOLL_CTL, poll, unix.EPOLL_CTL_ADD, w, event), fails(unix.ENOMEM))
			want(p, "EPOLL_CTL_DEL", p.Syscall(unix.SYS_EPOLL_CTL, poll, unix.EPOLL_CTL_DEL, r, 0), 0)
		})
		want(p, "close", p.Syscall(unix.SYS_CLOSE, r), 0)
		want(p, "getpid", getpid(p), getpid(p))
		room = noRoom(m)
		getpid(p)
		room = muchRoom
		pid, status := wait(p, child, 0)
		want(p, "pid", pid, child)
		want(p, "status", int64(status), int64(killed(unix.SIGKILL)))
	})
	m.Run(InitPath)
	m.Expect(Exited(0), "")
	if h.collected == 0 {
		t.Error("nothing was collected before a call was refused")
	}
}

// A fault that finds no page for tables, where there are some for data, ends a process all the same: that the server has collected
// helps nobody, and is no reason to try for ever.
func TestNoTablesLeft(t *testing.T) {
	h := &shortHeap{room: func() uint64 { return muchRoom }}
	m := Boot(t, Options{Heap: h})
	m.Program(InitPath, func(p *kernel.Prog) {
		child := p.Fork(func(p *kernel.Prog) {
			const size, apart = 64 << 40, 1 << 30 // each page needs two tables
			at := p.Syscall(unix.SYS_MMAP, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE, ^uint64(0), 0)
			for va := uint64(ok(p, "mmap", at)); ; va += apart {
				p.Store64(va, 1)
			}
		})
		pid, status := wait(p, child, 0)
		want(p, "pid", pid, child)
		want(p, "status", int64(status), int64(killed(unix.SIGKILL)))
	})
	m.Run(InitPath)
	m.Expect(Exited(0), "")
	if h.collected == 0 {
		t.Error("a process ended before anything was collected")
	}
}
