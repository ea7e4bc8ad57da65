package main

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Where the stack pointer is in the context of a program (struct pt_regs of amd64), and by how much a return has moved it.
const (
	contextSP = 152
	wordSize  = 8
)

func program(list asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.Kprobe, License: "GPL", Instructions: list}
}

// add adds one to the element of an array whose index is in the stack at -4.
func add(name, after string) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, 0).WithReference(name),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, after),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
	}
}

// end is the end of every program.
func end() asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, 0).WithSymbol("end"), asm.Return()}
}

func counting() asm.Instructions {
	list := asm.Instructions{asm.StoreImm(asm.RFP, -4, countHits, asm.Word)}
	return append(append(list, add("counts", "end")...), end()...)
}

// key puts what tells a call from others into the stack at -24: the thread, and the stack pointer at the entry.
// R6 is the context.
func key(moved int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.RFP, -24, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, asm.R6, contextSP, asm.DWord),
		asm.Sub.Imm(asm.R1, moved),
		asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord),
	}
}

// keyIn makes registers point to a map and to the key.
func keyIn(name string) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference(name),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -24),
	}
}

// entering keeps the time of a call.
func entering() asm.Instructions {
	list := append(key(0),
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(asm.RFP, -32, asm.R0, asm.DWord))
	list = append(list, keyIn("open")...)
	list = append(list,
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, -32),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call())
	return append(list, end()...)
}

// leaving counts a return, and how long the call took by powers of two.
func leaving() asm.Instructions {
	list := append(key(wordSize), keyIn("open")...)
	list = append(list,
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "missed"),
		asm.LoadMem(asm.R7, asm.R0, 0, asm.DWord),
		asm.FnKtimeGetNs.Call(),
		asm.Sub.Reg(asm.R0, asm.R7),
		asm.Mov.Reg(asm.R7, asm.R0))
	list = append(list, keyIn("open")...)
	list = append(list, asm.FnMapDeleteElem.Call(), asm.Mov.Imm(asm.R6, 0))
	// R6 becomes the logarithm of R7.
	for _, bits := range []int32{32, 16, 8, 4, 2, 1} {
		next := fmt.Sprintf("below%d", bits)
		list = append(list,
			asm.Mov.Reg(asm.R1, asm.R7),
			asm.RSh.Imm(asm.R1, bits),
			asm.JEq.Imm(asm.R1, 0, next),
			asm.Mov.Reg(asm.R7, asm.R1),
			asm.Add.Imm(asm.R6, bits),
			asm.Mov.Imm(asm.R1, 0).WithSymbol(next))
	}
	list = append(list, asm.StoreMem(asm.RFP, -4, asm.R6, asm.Word))
	list = append(list, add("times", "end")...)
	list = append(list, asm.StoreImm(asm.RFP, -4, countHits, asm.Word), asm.Ja.Label("count"),
		asm.StoreImm(asm.RFP, -4, countMissed, asm.Word).WithSymbol("missed"), asm.Mov.Imm(asm.R1, 0).WithSymbol("count"))
	return append(append(list, add("counts", "end")...), end()...)
}
