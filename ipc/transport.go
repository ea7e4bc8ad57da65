package ipc

// Handle names a capability by its slot in the server's capability table.
// Slot 0 is never valid.
type Handle uint32

// EventKind says what an Event reports.
type EventKind uint16

const (
	// EventNone is never delivered.
	EventNone EventKind = iota
	// EventSyscall: a program executed a system call instruction.
	EventSyscall
	// EventFault: a page fault. At the fault endpoint: Address and Access are
	// what the hardware said. At the trap endpoint: forwarded by the pager, Class says why.
	EventFault
	// EventException: any other exception of a program or a server. Vector, Error.
	EventException
	// EventReport: the thread reached a boundary after Recall or ActionResumeReport;
	// nothing else happened to it.
	EventReport
	// EventMessage: a client called. Length bytes are in the message buffer.
	EventMessage
	// EventNotify: Bits were notified to the endpoint since the last EventNotify.
	EventNotify
	// EventTimer: the deadline set with TimerSet has passed.
	EventTimer
)

// Token names one unanswered event of one thread. A reply with a stale token
// gets ErrStale.
type Token struct {
	Thread     uint32 // kernel thread number
	Generation uint32
	Sequence   uint64
}

// Name is thread and generation as one word.
func (t *Token) Name() uint64 { return uint64(t.Thread) | uint64(t.Generation)<<32 }

// Event is what Wait returns.
type Event struct {
	Kind EventKind
	// Vector is the exception vector of EventException.
	Vector uint16
	Badge  uint64 // chosen by who made the thread, or by who minted the endpoint capability that was called
	Token  Token
	Time   int64 // ns since boot; the only clock a server may use to decide

	Address uint64     // EventFault: the faulting address
	Access  Access     // EventFault: what was tried
	Class   FaultClass // EventFault at the trap endpoint
	Error   uint64     // EventException: hardware error code

	Length uint32 // EventMessage: bytes in the message buffer
	Cap    Handle // EventMessage: capability that came with it, 0 if none
	Bits   uint64 // EventNotify
}

// Access says what kind of memory access faulted, or what a mapping allows.
type Access uint8

const (
	Read Access = 1 << iota
	Write
	Execute
)

// FaultClass is the pager's verdict on a fault it could not resolve.
type FaultClass uint8

const (
	FaultNone        FaultClass = iota
	FaultNotMapped              // no region there: SEGV_MAPERR
	FaultNotAllowed             // the region refuses the access: SEGV_ACCERR
	FaultPastEnd                // past the end of the object: BUS_ADRERR
	FaultOutOfMemory            // no frame left
)

// Action is what a reply wants done with the thread.
type Action uint8

const (
	ActionResume       Action = iota
	ActionResumeReport        // resume, and report at the next boundary: EventReport before the first instruction unless something else traps first
	ActionPark                // take the register updates, keep the thread parked; the token stays valid
	ActionKill                // destroy the thread
	ActionForward             // fault endpoint only: hand the fault on to the trap endpoint
	ActionYield               // resume, but after the threads of its priority that are ready
)

// Mask is the set of register groups a reply changed. The kernel takes these
// groups from the frame and no others.
type Mask uint16

const (
	MaskResult   Mask = 1 << iota // the result register (amd64: rax) only
	MaskGeneral                   // all general registers, including the result and the saved call number
	MaskControl                   // instruction pointer, stack pointer, flags
	MaskSegments                  // selectors and the FS and GS bases
	MaskFP                        // the XSAVE area
	MaskDebug                     // debug registers

	// MaskLive is the floating-point state in the processor's registers, of a thread whose event says frame.Live,
	// while the server that got it has made no other call. With EventSync, alone, it makes that the state of the
	// thread; in a reply, with MaskGeneral and MaskControl, the thread's state is what it is then. ErrInvalid and
	// nothing done: the kernel has it elsewhere, use MaskFP.
	MaskLive Mask = 1 << 15
)

// Reply answers an Event that a thread waits behind.
type Reply struct {
	Token  Token
	Action Action
	Mask   Mask
	Class  FaultClass // with ActionForward
}

// Slot is where a Transport holds a reply back until its next call. Putting one there
// is Reply without a call: for who replies more often than anything else.
type Slot struct {
	Call     uint64 // SlotEmpty, or what is held back
	_        uint64
	Name     uint64 // of the token
	Sequence uint64
	Word     uint64 // action, mask << 8
	_        [2]uint64
	Live     Live
}

