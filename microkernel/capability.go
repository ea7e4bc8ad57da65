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

// lookup finds a capability of the caller by kind.
func lookup(t *thread, h uint64, kind capKind) (*capability, ipc.Error) {
	c := t.server.find(h)
	if c.kind != kind || kind == capNone {
		return nil, ipc.ErrCapability
	}
	return c, 0
}

func findEndpoint(t *thread, h uint64, rights uint8) (*endpoint, *capability, ipc.Error) {
	c, err := lookup(t, h, capEndpoint)
	if err != 0 {
		return nil, nil, err
	}
	if c.rights&rights == 0 {
		return nil, nil, ipc.ErrCapability
	}
	return (*endpoint)(c.object), c, 0
}

func findSpace(t *thread, h uint64) (*space, ipc.Error) {
	c, err := lookup(t, h, capSpace)
	if err != 0 {
		return nil, err
	}
	sp := (*space)(c.object)
	if sp.dead {
		return nil, ipc.ErrGone
	}
	return sp, 0
}

func findMemory(t *thread, h uint64) (*memory, ipc.Error) {
	c, err := lookup(t, h, capMemory)
	if err != 0 {
		return nil, err
	}
	m := (*memory)(c.object)
	if m.dead {
		return nil, ipc.ErrGone
	}
	return m, 0
}

func (k *kernel) findThread(t *thread, h uint64) (*thread, ipc.Error) {
	c, err := lookup(t, h, capThread)
	if err != 0 {
		return nil, err
	}
	if found := k.threads.find(c.badge); found != nil {
		return found, 0
	}
	return nil, ipc.ErrGone
}

// copyCapability counts a reference for a second slot.
func copyCapability(c *capability) capability {
	switch c.kind {
	case capEndpoint:
		e := (*endpoint)(c.object)
		e.refs++
		if c.rights&rightReceive != 0 {
			e.receivers++
		}
	case capSpace:
		(*space)(c.object).refs++
	case capMemory:
		(*memory)(c.object).refs++
	}
	return *c
}

// dropCapability gives back the reference of a slot.
func (k *kernel) dropCapability(c *capability) {
	switch c.kind {
	case capEndpoint:
		e := (*endpoint)(c.object)
		if c.rights&rightReceive != 0 {
			k.dropReceiver(e)
		}
		k.dropEndpoint(e)
	case capSpace:
		sp := (*space)(c.object)
		sp.refs--
		k.dropSpace(sp)
	case capMemory:
		m := (*memory)(c.object)
		if m.refs--; m.refs == 0 {
			k.memories.give(m)
		}
	}
}

// give inserts a new capability into the caller's table and sets its handle as
// result. On failure the reference is given back.
func (k *kernel) give(t *thread, c capability) ipc.Error {
	h, err := k.insert(t.server, c)
	if err != 0 {
		k.dropCapability(&c)
		return err
	}
	t.SetResults(0, uint64(h), 0)
	return 0
}
