package bpf

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"

	"starling/personality/usermem"
)

// Environment is what a program can learn about the thread that it interrupts.
type Environment interface {
	// Now is the time in ns since boot.
	Now() int64
	// PIDTGID is the process in the upper half and the thread in the lower, UIDGID the group above the user.
	PIDTGID() uint64
	UIDGID() uint64
	// Comm is the name of the thread.
	Comm() string
	// Memory is that of the thread. Only what is present is read.
	Memory() usermem.Memory
	// Random draws from the seed.
	Random() uint32
}

// Occasion is why a program runs: the registers as its context, and what helpers
// tell about the attachment.
type Occasion struct {
	Context  []byte
	Cookie   uint64
	Function uint64 // bpf_get_func_ip
}

// machine runs programs, one after the other. It is kept so that a run allocates nothing.
type machine struct {
	regs    [16]uint64 // of which regCount, and regImm
	p       *Program
	env     Environment
	on      *Occasion
	stack   [maxFrames * stackSize]byte
	calls   [maxFrames]call
	depth   int
	records []record
	spare   []byte
	broken  bool // an access that the verifier should have refused
	strict  bool // look at the limits of values too: for tests
	none    [8]byte
}

// call is what a function of a program returns to.
type call struct {
	back int32
	kept [4]uint64 // R6 to R9
}

// record is room that was reserved in a ring.
type record struct {
	m    *Map
	at   uint64
	b    []byte
	done bool
}

// maxRun bounds the jumps of a run beyond what the verifier proves.
const maxRun = 2 * maxSteps

// Run runs a program and returns what is in R0. A program that does what the
// verifier should have refused ends at once, with 0.
func (p *Program) Run(env Environment, on *Occasion) uint64 {
	m := &p.o.machine
	p.Runs++
	result, ok := m.run(p, env, on)
	if !ok {
		p.o.Violations++
	}
	return result
}

// run is the interpreter (RFC 9669).
func (m *machine) run(p *Program, env Environment, on *Occasion) (result uint64, ok bool) {
	m.p, m.env, m.on, m.depth, m.broken = p, env, on, 0, false
	m.records = m.records[:0]
	result, ok = m.execute(p.list)
	m.settle()
	return result, ok
}

