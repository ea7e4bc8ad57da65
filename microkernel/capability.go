package microkernel

import (
	"unsafe"

	"starling/ipc"
)

// capKind says what a capability names.
type capKind uint8

const (
	capNone       capKind = iota
	capEndpoint           // object *endpoint; badge is what calls through it show
	capSpace              // object *space
	capThread             // badge is the thread's name
	capMemory             // object *memory
	capInterrupts         // all interrupt lines
	capInterrupt          // badge is the line
	capPorts              // badge is first | count<<32
	capMachine
)

// Rights of an endpoint capability.
const (
	rightReceive = 1 << iota // wait, mint, bind interrupts, set timers
	rightSend                // call, notify, be the destination of a thread's events
)

// capability is one slot of a server's table. Free slots are linked through badge.
type capability struct {
	kind   capKind
	rights uint8
	badge  uint64
	object unsafe.Pointer
	_      uint64
}

// find returns a capability of a server by handle, of a kind and with one of the rights
// (0: none is needed). What it names exists.
func (k *kernel) find(t *thread, h uint64, kind capKind, rights uint8) (*capability, ipc.Error) {
	c := t.server.find(h)
	if c.kind != kind || kind == capNone || rights != 0 && c.rights&rights == 0 {
		return nil, ipc.ErrCapability
	}
	if kind == capSpace && c.space().dead || kind == capMemory && c.memory().dead ||
		kind == capThread && k.threads.find(c.badge) == nil {
		return nil, ipc.ErrGone
	}
	return c, 0
}

func (c *capability) endpoint() *endpoint { return (*endpoint)(c.object) }
func (c *capability) space() *space       { return (*space)(c.object) }
func (c *capability) memory() *memory     { return (*memory)(c.object) }

// copyCapability counts a reference for a second slot.
func copyCapability(c *capability) capability {
	switch c.kind {
	case capEndpoint:
		e := c.endpoint()
		e.refs++
		if c.rights&rightReceive != 0 {
			e.receivers++
		}
	case capSpace:
		c.space().refs++
	case capMemory:
		c.memory().refs++
	}
	return *c
}

// dropCapability gives back the reference of a slot.
func (k *kernel) dropCapability(c *capability) {
	switch c.kind {
	case capEndpoint:
		e := c.endpoint()
		if c.rights&rightReceive != 0 {
			k.dropReceiver(e)
		}
		k.dropEndpoint(e)
	case capSpace:
		sp := c.space()
		sp.refs--
		k.dropSpace(sp)
	case capMemory:
		m := c.memory()
		if m.refs--; m.refs == 0 {
			k.memories.give(m)
		}
	}
}

// give inserts a new capability into the caller's table and sets its handle as
// result. On failure the reference is given back.
func (k *kernel) give(t *thread, c capability) ipc.Error { return k.giveTo(t, t.server, c) }

// giveTo is give for the table of any server.
func (k *kernel) giveTo(t *thread, to *server, c capability) ipc.Error {
	h, err := k.insert(to, c)
	if err != 0 {
		k.dropCapability(&c)
		return err
	}
	t.SetResults(0, uint64(h), 0)
	return 0
}