// Live is what a Transport does with floating-point state in the processor (MaskLive).
type Live struct {
	// State is LiveFresh: no call since the event, LiveCalled: one; or the address of the state that the reply in the
	// slot, one with MaskLive, loads. It is read where it is by an instruction that faults where it is none.
	State uintptr
	// Settle makes the reply in the slot one that does without, because nobody can say what happens before it: the state
	// goes to the frame.
	Settle func()
}

// Values of Live.State.
const (
	LiveFresh  = 0
	LiveCalled = 1
)

// Saver is a Transport that has MaskLive.
type Saver interface {
	// EventSave stores the floating-point state of a thread whose event says frame.Live at area, in the processor's
	// format for it. False: it is elsewhere, EventSync finds it.
	EventSave(token *Token, area uintptr) bool
}

// Values of Slot.Call: the kernel calls Wait and ReplyWait (package callnum). Others are no
// reply and as good as full.
const (
	SlotEmpty = 1
	SlotFull  = 3
)

// Put replies with ActionResume, unless the slot is full.
func (s *Slot) Put(t *Token, m Mask) bool {
	if s.Call != SlotEmpty {
		return false
	}
	s.Call = SlotFull
	s.Name, s.Sequence = t.Name(), t.Sequence
	s.Word = uint64(m) << 8
	return true
}

// PutLive is Put with MaskLive for the state at area, for the thread of the event that was received last and says
// frame.Live. False: nothing was done.
func (s *Slot) PutLive(t *Token, m Mask, area uintptr) bool {
	if s.Live.State != LiveFresh || !s.Put(t, m&^MaskFP|MaskLive) {
		return false
	}
	s.Live.State = area
	return true
}

// Slotted is a Transport that shows its slot.
type Slotted interface {
	ReplySlot() *Slot
}

// Error is the status of a kernel call.
type Error int32

const (
	ErrInvalid    Error = -1 - iota // an argument is out of range
	ErrCapability                   // the handle is empty, of another kind, or lacks the right
	ErrStale                        // the token or generation is not the current one
	ErrMemory                       // the kernel's granted memory is used up: grant more and try again
	ErrFull                         // a table of fixed size is full
	ErrState                        // the object is in a state that does not allow it
	ErrGone                         // the peer or object was destroyed
	ErrTruncated                    // the message does not fit
	ErrLost                         // no whole answer came, however often was asked; no status of the kernel (package envelope)
)

func (e Error) Error() string {
	switch e {
	case ErrInvalid:
		return "invalid argument"
	case ErrCapability:
		return "no such capability, or right missing"
	case ErrStale:
		return "stale token"
	case ErrMemory:
		return "kernel memory used up"
	case ErrFull:
		return "table full"
	case ErrState:
		return "wrong state"
	case ErrGone:
		return "peer gone"
	case ErrTruncated:
		return "message too long"
	case ErrLost:
		return "no whole answer came"
	}
	return "unknown kernel error"
}

// PageSize is the size of a page and of a frame in bytes.
const PageSize = 4096

// MessageSize is the size of a message buffer in bytes: the longest message that the kernel moves.
const MessageSize = PageSize

// EnvelopeSize is what package envelope adds to a message, MessageLimit what is left for its body. In bytes.
const (
	EnvelopeSize = 16
	MessageLimit = MessageSize - EnvelopeSize
)

// ThreadKind tells programs from servers.
type ThreadKind uint8

const (
	Program ThreadKind = iota
	Server
)

// ThreadSpec says how to make a thread. It goes through the message buffer.
type ThreadSpec struct {
	Space    Handle
	Kind     ThreadKind
	Priority uint8
	// FrameMemory and FrameOffset (bytes) name the page that becomes the
	// thread's frame (programs) or message buffer (servers).
	FrameMemory Handle
	FrameOffset uint64
	// Faults go to FaultEndpoint with FaultBadge, all else to TrapEndpoint with TrapBadge.
	FaultEndpoint Handle
	FaultBadge    uint64
	TrapEndpoint  Handle
	TrapBadge     uint64
}

