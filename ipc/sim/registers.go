package sim

import (
	"encoding/binary"

	"starling/ipc"
	"starling/ipc/frame"
	"starling/ipc/planted"
)

// Numbers of the instruction set that the simulated processor shares with the
// real one.
const (
	noCall = ^uint64(0) // OrigAX outside a system call

	userCode   = 0x33 // selectors of Linux on amd64
	userData   = 0x2b
	userCode32 = 0x23

	flagsFixed  = 1<<1 | 1<<9                                                                             // always one; interrupts on
	flagsUser   = 1<<0 | 1<<2 | 1<<4 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11 | 1<<14 | 1<<16 | 1<<18 | 1<<21 // CF PF AF ZF SF TF DF OF NT RF AC ID
	flagTrap    = 1 << 8
	stepStatus  = 1 << 14 // DR6.BS, SDM 3B 17.2.3
	mxcsrValid  = 0xffff
	fcwDefault  = 0x37f
	mxcsrReset  = 0x1f80
	xcr0        = 7 // x87, SSE, AVX
	xsaveHeader = 512

	dr7Reserved = 0xffff_ffff_0000_d800 | 1<<13 // reserved, and general detect
	dr7Fixed    = 1 << 10

	vectorDivide = 0
	vectorDebug  = 1
	vectorBreak  = 3
	vectorUndef  = 6
	vectorGP     = 13
	vectorPage   = 14
)

const (
	maskAll = ipc.MaskResult | ipc.MaskGeneral | ipc.MaskControl | ipc.MaskSegments | ipc.MaskFP | ipc.MaskDebug
)

var initialRegisters = frame.Registers{CS: userCode, SS: userData, Flags: flagsFixed, OrigAX: noCall}

// initialFP is the state after FNINIT with MXCSR at its reset value.
var initialFP = func() (a [frame.XSaveSize]byte) {
	binary.LittleEndian.PutUint16(a[0:], fcwDefault)
	binary.LittleEndian.PutUint32(a[24:], mxcsrReset)
	binary.LittleEndian.PutUint32(a[28:], mxcsrValid)
	return
}()

// group is one row of the reply mask: how a register group goes from the frame
// to the thread, sanitised, and back.
type group struct {
	mask ipc.Mask
	take func(t *Thread, f *frame.Frame)
	put  func(t *Thread, f *frame.Frame)
}

var groups = [...]group{
	{ipc.MaskResult,
		func(t *Thread, f *frame.Frame) { t.regs.AX = f.Regs.AX },
		func(t *Thread, f *frame.Frame) { f.Regs.AX = t.regs.AX }},
	{ipc.MaskGeneral,
		func(t *Thread, f *frame.Frame) { copyGeneral(&t.regs, &f.Regs) },
		func(t *Thread, f *frame.Frame) { copyGeneral(&f.Regs, &t.regs) }},
	{ipc.MaskControl,
		func(t *Thread, f *frame.Frame) {
			t.regs.IP, t.regs.SP = f.Regs.IP, f.Regs.SP
			t.regs.Flags = f.Regs.Flags&flagsUser | flagsFixed
		},
		func(t *Thread, f *frame.Frame) {
			f.Regs.IP, f.Regs.SP, f.Regs.Flags = t.regs.IP, t.regs.SP, t.regs.Flags
		}},
	{ipc.MaskSegments,
		func(t *Thread, f *frame.Frame) {
			r := &f.Regs
			t.regs.FSBase, t.regs.GSBase = base(r.FSBase), base(r.GSBase)
			t.regs.CS = userCode
			if r.CS == userCode32 {
				t.regs.CS = userCode32
			}
			t.regs.SS = userData
			t.regs.DS, t.regs.ES, t.regs.FS, t.regs.GS = selector(r.DS), selector(r.ES), selector(r.FS), selector(r.GS)
		},
		func(t *Thread, f *frame.Frame) { copySegments(&f.Regs, &t.regs) }},
	{ipc.MaskFP,
		func(t *Thread, f *frame.Frame) { t.fp = f.XSave; sanitiseFP(&t.fp) },
		func(t *Thread, f *frame.Frame) { f.XSave = t.fp }},
	{ipc.MaskDebug,
		func(t *Thread, f *frame.Frame) { t.debug = sanitiseDebug(f.Debug) },
		func(t *Thread, f *frame.Frame) { f.Debug = t.debug }},
}

