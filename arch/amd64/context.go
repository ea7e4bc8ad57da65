package amd64

//lint:file-ignore U1000 assembly uses what Go does not

import (
	"unsafe"

	"starling/ipc/frame"
)

// ContextSize is the room that a thread's Context needs, vector state included.
// It is one page: the microkernel may use the bytes from Context's end up to
// VectorOffset for its own part of the thread.
const (
	ContextSize  = 4096
	VectorOffset = ContextSize - frame.XSaveSize
)

// Context is the private register state of one thread. It lies at the beginning
// of a page whose last frame.XSaveSize bytes are the XSAVE image.
// Assembly knows its layout through go_asm.h.
type Context struct {
	// Regs is what the thread will run with. The selectors DS, ES, FS and GS
	// are current only while the thread does not own the live vector state.
	Regs frame.Registers

	// Trap is the vector of the last trap, or TrapSyscall; Code its hardware
	// error code; Address CR2 at that time.
	Trap, Code, Address uint64
	// Entered is the time stamp counter at the last trap.
	Entered uint64

	Link

	root    uint64 // physical address of the page-table root
	slow    uint64 // not 0: return by IRET; SYSRET cannot restore this state
	vectors uint64 // not 0: XMM0 to XMM15 and MXCSR are in the XSAVE image
	program uint64 // not 0: a program, whose vector registers survive SYSCALL
	debug   frame.Debug
	watched bool // some breakpoint of debug is enabled
}

// Link is the part of a thread that the short way of system calls (short_amd64.s)
// and the microkernel both work with.
type Link struct {
	State uint64 // where the thread is, State...; one value, never a set of flags
	At    *Gate  // the gate where it is queued, delivered or waits

	// The pending event: kind as in ipc.EventKind, and who it is about.
	Kind     uint64
	Name     uint64 // thread number | generation<<32
	Sequence uint64
	Badge    uint64
	A, B     uint64 // arguments 0 and 1 of the event, see callnum
	Recalled bool   // trap instead of running next
	User     uint64 // ticks spent in ring 3

	// Programs: the gates that system calls and exceptions, and page faults, go to by the
	// short way, one where nobody waits if there is none; their badge there; their frame.
	Gate, FaultGate       *Gate
	GateBadge, FaultBadge uint64
	Frame                 *frame.Frame

	// Servers: the gate they last waited at, and by which handle. They reply by the short
	// way if it is still theirs.
	WaitGate   *Gate
	WaitHandle uint64
}

// States of a thread.
const (
	StateNew       = iota // made, not started
	StateReady            // running, or in a run queue
	StateQueued           // its event is in the queue of the gate At
	StateDelivered        // its event was received; a reply is awaited
	StateStuck            // its event had no gate to go to
	StateWaiting          // a server that waits at the gate At
)

// Gate is the part of an endpoint that the short way works with.
type Gate struct {
	Owner  *Context // the server that last waited here
	Waiter *Context // the server that waits here, nil if none
	Last   *Context // the program whose event was delivered last, if a reply may resume it by the short way
}

// noGate is where nobody waits.
var noGate Gate

// Short tells whether a reply may resume the program by the short way, which loads
// neither lazy vector state nor debug registers.
func (c *Context) Short() bool { return processor.owner == c && !c.watched && !c.Recalled }

// preempted tells whether a program that has to wait for another one must report before it runs on: its
// handler wants to know, and it stopped neither of its own will nor to report.
func (c *Context) preempted() bool {
	return c.Kind != kindSyscall && c.Kind != kindReport && c.Frame.Options.ReportPreemption != 0
}

// Long makes the next reply to a delivered thread come to the kernel proper.
func (c *Context) Long() {
	if c.At != nil && c.At.Last == c {
		c.At.Last = nil
	}
}

// Values of Context.Trap that are no vector: a SYSCALL instruction; nothing but a recall; a program
// was replied to with the register groups in Code.
const (
	TrapSyscall = 256 + iota
	TrapRecall
	trapReply
)

const (
	_ = uint(VectorOffset - unsafe.Sizeof(Context{}))

	selUser32   = 0x23 // GDT as Linux on x86-64 (arch/x86/include/asm/segment.h), see descriptors.go
	selUserData = 0x2b
	selUserCode = 0x33

	// RFLAGS, SDM 1 3.4.3.
	flagTF     = 1 << 8
	flagRF     = 1 << 16
	flagsFixed = 1<<1 | 1<<9 // always one; interrupts on in ring 3
	// What a program may set: CF PF AF ZF SF TF DF OF NT RF AC ID. NT only makes
	// the next IRET of ring 3 fault, which is an exception of that thread.
	flagsUser = 1<<0 | 1<<2 | 1<<4 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11 | 1<<14 | 1<<16 | 1<<18 | 1<<21

	noCall = ^uint64(0) // OrigAX when the last trap was not a system call
)

// Types of this package under which go_asm.h has the offsets of the frame's parts.
type (
	registers   frame.Registers
	header      frame.Event
	breakpoints frame.Debug
)

