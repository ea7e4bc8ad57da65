package console

import "starling/ipc/planted"

// Repeat makes the console notify again what nobody seems to have heard: a notification can get lost,
// and who waits for it would wait for ever.
type Repeat struct {
	bits  uint64 // told, and the client has not called about that channel since
	times int    // that it was told again
	at    int64  // when to tell again, ns since boot
}

const (
	repeatFirst = 50e6 // ns until the first time; each time twice as long
	repeatMost  = 5    // times; whoever does not come then does not want to know
)

// Told notes that bits were notified now.
func (r *Repeat) Told(bits uint64, now int64) {
	if bits&^r.bits != 0 {
		r.times = 0
	}
	r.bits |= bits
	if r.times == repeatMost {
		r.bits = 0
		return
	}
	r.at = now + repeatFirst<<r.times
}

// Next is when Due is to be asked, 0 for never.
func (r *Repeat) Next() int64 {
	if r.bits == 0 {
		return 0
	}
	return r.at
}

// Due is what has to be notified again now, 0 for nothing.
func (r *Repeat) Due(now int64) uint64 {
	if r.bits == 0 || now < r.at || planted.DeafConsole {
		return 0
	}
	r.times++
	return r.bits
}

// Heard says that a client called about a channel.
func (r *Repeat) Heard(c Channel) { r.bits &^= InputBit(c) | SpaceBit(c) }