func (m *machine) execute(list []instruction) (result uint64, ok bool) {
	r := &m.regs
	*r = [16]uint64{}
	r[1] = address(regionContext, 0)
	r[regFrame] = address(regionStack, stackSize)
	// Only jumps can make a program long: they are what is counted.
	fuel := maxRun
	for at := 0; uint(at) < uint(len(list)) && !m.broken; {
		x := &list[at]
		at++
		r[regImm] = uint64(x.imm)
		dst, b := &r[x.dst&15], r[x.src&15]
		switch x.op {
		case opMov:
			*dst = b
		case opAdd:
			*dst += b
		case opMov32:
			*dst = uint64(uint32(b))
		case opLoadImm:
			switch x.ref {
			case refMap:
				*dst = address(regionMap, uint64(x.index))
			case refValue:
				*dst = address(regionValues+uint64(x.index), uint64(x.imm))
			default:
				*dst = b
			}
		case opLoad8:
			*dst = uint64(m.memory(b+uint64(x.off), 1)[0])
		case opLoad16:
			*dst = uint64(binary.LittleEndian.Uint16(m.memory(b+uint64(x.off), 2)))
		case opLoad32:
			*dst = uint64(binary.LittleEndian.Uint32(m.memory(b+uint64(x.off), 4)))
		case opLoad64:
			*dst = binary.LittleEndian.Uint64(m.memory(b+uint64(x.off), 8))
		case opLoadSX8:
			*dst = uint64(int8(m.memory(b+uint64(x.off), 1)[0]))
		case opLoadSX16:
			*dst = uint64(int16(binary.LittleEndian.Uint16(m.memory(b+uint64(x.off), 2))))
		case opLoadSX32:
			*dst = uint64(int32(binary.LittleEndian.Uint32(m.memory(b+uint64(x.off), 4))))
		case opStore8:
			m.memory(*dst+uint64(x.off), 1)[0] = byte(b)
		case opStore16:
			binary.LittleEndian.PutUint16(m.memory(*dst+uint64(x.off), 2), uint16(b))
		case opStore32:
			binary.LittleEndian.PutUint32(m.memory(*dst+uint64(x.off), 4), uint32(b))
		case opStore64:
			binary.LittleEndian.PutUint64(m.memory(*dst+uint64(x.off), 8), b)
		case opAtomic64:
			if x.imm != atomicAdd {
				m.atomic(x)
				break
			}
			w := m.memory(*dst+uint64(x.off), 8)
			binary.LittleEndian.PutUint64(w, binary.LittleEndian.Uint64(w)+b)
		case opAtomic32:
			m.atomic(x)
		case opJump:
			at = jump(&fuel, x)
		case opJEq:
			if *dst == b {
				at = jump(&fuel, x)
			}
		case opJNE:
			if *dst != b {
				at = jump(&fuel, x)
			}
		case opCall:
			r[0] = x.helper.run(m, (*[5]uint64)(r[1:6]))
		case opLookup:
			r[0] = m.lookup(uint64(x.index), r[2])
		case opCallLocal:
			if m.depth >= maxFrames-1 {
				m.broken = true
				break
			}
			c := &m.calls[m.depth]
			c.back = int32(at)
			copy(c.kept[:], r[6:10])
			m.depth++
			r[regFrame] += stackSize
			at = jump(&fuel, x)
		case opExit:
			if m.depth == 0 {
				return r[0], !m.broken
			}
			m.depth--
			c := &m.calls[m.depth]
			at = int(c.back)
			copy(r[6:10], c.kept[:])
			r[regFrame] -= stackSize
		case opToLittle, opToBig, opSwap:
			*dst = swap(x.op, *dst, x.imm)
		default:
			op, narrow := x.op.is32()
			if x.op.isJump() {
				if compare(op, *dst, b, narrow) {
					at = jump(&fuel, x)
				}
				break
			}
			*dst = compute(op, *dst, b, narrow)
		}
	}
	return 0, false
}

// jump is where a jump leads: out of the program when there were too many.
func jump(fuel *int, x *instruction) int {
	if *fuel--; *fuel < 0 {
		return -1
	}
	return int(x.target)
}

// atomicAdd is the most frequent atomic operation, as an instruction's constant.
const atomicAdd = int64(asm.AddAtomic) >> 8

// atomic is an atomic operation: nothing else runs meanwhile.
func (m *machine) atomic(x *instruction) {
	size := x.op.size()
	b := m.memory(m.regs[x.dst&15]+uint64(x.off), size)
	src := &m.regs[x.src&15]
	load := func() uint64 {
		if size == 4 {
			return uint64(binary.LittleEndian.Uint32(b))
		}
		return binary.LittleEndian.Uint64(b)
	}
	store := func(v uint64) {
		if size == 4 {
			binary.LittleEndian.PutUint32(b, uint32(v))
		} else {
			binary.LittleEndian.PutUint64(b, v)
		}
	}
	old := load()
	op := asm.AtomicOp(x.imm << 8)
	switch op &^ atomicFetch {
	case asm.AddAtomic:
		store(old + *src)
	case asm.AndAtomic:
		store(old & *src)
	case asm.OrAtomic:
		store(old | *src)
	case asm.XorAtomic:
		store(old ^ *src)
	case asm.Xchg &^ atomicFetch:
		store(*src)
	case asm.CmpXchg &^ atomicFetch:
		want := m.regs[0]
		if size == 4 {
			want = uint64(uint32(want))
		}
		if old == want {
			store(*src)
		}
		m.regs[0] = old
		return
	}
	if op&atomicFetch != 0 {
		*src = old
	}
}

// settle gives back records that a broken run has left.
func (m *machine) settle() {
	for i := range m.records {
		if r := &m.records[i]; !r.done {
			r.m.commit(r.at, r.b, true, 0)
		}
		m.records[i] = record{}
	}
	m.env, m.on = nil, nil
	m.spare = m.spare[:0]
}
