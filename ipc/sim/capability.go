package sim

import "starling/ipc"

// kind of a capability.
type kind uint8

const (
	kindNone kind = iota
	kindEndpoint
	kindSpace
	kindThread
	kindMemory
	kindInterrupt
	kindPorts
	kindMachine
)

// capability is one slot of a server's table. Objects carry a dead mark, so
// a name that outlives its object gets ErrGone and never another object.
type capability struct {
	kind    kind
	receive bool   // endpoint: may wait and set timers
	badge   uint64 // endpoint: told to the receiver
	object  any    // *endpoint, *space, *Thread, *memory, *interrupt, *portRange
	free    ipc.Handle
}

// table is a server's capability table. Slot 0 heads the free list.
type table struct {
	slots []capability
	limit int
	pool  *pool
}

// capabilitiesPerPage is how many slots a page of kernel memory holds.
const capabilitiesPerPage = 128

// pages is how many pages the table takes. It stays as large as it was when most was in it.
func (t *table) pages() uint64 {
	return (uint64(len(t.slots)) + capabilitiesPerPage - 1) / capabilitiesPerPage
}

// put adds a capability. It counts a reference where the kernel does.
func (t *table) put(c capability) (ipc.Handle, error) {
	h := t.slots[0].free
	switch {
	case h != 0:
		t.slots[0].free = t.slots[h].free
	case len(t.slots) >= t.limit:
		return 0, ipc.ErrFull
	default:
		if len(t.slots)%capabilitiesPerPage == 0 {
			if err := t.pool.take(1); err != nil {
				return 0, err
			}
		}
		h = ipc.Handle(len(t.slots))
		t.slots = append(t.slots, capability{})
	}
	c.free = 0
	t.slots[h] = c
	return h, nil
}

// share is put for a copy of a capability that exists.
func (t *table) share(c capability) (ipc.Handle, error) {
	h, err := t.put(c)
	if ep, ok := c.object.(*endpoint); ok && c.receive && err == nil {
		ep.receivers++
	}
	return h, err
}

func (t *table) at(h ipc.Handle) (*capability, error) {
	if h == 0 || int(h) >= len(t.slots) || t.slots[h].kind == kindNone {
		return nil, ipc.ErrCapability
	}
	return &t.slots[h], nil
}

func (t *table) remove(h ipc.Handle) {
	t.slots[h] = capability{free: t.slots[0].free}
	t.slots[0].free = h
}

// mortal is an object that can be destroyed while capabilities name it.
type mortal interface{ gone() bool }

// find looks h up in the table of tr as an object of type T.
func find[T mortal](tr *Transport, h ipc.Handle, k kind) (T, *capability, error) {
	var none T
	c, err := tr.caps.at(h)
	if err != nil {
		return none, nil, err
	}
	if c.kind != k {
		return none, nil, ipc.ErrCapability
	}
	o := c.object.(T)
	if o.gone() {
		return none, nil, ipc.ErrGone
	}
	return o, c, nil
}

// CapCopy implements ipc.Transport. The handle of a server is the capability of its thread.
func (tr *Transport) CapCopy(server, cap ipc.Handle) (ipc.Handle, error) {
	tr.enter()
	t, _, err := find[*Thread](tr, server, kindThread)
	if err != nil {
		return 0, err
	}
	if t.server == nil {
		return 0, ipc.ErrCapability
	}
	c, err := tr.caps.at(cap)
	if err != nil {
		return 0, err
	}
	return t.server.caps.share(*c)
}

// CapDelete implements ipc.Transport.
func (tr *Transport) CapDelete(h ipc.Handle) error {
	tr.enter()
	c, err := tr.caps.at(h)
	if err != nil {
		return err
	}
	tr.post.Dropped(h)
	tr.drop(c)
	tr.caps.remove(h)
	return nil
}

// drop gives back what a capability refers to.
func (tr *Transport) drop(c *capability) {
	if ep, ok := c.object.(*endpoint); ok && c.receive {
		tr.k.dropReceiver(ep)
	}
}

// Give copies a capability of another server into the table of tr, as root's wiring does.
func (tr *Transport) Give(from *Transport, h ipc.Handle) ipc.Handle {
	c, err := from.caps.at(h)
	if err != nil {
		tr.k.fail("%s cannot give %s capability %d: %v", from.name, tr.name, h, err)
	}
	given, err := tr.caps.share(*c)
	if err != nil {
		tr.k.fail("%s: %v", tr.name, err)
	}
	return given
}

// own puts a capability the harness made into the table.
func (tr *Transport) own(c capability) ipc.Handle {
	h, err := tr.caps.put(c)
	if err != nil {
		tr.k.fail("%s: %v", tr.name, err)
	}
	return h
}

// GiveMachine gives the right to end the machine.
func (tr *Transport) GiveMachine() ipc.Handle { return tr.own(capability{kind: kindMachine}) }

// Capabilities is how many slots of the server's table are in use, and how many of them name memory.
func (tr *Transport) Capabilities() (all, memory int) {
	for i := range tr.caps.slots {
		if tr.caps.slots[i].kind != kindNone {
			all++
		}
		if tr.caps.slots[i].kind == kindMemory {
			memory++
		}
	}
	return all, memory
}

// CapabilityPages is how many pages of kernel memory the server's table takes.
func (tr *Transport) CapabilityPages() uint64 { return tr.caps.pages() }

// Threads is how many threads there are, servers included.
func (k *Kernel) Threads() int { return len(k.threads) - 1 - len(k.idle) }

// KernelFree is how many pages the kernel has left.
func (k *Kernel) KernelFree() uint64 { return k.pool.free }
