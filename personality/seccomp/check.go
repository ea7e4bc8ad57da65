package seccomp

import "golang.org/x/sys/unix"

// class says how the operand of an instruction is checked.
type class uint8

const (
	refused class = iota
	plain
	dataWord  // k is an aligned offset into the data
	memoryGet // k is a word of memory that was stored to before
	memoryPut
	divisor // k is not 0
	shift   // k is below 32
	jump    // k instructions ahead
	branch  // jt or jf instructions ahead
	end     // returns
)

// memoryWords is the size of a filter's memory (BPF_MEMWORDS).
const memoryWords = 16

// classes is every instruction that seccomp_check_filter of Linux lets through.
var classes = func() (c [256]class) {
	for _, op := range []int{unix.BPF_ADD, unix.BPF_SUB, unix.BPF_MUL, unix.BPF_AND, unix.BPF_OR, unix.BPF_XOR} {
		c[unix.BPF_ALU|op|unix.BPF_K], c[unix.BPF_ALU|op|unix.BPF_X] = plain, plain
	}
	c[unix.BPF_ALU|unix.BPF_DIV|unix.BPF_K], c[unix.BPF_ALU|unix.BPF_DIV|unix.BPF_X] = divisor, plain
	for _, op := range []int{unix.BPF_LSH, unix.BPF_RSH} {
		c[unix.BPF_ALU|op|unix.BPF_K], c[unix.BPF_ALU|op|unix.BPF_X] = shift, plain
	}
	c[unix.BPF_ALU|unix.BPF_NEG] = plain
	c[unix.BPF_LD|unix.BPF_W|unix.BPF_ABS] = dataWord
	c[unix.BPF_LD|unix.BPF_W|unix.BPF_LEN], c[unix.BPF_LDX|unix.BPF_W|unix.BPF_LEN] = plain, plain
	c[unix.BPF_LD|unix.BPF_IMM], c[unix.BPF_LDX|unix.BPF_IMM] = plain, plain
	c[unix.BPF_LD|unix.BPF_MEM], c[unix.BPF_LDX|unix.BPF_MEM] = memoryGet, memoryGet
	c[unix.BPF_ST], c[unix.BPF_STX] = memoryPut, memoryPut
	c[unix.BPF_MISC|unix.BPF_TAX], c[unix.BPF_MISC|unix.BPF_TXA] = plain, plain
	c[unix.BPF_JMP|unix.BPF_JA] = jump
	for _, op := range []int{unix.BPF_JEQ, unix.BPF_JGT, unix.BPF_JGE, unix.BPF_JSET} {
		c[unix.BPF_JMP|op|unix.BPF_K], c[unix.BPF_JMP|op|unix.BPF_X] = branch, branch
	}
	c[unix.BPF_RET|unix.BPF_K], c[unix.BPF_RET|unix.BPF_A] = end, end
	return c
}()

// Check reports whether a program is one that Linux accepts: only known
// instructions, jumps forward and inside, memory read after it was written on every
// way, and a return at the end.
func Check(p []unix.SockFilter) bool {
	n := len(p)
	if n == 0 || n > MaxInstructions {
		return false
	}
	for pc, i := range p {
		if i.Code > 255 {
			return false
		}
		ahead := uint32(n - pc - 1) // instructions that follow
		ok := true
		switch classes[i.Code] {
		case refused:
			ok = false
		case dataWord:
			ok = i.K < DataSize && i.K&3 == 0
		case memoryGet, memoryPut:
			ok = i.K < memoryWords
		case divisor:
			ok = i.K != 0
		case shift:
			ok = i.K < 32
		case jump:
			ok = i.K < ahead
		case branch:
			ok = uint32(i.Jt) < ahead && uint32(i.Jf) < ahead
		}
		if !ok {
			return false
		}
	}
	return classes[p[n-1].Code] == end && storesBeforeLoads(p)
}

// storesBeforeLoads follows which words of memory are certain to have been stored to at
// each instruction. All jumps go forward, so one pass does.
func storesBeforeLoads(p []unix.SockFilter) bool {
	const all = 1<<memoryWords - 1
	known := make([]uint16, len(p)) // what is certain on the ways that jump here
	for i := range known {
		known[i] = all
	}
	certain := uint16(0) // on the way from the instruction before
	for pc, i := range p {
		certain &= known[pc]
		switch classes[i.Code] {
		case memoryPut:
			certain |= 1 << i.K
		case memoryGet:
			if certain>>i.K&1 == 0 {
				return false
			}
		case jump:
			known[pc+1+int(i.K)] &= certain
			certain = all
		case branch:
			known[pc+1+int(i.Jt)] &= certain
			known[pc+1+int(i.Jf)] &= certain
			certain = all
		}
	}
	return true
}
