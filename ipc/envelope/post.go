package envelope

import "starling/ipc"

// Post is what a server has whose wires run through servers/lab, some or all of them: a Sender for those that it
// calls over, a Desk for those whose calls it gets. On the others messages travel as they are.
type Post struct {
	Sender
	Desk
	wires  []ipc.Handle
	badges []uint64
}

// Tap makes calls over a wire, and the calls of clients with a badge, travel in envelopes from now on. 0 is none.
func (p *Post) Tap(wire ipc.Handle, badge uint64) {
	if wire != 0 {
		p.wires = append(p.wires, wire)
	}
	if badge != 0 {
		p.badges = append(p.badges, badge)
	}
}

// Sends reports whether calls over a wire travel in envelopes.
func (p *Post) Sends(wire ipc.Handle) bool {
	for _, w := range p.wires {
		if w == wire {
			return true
		}
	}
	return false
}

// Receives reports whether the calls of a client do.
func (p *Post) Receives(badge uint64) bool {
	for _, b := range p.badges {
		if b == badge {
			return true
		}
	}
	return false
}