// Transport is a server's whole view of the world. Every call works only as
// far as the server's capabilities go. Errors are of type Error.
//
// A Transport may hold back the last replies until the next call: it must be as if
// every call took effect at once.
type Transport interface {
	// Wait fills ev with the next event of the endpoint, waiting for it.
	Wait(endpoint Handle, ev *Event) error
	// Reply answers a trap. An error of the reply itself (stale token, hostile
	// registers) may be reported by the next call instead.
	Reply(r Reply) error
	// Buffer is the message buffer. Its content is valid until the next Call or Wait.
	Buffer() []byte
	// Call sends the first n bytes of the message buffer, with the capability
	// cap unless 0, waits for the answer, and returns its length and the
	// capability that came with it. The answer is in the message buffer. A call is executed once and answered
	// once, also on a wire that loses and damages messages (package envelope). At most MessageLimit bytes go.
	Call(endpoint Handle, n int, cap Handle) (int, Handle, error)
	// Answer answers an EventMessage with the first n bytes of the message buffer.
	Answer(t Token, n int, cap Handle) error
	// Notify sets bits at an endpoint; never waits.
	Notify(endpoint Handle, bits uint64) error
	// TimerSet asks for EventTimer at the endpoint once time reaches deadline
	// (ns since boot); 0 cancels. One deadline per endpoint.
	TimerSet(endpoint Handle, deadline int64) error
	// Now is ns since boot. For measuring only, never to decide.
	Now() int64

	EndpointCreate() (Handle, error)
	// EndpointMint makes a capability that can only call and notify, with a badge.
	EndpointMint(endpoint Handle, badge uint64) (Handle, error)
	// CapCopy copies a capability into the table of another server.
	CapCopy(server Handle, cap Handle) (Handle, error)
	CapDelete(cap Handle) error

	SpaceCreate() (Handle, error)
	// SpaceDestroy destroys the space, every thread in it and every mapping.
	SpaceDestroy(space Handle) error
	// Map maps pages from va on; entry i is the offset in bytes into memory of
	// page i, with the Access bits in its low bits; an entry of 0 leaves page i alone. At most 512.
	// Existing mappings are replaced.
	Map(space Handle, va uint64, memory Handle, entries []uint64) error
	// MapRange maps a contiguous piece of memory.
	MapRange(space Handle, va uint64, memory Handle, offset, pages uint64, access Access) error
	Unmap(space Handle, va uint64, pages uint64) error
	// Protect takes the rights in drop away from every present page of the range.
	Protect(space Handle, va uint64, pages uint64, drop Access) error

	// MemorySplit takes pages from the end of a never-mapped memory capability.
	MemorySplit(memory Handle, pages uint64) (Handle, error)
	// MemoryInfo is the physical base address and the number of pages.
	MemoryInfo(memory Handle) (base, pages uint64, err error)
	// MemoryGrant gives pages from the end of never-mapped memory to the kernel, for good. It needs
	// none of the kernel's memory, so it works when that is used up.
	MemoryGrant(memory Handle, pages uint64) error
	// KernelFree is the number of granted pages the kernel has left.
	KernelFree() uint64

	// ThreadCreate makes a parked thread and returns its capability and number.
	ThreadCreate(spec *ThreadSpec) (Handle, Token, error)
	// ThreadStart starts a thread: the kernel takes the groups of mask from the
	// frame (programs) or starts at ip with stack pointer sp (servers).
	ThreadStart(thread Handle, mask Mask, ip, sp uint64) error
	ThreadDestroy(thread Handle) error
	// ThreadRecall makes a running or ready thread report at its next
	// boundary: when it would run next. Requests collapse; for a thread that already waits for a reply it
	// latches and shows as EventReport after the resume. Spurious ones are harmless.
	ThreadRecall(thread Handle) error
	// ThreadSetSpace moves a parked thread to another space. From now on its
	// faults carry faultBadge: it names the space to the pager (docs/contract.md).
	ThreadSetSpace(thread Handle, space Handle, faultBadge uint64) error
	// ThreadSync writes groups of a parked thread's state to its frame: the
	// floating-point state is not written at traps.
	ThreadSync(thread Handle, mask Mask) error
	// EventSync is ThreadSync for the thread of a trap that was received and is not answered.
	EventSync(token Token, mask Mask) error

	// InterruptBind routes a device interrupt to bits of an endpoint, unmasked.
	InterruptBind(interrupt Handle, endpoint Handle, bits uint64) error
	// InterruptAck unmasks the interrupt after it was notified.
	InterruptAck(interrupt Handle) error
	// PortIn reads size (1, 2 or 4) bytes from a port of a port-range capability.
	PortIn(ports Handle, port uint16, size int) (uint32, error)
	PortOut(ports Handle, port uint16, size int, v uint32) error
	// PortOutString writes the first n bytes of the message buffer to one port.
	PortOutString(ports Handle, port uint16, n int) error

	// Log writes to the kernel's emergency console.
	Log(s string)
	// Shutdown ends the machine. Needs the machine capability.
	Shutdown(machine Handle, code int) error
}
