package machine

//lint:file-ignore U1000 assembly uses what Go does not

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/callnum"
	"starling/ipc/envelope"
)

// registers are the words of one kernel call, in and out: a0 to a5 are the argument
// registers in the order of callnum. Results come back in a2, a1, a4, a0, a5, a3.
// machine_amd64.s knows the offsets.
type registers struct {
	number                 uint64 // out: status
	a0, a1, a2, a3, a4, a5 uint64
}

// Transport makes kernel calls. There is one per server.
type Transport struct {
	// next is the call that Wait will make: Wait alone, or with the one or two replies or the
	// answer that were held back. Its a0 is the endpoint and is set by Wait.
	next   registers
	live   ipc.Live
	regs   registers // of every other call
	buffer []byte
	saved  [ipc.MessageSize]byte // what a call that passes words in the message buffer pushes aside

	post *envelope.Post // nil: no wire of this server runs through servers/lab
}

var _ ipc.Transport = (*Transport)(nil)

// Offsets of ipc.Event and of the clock in ipc.ServerInfo for machine_amd64.s.
const (
	callWait    = callnum.Wait
	callSync    = callnum.EventSync
	maskLive    = ipc.MaskLive
	liveFresh   = ipc.LiveFresh
	liveCalled  = ipc.LiveCalled
	liveState   = unsafe.Offsetof(Transport{}.live) + unsafe.Offsetof(ipc.Live{}.State)
	eventBadge  = unsafe.Offsetof(ipc.Event{}.Badge)
	eventThread = unsafe.Offsetof(ipc.Event{}.Token) + unsafe.Offsetof(ipc.Token{}.Thread)
	eventSeq    = unsafe.Offsetof(ipc.Event{}.Token) + unsafe.Offsetof(ipc.Token{}.Sequence)
	eventTime   = unsafe.Offsetof(ipc.Event{}.Time)

	// The assembly stores thread and generation as one word, kind and vector as one.
	_ = -(unsafe.Offsetof(ipc.Token{}.Generation) ^ (unsafe.Offsetof(ipc.Token{}.Thread) + 4))
	_ = -(unsafe.Offsetof(ipc.Event{}.Kind) ^ 0)
	_ = -(unsafe.Offsetof(ipc.Event{}.Vector) ^ 2)

	// The slot is the beginning of the call that is held back.
	_ = -(unsafe.Offsetof(ipc.Slot{}.Call) ^ unsafe.Offsetof(registers{}.number))
	_ = -(unsafe.Offsetof(ipc.Slot{}.Name) ^ unsafe.Offsetof(registers{}.a1))
	_ = -(unsafe.Offsetof(ipc.Slot{}.Sequence) ^ unsafe.Offsetof(registers{}.a2))
	_ = -(unsafe.Offsetof(ipc.Slot{}.Word) ^ unsafe.Offsetof(registers{}.a3))
	_ = -(unsafe.Offsetof(ipc.Slot{}.Live) ^ unsafe.Offsetof(Transport{}.live))
	_ = -(ipc.SlotEmpty ^ callnum.Wait)
	_ = -(ipc.SlotFull ^ callnum.ReplyWait)
	_ = -(callnum.ReplyMaskShift ^ 8)
)

// wait loads the state of t.live, if there is one, makes the call in t.next and stores kind, badge, token and time of the event that it returns in ev.
// It returns the status, and the event's two arguments when the kind is not EventSyscall. Defined in machine_amd64.s.
//
//go:noescape
func wait(t *Transport, endpoint ipc.Handle, ev *ipc.Event) (status int64, arg0, arg1 uint64)

// enter makes the call in r and stores its results there. Defined in machine_amd64.s.
//
//go:noescape
func enter(r *registers)

// save makes the call EventSync with ipc.MaskLive, returns its status, and stores the state at area if that was 0. Defined in machine_amd64.s.
func save(name, sequence uint64, area uintptr) (status int64)

// ticks is the time stamp counter. Defined in machine_amd64.s.
func ticks() uint64

// Wait implements ipc.Transport. It may also return the error of the reply that
// was held back; then there was no wait. With EventSyscall the fields of ev that only other kinds use
// keep what they had.
//
//go:nosplit
func (t *Transport) Wait(endpoint ipc.Handle, ev *ipc.Event) error {
	status, arg0, arg1 := wait(t, endpoint, ev)
	if status == int64(ipc.EventSyscall) {
		return nil
	}
	return t.received(endpoint, ev, status, arg0, arg1)
}

// received is Wait for all that is no system call.
func (t *Transport) received(endpoint ipc.Handle, ev *ipc.Event, status int64, arg0, arg1 uint64) error {
	if status < 0 {
		if t.live.State > ipc.LiveCalled { // the kernel had to look at more than the short way does: once more without
			t.settle()
			t.next.number = callnum.ReplyWait
			return t.Wait(endpoint, ev)
		}
		*ev = ipc.Event{}
		return kernelError(status)
	}
	ev.Address, ev.Access, ev.Class, ev.Error, ev.Length, ev.Cap, ev.Bits = 0, 0, 0, 0, 0, 0, 0
	switch ev.Kind {
	case ipc.EventFault:
		ev.Address, ev.Access, ev.Class = arg0, ipc.Access(arg1), ipc.FaultClass(arg1>>8)
	case ipc.EventException:
		ev.Vector, ev.Error = uint16(arg0), arg1
	case ipc.EventMessage:
		ev.Length, ev.Cap = uint32(arg0), ipc.Handle(arg1)
		if t.post != nil && t.post.Receives(ev.Badge) && !t.unpack(ev) {
			return t.Wait(endpoint, ev)
		}
	case ipc.EventNotify:
		ev.Bits = arg0
	}
	return nil
}

