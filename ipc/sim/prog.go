package sim

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/ipc/frame"
)

// Prog is what a scripted program sees: its registers, its memory through the
// page tables, and system calls. It belongs to one function running on one thread.
type Prog struct {
	t     *Thread
	a     *activation
	image *Image
	heap  *heap
}

// start gives the function the scratch memory of whoever it came from.
func (p *Prog) start(s slot) {
	switch below := len(p.t.activations); {
	case s.heap != nil:
		p.heap = s.heap
	case s.role == roleHandler && below > 1:
		p.heap = p.t.activations[below-2].p.heap
	default:
		p.heap = &heap{}
	}
}

// finish is what happens when the function returns: a handler returns to the
// address on its stack, anything else exits.
func (p *Prog) finish(s slot) {
	switch s.role {
	case roleHandler:
		to := p.Load64(p.t.regs.SP)
		p.t.regs.SP += 8
		p.t.regs.IP = to
		p.a.wants = trap{kind: trapReturned}
	case roleThread:
		p.Syscall(unix.SYS_EXIT, 0)
	default:
		p.Syscall(unix.SYS_EXIT_GROUP, 0)
	}
}

// Regs are the thread's registers, for scripts that look at or prepare them.
func (p *Prog) Regs() *frame.Registers { return &p.t.regs }

// FP is the thread's floating-point state in the standard XSAVE format, all of it in use.
func (p *Prog) FP() *[frame.XSaveSize]byte {
	p.t.fp[xsaveHeader] = xcr0
	return &p.t.fp
}

// Debug are the thread's debug registers.
func (p *Prog) Debug() *frame.Debug { return &p.t.debug }

// Now is the machine's clock: for checks of a test, a program has system calls for that.
func (p *Prog) Now() int64 { return p.t.k.now }

// Syscall makes a system call and returns what is in the result register.
func (p *Prog) Syscall(nr uintptr, args ...uint64) int64 {
	return p.syscallAt(p.a.base, nr, args...)
}

func (p *Prog) syscallAt(slot uint64, nr uintptr, args ...uint64) int64 {
	r := &p.t.regs
	r.AX = uint64(nr)
	for i, v := range args {
		*[...]*uint64{&r.DI, &r.SI, &r.DX, &r.R10, &r.R8, &r.R9}[i] = v
	}
	for {
		p.spend(costCall)
		ip := slot + slotReturn
		r.CX, r.R11, r.OrigAX = ip, r.Flags, r.AX
		p.a.trap(trap{kind: trapSyscall}, ip)
		if !p.a.redo {
			break
		}
	}
	result := int64(r.AX)
	p.stepped(slot + slotReturn)
	return result
}

// stepped raises the trap that follows every instruction while TF is set (SDM 3B 17.3.1.4).
func (p *Prog) stepped(ip uint64) {
	if p.t.regs.Flags&flagTrap != 0 {
		p.t.debugStatus |= stepStatus
		p.a.trap(trap{kind: trapException, vector: vectorDebug, address: ip}, ip)
	}
}

// CallLeaf and CallPlain call the functions in machine code of the image.
func (p *Prog) CallLeaf() { p.call(p.Leaf()) }

// CallPlain is CallLeaf for the other one.
func (p *Prog) CallPlain() { p.call(p.address(slotPlain)) }

// Leaf is the address of the function that CallLeaf calls.
func (p *Prog) Leaf() uint64 { return p.address(slotLeaf) }

// call pushes a return address and goes to a function in machine code.
func (p *Prog) call(to uint64) {
	r := &p.t.regs
	back := p.a.base + slotAfter
	p.Store64(r.SP-8, back)
	p.a.wants, p.a.ip, p.a.sp = trap{kind: trapJump}, back, r.SP
	r.SP -= 8
	r.IP = to
	if !p.a.yield(struct{}{}) {
		panic(left{})
	}
}

// spend uses user time and lets others run when the slice is over.
func (p *Prog) spend(ns int64) {
	t := p.t
	for {
		used := min(ns, t.budget)
		t.budget -= used
		ns -= used
		if t.budget > 0 {
			return
		}
		p.a.trap(trap{kind: trapPreempted}, p.a.base+p.computes())
		if ns == 0 {
			return
		}
	}
}

