package machine

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/callnum"
)

// ThreadCreate implements ipc.Transport. The specification travels through the
// message buffer, whose content is put back.
func (t *Transport) ThreadCreate(spec *ipc.ThreadSpec) (ipc.Handle, ipc.Token, error) {
	held := t.flush()
	const n = unsafe.Sizeof(*spec)
	copy(t.saved[:n], t.buffer)
	copy(t.buffer, unsafe.Slice((*byte)(unsafe.Pointer(spec)), n))
	err := t.call(callnum.ThreadCreate, 0, 0, 0, 0)
	copy(t.buffer, t.saved[:n])
	if err != nil {
		return 0, ipc.Token{}, err
	}
	return ipc.Handle(t.regs.a2), ipc.Token{Thread: uint32(t.regs.a1), Generation: uint32(t.regs.a1 >> 32)}, held
}

// ThreadStart implements ipc.Transport.
func (t *Transport) ThreadStart(thread ipc.Handle, mask ipc.Mask, ip, sp uint64) error {
	return t.call(callnum.ThreadStart, uint64(thread), uint64(mask), ip, sp)
}

// ThreadDestroy implements ipc.Transport.
func (t *Transport) ThreadDestroy(thread ipc.Handle) error {
	return t.call(callnum.ThreadDestroy, uint64(thread), 0, 0, 0)
}

// ThreadRecall implements ipc.Transport.
func (t *Transport) ThreadRecall(thread ipc.Handle) error {
	return t.call(callnum.ThreadRecall, uint64(thread), 0, 0, 0)
}

// ThreadSetSpace implements ipc.Transport.
func (t *Transport) ThreadSetSpace(thread, space ipc.Handle, faultBadge uint64) error {
	return t.call(callnum.ThreadSetSpace, uint64(thread), uint64(space), faultBadge, 0)
}

// ThreadSync implements ipc.Transport.
func (t *Transport) ThreadSync(thread ipc.Handle, mask ipc.Mask) error {
	return t.call(callnum.ThreadSync, uint64(thread), uint64(mask), 0, 0)
}

// EventSync implements ipc.Transport. A reply that is held back stays so.
func (t *Transport) EventSync(token ipc.Token, mask ipc.Mask) error {
	t.settle()
	t.regs = registers{number: callnum.EventSync, a0: uint64(mask), a1: token.Name(), a2: token.Sequence}
	t.enter()
	return status(t.regs.number)
}

// EventSave implements ipc.Saver.
func (t *Transport) EventSave(token *ipc.Token, area uintptr) bool {
	return t.live.State == ipc.LiveFresh && save(token.Name(), token.Sequence, area) == 0
}
