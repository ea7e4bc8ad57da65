package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// maxInstructions is how long a program may be, in units of 8 bytes.
const maxInstructions = 16384

// platform is the one whose helpers have the numbers that programs use (asm.Instruction.Unmarshal).
const platform = "linux"

// refusal is why a program may not be loaded.
type refusal struct {
	errno unix.Errno
	text  string
}

func refuse(e unix.Errno, format string, args ...any) *refusal {
	return &refusal{e, fmt.Sprintf(format, args...)}
}

// Maps finds the map that an instruction names by a descriptor, or by its place in fd_array.
type Maps func(fd int32, indexed bool) (*Map, unix.Errno)

// decode turns the bytes of a program into instructions and the list of maps they use.
func decode(code []byte, find Maps) (list []instruction, maps []*Map, r *refusal) {
	count := len(code) / asm.InstructionSize
	if count == 0 || count > maxInstructions || len(code)%asm.InstructionSize != 0 {
		return nil, nil, refuse(unix.E2BIG, "a program has 1 to %d instructions", maxInstructions)
	}
	// Jumps count units of 8 bytes, of which a load of 64 bits has two.
	place := make([]int32, count)
	var raw []asm.Instruction
	var at []int
	in := bytes.NewReader(code)
	for i := 0; i < count; {
		var ins asm.Instruction
		if err := ins.Unmarshal(in, binary.LittleEndian, platform); err != nil {
			return nil, nil, refuse(unix.EINVAL, "%d: %v", i, err)
		}
		place[i] = int32(len(raw))
		raw, at = append(raw, ins), append(at, i)
		if i++; ins.OpCode.IsDWordLoad() {
			place[i] = -1
			i++
		}
	}
	d := decoder{place: place, find: find}
	for i := range raw {
		ins, r := d.one(&raw[i], at[i])
		if r != nil {
			r.text = fmt.Sprintf("%d: %s", at[i], r.text)
			return nil, nil, r
		}
		list = append(list, ins)
	}
	return list, d.maps, nil
}

type decoder struct {
	place []int32
	find  Maps
	maps  []*Map
}

// one decodes the instruction at unit i.
func (d *decoder) one(ins *asm.Instruction, i int) (x instruction, r *refusal) {
	x = instruction{dst: uint8(ins.Dst), src: uint8(ins.Src), off: ins.Offset, imm: ins.Constant}
	if x.dst > regFrame || x.src > regFrame {
		return x, refuse(unix.EINVAL, "there is no such register")
	}
	switch class := ins.OpCode.Class(); class {
	case asm.ALUClass, asm.ALU64Class:
		return d.alu(ins, x, class == asm.ALUClass)
	case asm.JumpClass, asm.Jump32Class:
		return d.jump(ins, x, i, class == asm.Jump32Class)
	case asm.LdClass:
		return d.loadImm(ins, x)
	default:
		return d.memory(ins, x)
	}
}

var errReserved = refuse(unix.EINVAL, "uses reserved fields")

// reserved is a fresh errReserved: its text gets the place of the instruction.
func reserved() *refusal {
	r := *errReserved
	return &r
}

func (d *decoder) alu(ins *asm.Instruction, x instruction, narrow bool) (instruction, *refusal) {
	op := ins.OpCode.ALUOp()
	if op == asm.Swap {
		if x.src != 0 || x.off != 0 {
			return x, reserved()
		}
		if x.imm != 16 && x.imm != 32 && x.imm != 64 {
			return x, refuse(unix.EINVAL, "swaps %d bits", x.imm)
		}
		big := ins.OpCode&asm.OpCode(asm.BE) != 0
		switch {
		case !narrow && big:
			return x, reserved()
		case !narrow:
			x.op = opSwap
		case big:
			x.op = opToBig
		default:
			x.op = opToLittle
		}
		x.src = regImm
		return x, nil
	}
	x.op = aluOps[op]
	if x.op == opNone {
		return x, refuse(unix.EINVAL, "unknown opcode %#x", uint32(ins.OpCode))
	}
	if x.off != 0 {
		return x, reserved()
	}
	register := ins.OpCode.Source() == asm.RegSource
	switch {
	case x.op == opNeg:
		if register || x.src != 0 || x.imm != 0 {
			return x, reserved()
		}
	case register && x.imm != 0, !register && x.src != 0:
		return x, reserved()
	case !register && x.op >= opMovSX8 && x.op <= opMovSX32:
		return x, reserved()
	}
	if !register {
		x.src = regImm
		switch {
		case (x.op == opDiv || x.op == opMod || x.op == opSDiv || x.op == opSMod) && x.imm == 0:
			return x, refuse(unix.EINVAL, "division by zero")
		case (x.op == opLSh || x.op == opRSh || x.op == opArSh) && (x.imm < 0 || x.imm >= 64 || narrow && x.imm >= 32):
			return x, refuse(unix.EINVAL, "shift by %d", x.imm)
		}
	}
	if narrow {
		if x.op == opMovSX32 {
			return x, reserved()
		}
		x.op += alu32
	}
	return x, nil
}