// unpack takes a message out of its envelope. What must not be executed is answered with the next wait.
func (t *Transport) unpack(ev *ipc.Event) bool {
	v, n, cap := t.post.Received(t.buffer, int(min(ev.Length, ipc.MessageSize)), ev.Badge, ev.Token, ev.Cap)
	if v == envelope.Execute {
		ev.Length = uint32(n)
		return true
	}
	t.Forget(ev.Cap)
	t.answer(ev.Token, n, cap)
	return false
}

// Tap makes calls over a wire, and calls of the clients with a badge, travel in envelopes from now on. 0 is none.
func (t *Transport) Tap(wire ipc.Handle, badge uint64) {
	if t.post == nil {
		t.post = new(envelope.Post)
	}
	t.post.Tap(wire, badge)
}

// ReplySlot implements ipc.Slotted.
func (t *Transport) ReplySlot() *ipc.Slot { return (*ipc.Slot)(unsafe.Pointer(&t.next)) }

// Reply implements ipc.Transport: the reply goes with the next call, and with it the one before.
// Who wakes a thread replies to two.
func (t *Transport) Reply(r ipc.Reply) error {
	n := &t.next
	word := uint64(r.Action) | uint64(r.Mask)<<callnum.ReplyMaskShift | uint64(r.Class)<<callnum.ReplyClassShift
	switch n.number {
	case callnum.Wait:
		n.number = callnum.ReplyWait
	case callnum.ReplyWait:
		t.settle()
		n.number = callnum.RepliesWait
		n.a4, n.a5 = n.a1, n.a2
		word |= n.a3 << callnum.ReplyFirstShift
	default:
		return t.replySlow(r)
	}
	n.a1, n.a2, n.a3 = r.Token.Name(), r.Token.Sequence, word
	return nil
}

// ReplyOnce is a reply at once, with its status.
func (t *Transport) ReplyOnce(r ipc.Reply) error {
	held := t.flush()
	if err := t.Reply(r); err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	return held
}

// replySlow is Reply when nothing more can be held back.
func (t *Transport) replySlow(r ipc.Reply) error {
	err := t.flush()
	if e := t.Reply(r); e != nil {
		return e
	}
	return err
}

// Answer implements ipc.Transport: the answer goes with the next call, or when
// Buffer is asked for.
func (t *Transport) Answer(k ipc.Token, n int, cap ipc.Handle) error {
	err := t.flush()
	if t.post != nil && n >= 0 {
		n = t.post.Close(t.buffer, n, k, cap)
	}
	t.answer(k, n, cap)
	return err
}

func (t *Transport) answer(k ipc.Token, n int, cap ipc.Handle) {
	t.next = registers{
		number: callnum.AnswerWait,
		a1:     k.Name(),
		a2:     k.Sequence,
		a3:     uint64(n),
		a4:     uint64(cap),
	}
}

// settle makes a reply that is held back one without ipc.MaskLive.
func (t *Transport) settle() {
	if t.live.State > ipc.LiveCalled {
		t.live.Settle()
		t.live.State = ipc.LiveCalled
	}
}

// enter makes the call in t.regs.
func (t *Transport) enter() {
	t.live.State = ipc.LiveCalled
	enter(&t.regs)
}

// flush sends what was held back and returns its error.
func (t *Transport) flush() error {
	t.settle()
	n := &t.next
	last := callnum.Reply
	var held error
	switch n.number {
	case callnum.RepliesWait:
		t.regs = registers{number: callnum.Reply, a1: n.a4, a2: n.a5, a3: n.a3 >> callnum.ReplyFirstShift}
		t.enter()
		held = status(t.regs.number)
	case callnum.ReplyWait:
	case callnum.AnswerWait:
		last = callnum.Answer
	default:
		return nil
	}
	n.number = callnum.Wait
	t.regs = registers{number: uint64(last), a1: n.a1, a2: n.a2, a3: n.a3 & (1<<callnum.ReplyFirstShift - 1), a4: n.a4}
	t.enter()
	if err := status(t.regs.number); err != nil {
		return err
	}
	return held
}

func status(n uint64) error {
	if s := int64(n); s < 0 {
		return kernelError(s)
	}
	return nil
}

// kernelErrors are the errors of package ipc as interface values: making one
// when it is needed would allocate.
var kernelErrors = [...]error{
	ipc.ErrInvalid, ipc.ErrCapability, ipc.ErrStale, ipc.ErrMemory,
	ipc.ErrFull, ipc.ErrState, ipc.ErrGone, ipc.ErrTruncated, ipc.ErrLost,
}

func kernelError(status int64) error {
	if i := uint64(-1 - status); i < uint64(len(kernelErrors)) {
		return kernelErrors[i]
	}
	return ipc.Error(status)
}

// call sends what was held back, then makes a call with up to 4 arguments. The
// error of the former is reported if the call itself succeeded.
func (t *Transport) call(number, a0, a1, a2, a3 uint64) error {
	held := t.flush()
	t.regs = registers{number: number, a0: a0, a1: a1, a2: a2, a3: a3}
	t.enter()
	if err := status(t.regs.number); err != nil {
		return err
	}
	return held
}

// handle is call for calls that return a handle.
func (t *Transport) handle(number, a0, a1 uint64) (ipc.Handle, error) {
	held := t.flush()
	t.regs = registers{number: number, a0: a0, a1: a1}
	t.enter()
	if err := status(t.regs.number); err != nil {
		return 0, err
	}
	return ipc.Handle(t.regs.a2), held
}

// Buffer implements ipc.Transport. An answer that was held back is sent first:
// whoever asks for the buffer may be about to change it.
func (t *Transport) Buffer() []byte {
	if t.next.number == callnum.AnswerWait {
		_ = t.flush() // a failed answer has no client any more that could be told
	}
	return t.buffer
}
