package relay

import (
	"testing"

	"starling/ipc"
)

// kernel is one with a lab behind a handle, and events of its own.
type kernel struct {
	ipc.Transport
	area    *Area
	events  []ipc.Event
	replied []ipc.Reply // to the kernel itself
	made    ipc.ThreadSpec
	absent  bool // no lab takes replies
}

const (
	self   = 1
	labEnd = 2
	faults = 3
)

func (k *kernel) Now() int64 { return 77 }

func (k *kernel) Wait(_ ipc.Handle, ev *ipc.Event) error {
	if len(k.events) == 0 {
		return ipc.ErrState
	}
	*ev = k.events[0]
	k.events = k.events[1:]
	return nil
}

func (k *kernel) Reply(r ipc.Reply) error { k.replied = append(k.replied, r); return nil }

func (k *kernel) Notify(h ipc.Handle, bits uint64) error {
	if r, ok := k.area.Asked(); ok && h == labEnd && bits == Bit && !k.absent {
		var err error
		if r.Token.Sequence == 13 {
			err = ipc.ErrStale
		}
		k.area.Answer(err)
	}
	return nil
}

func (k *kernel) ThreadCreate(spec *ipc.ThreadSpec) (ipc.Handle, ipc.Token, error) {
	k.made = *spec
	return 0, ipc.Token{}, nil
}

func wrapped() (*Transport, *kernel) {
	k := &kernel{area: new(Area)}
	return &Transport{Transport: k, area: k.area, self: self, lab: labEnd, faults: faults, direct: map[uint32]uint32{}}, k
}

// Events come from the area, in their order, and what else the kernel has comes as it is.
func TestWait(t *testing.T) {
	w, k := wrapped()
	for i := range uint64(3) {
		k.area.Put(&ipc.Event{Kind: ipc.EventSyscall, Token: ipc.Token{Thread: 5, Sequence: i}})
	}
	var ev ipc.Event
	for i := range uint64(3) {
		if err := w.Wait(self, &ev); err != nil || ev.Token.Sequence != i || ev.Time != 77 {
			t.Errorf("%v, %+v", err, ev)
		}
	}
	k.events = []ipc.Event{{Kind: ipc.EventNotify, Bits: Bit}, {Kind: ipc.EventNotify, Bits: Bit | 4}, {Kind: ipc.EventTimer}}
	if err := w.Wait(self, &ev); err != nil || ev.Kind != ipc.EventNotify || ev.Bits != 4 {
		t.Errorf("%v, %+v", err, ev)
	}
	if err := w.Wait(self, &ev); err != nil || ev.Kind != ipc.EventTimer {
		t.Errorf("%v, %+v", err, ev)
	}
	k.area.Put(&ev)
	k.area.Forget()
	if k.area.Take(&ev) {
		t.Error("what was forgotten is there")
	}
	for range room {
		k.area.Put(&ev)
	}
	if k.area.Put(&ev) {
		t.Error("more than there is room for")
	}
}

// A reply goes where its event came from, and has the kernel's status either way.
func TestReply(t *testing.T) {
	w, k := wrapped()
	if err := w.Reply(ipc.Reply{Token: ipc.Token{Thread: 5, Sequence: 12}}); err != nil {
		t.Error(err)
	}
	if err := w.Reply(ipc.Reply{Token: ipc.Token{Thread: 5, Sequence: 13}}); err != ipc.ErrStale {
		t.Error(err)
	}
	direct := ipc.Token{Thread: 6, Generation: 2}
	k.events = []ipc.Event{{Kind: ipc.EventFault, Token: direct}}
	var ev ipc.Event
	if err := w.Wait(self, &ev); err != nil || w.Reply(ipc.Reply{Token: direct}) != nil || len(k.replied) != 1 {
		t.Errorf("%v, %v to the kernel", err, k.replied)
	}
	k.absent = true
	if err := w.Reply(ipc.Reply{Token: ipc.Token{Thread: 5, Sequence: 14}}); err != ipc.ErrState {
		t.Error(err)
	}
}

// The events of programs go through the labs, those of servers do not.
func TestThreadCreate(t *testing.T) {
	w, k := wrapped()
	spec := ipc.ThreadSpec{TrapEndpoint: 40, FaultEndpoint: 41}
	if _, _, err := w.ThreadCreate(&spec); err != nil || k.made.TrapEndpoint != labEnd || k.made.FaultEndpoint != faults {
		t.Errorf("%v, %+v", err, k.made)
	}
	spec.Kind = ipc.Server
	if _, _, err := w.ThreadCreate(&spec); err != nil || k.made != spec {
		t.Errorf("%v, %+v", err, k.made)
	}
}
