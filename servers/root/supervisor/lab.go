package supervisor

import (
	"fmt"
	"strings"

	"starling/ipc"
	"starling/ipc/control"
	"starling/ipc/lab"
	"starling/ipc/relay"
	"starling/ipc/supervise"
	"starling/servers/manifest"
)

// Labs stand in wires. To root they are servers as others, which come from the wires and not from the list, start
// first, and have a page where they report and give orders (ipc/lab).

// prepareLab sets aside the memory that a lab shares with the server whose traps it gets.
func (r *Root) prepareLab(s *server) error {
	if s.spec.Lab == nil || s.spec.Lab.From != manifest.ProgramsName {
		return nil
	}
	area, err := r.memory.take(uint64(relay.Pages))
	if err != nil {
		return fmt.Errorf("its area: %w", err)
	}
	b, err := r.memory.show(area, ipc.Read|ipc.Write)
	if err != nil {
		return err
	}
	clear(b)
	r.areas[s.spec.Lab.To], r.areas[s.spec.Name] = area, area
	return nil
}

// mapArea maps that memory on either side.
func (r *Root) mapArea(s *instance) error {
	area := r.areas[s.spec.Name]
	return r.memory.mapRange(s.space, ipc.RelayAddress, area, 0, area.pages, ipc.Read|ipc.Write)
}

// end is the endpoint of whoever is at the end of a wire: the lab, when it runs through one.
func (r *Root) end(w manifest.Wire) ipc.Handle {
	to := w.To
	if name, tapped := r.manifest.LabOf(w); tapped {
		to = name
	}
	if s, ok := r.byName(to); ok {
		return s.endpoint
	}
	return r.endpoint
}

// lab gives a lab what it needs: the server that its wire leads to, and root.
func (g *granter) lab() {
	l := g.s.spec.Lab
	for _, w := range g.r.manifest.Wires {
		if w.From == l.From && w.To == l.To {
			w.Lab, w.Name = false, lab.TargetWire
			g.wire(w)
			break
		}
	}
	g.wire(manifest.Wire{From: g.s.spec.Name, To: manifest.RootName, Name: lab.OrderWire, Badge: uint64(g.s.number)})
	if _, ok := g.r.bundle.Find(lab.PlanFile); ok {
		g.file(lab.PlanFile)
	}
}

// taps tells a server which of its clients come through labs, and where its own traps, and the faults of programs that
// it makes, go through one.
func (g *granter) taps() {
	me := g.s.spec
	pager, _ := g.r.manifest.ByRole(manifest.Pager)
	var faults *manifest.Wire
	for _, w := range g.r.manifest.Wires {
		switch {
		case w.Lab && w.From == manifest.ProgramsName && w.To == me.Name:
			w.Name = relay.TrapsWire
			g.wire(w)
		case w.Lab && w.To == me.Name:
			g.name("<"+w.From, ipc.Grant{Kind: ipc.GrantTapped, Base: w.Badge})
		}
		if !w.Lab || me.Role != manifest.Personality || pager == nil || w.To != pager.Name {
			continue
		}
		if w.From == manifest.ProgramsName {
			faults = &w
		} else if w.From == me.Name && faults == nil {
			faults = &manifest.Wire{From: manifest.ProgramsName, To: w.To} // not over the wire of the calls
		}
	}
	if faults != nil {
		w := *faults
		w.Name = relay.FaultsWire
		g.wire(w)
	}
}

// tapper is a transport that can put calls into envelopes.
type tapper interface {
	Tap(wire ipc.Handle, badge uint64)
}

// tapOwn does for a wire of root's own what a grant says to other servers.
func (r *Root) tapOwn(w manifest.Wire, h ipc.Handle) {
	if t, ok := r.t.(tapper); ok && w.Lab {
		t.Tap(h, 0)
	}
}

// labs calls f for every lab.
func (r *Root) labs(f func(s *server, l *lab.Report)) {
	for _, s := range r.servers {
		if s.spec.Lab != nil && s.now != nil {
			f(s, lab.In(s.now.page()))
		}
	}
}

// arm lets the labs strike: everything runs.
func (r *Root) arm() {
	r.armed = true
	r.labs(func(_ *server, l *lab.Report) { l.Armed = 1 })
	for _, w := range r.manifest.Wires {
		if w.Lab && w.To == manifest.RootName {
			r.asks = r.t.Now() + askEvery
		}
	}
	r.setTimer()
}

// anew tells the labs that a server starts from nothing, and its programs with it. Nothing is struck until it runs.
func (r *Root) anew(s *server) {
	r.labs(func(_ *server, l *lab.Report) {
		l.Armed = 0
		if s.spec.Role == manifest.Personality {
			l.Epoch++
		}
	})
	if area, ok := r.areas[s.spec.Name]; ok && s.spec.Lab == nil && s.starts > 1 {
		if b := r.memory.window.At(area.base, area.pages*pageSize); b != nil {
			(*relay.Area)(b).Forget()
		}
	}
}

// askEvery is how often root looks by itself, in ns, when a lab may lose what it is notified of.
const askEvery = 1e9

// askAgain looks whether a notification was lost.
func (r *Root) askAgain(now int64) {
	if r.asks == 0 || now < r.asks {
		return
	}
	r.asks = now + askEvery
	r.pending |= supervise.Changed | supervise.Staged
}

// labOrders carries out what labs ask for.
func (r *Root) labOrders() {
	r.labs(func(s *server, l *lab.Report) {
		if l.Number == l.Done || l.Order == lab.Hang && !r.finds(s) {
			return
		}
		if to, ok := r.byName(s.spec.Lab.To); ok {
			switch l.Order {
			case lab.Crash:
				r.kill(to, "ended by "+s.spec.Name)
			case lab.Hang:
				r.kill(to, "stood still, says "+s.spec.Name)
			case lab.Swap:
				r.startSwap(0, &control.Swap{Server: to.spec.Name})
			}
		}
		l.Done = l.Number
		_ = r.t.Notify(s.endpoint, lab.DoneBit)
	})
}

// finds reports whether it is time to find out that the server at the end of a lab's wire stands still.
func (r *Root) finds(s *server) bool {
	now := r.t.Now()
	if s.found == 0 {
		s.found = now + lab.HangTime
		r.setTimer()
	}
	if now < s.found {
		return false
	}
	s.found = 0
	return true
}

// standsStill reports whether a server does that root has not found out about.
func (r *Root) standsStill() (yes bool) {
	r.labs(func(s *server, _ *lab.Report) { yes = yes || s.found != 0 })
	return yes
}

// kill ends a server, and does what its manifest says then.
func (r *Root) kill(s *server, why string) {
	_ = r.t.ThreadDestroy(s.now.thread)
	r.died(s, s.now, why)
}

// sayLabs tells the host what the labs saw, and what there is of what can leak.
func (r *Root) sayLabs() {
	any := false
	r.labs(func(s *server, l *lab.Report) {
		any = true
		c := control.Lab{From: s.spec.Lab.From, To: s.spec.Lab.To, Messages: l.Messages, Hash: l.Hash, Struck: l.Struck}
		c.Counts = append(c.Counts, l.Counts[:]...)
		if text := strings.TrimSpace(l.Said()); text != "" {
			c.Violations = strings.Split(text, "\n")
		}
		r.say(control.ToHost{Lab: &c})
	})
	if any {
		r.say(control.ToHost{Stats: r.stats()})
	}
}
