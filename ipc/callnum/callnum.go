// Package callnum is the one table of the kernel calls: numbers, registers,
// the capability each call needs and the errors it can give. The kernel
// dispatches by it, package ipc/machine calls by it, and
// docs/kernel-interface.md is generated from it. It imports nothing.
//
// Register convention on amd64, the one of the SYSCALL instruction
// (SDM 2B, SYSCALL) as the System V ABI uses it:
//
//	in:  RAX number; RDI RSI RDX R10 R8 R9 arguments, in this order
//	out: RAX status: 0 or more is success, below 0 an ipc.Error
//	     RDX RSI R8 RDI R9 R10 results, in this order
//	RCX, R11 and every vector register are lost, MXCSR is the default;
//	RBP RSP and the FS base are kept, RBX R12 R13 R14 R15 too unless the call waits.
//
// A token travels as two words: thread number | generation<<32, then sequence.
package callnum

//go:generate go run ./cmd/document -o ../../docs/kernel-interface.md

// Numbers of the kernel calls. 0 is never valid, so that a cleared register is
// not a call.
const (
	Wait = 1 + iota
	Reply
	ReplyWait
	Call
	Answer
	AnswerWait
	Notify
	TimerSet
	EndpointCreate
	EndpointMint
	CapCopy
	CapDelete
	SpaceCreate
	SpaceDestroy
	Map
	MapRange
	Unmap
	Protect
	MemorySplit
	MemoryInfo
	MemoryGrant
	ThreadCreate
	ThreadStart
	ThreadDestroy
	ThreadRecall
	ThreadSetSpace
	ThreadSync
	InterruptMint
	InterruptBind
	InterruptAck
	PortIn
	PortOut
	PortOutString
	Log
	Counter
	Shutdown
	EventSync
	RepliesWait
	Count // one more than the last number
)

// LogBytes is how many bytes of text one Log call carries in its registers.
const LogBytes = 40

// Values of the Counter call.
const (
	CounterKernelFree  = iota // granted pages that the kernel has left
	CounterSpaceSwitch        // address-space switches since boot
	CounterTraps              // returns from ring 3 since boot
	CounterInterrupts         // device and timer interrupts since boot
	CounterAllocations        // objects the kernel's Go heap has allocated since it began to run threads
	CounterIdle               // ns with nothing to run
	CounterCount
)

// Packing of the word that says what a reply does: action | mask<<8 | class<<24. RepliesWait has the word
// of the first reply above that of the second.
const (
	ReplyMaskShift  = 8
	ReplyClassShift = 24
	ReplyFirstShift = 32
)

// Row documents one call.
type Row struct {
	Number    int
	Name      string
	Arguments string // in register order
	Results   string // in register order, after the status
	Needs     string // capability and right
	Errors    string
	Text      string
}

const eventResults = "badge, token (2 words: thread|generation<<32, sequence), time, argument 0, argument 1; the status is the event kind. " +
	"Order of registers: RDX badge, RSI thread|generation<<32, R8 sequence, RDI time, R9, R10"

