package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf/asm"
)

// judge loads a program and, if it is accepted, runs it twice with strict checks and different
// contents of what it may not read: nothing may depend on them.
func judge(t *testing.T, code []byte) (accepted bool) {
	t.Helper()
	var results [2]uint64
	var contents [2]string
	for i := range results {
		w := newWorld(t)
		p, log, e := w.load(code)
		if e != 0 {
			if log == "" {
				t.Errorf("refused with %v and without a reason", e)
			}
			return false
		}
		m := &w.o.machine
		m.strict = true
		for k := range m.stack {
			m.stack[k] = byte(i * 0x5a)
		}
		result, ok := m.run(p, &environment{}, occasion())
		if !ok {
			t.Fatalf("an accepted program broke a rule:\n%s\n%s", text(code), log)
		}
		results[i] = result
		for fd := int32(fdArray); fd <= fdConstant; fd++ {
			contents[i] += string(w.maps[fd].Values) + "|" + string(w.maps[fd].Keys)
		}
		for _, page := range w.maps[fdRing].ring.pages {
			contents[i] += string(page[:])
		}
	}
	if results[0] != results[1] || contents[0] != contents[1] {
		t.Fatalf("an accepted program read what was never written:\n%s", text(code))
	}
	return true
}

// text is a program for a report.
func text(code []byte) string {
	var list asm.Instructions
	for in := bytes.NewReader(code); in.Len() > 0; {
		var x asm.Instruction
		if x.Unmarshal(in, binary.LittleEndian, platform) != nil {
			break
		}
		list = append(list, x)
	}
	return fmt.Sprint(list)
}

// generator makes programs that are wrong in every way and right now and then.
type generator struct{ r *rand.Rand }

func (g *generator) pick(list ...int64) int64 { return list[g.r.IntN(len(list))] }

func (g *generator) reg() asm.Register { return asm.Register(g.r.IntN(11)) }

func (g *generator) small() int64 {
	return g.pick(0, 0, 1, 4, 7, 8, 12, 15, 16, 255, 512, -1, -8, 1<<31-1, -1<<31, int64(g.r.IntN(64)))
}

func (g *generator) size() asm.Size {
	return []asm.Size{asm.Byte, asm.Half, asm.Word, asm.DWord}[g.r.IntN(4)]
}

func (g *generator) offset() int16 {
	return int16(g.pick(0, 0, 4, 8, -8, -8, -16, -24, -4, -1, 160, 9))
}

var aluList = []asm.ALUOp{asm.Add, asm.Sub, asm.Mul, asm.Div, asm.SDiv, asm.Or, asm.And, asm.LSh, asm.RSh, asm.Neg, asm.Mod, asm.SMod, asm.Xor, asm.Mov, asm.Mov, asm.Mov, asm.ArSh, asm.MovSX8, asm.MovSX16, asm.MovSX32}
var jumpList = []asm.JumpOp{asm.JEq, asm.JNE, asm.JGT, asm.JGE, asm.JLT, asm.JLE, asm.JSGT, asm.JSGE, asm.JSLT, asm.JSLE, asm.JSet}
var helperList = []asm.BuiltinFunc{asm.FnMapLookupElem, asm.FnMapUpdateElem, asm.FnMapDeleteElem, asm.FnProbeReadUser, asm.FnProbeReadUserStr,
	asm.FnGetCurrentComm, asm.FnRingbufOutput, asm.FnRingbufReserve, asm.FnRingbufSubmit, asm.FnKtimeGetNs, asm.FnGetFuncIp,
	asm.FnPerfEventOutput, asm.FnMapLookupElem}

