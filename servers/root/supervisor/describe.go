package supervisor

import (
	"starling/ipc/control"
	"starling/ipc/supervise"
	"starling/pager/client"
	"starling/servers/manifest"
)

// question is one of the host about the servers that waits for a sign of life of the
// personality: a call to one that hangs would hang root too.
type question struct {
	id       uint64 // of the host's line
	of       *instance
	order    uint32 // CommandSign
	deadline int64  // ns since boot
}

// patience is how long a question waits in ns.
const patience = 5e9

// askServers answers the host what runs, as soon as the personality shows that it can be asked.
func (r *Root) askServers(id uint64) {
	s, ok := r.byRole(manifest.Personality)
	if !ok || !s.spec.Swap || s.now.dead || r.swapping() {
		r.say(control.ToHost{ID: id, Servers: r.describeServers(!r.swapping())})
		return
	}
	r.questions = append(r.questions, question{id, s.now, r.askSign(s.now), r.t.Now() + patience})
	r.setTimer()
}

// answerQuestions answers those that can be, or that have waited long enough.
func (r *Root) answerQuestions(now int64) {
	waiting := r.questions
	r.questions = nil
	for _, q := range waiting {
		s, _ := r.byRole(manifest.Personality)
		signed := s.now != q.of || s.now.signed(q.order) // one that has just come lives
		if !signed && !r.swapping() && now < q.deadline {
			r.questions = append(r.questions, q)
			continue
		}
		r.say(control.ToHost{ID: q.id, Servers: r.describeServers(signed && !r.swapping())})
	}
}

// signed reports whether an instance has carried out an order, or a later one.
func (in *instance) signed(order uint32) bool { return int32(in.page().Outcome().Answers-order) >= 0 }

// describeServers says what runs; ask: also what the personality counts.
func (r *Root) describeServers(ask bool) []control.Server {
	list := make([]control.Server, len(r.servers))
	for i, s := range r.servers {
		c := control.Server{
			Name: s.spec.Name, Build: s.now.name, Generation: s.generation, Restarts: s.starts - 1,
			Priority: int(s.spec.Priority), Threads: 1, Heap: s.spec.Heap,
		}
		c.Resident, c.Given = r.memoryOf(s)
		if s.spec.Swap {
			c.Builds = s.buildNames()
		}
		// Not in the middle of a swap: nobody would answer until its end.
		if s.spec.Role == manifest.Personality && r.ending.personality != 0 && !r.swapping() {
			if c.Silent = !ask; ask {
				if report, err := supervise.Ask(r.t, r.ending.personality, supervise.OpStats); err == nil {
					c.Text = report.Text
				}
			}
		}
		list[i] = c
	}
	return list
}

// memoryOf is what a server has itself, and what its programs and files have, in bytes.
func (r *Root) memoryOf(s *server) (own, given uint64) {
	own = s.now.own.pages + s.now.heap.pages
	if r.pager == nil {
		return own * pageSize, 0
	}
	if s.now.adopted != 0 {
		if pages, st := r.pager.SpaceUsage(s.now.adopted); st == client.OK {
			own += pages
		}
	}
	if w, ok := r.pagerWire(s); ok {
		given, _, _ = r.pager.Usage(w.Badge)
	}
	return own * pageSize, given * pageSize
}

// pagerWire is a server's wire to the pager: its badge is the pager's name for the server.
func (r *Root) pagerWire(s *server) (manifest.Wire, bool) {
	p, ok := r.byRole(manifest.Pager)
	for _, w := range r.manifest.Wires {
		if ok && w.From == s.spec.Name && w.To == p.spec.Name {
			return w, true
		}
	}
	return manifest.Wire{}, false
}

// describeWires says who may call whom.
func (r *Root) describeWires() []control.Wire {
	list := make([]control.Wire, len(r.manifest.Wires))
	for i, w := range r.manifest.Wires {
		list[i] = control.Wire{From: w.From, To: w.To, Name: w.Name, Badge: w.Badge}
	}
	return list
}
