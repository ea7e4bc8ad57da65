package relay

import (
	"unsafe"

	"starling/ipc"
)

// Bit tells a server that there are events, and a lab that there is a reply. No server uses it for anything else.
const Bit uint64 = 1 << 40

// Names of grants: the wire to the lab that a server's traps come through, and where the faults of the programs go
// that it makes.
const (
	TrapsWire  = "traps"
	FaultsWire = "faults"
)

// room is how many events wait at most: every thread of a program has one, and what a plan makes of them.
const room = 2048

// Area is the memory that a lab and a server share. It outlives instances of the server: what one has
// not taken the next one takes.
type Area struct {
	in, out uint32 // how many events were put, and taken
	reply   struct {
		ipc.Reply
		status int32
		asked  uint32 // 1: for the lab
	}
	events [room]ipc.Event
}

// Pages of an Area.
const Pages = (unsafe.Sizeof(Area{}) + ipc.PageSize - 1) / ipc.PageSize

// Here is the Area of the server that runs.
func Here() *Area { return (*Area)(unsafe.Add(nil, uintptr(ipc.RelayAddress))) }

// Put adds an event; false: there is no room.
func (a *Area) Put(ev *ipc.Event) bool {
	if a.in-a.out >= room {
		return false
	}
	a.events[a.in%room] = *ev
	a.in++
	return true
}

// Take removes the oldest event.
func (a *Area) Take(ev *ipc.Event) bool {
	if a.in == a.out {
		return false
	}
	*ev = a.events[a.out%room]
	a.out++
	return true
}

// Forget removes all events: the server that they were for is gone, and their programs with it.
func (a *Area) Forget() { a.out = a.in }

// Asked is the reply that the server has put there, if there is one.
func (a *Area) Asked() (ipc.Reply, bool) { return a.reply.Reply, a.reply.asked != 0 }

// Answer says what came of the reply.
func (a *Area) Answer(err error) {
	a.reply.status = 0
	if e, ok := err.(ipc.Error); ok {
		a.reply.status = int32(e)
	}
	a.reply.asked = 0
}

// ask puts a reply there, has the lab look, and returns what came of it.
func (a *Area) ask(r ipc.Reply, tell func() error) error {
	a.reply.Reply, a.reply.asked = r, 1
	if err := tell(); err != nil {
		return err
	}
	if a.reply.asked != 0 {
		a.reply.asked = 0
		return ipc.ErrState // no lab is there
	}
	if a.reply.status != 0 {
		return ipc.Error(a.reply.status)
	}
	return nil
}
