package sim

import "starling/ipc"

// The calls of a Recorder and of a Replay, pair by pair: one makes the call
// and logs what it returned, the other returns that.

// Notify implements ipc.Transport.
func (r *Recorder) Notify(endpoint ipc.Handle, bits uint64) error {
	err := r.tr.Notify(endpoint, bits)
	r.did("Notify", arguments(endpoint, bits), err)
	return err
}

// Notify implements ipc.Transport.
func (r *Replay) Notify(endpoint ipc.Handle, bits uint64) error {
	return r.next("Notify", arguments(endpoint, bits)).err
}

// TimerSet implements ipc.Transport.
func (r *Recorder) TimerSet(endpoint ipc.Handle, deadline int64) error {
	err := r.tr.TimerSet(endpoint, deadline)
	r.did("TimerSet", arguments(endpoint, deadline), err)
	return err
}

// TimerSet implements ipc.Transport.
func (r *Replay) TimerSet(endpoint ipc.Handle, deadline int64) error {
	return r.next("TimerSet", arguments(endpoint, deadline)).err
}

// EndpointCreate implements ipc.Transport.
func (r *Recorder) EndpointCreate() (ipc.Handle, error) {
	h, err := r.tr.EndpointCreate()
	r.did("EndpointCreate", arguments(), err, uint64(h))
	return h, err
}

// EndpointCreate implements ipc.Transport.
func (r *Replay) EndpointCreate() (ipc.Handle, error) {
	e := r.next("EndpointCreate", arguments())
	return ipc.Handle(e.results[0]), e.err
}

// EndpointMint implements ipc.Transport.
func (r *Recorder) EndpointMint(endpoint ipc.Handle, badge uint64) (ipc.Handle, error) {
	h, err := r.tr.EndpointMint(endpoint, badge)
	r.did("EndpointMint", arguments(endpoint, badge), err, uint64(h))
	return h, err
}

// EndpointMint implements ipc.Transport.
func (r *Replay) EndpointMint(endpoint ipc.Handle, badge uint64) (ipc.Handle, error) {
	e := r.next("EndpointMint", arguments(endpoint, badge))
	return ipc.Handle(e.results[0]), e.err
}

// CapCopy implements ipc.Transport.
func (r *Recorder) CapCopy(server, cap ipc.Handle) (ipc.Handle, error) {
	h, err := r.tr.CapCopy(server, cap)
	r.did("CapCopy", arguments(server, cap), err, uint64(h))
	return h, err
}

// CapCopy implements ipc.Transport.
func (r *Replay) CapCopy(server, cap ipc.Handle) (ipc.Handle, error) {
	e := r.next("CapCopy", arguments(server, cap))
	return ipc.Handle(e.results[0]), e.err
}

// CapDelete implements ipc.Transport.
func (r *Recorder) CapDelete(cap ipc.Handle) error {
	err := r.tr.CapDelete(cap)
	r.did("CapDelete", arguments(cap), err)
	return err
}

// CapDelete implements ipc.Transport.
func (r *Replay) CapDelete(cap ipc.Handle) error {
	return r.next("CapDelete", arguments(cap)).err
}

// SpaceCreate implements ipc.Transport.
func (r *Recorder) SpaceCreate() (ipc.Handle, error) {
	h, err := r.tr.SpaceCreate()
	r.did("SpaceCreate", arguments(), err, uint64(h))
	return h, err
}

// SpaceCreate implements ipc.Transport.
func (r *Replay) SpaceCreate() (ipc.Handle, error) {
	e := r.next("SpaceCreate", arguments())
	return ipc.Handle(e.results[0]), e.err
}

// SpaceDestroy implements ipc.Transport.
func (r *Recorder) SpaceDestroy(space ipc.Handle) error {
	err := r.tr.SpaceDestroy(space)
	r.did("SpaceDestroy", arguments(space), err)
	return err
}

// SpaceDestroy implements ipc.Transport.
func (r *Replay) SpaceDestroy(space ipc.Handle) error {
	return r.next("SpaceDestroy", arguments(space)).err
}

// Map implements ipc.Transport.
func (r *Recorder) Map(space ipc.Handle, va uint64, memory ipc.Handle, entries []uint64) error {
	err := r.tr.Map(space, va, memory, entries)
	r.did("Map", arguments(space, va, memory, entries), err)
	return err
}

// Map implements ipc.Transport.
func (r *Replay) Map(space ipc.Handle, va uint64, memory ipc.Handle, entries []uint64) error {
	return r.next("Map", arguments(space, va, memory, entries)).err
}

// MapRange implements ipc.Transport.
func (r *Recorder) MapRange(space ipc.Handle, va uint64, memory ipc.Handle, offset, pages uint64, access ipc.Access) error {
	err := r.tr.MapRange(space, va, memory, offset, pages, access)
	r.did("MapRange", arguments(space, va, memory, offset, pages, access), err)
	return err
}

// MapRange implements ipc.Transport.
func (r *Replay) MapRange(space ipc.Handle, va uint64, memory ipc.Handle, offset, pages uint64, access ipc.Access) error {
	return r.next("MapRange", arguments(space, va, memory, offset, pages, access)).err
}

