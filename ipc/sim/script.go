package sim

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
)

// heap is the scratch memory of a program: mapped by the program itself when
// it needs some, handed out from the front.
type heap struct {
	next, end uint64
	used      uint64 // what lies below was handed out before
}

// allocTries is how often Alloc asks again where memory has run out: a test may have it so now and then.
const allocTries = 50

const heapChunk = 64 * ipc.PageSize

// Alloc gives n bytes of zeroed memory of the program, aligned to 16.
func (p *Prog) Alloc(n uint64) uint64 {
	h := p.heap
	n = (n + 15) &^ 15
	if h.end-h.next < n {
		size := max(n+ipc.PageSize-1, heapChunk) &^ (ipc.PageSize - 1)
		at := -int64(unix.ENOMEM)
		for tries := 0; at == -int64(unix.ENOMEM) && tries < allocTries; tries++ {
			at = p.Syscall(unix.SYS_MMAP, 0, size, unix.PROT_READ|unix.PROT_WRITE,
				unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0)
		}
		if at < 0 && at > -4096 {
			p.t.k.fail("script: mmap of %d bytes: %v", size, unix.Errno(-at))
		}
		h.next, h.end, h.used = uint64(at), uint64(at)+size, uint64(at)
	}
	at := h.next
	h.next += n
	if at < h.used {
		p.Set(at, make([]byte, n))
	}
	h.used = max(h.used, h.next)
	return at
}

// Scratch runs f and takes back what f allocated, for loops.
func (p *Prog) Scratch(f func()) {
	before := *p.heap
	f()
	if p.heap.end == before.end {
		p.heap.next = before.next
	}
}

// Put places b in the program's memory.
func (p *Prog) Put(b []byte) uint64 {
	at := p.Alloc(uint64(max(len(b), 1)))
	p.Set(at, b)
	return at
}

// Text places s with a NUL behind it in the program's memory.
func (p *Prog) Text(s string) uint64 { return p.Put(append([]byte(s), 0)) }

// Vector places a NULL-terminated array of pointers to texts: argv or envp.
func (p *Prog) Vector(texts ...string) uint64 {
	var ptrs []uint64
	for _, s := range texts {
		ptrs = append(ptrs, p.Text(s))
	}
	at := p.Alloc(uint64(8 * (len(ptrs) + 1)))
	for i, v := range ptrs {
		p.Store64(at+uint64(8*i), v)
	}
	p.Store64(at+uint64(8*len(ptrs)), 0)
	return at
}

// Print writes s to a descriptor.
func (p *Prog) Print(fd int, s string) int64 {
	var n int64
	p.Scratch(func() { n = p.Syscall(unix.SYS_WRITE, uint64(fd), p.Put([]byte(s)), uint64(len(s))) })
	return n
}

// Exit ends the process.
func (p *Prog) Exit(code int) {
	p.Syscall(unix.SYS_EXIT_GROUP, uint64(code))
	p.t.k.fail("script: went on after exit_group")
}

// Args are the strings the program was executed with. Valid while the stack
// pointer is where exec put it.
func (p *Prog) Args() []string {
	n := p.Load64(p.t.regs.SP)
	var args []string
	for i := uint64(0); i < n; i++ {
		args = append(args, p.String(p.Load64(p.t.regs.SP+8+8*i)))
	}
	return args
}

// Env are the environment strings, and what follows them is the auxiliary vector.
func (p *Prog) Env() (env []string, auxv map[uint64]uint64) {
	at := p.t.regs.SP + 8*(p.Load64(p.t.regs.SP)+2)
	for ; p.Load64(at) != 0; at += 8 {
		env = append(env, p.String(p.Load64(at)))
	}
	auxv = map[uint64]uint64{}
	for at += 8; p.Load64(at) != 0; at += 16 {
		auxv[p.Load64(at)] = p.Load64(at + 8)
	}
	return env, auxv
}

// address is where a slot of the running image is in this address space.
func (p *Prog) address(n uint32) uint64 {
	return p.a.base - slotSize*uint64(p.a.slot) + slotSize*uint64(n)
}

// Handler makes f callable by the kernel as a signal handler and returns its address.
func (p *Prog) Handler(f func(p *Prog, sig int, info, context uint64)) uint64 {
	return p.address(p.image.register(slot{role: roleHandler, run: func(p *Prog) {
		r := &p.t.regs
		f(p, int(int32(r.DI)), r.SI, r.DX)
	}}))
}

// Restorer is the address that a handler returns to: sa_restorer.
func (p *Prog) Restorer() uint64 { return p.address(restorer) }

// sigreturn runs at the restorer. The call does not come back here.
func sigreturn(p *Prog) {
	p.Syscall(unix.SYS_RT_SIGRETURN)
	p.t.k.fail("script: rt_sigreturn came back")
}

// Spawn makes a system call that returns twice. The new process or thread
// runs child and then exits; the caller gets the result. sharing says that the two share memory,
// thread that the child ends with exit instead of exit_group.
func (p *Prog) Spawn(nr uintptr, sharing, thread bool, child Program, args ...uint64) int64 {
	s := slot{run: child, role: roleProcess, heap: p.heap}
	if !sharing {
		copied := *p.heap
		s.heap = &copied
	}
	if thread {
		s.role = roleThread
	}
	n := p.image.register(s)
	result := p.syscallAt(p.address(n), nr, args...)
	if result < 0 {
		p.image.release(n)
	}
	return result
}

// Fork is fork(2).
func (p *Prog) Fork(child Program) int64 {
	return p.Spawn(unix.SYS_FORK, false, false, child)
}

// Vfork is vfork(2).
func (p *Prog) Vfork(child Program) int64 {
	return p.Spawn(unix.SYS_VFORK, true, false, child)
}

// Clone is clone(2) with the argument order of amd64.
func (p *Prog) Clone(child Program, flags, stack, parentTID, childTID, tls uint64) int64 {
	return p.Spawn(unix.SYS_CLONE, flags&unix.CLONE_VM != 0, flags&unix.CLONE_THREAD != 0, child,
		flags, stack, parentTID, childTID, tls)
}

// Thread starts a thread as a C library does, with a stack of 4 pages.
func (p *Prog) Thread(child Program) int64 {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND |
		unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	const size = 4 * ipc.PageSize
	return p.Clone(child, flags, p.Alloc(size)+size, 0, 0, 0)
}

// Sigaction installs a handler made with Handler, or SIG_DFL (0) or SIG_IGN (1).
func (p *Prog) Sigaction(sig int, handler, flags, mask uint64) int64 {
	var n int64
	p.Scratch(func() {
		act := p.Alloc(32)
		p.Store64(act, handler)
		p.Store64(act+8, flags|saRestorer)
		p.Store64(act+16, p.Restorer())
		p.Store64(act+24, mask)
		n = p.Syscall(unix.SYS_RT_SIGACTION, uint64(sig), act, 0, 8)
	})
	return n
}

const saRestorer = 0x04000000 // SA_RESTORER of the kernel's struct sigaction on amd64
