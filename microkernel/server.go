package microkernel

import (
	"unsafe"

	"starling/arch/cpu"
	"starling/ipc"
)

// server is what a server thread has beside its registers: a message buffer and a
// capability table. It lives in a page of its own.
type server struct {
	buffer *[ipc.MessageSize]byte
	free   ipc.Handle // first free slot that was used before, 0 if none
	count  ipc.Handle // slots ever used, with the invalid 0
	pages  [capabilityPages]*[capabilitiesPerPage]capability
}

const (
	capabilitiesPerPage = cpu.PageSize / unsafe.Sizeof(capability{})
	capabilityPages     = 64
	maxCapabilities     = ipc.Handle(capabilityPages * capabilitiesPerPage)
)

const _ = uint(cpu.PageSize - unsafe.Sizeof(server{}))

func (k *kernel) newServer(buffer *[ipc.MessageSize]byte) *server {
	a := k.pool.TakePage()
	if a == 0 {
		return nil
	}
	s := (*server)(cpu.Physical(a))
	s.buffer, s.count = buffer, 1
	return s
}

func (k *kernel) freeServer(s *server) {
	for h := ipc.Handle(1); h < s.count; h++ {
		k.dropCapability(s.slot(h))
	}
	for _, p := range s.pages {
		if p != nil {
			k.pool.GivePage(cpu.Address(unsafe.Pointer(p)))
		}
	}
	k.pool.GivePage(cpu.Address(unsafe.Pointer(s)))
}

func (s *server) slot(h ipc.Handle) *capability {
	return &s.pages[uint64(h)/uint64(capabilitiesPerPage)][uint64(h)%uint64(capabilitiesPerPage)]
}

// find returns the capability of a handle; its kind is capNone if there is none.
func (s *server) find(h uint64) *capability {
	if h >= uint64(s.count) {
		return &noCapability
	}
	return s.slot(ipc.Handle(h))
}

var noCapability capability

// insert puts a capability into a free slot; the caller has counted the reference.
func (k *kernel) insert(s *server, c capability) (ipc.Handle, ipc.Error) {
	if h := s.free; h != 0 {
		slot := s.slot(h)
		s.free = ipc.Handle(slot.badge)
		*slot = c
		return h, 0
	}
	h := s.count
	if h >= maxCapabilities {
		return 0, ipc.ErrFull
	}
	page := &s.pages[uint64(h)/uint64(capabilitiesPerPage)]
	if *page == nil {
		a := k.pool.TakePage()
		if a == 0 {
			return 0, ipc.ErrMemory
		}
		*page = (*[capabilitiesPerPage]capability)(cpu.Physical(a))
	}
	s.count++
	*s.slot(h) = c
	return h, 0
}

// remove empties a slot of the running server.
func (k *kernel) remove(t *thread, h ipc.Handle) {
	s := t.server
	c := s.slot(h)
	if t.WaitHandle == uint64(h) {
		t.WaitHandle = 0
	}
	k.dropCapability(c)
	*c = capability{badge: uint64(s.free)}
	s.free = h
}
