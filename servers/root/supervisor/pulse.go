package supervisor

import (
	"fmt"

	"starling/ipc/lab"
)

// A server that runs in circles, or waits for what never comes, traps nowhere. Of those
// that the manifest gives a limit (hang), root wants a sign of life once a second, at
// the end of a message. It asks in the way of a swap, by the page and a notification: a
// call would hang root too.

// beat is the time between two questions in ns.
const beat = 1e9

// pulse is what root knows of a server's life.
type pulse struct {
	asked  uint32 // number of the order that is not answered yet; 0: none
	missed int    // beats since it was given
}

// watched reports whether there is a limit for a server.
func (s *server) watched() bool { return s.spec.Hang > 0 && s.now != nil && !s.now.dead }

// startPulse begins to ask, if there is anybody to ask.
func (r *Root) startPulse() {
	for _, s := range r.servers {
		if s.watched() {
			r.nextBeat = r.t.Now() + beat
		}
	}
}

// feelPulse looks who has answered and asks again. A server that is being swapped has
// other orders, and other limits.
func (r *Root) feelPulse(now int64) {
	if r.nextBeat == 0 || now < r.nextBeat {
		return
	}
	// A beat that comes late says that the whole machine stood still: an emulator that got no
	// time. Nobody could have answered meanwhile.
	late := now-r.nextBeat > beat/2
	r.nextBeat = now + beat
	for _, s := range r.servers {
		if !s.watched() || r.swap != nil && r.swap.server == s {
			s.pulse = pulse{}
			continue
		}
		p := &s.pulse
		if p.asked == 0 || s.now.signed(p.asked) {
			*p = pulse{asked: r.askSign(s.now)}
			continue
		}
		if !late {
			p.missed++
		}
		if p.missed >= s.spec.Hang {
			r.died(s, s.now, fmt.Sprintf("it has not come to the end of a message for %d s", p.missed))
			if r.ending.decided {
				return
			}
		}
	}
}

// setTimer sets root's timer to what comes first.
func (r *Root) setTimer() {
	at := r.nextBeat
	if w := r.swap; w != nil && (at == 0 || w.deadline < at) {
		at = w.deadline
	}
	if r.asks != 0 && (at == 0 || r.asks < at) {
		at = r.asks
	}
	r.labs(func(s *server, _ *lab.Report) {
		if s.found != 0 && (at == 0 || s.found < at) {
			at = s.found
		}
	})
	for _, q := range r.questions {
		if at == 0 || q.deadline < at {
			at = q.deadline
		}
	}
	_ = r.t.TimerSet(r.endpoint, at)
}
