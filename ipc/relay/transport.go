package relay

import "starling/ipc"

// Transport is that of a server whose traps come through a lab.
type Transport struct {
	ipc.Transport
	area   *Area
	self   ipc.Handle // where its events come
	lab    ipc.Handle // 0: its traps come from the kernel
	faults ipc.Handle // 0: where the server says
	// direct is the threads, with their generation, whose traps come from the kernel all the same: servers, at the pager.
	direct map[uint32]uint32
}

// Wrap returns t itself, unless the grants say that traps go through a lab.
func Wrap(t ipc.Transport, info *ipc.ServerInfo) ipc.Transport {
	handle := func(name string) ipc.Handle {
		g, _ := info.Grant(name)
		return g.Handle
	}
	w := &Transport{Transport: t, area: Here(), self: handle("self"), lab: handle(TrapsWire), faults: handle(FaultsWire),
		direct: map[uint32]uint32{}}
	if w.lab == 0 && w.faults == 0 {
		return t
	}
	return w
}

// Wait implements ipc.Transport. An event that came through the lab has the time at which it is taken.
func (w *Transport) Wait(endpoint ipc.Handle, ev *ipc.Event) error {
	if w.lab == 0 || endpoint != w.self {
		return w.Transport.Wait(endpoint, ev)
	}
	for !w.area.Take(ev) {
		if err := w.Transport.Wait(endpoint, ev); err != nil {
			return err
		}
		switch ev.Kind {
		case ipc.EventSyscall, ipc.EventFault, ipc.EventException, ipc.EventReport:
			w.direct[ev.Token.Thread] = ev.Token.Generation
			return nil
		case ipc.EventMessage, ipc.EventTimer:
			return nil
		}
		if ev.Bits &^= Bit; ev.Bits != 0 {
			return nil
		}
	}
	ev.Time = w.Now()
	return nil
}

// Reply implements ipc.Transport.
func (w *Transport) Reply(r ipc.Reply) error {
	if g, ok := w.direct[r.Token.Thread]; w.lab == 0 || ok && g == r.Token.Generation {
		return w.Transport.Reply(r)
	}
	return w.area.ask(r, func() error { return w.Notify(w.lab, Bit) })
}

// ThreadCreate implements ipc.Transport: the events of a program go through the labs.
func (w *Transport) ThreadCreate(spec *ipc.ThreadSpec) (ipc.Handle, ipc.Token, error) {
	through := *spec
	if spec.Kind == ipc.Program {
		if w.lab != 0 {
			through.TrapEndpoint = w.lab
		}
		if w.faults != 0 {
			through.FaultEndpoint = w.faults
		}
	}
	return w.Transport.ThreadCreate(&through)
}
