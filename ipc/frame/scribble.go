package frame

// Groups of registers, numbered as in a reply's mask (package ipc, which asserts it).
const (
	Result uint16 = 1 << iota
	General
	Control
	Segments
	FP
	Debugging
)

// Scribble overwrites everything in a frame but the groups of a mask, with what follows from a number.
func Scribble(f *Frame, mask uint16, with uint64) {
	before := *f
	for i := range f.XSave {
		f.XSave[i] = byte(with >> (i % 8))
	}
	for i, v := range [...]*uint64{&f.Regs.R15, &f.Regs.R14, &f.Regs.R12, &f.Regs.BX, &f.Regs.BP,
		&f.Regs.CX, &f.Regs.DX, &f.Regs.SI, &f.Regs.DI, &f.Regs.IP, &f.Regs.SP, &f.Regs.Flags,
		&f.Regs.CS, &f.Regs.SS, &f.Regs.FSBase, &f.Regs.GSBase, &f.Regs.DS, &f.Debug.DR0, &f.Debug.DR7} {
		*v = ^with*uint64(2*i+1) ^ with<<17
	}
	if mask&(Result|General) == 0 {
		f.Regs.AX, f.Regs.OrigAX = ^with, ^with
	}
	for _, g := range groups { // what the reply names is its sender's to say
		if mask&g.mask != 0 {
			g.keep(f, &before)
		}
	}
}

// groups copies the registers of each group from one frame to another.
var groups = [...]struct {
	mask uint16
	keep func(to, from *Frame)
}{
	{Result, func(to, from *Frame) { to.Regs.AX = from.Regs.AX }},
	{General, func(to, from *Frame) {
		t, f := &to.Regs, &from.Regs
		t.R15, t.R14, t.R13, t.R12, t.R11, t.R10, t.R9, t.R8 = f.R15, f.R14, f.R13, f.R12, f.R11, f.R10, f.R9, f.R8
		t.BP, t.BX, t.AX, t.CX, t.DX, t.SI, t.DI, t.OrigAX = f.BP, f.BX, f.AX, f.CX, f.DX, f.SI, f.DI, f.OrigAX
	}},
	{Control, func(to, from *Frame) {
		to.Regs.IP, to.Regs.SP, to.Regs.Flags = from.Regs.IP, from.Regs.SP, from.Regs.Flags
	}},
	{Segments, func(to, from *Frame) {
		t, f := &to.Regs, &from.Regs
		t.CS, t.SS, t.FSBase, t.GSBase = f.CS, f.SS, f.FSBase, f.GSBase
		t.DS, t.ES, t.FS, t.GS = f.DS, f.ES, f.FS, f.GS
	}},
	{FP, func(to, from *Frame) { to.XSave = from.XSave }},
	{Debugging, func(to, from *Frame) { to.Debug = from.Debug }},
}
