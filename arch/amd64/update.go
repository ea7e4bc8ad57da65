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
	r := &c.Regs
	if mask == GroupResult { // what most replies change
		r.AX = f.Regs.AX
		return
	}
	if mask&GroupSegments != 0 {
		c.settleVectors() // the selectors that the processor holds are old now
		copyGroups(r, &f.Regs, mask)
		// 64-bit code or 32-bit code; data selectors of ring 3 or none; canonical bases.
		if r.CS != selUser32 {
			r.CS = selUserCode
		}
		r.SS = selUserData
		r.DS, r.ES, r.FS, r.GS = selector(r.DS), selector(r.ES), selector(r.FS), selector(r.GS)
		r.FSBase, r.GSBase = base(r.FSBase), base(r.GSBase)
	} else {
		copyGroups(r, &f.Regs, mask)
	}
	r.Flags = r.Flags&flagsUser | flagsFixed
	if mask&GroupVectors != 0 {
		c.takeVectors(f)
	}
	if mask&GroupDebug != 0 {
		c.takeDebug(f.Debug)
	}
	if mask&^GroupResult != 0 {
		c.slow = 1
		if r.CX == r.IP && r.R11 == r.Flags && r.Flags&(flagTF|flagRF) == 0 && r.IP < UserLimit && r.CS == selUserCode {
			c.slow = 0 // SYSRET loads the instruction pointer from RCX and the flags from R11
		}
	}
}

// Sync writes groups of a parked thread's state to a frame.
func (c *Context) Sync(f *frame.Frame, mask Group) {
	if mask&GroupSegments != 0 {
		c.saveVectors()
	}
	copyGroups(&f.Regs, &c.Regs, mask)
	if mask&GroupVectors != 0 {
		c.putVectors(f)
	}
	if mask&GroupDebug != 0 {
		f.Debug = c.debug
	}
}

// copyGroups copies the groups that are in frame.Registers.
func copyGroups(to, from *frame.Registers, mask Group) {
	if mask&(GroupResult|GroupGeneral) != 0 {
		to.AX = from.AX
	}
	if mask&GroupGeneral != 0 {
		to.R15, to.R14, to.R13, to.R12 = from.R15, from.R14, from.R13, from.R12
		to.R11, to.R10, to.R9, to.R8 = from.R11, from.R10, from.R9, from.R8
		to.BP, to.BX, to.CX, to.DX = from.BP, from.BX, from.CX, from.DX
		to.SI, to.DI, to.OrigAX = from.SI, from.DI, from.OrigAX
	}
	if mask&GroupControl != 0 {
		to.IP, to.SP, to.Flags = from.IP, from.SP, from.Flags
	}
	if mask&GroupSegments != 0 {
		to.CS, to.SS, to.DS, to.ES, to.FS, to.GS = from.CS, from.SS, from.DS, from.ES, from.FS, from.GS
		to.FSBase, to.GSBase = from.FSBase, from.GSBase
	}
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