func (d *decoder) jump(ins *asm.Instruction, x instruction, i int, narrow bool) (instruction, *refusal) {
	register := ins.OpCode.Source() == asm.RegSource
	op := ins.OpCode.JumpOp()
	switch op {
	case asm.Ja:
		if register || x.dst != 0 || x.src != 0 {
			return x, reserved()
		}
		x.op = opJump
		by := int64(x.off)
		if narrow {
			if x.off != 0 {
				return x, reserved()
			}
			by = x.imm
		} else if x.imm != 0 {
			return x, reserved()
		}
		return d.target(x, i, by)
	case asm.Exit:
		if register || x.dst != 0 || x.src != 0 || x.off != 0 || x.imm != 0 {
			return x, reserved()
		}
		x.op = opExit
		return x, nil
	case asm.Call:
		if register || x.dst != 0 || x.off != 0 {
			return x, reserved()
		}
		switch asm.Register(x.src) {
		case asm.R0:
			x.op = opCall
			return x, nil
		case asm.PseudoCall:
			x.op = opCallLocal
			return d.target(x, i, x.imm)
		}
		return x, refuse(unix.EINVAL, "calls of kernel functions are not supported")
	}
	x.op = jumpOps[op]
	if x.op == opNone {
		return x, refuse(unix.EINVAL, "unknown opcode %#x", uint32(ins.OpCode))
	}
	if register && x.imm != 0 || !register && x.src != 0 {
		return x, reserved()
	}
	if !register {
		x.src = regImm
	}
	if narrow {
		x.op += jump32
	}
	return d.target(x, i, int64(x.off))
}

// target sets where a jump leads: by units from the one behind unit i.
func (d *decoder) target(x instruction, i int, by int64) (instruction, *refusal) {
	to := int64(i) + 1 + by
	if to < 0 || to >= int64(len(d.place)) || d.place[to] < 0 {
		return x, refuse(unix.EINVAL, "jump out of range to %d", to)
	}
	x.target = d.place[to]
	return x, nil
}

func (d *decoder) loadImm(ins *asm.Instruction, x instruction) (instruction, *refusal) {
	if !ins.OpCode.IsDWordLoad() {
		return x, refuse(unix.EINVAL, "packet access is for packet filters")
	}
	if x.off != 0 {
		return x, reserved()
	}
	x.op = opLoadImm
	fd, offset := int32(uint32(x.imm)), uint32(uint64(x.imm)>>32)
	indexed := false
	switch asm.Register(x.src) {
	case 0:
		x.src = regImm
		return x, nil
	case asm.PseudoMapFD, pseudoMapIndex:
		if offset != 0 {
			return x, reserved()
		}
		indexed = x.src == pseudoMapIndex
		x.ref, x.imm = refMap, 0
	case asm.PseudoMapValue, pseudoMapIndexValue:
		indexed = x.src == pseudoMapIndexValue
		x.ref, x.imm = refValue, int64(offset)
	default:
		return x, refuse(unix.EINVAL, "unknown kind of constant %d", x.src)
	}
	m, e := d.find(fd, indexed)
	if e != 0 {
		return x, refuse(e, "fd %d is not pointing to valid bpf_map", fd)
	}
	x.src = regImm
	x.index = d.use(m)
	if x.ref == refValue && (!m.isArray() || m.MaxEntries != 1 || int64(m.ValueSize) <= x.imm || m.perCPU()) {
		return x, refuse(unix.EINVAL, "invalid access to map value pointer, value_size=%d off=%d", m.ValueSize, offset)
	}
	return x, nil
}

// Sources of opLoadImm that name a map by its place in fd_array (BPF_PSEUDO_MAP_IDX, _IDX_VALUE).
const (
	pseudoMapIndex      = 5
	pseudoMapIndexValue = 6
)

// use is the place of m in the program's list.
func (d *decoder) use(m *Map) int32 {
	for i := range d.maps {
		if d.maps[i] == m {
			return int32(i)
		}
	}
	d.maps = append(d.maps, m)
	return int32(len(d.maps) - 1)
}

var sizeSteps = map[asm.Size]operation{asm.Byte: 0, asm.Half: 1, asm.Word: 2, asm.DWord: 3}

func (d *decoder) memory(ins *asm.Instruction, x instruction) (instruction, *refusal) {
	step := sizeSteps[ins.OpCode.Size()]
	class, mode := ins.OpCode.Class(), ins.OpCode.Mode()
	switch {
	case class == asm.LdXClass && mode == asm.MemMode:
		x.op = opLoad8 + step
	case class == asm.LdXClass && mode == asm.MemSXMode && ins.OpCode.Size() != asm.DWord:
		x.op = opLoadSX8 + step
	case class == asm.StXClass && mode == asm.MemMode:
		x.op = opStore8 + step
	case class == asm.StClass && mode == asm.MemMode:
		if x.src != 0 {
			return x, reserved()
		}
		x.op, x.src = opStore8+step, regImm
		return x, nil
	case class == asm.StXClass && mode == asm.AtomicMode:
		return d.atomic(ins, x)
	default:
		return x, refuse(unix.EINVAL, "unknown opcode %#x", uint32(ins.OpCode))
	}
	if x.imm != 0 {
		return x, reserved()
	}
	return x, nil
}

func (d *decoder) atomic(ins *asm.Instruction, x instruction) (instruction, *refusal) {
	switch ins.OpCode.Size() {
	case asm.Word:
		x.op = opAtomic32
	case asm.DWord:
		x.op = opAtomic64
	default:
		return x, refuse(unix.EINVAL, "atomic operations have 32 or 64 bits")
	}
	op := ins.OpCode.AtomicOp()
	if x.imm != int64(op)>>8 {
		return x, reserved()
	}
	switch op {
	case asm.AddAtomic, asm.FetchAdd, asm.AndAtomic, asm.FetchAnd, asm.OrAtomic, asm.FetchOr,
		asm.XorAtomic, asm.FetchXor, asm.Xchg, asm.CmpXchg:
	default:
		return x, refuse(unix.EINVAL, "unknown atomic operation %#x", x.imm)
	}
	return x, nil
}