// Unmap implements ipc.Transport.
func (r *Recorder) Unmap(space ipc.Handle, va, pages uint64) error {
	err := r.tr.Unmap(space, va, pages)
	r.did("Unmap", arguments(space, va, pages), err)
	return err
}

// Unmap implements ipc.Transport.
func (r *Replay) Unmap(space ipc.Handle, va, pages uint64) error {
	return r.next("Unmap", arguments(space, va, pages)).err
}

// Protect implements ipc.Transport.
func (r *Recorder) Protect(space ipc.Handle, va, pages uint64, drop ipc.Access) error {
	err := r.tr.Protect(space, va, pages, drop)
	r.did("Protect", arguments(space, va, pages, drop), err)
	return err
}

// Protect implements ipc.Transport.
func (r *Replay) Protect(space ipc.Handle, va, pages uint64, drop ipc.Access) error {
	return r.next("Protect", arguments(space, va, pages, drop)).err
}

// MemorySplit implements ipc.Transport.
func (r *Recorder) MemorySplit(memory ipc.Handle, pages uint64) (ipc.Handle, error) {
	h, err := r.tr.MemorySplit(memory, pages)
	r.did("MemorySplit", arguments(memory, pages), err, uint64(h))
	return h, err
}

// MemorySplit implements ipc.Transport.
func (r *Replay) MemorySplit(memory ipc.Handle, pages uint64) (ipc.Handle, error) {
	e := r.next("MemorySplit", arguments(memory, pages))
	return ipc.Handle(e.results[0]), e.err
}

// MemoryGrant implements ipc.Transport.
func (r *Recorder) MemoryGrant(memory ipc.Handle, pages uint64) error {
	err := r.tr.MemoryGrant(memory, pages)
	r.did("MemoryGrant", arguments(memory, pages), err)
	return err
}

// MemoryGrant implements ipc.Transport.
func (r *Replay) MemoryGrant(memory ipc.Handle, pages uint64) error {
	return r.next("MemoryGrant", arguments(memory, pages)).err
}

// ThreadDestroy implements ipc.Transport.
func (r *Recorder) ThreadDestroy(thread ipc.Handle) error {
	err := r.tr.ThreadDestroy(thread)
	r.did("ThreadDestroy", arguments(thread), err)
	return err
}

// ThreadDestroy implements ipc.Transport.
func (r *Replay) ThreadDestroy(thread ipc.Handle) error {
	return r.next("ThreadDestroy", arguments(thread)).err
}

// ThreadSetSpace implements ipc.Transport.
func (r *Recorder) ThreadSetSpace(thread, space ipc.Handle, faultBadge uint64) error {
	err := r.tr.ThreadSetSpace(thread, space, faultBadge)
	r.did("ThreadSetSpace", arguments(thread, space, faultBadge), err)
	return err
}

// ThreadSetSpace implements ipc.Transport.
func (r *Replay) ThreadSetSpace(thread, space ipc.Handle, faultBadge uint64) error {
	return r.next("ThreadSetSpace", arguments(thread, space, faultBadge)).err
}

// InterruptBind implements ipc.Transport.
func (r *Recorder) InterruptBind(interrupt, endpoint ipc.Handle, bits uint64) error {
	err := r.tr.InterruptBind(interrupt, endpoint, bits)
	r.did("InterruptBind", arguments(interrupt, endpoint, bits), err)
	return err
}

// InterruptBind implements ipc.Transport.
func (r *Replay) InterruptBind(interrupt, endpoint ipc.Handle, bits uint64) error {
	return r.next("InterruptBind", arguments(interrupt, endpoint, bits)).err
}

// InterruptAck implements ipc.Transport.
func (r *Recorder) InterruptAck(interrupt ipc.Handle) error {
	err := r.tr.InterruptAck(interrupt)
	r.did("InterruptAck", arguments(interrupt), err)
	return err
}

// InterruptAck implements ipc.Transport.
func (r *Replay) InterruptAck(interrupt ipc.Handle) error {
	return r.next("InterruptAck", arguments(interrupt)).err
}

// PortOut implements ipc.Transport.
func (r *Recorder) PortOut(ports ipc.Handle, port uint16, size int, v uint32) error {
	err := r.tr.PortOut(ports, port, size, v)
	r.did("PortOut", arguments(ports, port, size, v), err)
	return err
}

// PortOut implements ipc.Transport.
func (r *Replay) PortOut(ports ipc.Handle, port uint16, size int, v uint32) error {
	return r.next("PortOut", arguments(ports, port, size, v)).err
}

// Shutdown implements ipc.Transport.
func (r *Recorder) Shutdown(machine ipc.Handle, code int) error {
	err := r.tr.Shutdown(machine, code)
	r.did("Shutdown", arguments(machine, code), err)
	return err
}

// Shutdown implements ipc.Transport.
func (r *Replay) Shutdown(machine ipc.Handle, code int) error {
	return r.next("Shutdown", arguments(machine, code)).err
}
