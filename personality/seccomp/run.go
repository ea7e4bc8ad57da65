package seccomp

import "golang.org/x/sys/unix"

// DataSize is the size of struct seccomp_data in bytes.
const DataSize = 64

// Data is struct seccomp_data as the words that filters load, least significant half first:
// number, architecture, instruction pointer, six arguments.
type Data [DataSize / 4]uint32

// Describe fills d with a call.
func (d *Data) Describe(number int32, arch uint32, ip uint64, args *[6]uint64) {
	d[0], d[1] = uint32(number), arch
	d[2], d[3] = uint32(ip), uint32(ip>>32)
	for i, a := range args {
		d[4+2*i], d[5+2*i] = uint32(a), uint32(a>>32)
	}
}

// run executes a checked program (Linux's Documentation/networking/filter.rst). Division by
// a zero X returns 0, shifts count modulo 32.
func run(p []unix.SockFilter, d *Data) uint32 {
	var a, x uint32
	var mem [memoryWords]uint32
	for pc := 0; pc < len(p); pc++ {
		i := &p[pc]
		operand := i.K
		if i.Code&unix.BPF_X != 0 {
			operand = x // arithmetic and jumps only: other classes use the bit otherwise
		}
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = d[i.K/4]
		case unix.BPF_LD | unix.BPF_W | unix.BPF_LEN:
			a = DataSize
		case unix.BPF_LDX | unix.BPF_W | unix.BPF_LEN:
			x = DataSize
		case unix.BPF_LD | unix.BPF_IMM:
			a = i.K
		case unix.BPF_LDX | unix.BPF_IMM:
			x = i.K
		case unix.BPF_LD | unix.BPF_MEM:
			a = mem[i.K]
		case unix.BPF_LDX | unix.BPF_MEM:
			x = mem[i.K]
		case unix.BPF_ST:
			mem[i.K] = a
		case unix.BPF_STX:
			mem[i.K] = x
		case unix.BPF_MISC | unix.BPF_TAX:
			x = a
		case unix.BPF_MISC | unix.BPF_TXA:
			a = x
		case unix.BPF_RET | unix.BPF_K:
			return i.K
		case unix.BPF_RET | unix.BPF_A:
			return a
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(i.K)
		default:
			if i.Code&classMask == unix.BPF_JMP {
				if holds(i.Code&opMask, a, operand) {
					pc += int(i.Jt)
				} else {
					pc += int(i.Jf)
				}
				continue
			}
			if i.Code == unix.BPF_ALU|unix.BPF_DIV|unix.BPF_X && x == 0 {
				return 0
			}
			a = compute(i.Code&opMask, a, operand)
		}
	}
	return KillThread // a checked program returns
}

const (
	classMask = 0x07
	opMask    = 0xf0
)

func holds(op uint16, a, b uint32) bool {
	switch op {
	case unix.BPF_JEQ:
		return a == b
	case unix.BPF_JGT:
		return a > b
	case unix.BPF_JGE:
		return a >= b
	}
	return a&b != 0 // BPF_JSET
}

func compute(op uint16, a, b uint32) uint32 {
	switch op {
	case unix.BPF_ADD:
		return a + b
	case unix.BPF_SUB:
		return a - b
	case unix.BPF_MUL:
		return a * b
	case unix.BPF_DIV:
		return a / b
	case unix.BPF_AND:
		return a & b
	case unix.BPF_OR:
		return a | b
	case unix.BPF_XOR:
		return a ^ b
	case unix.BPF_LSH:
		return a << (b & 31)
	case unix.BPF_RSH:
		return a >> (b & 31)
	}
	return -a // BPF_NEG
}