// take copies the groups of mask from the frame to the thread. What is not in
// the mask is untouched, whatever the frame says.
func (t *Thread) take(mask ipc.Mask) {
	if planted.Mask && mask&ipc.MaskResult != 0 {
		mask |= ipc.MaskGeneral
	}
	for i := range groups {
		if mask&groups[i].mask != 0 {
			groups[i].take(t, t.frame)
		}
	}
}

// put writes the groups of mask to the frame.
func (t *Thread) put(mask ipc.Mask) {
	t.k.touch(t.framePhys)
	for i := range groups {
		if mask&groups[i].mask != 0 {
			groups[i].put(t, t.frame)
		}
	}
}

func copyGeneral(to, from *frame.Registers) {
	to.R15, to.R14, to.R13, to.R12 = from.R15, from.R14, from.R13, from.R12
	to.R11, to.R10, to.R9, to.R8 = from.R11, from.R10, from.R9, from.R8
	to.BP, to.BX, to.AX, to.CX = from.BP, from.BX, from.AX, from.CX
	to.DX, to.SI, to.DI, to.OrigAX = from.DX, from.SI, from.DI, from.OrigAX
}

func copySegments(to, from *frame.Registers) {
	to.CS, to.SS, to.FSBase, to.GSBase = from.CS, from.SS, from.FSBase, from.GSBase
	to.DS, to.ES, to.FS, to.GS = from.DS, from.ES, from.FS, from.GS
}

// canonical is true for addresses whose top 17 bits are equal (SDM 1 3.3.7.1).
func canonical(a uint64) bool { return uint64(int64(a)<<16>>16) == a }

// base is a segment base as the kernel accepts it: of the user half, or 0.
func base(a uint64) uint64 {
	if a < UserLimit {
		return a
	}
	return 0
}

// selector is a data selector as the kernel accepts it: one of the user's own, or null.
func selector(s uint64) uint64 {
	switch s {
	case userData, userCode, userCode32:
		return s
	}
	return 0
}

// xsaveParts are the bytes of the XSAVE area that belong to components 0 to 2
// (SDM 1 13.4): x87 without MXCSR, XMM, the upper halves of YMM.
var xsaveParts = [...][][2]int{
	{{0, 24}, {32, 160}},
	{{160, 416}},
	{{576, 832}},
}

// sanitiseFP makes of an XSAVE area what the registers hold after XRSTOR loaded
// it (SDM 1 13.8): reserved bits of MXCSR dropped, components that the header does not
// name at their initial values.
func sanitiseFP(a *[frame.XSaveSize]byte) {
	mxcsr := binary.LittleEndian.Uint32(a[24:])
	binary.LittleEndian.PutUint32(a[24:], mxcsr&mxcsrValid)
	components := binary.LittleEndian.Uint64(a[xsaveHeader:]) & xcr0
	for i, parts := range xsaveParts {
		for _, r := range parts {
			if components&(1<<i) == 0 {
				copy(a[r[0]:r[1]], initialFP[r[0]:r[1]])
			}
		}
	}
	binary.LittleEndian.PutUint64(a[xsaveHeader:], components)
	clear(a[xsaveHeader+8 : xsaveHeader+64])
}

// sanitiseDebug clears what a program may not have: reserved bits, general
// detect, and breakpoints at addresses that are not the program's.
func sanitiseDebug(d frame.Debug) frame.Debug {
	d.DR7 = d.DR7&^dr7Reserved | dr7Fixed
	for i, a := range [...]*uint64{&d.DR0, &d.DR1, &d.DR2, &d.DR3} {
		if *a >= UserLimit {
			d.DR7 &^= 3 << (2 * i)
		}
	}
	return d
}