const (
	frameRegs = unsafe.Offsetof(frame.Frame{}.Regs)

	// Numbers of the kernel interface; the microkernel's tests compare them.
	kindSyscall   = 1 // ipc.EventSyscall
	kindFault     = 2
	kindException = 3
	kindReport    = 4
	actionYield   = 5  // ipc.ActionYield
	callReplyWait = 3  // callnum.ReplyWait
	callSync      = 37 // callnum.EventSync
	plainResult   = replyMask * uint64(GroupResult)
	// What the short way takes right out of the frame: both of these. The vectors may be in the processor.
	wholeReply = replyMask * uint64(GroupGeneral|GroupControl)
	liveReply  = replyMask * liveGroup
	liveGroup  = 1 << 15 // ipc.MaskLive
	replyMask  = 1 << 8  // of a reply that resumes: where its register groups begin
	eventLive  = 1 << 30 // frame.Live, in the word that begins an event
	// Replies that forward a fault, without registers: the first class, and the bits by which the others differ.
	replyClassShift = 24 // callnum.ReplyClassShift
	forwardReply    = 4 | 1<<replyClassShift
	forwardClasses  = 3 << replyClassShift
	forwardToFault  = 4<<8 ^ kindFault | eventLive // makes the kind of the event of the action
	// Replies of the short way; new debug registers are the microkernel's.
	shortReplies = replyMask * (uint64(GroupAll&^GroupDebug) | liveGroup)
)

// InterfaceNumbers are the numbers of the kernel interface that assembly contains.
var InterfaceNumbers = [...]uint64{kindSyscall, kindFault, kindException, kindReport, callReplyWait, callSync, actionYield, plainResult, forwardReply, forwardReply + forwardClasses, liveGroup, eventLive}

// Init makes c the context of a new thread that runs in the space of root. The
// page that c lies in must be zero.
func (c *Context) Init(program bool, root PageTable) {
	c.Regs.CS, c.Regs.SS, c.Regs.Flags, c.Regs.OrigAX = selUserCode, selUserData, flagsFixed, noCall
	c.root = root.root
	c.slow, c.vectors, c.Kind = 1, 1, kindSyscall
	c.Gate, c.FaultGate, c.WaitGate = &noGate, &noGate, &noGate
	if program {
		c.program = 1
	}
	initVectors(c.area())
}

// area is the XSAVE image.
func (c *Context) area() *xsaveArea { return (*xsaveArea)(unsafe.Add(unsafe.Pointer(c), VectorOffset)) }

// SetStart sets where a server begins to run.
func (c *Context) SetStart(ip, sp uint64) { c.Regs.IP, c.Regs.SP = ip, sp }

// SetSpace moves the thread to another space.
func (c *Context) SetSpace(root PageTable) { c.root = root.root }

// Number is the number of a server's kernel call.
func (c *Context) Number() uint64 { return c.Regs.AX }

// Argument is an argument of a kernel call: inlined, one load.
func (c *Context) Argument(i int) uint64 {
	r := &c.Regs
	switch i {
	case 0:
		return r.DI
	case 1:
		return r.SI
	case 2:
		return r.DX
	case 3:
		return r.R10
	case 4:
		return r.R8
	}
	return r.R9
}

// SetStatus sets the status that a kernel call returns.
func (c *Context) SetStatus(v int64) { c.Regs.AX = uint64(v) }

// SetResults sets status and up to two results of a kernel call.
func (c *Context) SetResults(status int64, a, b uint64) {
	c.Regs.AX, c.Regs.DX, c.Regs.SI = uint64(status), a, b
}

// SetEvent sets the results of a wait: see callnum.
func (c *Context) SetEvent(kind, badge, thread, sequence, time, a, b uint64) {
	r := &c.Regs
	r.AX, r.DX, r.SI, r.R8, r.DI, r.R9, r.R10 = kind, badge, thread, sequence, time, a, b
}

// Error code bits of a page fault, SDM 3A 4.7.
const (
	faultWrite   = 1 << 1
	faultExecute = 1 << 4
	faultBits    = faultWrite | faultExecute
)

// accesses are what page faults tried, with the values of ipc.Access.
var accesses = [...]uint8{0: 1, faultWrite: 2, faultExecute: 4, faultBits: 4}

// Access is what the last trap, a page fault, tried.
func (c *Context) Access() uint64 { return uint64(accesses[c.Code&faultBits]) }

// IsPageFault, IsInterrupt, IsDebug and IsSpurious (a non-maskable interrupt, which
// nothing here sends) classify Trap.
func (c *Context) IsPageFault() bool { return c.Trap == vectorPageFault }
func (c *Context) IsInterrupt() bool { return c.Trap >= firstInterrupt && c.Trap < TrapSyscall }
func (c *Context) IsDebug() bool     { return c.Trap == vectorDebug }
func (c *Context) IsSpurious() bool  { return c.Trap == vectorNMI }

// Publish writes all registers to the frame of a program.
func (c *Context) Publish(f *frame.Frame) { f.Regs = c.Regs }

// BadJump is true when the instruction pointer is not canonical, so that the
// return itself would fault: the thread gets a general-protection exception
// instead, as from Linux.
func (c *Context) BadJump() bool { return !canonical(c.Regs.IP) }

// canonical: bits 63 to 47 are all equal (SDM 1 3.3.7.1).
func canonical(a uint64) bool { return uint64(int64(a<<16)>>16) == a }

// Position is the instruction pointer.
func (c *Context) Position() uint64 { return c.Regs.IP }
