package userabi

import "starling/ipc/frame"

// Signal numbers and codes of sigaction(2) that exceptions lead to.
const (
	sigILL  = 4
	sigTRAP = 5
	sigBUS  = 7
	sigFPE  = 8
	sigSEGV = 11

	siKernel    = 0x80
	illOpn      = 2
	fpeIntDiv   = 1
	fpeFltDiv   = 3
	fpeFltOvf   = 4
	fpeFltUnd   = 5
	fpeFltRes   = 6
	fpeFltInv   = 7
	busAdrAln   = 1
	trapBrkpt   = 1
	trapTrace   = 2
	trapHWBkpt  = 4
	dr6Step     = 1 << 14
	dr6Watch    = 0xf
	vectorDebug = 1
	vectorX87   = 16
	vectorSIMD  = 19
	vectorFault = 14
)

// Signal is what an exception becomes.
type Signal struct {
	Number int32
	Code   int32
	// AtIP: the address of the signal is the instruction's; else there is none.
	AtIP bool
}

// exceptions is Linux's arch/x86/kernel/traps.c as a table: vector to signal.
var exceptions = [32]Signal{
	0:  {sigFPE, fpeIntDiv, true},
	1:  {sigTRAP, trapBrkpt, true},
	3:  {sigTRAP, siKernel, false},
	4:  {sigSEGV, siKernel, false},
	5:  {sigSEGV, siKernel, false},
	6:  {sigILL, illOpn, true},
	7:  {sigSEGV, siKernel, false},
	9:  {sigFPE, siKernel, false},
	10: {sigSEGV, siKernel, false},
	11: {sigBUS, siKernel, false},
	12: {sigBUS, siKernel, false},
	13: {sigSEGV, siKernel, false},
	16: {sigFPE, 0, true},
	17: {sigBUS, busAdrAln, false},
	19: {sigFPE, 0, true},
	21: {sigSEGV, siKernel, false},
}

// Live reports whether the floating-point state is in the processor (ipc.MaskLive).
func Live(f *Frame) bool { return f.Event.Vector&frame.Live != 0 }

// NotLive makes Live false.
func NotLive(f *Frame) { f.Event.Vector &^= frame.Live }

// NeedsFP reports whether Exception has to see the floating-point state in the frame.
func NeedsFP(vector uint16) bool { return vector == vectorX87 || vector == vectorSIMD }

// Exception says which signal an exception is. An unknown vector is SIGSEGV.
func Exception(f *Frame, vector uint16) Signal {
	if int(vector) >= len(exceptions) || exceptions[vector].Number == 0 {
		return Signal{sigSEGV, siKernel, false}
	}
	s := exceptions[vector]
	switch vector {
	case vectorDebug:
		switch status := f.Event.DebugStatus; {
		case status&dr6Step != 0:
			s.Code = trapTrace
		case status&dr6Watch != 0:
			s.Code = trapHWBkpt
		}
	case vectorX87:
		control, status := get16(f.XSave[0:]), get16(f.XSave[2:])
		s.Code = fpCode(^uint32(control) & uint32(status))
	case vectorSIMD:
		csr := get32(f.XSave[fxMXCSR:])
		s.Code = fpCode(^(csr >> 7) & csr)
	}
	return s
}

// fpCode turns the unmasked exception bits (SDM 1 8.1.3, 11.6.2) into a code, in the order
// of fpu__exception_code.
func fpCode(bits uint32) int32 {
	switch {
	case bits&0x01 != 0:
		return fpeFltInv
	case bits&0x04 != 0:
		return fpeFltDiv
	case bits&0x08 != 0:
		return fpeFltOvf
	case bits&0x12 != 0:
		return fpeFltUnd
	case bits&0x20 != 0:
		return fpeFltRes
	}
	return 0
}

// Fault is what a signal frame tells about the last exception of a thread.
type Fault struct {
	Address uint64 // CR2, of page faults
	Error   uint64
	Vector  uint64
}

// PageFault is the Fault of a page fault; the error code as SDM 3A 4.7 has it.
func PageFault(address uint64, present, write, execute bool) Fault {
	e := uint64(4) // from user mode
	if present {
		e |= 1
	}
	if write {
		e |= 2
	}
	if execute {
		e |= 16
	}
	return Fault{address, e, vectorFault}
}