// Rows is the table, in the order of the numbers.
var Rows = [...]Row{
	{Wait, "Wait", "endpoint", eventResults, "endpoint, receive", "Capability, Gone, State (another server waits there)",
		"Returns the next event of the endpoint, waiting for it. Pending notifications and an expired timer come before queued threads. The server becomes the endpoint's owner: the one whose replies count."},
	{Reply, "Reply", "unused, thread|generation<<32, sequence, action|mask<<8|class<<24", "", "ownership of the endpoint that the event came from", "Stale, Invalid, State",
		"Answers the event of a trapped thread: the groups of the mask are taken from its frame and made safe, then the action is done."},
	{ReplyWait, "ReplyWait", "endpoint, thread|generation<<32, sequence, action|mask<<8|class<<24", eventResults, "as Reply and Wait", "as Reply and Wait; after an error of the reply there was no wait",
		"Reply and Wait in one entry. With nothing queued the replied thread runs at once."},
	{Call, "Call", "endpoint, length, capability or 0", "length, capability or 0", "endpoint, send", "Capability, Gone, Truncated",
		"Sends the first bytes of the message buffer and waits for the answer, which replaces them. A capability that travels is copied; when the receiver's table has no slot it does not arrive. The answer of a server that takes a serious trap, or is destroyed, is ErrGone."},
	{Answer, "Answer", "unused, thread|generation<<32, sequence, length, capability or 0", "", "ownership of the endpoint that the message came from", "Stale, State (not a message), Capability, Truncated",
		"Answers an EventMessage with the first bytes of the message buffer."},
	{AnswerWait, "AnswerWait", "endpoint, thread|generation<<32, sequence, length, capability or 0", eventResults, "as Answer and Wait", "as Answer and Wait; after an error of the answer there was no wait",
		"Answer and Wait in one entry. With nothing queued the caller runs at once."},
	{Notify, "Notify", "endpoint, bits", "", "endpoint, send or receive", "Capability, Gone",
		"Sets bits at an endpoint. Never waits; bits that are set already stay set."},
	{TimerSet, "TimerSet", "endpoint, deadline in ns since boot or 0", "", "endpoint, receive", "Capability, Gone",
		"Asks for EventTimer once time reaches the deadline; 0 cancels. A new deadline replaces the old one."},
	{EndpointCreate, "EndpointCreate", "", "handle", "none", "Memory, Full", "Makes an endpoint. It lives as long as a capability or a thread names it."},
	{EndpointMint, "EndpointMint", "endpoint, badge", "handle", "endpoint, receive", "Capability, Gone, Memory, Full",
		"Makes a capability that can only call, notify and receive the events of threads, with a badge."},
	{CapCopy, "CapCopy", "thread of a server, capability", "handle in that server's table", "thread (server)", "Capability, Gone, Memory, Full", "Copies a capability into the table of another server."},
	{CapDelete, "CapDelete", "capability", "", "none", "Capability", "Empties a slot. What nothing names any more is destroyed; memory stays lost until reboot, so its owner keeps it."},
	{SpaceCreate, "SpaceCreate", "", "handle", "none", "Memory, Full", "Makes an empty address space."},
	{SpaceDestroy, "SpaceDestroy", "space", "", "space", "Capability, Gone, State (a thread of its own)", "Destroys the space, every thread in it and every mapping."},
	{Map, "Map", "space, address, memory, count; entries of 8 bytes in the message buffer", "", "space; memory", "Capability, Gone, Invalid, Memory, State (a large page lies there)",
		"Maps up to 512 single pages. Entry i is the offset in bytes into the memory of page i with access bits in its low bits (1 read, 2 write, 4 execute); 0 leaves the page alone. Existing mappings are replaced. After ErrMemory the call may be repeated."},
	{MapRange, "MapRange", "space, address, memory, offset, pages, access", "", "space; memory or device memory", "Capability, Gone, Invalid, Memory, State (a large page lies there)",
		"Maps a contiguous piece of memory, with large pages where both sides are aligned. Device memory is mapped uncached."},
	{Unmap, "Unmap", "space, address, pages", "", "space", "Capability, Gone, Invalid, State (part of a large page)", "Removes the mappings of a range."},
	{Protect, "Protect", "space, address, pages, access to drop", "", "space", "Capability, Gone, Invalid, State (part of a large page)", "Takes rights away from every present page of a range. Dropping read unmaps."},
	{MemorySplit, "MemorySplit", "memory, pages", "handle", "memory that was never mapped", "Capability, Gone, Invalid, State, Memory, Full", "Takes pages from the end of a memory capability."},
	{MemoryInfo, "MemoryInfo", "memory", "physical base, pages", "memory", "Capability, Gone", "Says where memory is."},
	{MemoryGrant, "MemoryGrant", "memory, pages", "", "memory that was never mapped", "Capability, Gone, Invalid, State", "Gives pages from the end of a memory capability to the kernel, for page tables, threads and capability tables; for good. It needs no memory of the kernel's. Nothing is left of memory that was given whole."},
	{ThreadCreate, "ThreadCreate", "specification in the message buffer (ipc.ThreadSpec)", "handle, thread|generation<<32", "space; memory; endpoint, send or receive (both endpoints)", "Capability, Gone, Invalid, Memory, Full",
		"Makes a parked thread. A server starts with an empty capability table, filled by CapCopy through the handle. An endpoint of 0 means none: the events of such a thread wait for its destruction."},
	{ThreadStart, "ThreadStart", "thread, mask, ip, sp", "", "thread", "Capability, Gone, State", "Starts a thread that has not started. Programs: the groups of the mask come from the frame. Servers: execution begins at ip with stack pointer sp."},
	{ThreadDestroy, "ThreadDestroy", "thread", "", "thread", "Capability, Gone", "Destroys a thread, not the caller (State). Calls that a server has not answered return ErrGone to their callers; traps it has not answered stay with the endpoint for its next owner."},
	{ThreadRecall, "ThreadRecall", "thread", "", "thread (program)", "Capability, Gone, Invalid (a server)", "Makes the thread report when it would run next. Requests collapse; for a thread that waits for a reply it latches."},
	{ThreadSetSpace, "ThreadSetSpace", "thread, space, fault badge", "", "thread (program); space", "Capability, Gone, State (it runs)", "Moves a parked thread to another space. From now on its faults carry the badge."},
	{ThreadSync, "ThreadSync", "thread, mask", "", "thread", "Capability, Gone, State (it runs)",
		"Writes register groups of a parked thread to its frame: floating point, debug registers and the selectors DS, ES, FS, GS are not written at traps. A server has no frame: its registers go to the caller's message buffer in the frame's layout."},
	{InterruptMint, "InterruptMint", "interrupts, number", "handle", "all interrupts", "Capability, Invalid, Memory, Full", "Makes a capability for one interrupt line."},
	{InterruptBind, "InterruptBind", "interrupt, endpoint, bits", "", "interrupt; endpoint, receive", "Capability, Gone", "Routes a device interrupt to bits of an endpoint and unmasks it. Endpoint 0 masks it."},
	{InterruptAck, "InterruptAck", "interrupt", "", "interrupt", "Capability, State (not bound)", "Lets a level-triggered line interrupt again after it was notified."},
	{PortIn, "PortIn", "ports, port, size 1, 2 or 4", "value", "port range", "Capability, Invalid", "Reads an I/O port."},
	{PortOut, "PortOut", "ports, port, size 1, 2 or 4, value", "", "port range", "Capability, Invalid", "Writes an I/O port."},
	{PortOutString, "PortOutString", "ports, port, length", "", "port range", "Capability, Invalid, Truncated", "Writes the first bytes of the message buffer to one port, one after the other."},
	{Log, "Log", "length up to 40; text in RSI RDX R10 R8 R9, first byte lowest", "", "none", "Invalid", "Writes to the kernel's emergency console."},
	{Counter, "Counter", "index", "value", "none", "Invalid", "Reads a counter of the kernel: 0 granted pages left, 1 address-space switches, 2 traps, 3 interrupts, 4 Go heap objects allocated since the first thread ran, 5 ns idle."},
	{Shutdown, "Shutdown", "machine, code", "", "machine", "Capability", "Ends the machine with an exit code."},
	{EventSync, "EventSync", "mask, thread|generation<<32, sequence", "", "ownership of the endpoint that the event came from", "Stale, Invalid (a server, or no such group)",
		"ThreadSync for the thread of a trap that was received and is not answered. Mask bit 15 alone: the floating-point state is brought back into the processor's registers."},
	{RepliesWait, "RepliesWait", "endpoint, thread|generation<<32, sequence, word|first word<<32, first thread|generation<<32, first sequence", eventResults, "as ReplyWait", "as ReplyWait",
		"Two replies and Wait in one entry; the words are action|mask<<8|class<<24. The first reply is given first and its thread, when it goes on, becomes ready; the second is as in ReplyWait, and given also when the first has failed."},
}