// one is a random instruction, left of them being behind it and before it.
func (g *generator) one(before, behind int) asm.Instructions {
	narrow := func(op asm.OpCode) asm.OpCode {
		if g.r.IntN(3) == 0 {
			return op&^7 | asm.OpCode(asm.ALUClass)
		}
		return op
	}
	jump := func() int16 {
		if g.r.IntN(6) == 0 {
			return int16(-g.r.IntN(before + 1))
		}
		return int16(g.r.IntN(behind + 1))
	}
	switch g.r.IntN(14) {
	case 0, 1, 2:
		op := aluList[g.r.IntN(len(aluList))]
		if g.r.IntN(2) == 0 && op != asm.Neg {
			return asm.Instructions{{OpCode: narrow(op.Op(asm.RegSource)), Dst: g.reg(), Src: g.reg()}}
		}
		x := asm.Instruction{OpCode: narrow(op.Op(asm.ImmSource)), Dst: g.reg(), Constant: g.small()}
		if op == asm.Neg {
			x.Constant = 0
		}
		return asm.Instructions{x}
	case 3, 4:
		return asm.Instructions{asm.LoadMem(g.reg(), g.reg(), g.offset(), g.size())}
	case 5:
		return asm.Instructions{asm.StoreMem(asm.RFP, int16(g.pick(-8, -16, -24, -12)), g.reg(), g.size())}
	case 6:
		return asm.Instructions{storeImm(g.reg(), g.offset(), g.small(), g.size())}
	case 7:
		return asm.Instructions{asm.StoreMem(g.reg(), g.offset(), g.reg(), g.size())}
	case 8:
		op := jumpList[g.r.IntN(len(jumpList))].Op(asm.ImmSource)
		if g.r.IntN(4) == 0 {
			op = op&^7 | asm.OpCode(asm.Jump32Class)
		}
		return asm.Instructions{{OpCode: op, Dst: g.reg(), Constant: g.small(), Offset: jump()}}
	case 9:
		return asm.Instructions{{OpCode: jumpList[g.r.IntN(len(jumpList))].Op(asm.RegSource), Dst: g.reg(), Src: g.reg(), Offset: jump()}}
	case 10: // a lookup with its test
		list := lookup(int(g.pick(fdArray, fdHash, fdConstant)), g.small())
		if g.r.IntN(5) > 0 {
			list = append(list, asm.Instruction{OpCode: asm.JNE.Op(asm.ImmSource), Offset: 2}, asm.Mov.Imm(asm.R0, 0), asm.Return())
		}
		return list
	case 11: // memory and a size
		list := asm.Instructions{
			storeImm(asm.RFP, -8, g.small(), asm.DWord), storeImm(asm.RFP, -16, g.small(), asm.DWord),
			asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, int32(g.pick(-16, -8, -24))), asm.Mov.Imm(asm.R2, int32(g.small())), asm.Mov.Imm(asm.R3, int32(g.pick(0x1000, 0x1ffc, 8))),
		}
		return append(list, helperList[g.r.IntN(len(helperList))].Call())
	case 12:
		fd := int(g.pick(fdArray, fdHash, fdRing, fdOutputs))
		if fd == fdOutputs {
			return output(fd, []asm.Register{asm.R1, asm.R6, asm.RFP}[g.r.IntN(3)], int32(g.pick(0, 4, 8, 16, -8)))[:8]
		}
		return asm.Instructions{
			storeImm(asm.RFP, -8, g.small(), asm.DWord), storeImm(asm.RFP, -16, g.small(), asm.DWord),
			asm.LoadMapPtr(asm.R1, fd), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -8), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -16), asm.Mov.Imm(asm.R4, 0),
			helperList[g.r.IntN(len(helperList))].Call(),
		}
	default:
		op := []asm.AtomicOp{asm.AddAtomic, asm.FetchAdd, asm.AndAtomic, asm.FetchOr, asm.Xchg, asm.CmpXchg}[g.r.IntN(6)]
		return asm.Instructions{op.Mem(g.reg(), g.reg(), []asm.Size{asm.Word, asm.DWord}[g.r.IntN(2)], g.offset())}
	}
}

// program is a random program: registers that are numbers first, so that more is accepted.
func (g *generator) program() asm.Instructions {
	var list asm.Instructions
	for r := asm.R0; r <= asm.R9; r++ {
		if r != asm.R1 && g.r.IntN(4) > 0 {
			list = append(list, asm.Mov.Imm(r, int32(g.small())))
		}
	}
	n := 1 + g.r.IntN(16)
	for i := range n {
		list = append(list, g.one(len(list), n-i)...)
	}
	return append(list, asm.Mov.Imm(asm.R0, 0), asm.Return())
}

// Random programs: what is accepted stays inside, ends, and reads only what was written.
func TestRandomPrograms(t *testing.T) {
	const programs = 6000
	accepted := 0
	for seed := range uint64(programs) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		var b writer
		if err := g.program().Marshal(&b, binary.LittleEndian); err != nil {
			continue
		}
		if judge(t, b) {
			accepted++
		}
	}
	t.Logf("%d of %d accepted", accepted, programs)
	if accepted < programs/50 {
		t.Errorf("only %d of %d programs were accepted: nothing was tested", accepted, programs)
	}
}

// Programs that grow by what the verifier accepts: long ones, with pointers everywhere.
func TestGrownPrograms(t *testing.T) {
	w := newWorld(t)
	for seed := range uint64(300) {
		g := generator{rand.New(rand.NewPCG(seed, 3))}
		var list asm.Instructions
		var code writer
		for range 60 {
			next := append(append(asm.Instructions{}, list...), g.one(len(list), 2)...)
			var b writer
			if append(append(asm.Instructions{}, next...), asm.Mov.Imm(asm.R0, 0), asm.Return()).Marshal(&b, binary.LittleEndian) != nil {
				continue
			}
			if p, _, e := w.load(b); e == 0 {
				p.Put()
				list, code = next, b
			}
		}
		if len(code) > 0 && !judge(t, code) {
			t.Fatal("accepted, then refused")
		}
	}
}

type writer []byte

func (w *writer) Write(b []byte) (int, error) {
	*w = append(*w, b...)
	return len(b), nil
}

// Any bytes at all are refused or run within their bounds.
func FuzzLoad(f *testing.F) {
	for seed := range uint64(50) {
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		var b writer
		if g.program().Marshal(&b, binary.LittleEndian) == nil {
			f.Add([]byte(b))
		}
	}
	f.Fuzz(func(t *testing.T, code []byte) { judge(t, code) })
}
