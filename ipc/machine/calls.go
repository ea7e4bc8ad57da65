package machine

import (
	"math/bits"
	"unsafe"

	"starling/ipc"
	"starling/ipc/callnum"
)

// Call implements ipc.Transport.
func (t *Transport) Call(endpoint ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	_ = t.flush() // the error of a reply before it is not the call's
	if t.post == nil || !t.post.Sends(endpoint) {
		return t.CallOnce(endpoint, n, cap)
	}
	return t.post.Call(t, t.buffer, endpoint, n, cap)
}

// Forget implements envelope.Caller: it deletes a capability unless it is 0.
func (t *Transport) Forget(cap ipc.Handle) {
	if cap != 0 {
		_ = t.CapDelete(cap)
	}
}

// CallOnce is a call as the kernel makes it.
func (t *Transport) CallOnce(endpoint ipc.Handle, n int, cap ipc.Handle) (int, ipc.Handle, error) {
	if n < 0 || n > len(t.buffer) {
		return 0, 0, ipc.ErrTruncated
	}
	if err := t.call(callnum.Call, uint64(endpoint), uint64(n), uint64(cap), 0); err != nil {
		return 0, 0, err
	}
	return int(min(t.regs.a2, ipc.MessageSize)), ipc.Handle(t.regs.a1), nil
}

// Notify implements ipc.Transport.
func (t *Transport) Notify(endpoint ipc.Handle, bits uint64) error {
	return t.call(callnum.Notify, uint64(endpoint), bits, 0, 0)
}

// TimerSet implements ipc.Transport.
func (t *Transport) TimerSet(endpoint ipc.Handle, deadline int64) error {
	return t.call(callnum.TimerSet, uint64(endpoint), uint64(deadline), 0, 0)
}

// Now implements ipc.Transport. It is no kernel call.
func (t *Transport) Now() int64 {
	info := (*ipc.ServerInfo)(unsafe.Add(nil, uintptr(ipc.InfoAddress)))
	hi, lo := bits.Mul64(ticks()-info.TSC0, info.Mult)
	return int64(hi<<32 | lo>>32)
}

// EndpointCreate implements ipc.Transport.
func (t *Transport) EndpointCreate() (ipc.Handle, error) {
	return t.handle(callnum.EndpointCreate, 0, 0)
}

// EndpointMint implements ipc.Transport.
func (t *Transport) EndpointMint(endpoint ipc.Handle, badge uint64) (ipc.Handle, error) {
	return t.handle(callnum.EndpointMint, uint64(endpoint), badge)
}

// CapCopy implements ipc.Transport.
func (t *Transport) CapCopy(server, cap ipc.Handle) (ipc.Handle, error) {
	return t.handle(callnum.CapCopy, uint64(server), uint64(cap))
}

// CapDelete implements ipc.Transport.
func (t *Transport) CapDelete(cap ipc.Handle) error {
	if t.post != nil {
		t.post.Dropped(cap)
	}
	return t.call(callnum.CapDelete, uint64(cap), 0, 0, 0)
}

// SpaceCreate implements ipc.Transport.
func (t *Transport) SpaceCreate() (ipc.Handle, error) {
	return t.handle(callnum.SpaceCreate, 0, 0)
}

// SpaceDestroy implements ipc.Transport.
func (t *Transport) SpaceDestroy(space ipc.Handle) error {
	return t.call(callnum.SpaceDestroy, uint64(space), 0, 0, 0)
}

// maxEntries is how many entries of Map fit the message buffer.
const maxEntries = ipc.MessageSize / 8

// Map implements ipc.Transport. The entries travel through the message buffer,
// whose content is put back.
func (t *Transport) Map(space ipc.Handle, va uint64, memory ipc.Handle, entries []uint64) error {
	if len(entries) == 0 {
		return nil
	}
	if len(entries) > maxEntries {
		return ipc.ErrInvalid
	}
	held := t.flush()
	n := 8 * len(entries)
	copy(t.saved[:n], t.buffer)
	copy(t.buffer, unsafe.Slice((*byte)(unsafe.Pointer(&entries[0])), n))
	err := t.call(callnum.Map, uint64(space), va, uint64(memory), uint64(len(entries)))
	copy(t.buffer, t.saved[:n])
	if err == nil {
		err = held
	}
	return err
}

// MapRange implements ipc.Transport.
func (t *Transport) MapRange(space ipc.Handle, va uint64, memory ipc.Handle, offset, pages uint64, access ipc.Access) error {
	held := t.flush()
	t.regs = registers{number: callnum.MapRange, a0: uint64(space), a1: va, a2: uint64(memory), a3: offset, a4: pages, a5: uint64(access)}
	t.enter()
	if err := status(t.regs.number); err != nil {
		return err
	}
	return held
}

// Unmap implements ipc.Transport.
func (t *Transport) Unmap(space ipc.Handle, va uint64, pages uint64) error {
	return t.call(callnum.Unmap, uint64(space), va, pages, 0)
}

// Protect implements ipc.Transport.
func (t *Transport) Protect(space ipc.Handle, va uint64, pages uint64, drop ipc.Access) error {
	return t.call(callnum.Protect, uint64(space), va, pages, uint64(drop))
}

// MemorySplit implements ipc.Transport.
func (t *Transport) MemorySplit(memory ipc.Handle, pages uint64) (ipc.Handle, error) {
	return t.handle(callnum.MemorySplit, uint64(memory), pages)
}

// MemoryInfo implements ipc.Transport.
func (t *Transport) MemoryInfo(memory ipc.Handle) (base, pages uint64, err error) {
	if err := t.call(callnum.MemoryInfo, uint64(memory), 0, 0, 0); err != nil {
		return 0, 0, err
	}
	return t.regs.a2, t.regs.a1, nil
}

// MemoryGrant implements ipc.Transport.
func (t *Transport) MemoryGrant(memory ipc.Handle, pages uint64) error {
	return t.call(callnum.MemoryGrant, uint64(memory), pages, 0, 0)
}

// KernelFree implements ipc.Transport.
func (t *Transport) KernelFree() uint64 {
	n, err := t.Counter(callnum.CounterKernelFree)
	if err != nil {
		return 0
	}
	return n
}

// Counter reads one of the kernel's counters (callnum.Counter...).
func (t *Transport) Counter(index int) (uint64, error) {
	if err := t.call(callnum.Counter, uint64(index), 0, 0, 0); err != nil {
		return 0, err
	}
	return t.regs.a2, nil
}
