// Package frame is the memory layout of a thread's frame page, shared by the
// kernel and the thread's trap handler. The schema is ipc/schema/frame_amd64.fbs;
// offsets of these Go structs are asserted against it.
package frame

import "unsafe"

// Event is the header the kernel writes for every trap.
type Event struct {
	Kind        uint16
	Vector      uint16
	Flags       uint32
	Thread      uint32
	Generation  uint32
	Sequence    uint64
	Badge       uint64
	Time        int64
	Address     uint64
	Error       uint64
	UserTime    int64
	DebugStatus uint64
}

// Live, in Event.Vector: the floating-point state of the thread is in the processor, all or all but what the kernel has
// saved of it. ipc.MaskLive says what that is good for.
const Live = 1 << 14

// Registers is in the order of Linux's user_regs_struct.
type Registers struct {
	R15, R14, R13, R12, BP, BX, R11, R10, R9, R8 uint64
	AX, CX, DX, SI, DI                           uint64
	OrigAX                                       uint64
	IP, CS, Flags, SP, SS                        uint64
	FSBase, GSBase                               uint64
	DS, ES, FS, GS                               uint64
}

// Debug registers as ptrace(2) shows them.
type Debug struct {
	DR0, DR1, DR2, DR3, DR6, DR7 uint64
}

// Options is what the handler asks of the kernel.
type Options struct {
	// ReportPreemption, not 0: a thread that stopped for anything but a system call or a report,
	// and then had to wait for another program thread, reports before it runs on.
	ReportPreemption uint64
}

// XSaveSize is the room for the XSAVE area in bytes.
const XSaveSize = 3072

// Frame is the whole page.
type Frame struct {
	Event   Event
	_       [128 - unsafe.Sizeof(Event{})]byte
	Regs    Registers
	_       [384 - 128 - unsafe.Sizeof(Registers{})]byte
	Debug   Debug
	_       [448 - 384 - unsafe.Sizeof(Debug{})]byte
	Options Options
	_       [1024 - 448 - unsafe.Sizeof(Options{})]byte
	XSave   [XSaveSize]byte
}

const (
	_ = uint(4096-unsafe.Sizeof(Frame{})) + uint(unsafe.Sizeof(Frame{})-4096)
)
