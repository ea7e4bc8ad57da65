// Package event is the files that stand for events: eventfd(2), timerfd_create(2)
// and signalfd(2). None of them has an inode of its own.
package event

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Events is the module. It implements vfs.Module.
type Events struct {
	v      *vfs.VFS
	clock  *clock.Clock
	counts map[uint64]*eventFD
	timers map[uint64]*TimerFD
}

// New makes the module and registers it.
func New(v *vfs.VFS, k *clock.Clock) *Events {
	m := &Events{v: v, clock: k, counts: map[uint64]*eventFD{}, timers: map[uint64]*TimerFD{}}
	v.RegisterModule(m)
	v.RegisterKind(vfs.KindEventFD, eventKind{m})
	v.RegisterKind(vfs.KindTimerFD, timerKind{m})
	v.RegisterKind(vfs.KindSignalFD, signalKind{m})
	return m
}

// Export implements vfs.Module.
func (m *Events) Export(t *state.VFST) {
	for _, e := range m.counts {
		s := e.EventFDT
		t.Eventfds = append(t.Eventfds, &s)
	}
	for _, x := range m.timers {
		s := x.TimerFDT
		if x.timer.Armed() {
			s.Deadline = x.timer.Deadline()
		}
		t.Timerfds = append(t.Timerfds, &s)
	}
	vfs.SortByID(t.Eventfds, func(e *state.EventFDT) uint64 { return e.Id })
	vfs.SortByID(t.Timerfds, func(e *state.TimerFDT) uint64 { return e.Id })
}

// Import implements vfs.Module. The clock's time must be set.
func (m *Events) Import(t *state.VFST, _ *vfs.Restorer) unix.Errno {
	for _, s := range t.Eventfds {
		m.counts[s.Id] = &eventFD{*s}
	}
	for _, s := range t.Timerfds {
		x := &TimerFD{TimerFDT: *s}
		x.init()
		if resting := s.Expirations > 0; s.Deadline != 0 && !resting {
			x.Deadline = 0
			m.clock.Set(&x.timer, s.Deadline)
		}
		m.timers[s.Id] = x
	}
	return 0
}

// Relink implements vfs.Module.
func (*Events) Relink(*vfs.Restorer) unix.Errno { return 0 }

// eventFD is a counter.
type eventFD struct{ state.EventFDT }

const maxCount = 0xfffffffffffffffe

// EventFD is eventfd2(2).
func (m *Events) EventFD(initial uint32, flags int) (*vfs.File, unix.Errno) {
	e := &eventFD{state.EventFDT{Id: m.v.NewID(), Count: uint64(initial), Semaphore: flags&unix.EFD_SEMAPHORE != 0}}
	f, errno := m.v.NewAnonFile("anon_inode:[eventfd]", vfs.KindEventFD, e.Id, eventOps{m: m}, unix.O_RDWR|uint32(flags)&unix.O_NONBLOCK)
	if errno != 0 {
		return nil, errno
	}
	m.counts[e.Id] = e
	f.Private = e
	return f, 0
}

type eventKind struct{ m *Events }

// Reopen implements vfs.Kind.
func (k eventKind) Reopen(f *vfs.File) unix.Errno {
	e := k.m.counts[f.Key0]
	if e == nil {
		return unix.EINVAL
	}
	f.Private, f.Ops = e, eventOps{m: k.m}
	return 0
}

type eventOps struct {
	vfs.FileBase
	m *Events
}

// Read implements vfs.FileOps.
func (o eventOps) Read(_ *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	e := f.Private.(*eventFD)
	if io.Len() < 8 {
		return 0, unix.EINVAL
	}
	if e.Count == 0 {
		return 0, unix.EAGAIN
	}
	n := e.Count
	if e.Semaphore {
		n = 1
	}
	e.Count -= n
	o.m.v.Waits.Wake(wait.ID(e.Id), wait.Out)
	return put64(io, n)
}

// Write implements vfs.FileOps.
func (o eventOps) Write(_ *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	e := f.Private.(*eventFD)
	if io.Len() < 8 {
		return 0, unix.EINVAL
	}
	var b [8]byte
	if _, errno := io.Take(b[:]); errno != 0 {
		return 0, errno
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n == 1<<64-1 {
		return 0, unix.EINVAL
	}
	if maxCount-e.Count < n {
		return 0, unix.EAGAIN
	}
	e.Count += n
	if e.Count > 0 {
		o.m.v.Waits.Wake(wait.ID(e.Id), wait.In)
	}
	return 8, 0
}

// Ready implements vfs.FileOps.
func (eventOps) Ready(f *vfs.File, mask wait.Events) wait.Events {
	e := f.Private.(*eventFD)
	var ev wait.Events
	if e.Count > 0 {
		ev |= wait.In
	}
	if e.Count < maxCount {
		ev |= wait.Out
	}
	return ev & mask
}

// WaitID implements vfs.FileOps.
func (eventOps) WaitID(f *vfs.File) wait.ID { return wait.ID(f.Private.(*eventFD).Id) }

// Release implements vfs.FileOps.
func (o eventOps) Release(_ *vfs.VFS, f *vfs.File) { delete(o.m.counts, f.Key0) }

func put64(io *usermem.IO, n uint64) (int, unix.Errno) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	return io.Put(b[:])
}