// computes is where in its slot the function computes: in its sequence if it is in there, and outside of it otherwise.
func (p *Prog) computes() uint64 {
	if p.a.sequence {
		return slotAfter
	}
	return slotReturn
}

// Compute uses ns of the processor.
func (p *Prog) Compute(ns int64) { p.spend(ns) }

// Trap executes an instruction that raises the exception: int3 for 3, and for the others one that faults
// until a handler steps over it.
func (p *Prog) Trap(vector uint16, code uint64) {
	p.spend(p.t.k.cfg.AccessCost)
	w := trap{kind: trapException, vector: vector, code: code}
	if vector == vectorBreak {
		p.a.trap(w, p.a.base+slotAfter)
		return
	}
	for {
		p.a.trap(w, p.a.base+slotAccess)
		if p.a.skip {
			return
		}
	}
}

// access gives the physical address of va; it faults until that succeeds or a
// handler steps over the instruction.
func (p *Prog) access(va uint64, access ipc.Access) (uint64, bool) {
	p.spend(p.t.k.cfg.AccessCost)
	for {
		phys, present, ok := p.t.space.translate(va, access)
		if ok {
			return phys, true
		}
		w := trap{kind: trapFault, address: va, access: access, code: faultCode(access, present)}
		if !canonical(va) {
			w = trap{kind: trapException, vector: vectorGP}
		}
		p.a.trap(w, p.a.base+slotAccess)
		if p.a.skip {
			return 0, false
		}
	}
}

// Get copies len(b) bytes at va. It returns false when a handler stepped over the access.
func (p *Prog) Get(va uint64, b []byte) bool {
	return p.pieces(va, b, ipc.Read, func(mem, b []byte) { copy(b, mem) })
}

// Set stores b at va. It returns false when a handler stepped over the access.
func (p *Prog) Set(va uint64, b []byte) bool {
	return p.pieces(va, b, ipc.Write, func(mem, b []byte) { copy(mem, b) })
}

func (p *Prog) pieces(va uint64, b []byte, access ipc.Access, f func(mem, b []byte)) bool {
	for len(b) > 0 {
		n := min(uint64(len(b)), ipc.PageSize-va%ipc.PageSize)
		phys, ok := p.access(va, access)
		if !ok {
			return false
		}
		if access == ipc.Write {
			p.t.k.touch(phys)
		}
		f(p.t.k.arena[phys:phys+n], b[:n])
		p.stepped(p.a.base + slotAfter)
		va, b = va+n, b[n:]
	}
	return true
}

// Load64 reads a little-endian word.
func (p *Prog) Load64(va uint64) uint64 {
	var b [8]byte
	p.Get(va, b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// Load32 reads a little-endian word.
func (p *Prog) Load32(va uint64) uint32 {
	var b [4]byte
	p.Get(va, b[:])
	return binary.LittleEndian.Uint32(b[:])
}

// Load8 reads a byte.
func (p *Prog) Load8(va uint64) byte {
	var b [1]byte
	p.Get(va, b[:])
	return b[0]
}

// Store64 writes a little-endian word.
func (p *Prog) Store64(va, v uint64) {
	p.Set(va, binary.LittleEndian.AppendUint64(nil, v))
}

// Store32 writes a little-endian word.
func (p *Prog) Store32(va uint64, v uint32) {
	p.Set(va, binary.LittleEndian.AppendUint32(nil, v))
}

// Store8 writes a byte.
func (p *Prog) Store8(va uint64, v byte) { p.Set(va, []byte{v}) }

// Bytes reads as many bytes at va as a system call said that there are. It goes page by page and stops where nothing is: what a
// damaged register says may be any number.
func (p *Prog) Bytes(va uint64, n int64) (b []byte) {
	for n > 0 {
		some := make([]byte, min(n, int64(ipc.PageSize-va%ipc.PageSize)))
		if !p.Get(va, some) {
			break
		}
		b, va, n = append(b, some...), va+uint64(len(some)), n-int64(len(some))
	}
	return b
}

// String reads the NUL-terminated string at va.
func (p *Prog) String(va uint64) string {
	var s []byte
	for {
		c := p.Load8(va + uint64(len(s)))
		if c == 0 {
			return string(s)
		}
		s = append(s, c)
	}
}
