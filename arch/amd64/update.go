package amd64

import "starling/ipc/frame"

// Group is a set of register groups, with the values of ipc.Mask.
type Group = uint16

// The groups. A test in the microkernel compares them with ipc.Mask.
const (
	GroupResult Group = 1 << iota
	GroupGeneral
	GroupControl
	GroupSegments
	GroupVectors
	GroupDebug
	GroupAll = 1<<iota - 1
)

// Take copies register groups from the frame and makes them safe: whatever the
// frame holds, returning to ring 3 with it can hurt nobody but the thread.
// Groups not in mask keep their value.
func (c *Context) Take(f *frame.Frame, mask Group) {
	if mask&(GroupResult|GroupGeneral) != 0 {
		c.Regs.AX = f.Regs.AX
	}
	if mask&^GroupResult == 0 {
		return
	}
	r, n := &c.Regs, &f.Regs
	if mask&GroupGeneral != 0 {
		r.R15, r.R14, r.R13, r.R12 = n.R15, n.R14, n.R13, n.R12
		r.R11, r.R10, r.R9, r.R8 = n.R11, n.R10, n.R9, n.R8
		r.BP, r.BX, r.CX, r.DX = n.BP, n.BX, n.CX, n.DX
		r.SI, r.DI, r.OrigAX = n.SI, n.DI, n.OrigAX
	}
	if mask&GroupControl != 0 {
		r.IP, r.SP = n.IP, n.SP
		r.Flags = n.Flags&flagsUser | flagsFixed
	}
	if mask&GroupSegments != 0 {
		c.takeSegments(n)
	}
	if mask&GroupVectors != 0 {
		c.takeVectors(&f.XSave)
	}
	if mask&GroupDebug != 0 {
		c.takeDebug(f.Debug)
	}
	c.slow = 1
	if r.CX == r.IP && r.R11 == r.Flags && r.Flags&(flagTF|flagRF) == 0 &&
		r.IP < UserLimit && r.CS == selUserCode && r.SS == selUserData {
		c.slow = 0 // SYSRET loads the instruction pointer from RCX and the flags from R11
	}
}

// takeSegments: 64-bit code, or the 32-bit code that the program entered by
// itself; data selectors of ring 3 or none; canonical bases.
func (c *Context) takeSegments(n *frame.Registers) {
	r := &c.Regs
	c.settleVectors() // the live selectors are old now
	if n.CS != selUser32 || r.CS != selUser32 {
		r.CS = selUserCode
	}
	r.SS = selUserData
	r.DS, r.ES, r.FS, r.GS = selector(n.DS), selector(n.ES), selector(n.FS), selector(n.GS)
	r.FSBase, r.GSBase = base(n.FSBase), base(n.GSBase)
}

// selector lets through what ring 3 may load into a data segment register.
func selector(s uint64) uint64 {
	switch s {
	case selUserData, selUser32, selUserCode, 0, 1, 2, 3: // the last four are null with a privilege level
		return s
	}
	return 0
}

// base lets through what WRFSBASE takes.
func base(a uint64) uint64 {
	if canonical(a) {
		return a
	}
	return 0
}

// Sync writes groups of a parked thread's state to a frame.
func (c *Context) Sync(f *frame.Frame, mask Group) {
	if mask&(GroupSegments|GroupVectors) != 0 {
		c.saveVectors()
	}
	r, n := &c.Regs, &f.Regs
	if mask&(GroupResult|GroupGeneral) != 0 {
		n.AX = r.AX
	}
	if mask&GroupGeneral != 0 {
		n.R15, n.R14, n.R13, n.R12 = r.R15, r.R14, r.R13, r.R12
		n.R11, n.R10, n.R9, n.R8 = r.R11, r.R10, r.R9, r.R8
		n.BP, n.BX, n.CX, n.DX = r.BP, r.BX, r.CX, r.DX
		n.SI, n.DI, n.OrigAX = r.SI, r.DI, r.OrigAX
	}
	if mask&GroupControl != 0 {
		n.IP, n.SP, n.Flags = r.IP, r.SP, r.Flags
	}
	if mask&GroupSegments != 0 {
		n.CS, n.SS, n.DS, n.ES, n.FS, n.GS = r.CS, r.SS, r.DS, r.ES, r.FS, r.GS
		n.FSBase, n.GSBase = r.FSBase, r.GSBase
	}
	if mask&GroupVectors != 0 {
		c.putVectors(&f.XSave)
	}
	if mask&GroupDebug != 0 {
		f.Debug = c.debug
	}
}
