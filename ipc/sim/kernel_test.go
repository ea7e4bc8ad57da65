package sim

import (
	"fmt"
	"strings"
	"testing"

	"starling/ipc"
)

func TestCallsCarryBytesAndCapabilities(t *testing.T) {
	k := New(Config{})
	lower, upper := k.Server("lower"), k.Server("upper")
	self, _ := lower.EndpointCreate()
	lower.Serve(self, HandlerFunc(func(ev *ipc.Event) {
		if ev.Kind != ipc.EventMessage || ev.Badge != 77 {
			t.Errorf("got %+v", *ev)
		}
		b := lower.Buffer()
		copy(b[ev.Length:], b[:ev.Length])
		base, pages, err := lower.MemoryInfo(ev.Cap)
		if err != nil || pages != 3 || base == 0 {
			t.Errorf("memory that came along: %#x %d %v", base, pages, err)
		}
		s, _ := lower.SpaceCreate()
		if err := lower.Answer(ev.Token, int(2*ev.Length), s); err != nil {
			t.Error(err)
		}
		if err := lower.Answer(ev.Token, 0, 0); err != ipc.ErrStale {
			t.Errorf("second answer: %v", err)
		}
	}))
	wire, err := lower.EndpointMint(self, 77)
	if err != nil {
		t.Fatal(err)
	}
	to := upper.Give(lower, wire)
	m := upper.GiveMemory(3)
	copy(upper.Buffer(), "abc")
	n, c, err := upper.Call(to, 3, m)
	if err != nil || string(upper.Buffer()[:n]) != "abcabc" {
		t.Errorf("answer %q %v", upper.Buffer()[:n], err)
	}
	if err := upper.SpaceDestroy(c); err != nil {
		t.Errorf("the space that came back: %v", err)
	}
}

func TestACycleOfCallsFails(t *testing.T) {
	k := New(Config{})
	a, b := k.Server("a"), k.Server("b")
	ea, _ := a.EndpointCreate()
	eb, _ := b.EndpointCreate()
	toA, toB := b.Give(a, ea), a.Give(b, eb)
	a.Serve(ea, HandlerFunc(func(*ipc.Event) { a.Call(toB, 0, 0) }))
	b.Serve(eb, HandlerFunc(func(*ipc.Event) { b.Call(toA, 0, 0) }))
	defer func() {
		f, ok := recover().(Failure)
		if !ok || !strings.Contains(string(f), "cycle of calls") {
			t.Errorf("got %v", f)
		}
	}()
	a.Notify(ea, 1)
	k.Run(10, nil)
	t.Error("no failure")
}

// Every error of the interface that names an argument.
func TestErrors(t *testing.T) {
	k := New(Config{KernelPages: 8, Capabilities: 40})
	tr, other := k.Server("one"), k.Server("other")
	ep, _ := tr.EndpointCreate()
	sendOnly, _ := tr.EndpointMint(ep, 5)
	space, _ := tr.SpaceCreate()
	mem, mapped := tr.GiveMemory(8), tr.GiveMemory(8)
	if err := tr.MapRange(space, 0x1000, mapped, 0, 1, ipc.Read); err != nil {
		t.Fatal(err)
	}
	spec := ipc.ThreadSpec{Space: space, Priority: 2, FrameMemory: mapped, FaultEndpoint: ep, TrapEndpoint: ep}
	thread, tok, err := tr.ThreadCreate(&spec)
	if err != nil {
		t.Fatal(err)
	}
	bad := func(change func(*ipc.ThreadSpec)) error {
		s := spec
		change(&s)
		_, _, err := tr.ThreadCreate(&s)
		return err
	}
	second := func(_ ipc.Handle, err error) error { return err }
	third := func(_ int, _ ipc.Handle, err error) error { return err }
	for i, c := range []struct{ got, want error }{
		{second(tr.EndpointMint(0, 1)), ipc.ErrCapability},
		{second(tr.EndpointMint(99, 1)), ipc.ErrCapability},
		{second(tr.EndpointMint(space, 1)), ipc.ErrCapability},
		{second(tr.EndpointMint(sendOnly, 1)), ipc.ErrCapability},
		{tr.TimerSet(sendOnly, 1), ipc.ErrCapability},
		{tr.Wait(sendOnly, &ipc.Event{}), ipc.ErrCapability},
		{tr.Notify(space, 1), ipc.ErrCapability},
		{third(tr.Call(ep, ipc.MessageSize+1, 0)), ipc.ErrTruncated},
		{third(tr.Call(mem, 0, 0)), ipc.ErrCapability},
		{second(tr.CapCopy(space, ep)), ipc.ErrCapability},
		{second(tr.CapCopy(thread, ep)), ipc.ErrCapability}, // a program has no table
		{second(tr.CapCopy(tr.ServerCap(other), 39)), ipc.ErrCapability},
		{tr.Map(space, 0x1001, mem, []uint64{1}), ipc.ErrInvalid},
		{tr.Map(space, UserLimit-ipc.PageSize, mem, []uint64{1, 1}), ipc.ErrInvalid},
		{tr.Map(space, UserLimit, mem, []uint64{1}), ipc.ErrInvalid},
		{tr.Map(space, 0x1000, mem, []uint64{8*ipc.PageSize | 1}), ipc.ErrInvalid},
		{tr.Map(space, 0x1000, mem, []uint64{ipc.PageSize}), ipc.ErrInvalid},     // no access
		{tr.Map(space, 0x1000, mem, []uint64{ipc.PageSize | 8}), ipc.ErrInvalid}, // no such access
		{tr.Map(space, 0x1000, mem, make([]uint64, 513)), ipc.ErrInvalid},
		{tr.Map(mem, 0x1000, mem, []uint64{1}), ipc.ErrCapability},
		{tr.Map(space, 0x1000, space, []uint64{1}), ipc.ErrCapability},
		{tr.MapRange(space, 0x1000, mem, 7*ipc.PageSize, 2, ipc.Read), ipc.ErrInvalid},
		{tr.MapRange(space, 0x1000, mem, ^uint64(0)&^4095, 2, ipc.Read), ipc.ErrInvalid},
		{tr.MapRange(space, 0x1000, mem, 0, 1<<60, ipc.Read), ipc.ErrInvalid},
		{tr.Unmap(space, 0x1000, 1<<60), ipc.ErrInvalid},
		{tr.Protect(space, 1, 1, ipc.Write), ipc.ErrInvalid},
		{second(tr.MemorySplit(mem, 0)), ipc.ErrInvalid},
		{second(tr.MemorySplit(mem, 9)), ipc.ErrInvalid},
		{second(tr.MemorySplit(mapped, 1)), ipc.ErrState},
		{tr.MemoryGrant(mapped, 1), ipc.ErrState},
		{bad(func(s *ipc.ThreadSpec) { s.Space = mem }), ipc.ErrCapability},
		{bad(func(s *ipc.ThreadSpec) { s.FrameOffset = 8 * ipc.PageSize }), ipc.ErrInvalid},
		{bad(func(s *ipc.ThreadSpec) { s.FrameOffset = 1 }), ipc.ErrInvalid},
		{bad(func(s *ipc.ThreadSpec) { s.Priority = 3 }), ipc.ErrInvalid},
		{bad(func(s *ipc.ThreadSpec) { s.TrapEndpoint = mem }), ipc.ErrCapability},
		{tr.Reply(ipc.Reply{Token: tok}), ipc.ErrStale}, // it has no event yet
		{tr.Reply(ipc.Reply{Token: ipc.Token{Thread: 1 << 30}}), ipc.ErrStale},
		{tr.Answer(tok, 0, 0), ipc.ErrStale},
		{tr.ThreadStart(thread, 0x8000, 0, 0), ipc.ErrInvalid},
		{tr.ThreadStart(thread, 0, 0, 0), nil},
		{tr.ThreadStart(thread, 0, 0, 0), ipc.ErrState},
		{tr.ThreadSync(thread, 0), ipc.ErrState},
		{tr.ThreadSetSpace(thread, space, 0), ipc.ErrState},
		{tr.ThreadRecall(space), ipc.ErrCapability},
		{tr.Shutdown(space, 1), ipc.ErrCapability},
		{tr.SpaceDestroy(space), nil},
		{tr.SpaceDestroy(space), ipc.ErrGone},
		{tr.ThreadDestroy(thread), ipc.ErrGone}, // it died with its space
		{tr.Map(space, 0x1000, mem, []uint64{1}), ipc.ErrGone},
		{tr.CapDelete(space), nil},
		{tr.CapDelete(space), ipc.ErrCapability},
		{tr.MemoryGrant(mem, 0), ipc.ErrInvalid},
		{tr.MemoryGrant(mem, 9), ipc.ErrInvalid},
		{tr.MemoryGrant(mem, 3), nil},
		{tr.MemoryGrant(mem, 6), ipc.ErrInvalid},
		{tr.MemoryGrant(mem, 5), nil},
		{tr.MemoryGrant(mem, 1), ipc.ErrGone},
	} {
		if c.got != c.want {
			t.Errorf("case %d: %v, want %v", i, c.got, c.want)
		}
	}
	for err = nil; err == nil; {
		_, err = tr.EndpointMint(ep, 1)
	}
	if err != ipc.ErrFull {
		t.Errorf("filling the table: %v", err)
	}
}

func TestKernelMemoryRunsOutAndComesBack(t *testing.T) {
	k := New(Config{KernelPages: 8})
	tr := k.Server("one")
	free := tr.KernelFree()
	space, _ := tr.SpaceCreate()
	mem, grant := tr.GiveMemory(4), tr.GiveMemory(16)
	var err error
	var va uint64
	for va = 0; err == nil; va += 1 << 30 { // each needs tables of its own
		err = tr.MapRange(space, va, mem, 0, 1, ipc.Read)
	}
	if err != ipc.ErrMemory {
		t.Fatalf("got %v", err)
	}
	if err := tr.MemoryGrant(grant, 16); err != nil {
		t.Fatal(err)
	}
	if err := tr.MapRange(space, va, mem, 0, 1, ipc.Read); err != nil {
		t.Errorf("after the grant: %v", err)
	}
	if err := tr.SpaceDestroy(space); err != nil {
		t.Fatal(err)
	}
	if got := tr.KernelFree(); got != free+16 {
		t.Errorf("%d pages free after all, want %d", got, free+16)
	}
}

func TestGenerations(t *testing.T) {
	w := newWorld(t, Config{})
	h, a := w.thread(0, 0, 1)
	if err := w.tr.ThreadDestroy(h); err != nil {
		t.Fatal(err)
	}
	_, b := w.thread(0, 0, 1)
	if a.number != b.number || b.generation != a.generation+1 {
		t.Errorf("number %d/%d generation %d/%d", a.number, b.number, a.generation, b.generation)
	}
	if err := w.tr.ThreadRecall(h); err != ipc.ErrGone {
		t.Errorf("the old name: %v", err)
	}
}

// Whoever received an event may answer it, and nobody else.
func TestOnlyTheReceiverMayReply(t *testing.T) {
	w := newWorld(t, Config{})
	other := w.k.Server("other")
	var tok ipc.Token
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
		tok = ev.Token
		if err := other.Reply(ipc.Reply{Token: tok}); err != ipc.ErrStale {
			t.Errorf("somebody else's reply: %v", err)
		}
		return ipc.Reply{Token: tok, Action: ipc.ActionPark}
	}
	w.run(func(p *Prog) { p.Syscall(1) })
	w.steps(100)
	// Another server takes over the endpoint: the parked trap is its to answer now.
	taken := other.Give(w.tr, w.self)
	other.Serve(taken, HandlerFunc(func(*ipc.Event) {}))
	if err := w.tr.Reply(ipc.Reply{Token: tok}); err != ipc.ErrStale {
		t.Errorf("the old receiver: %v", err)
	}
	if err := other.Reply(ipc.Reply{Token: tok, Action: ipc.ActionKill}); err != nil {
		t.Errorf("the new receiver: %v", err)
	}
}

// When nobody can receive any more, calls fail and threads park for ever.
func TestAnEndpointWithoutReceiver(t *testing.T) {
	w := newWorld(t, Config{})
	caller := w.k.Server("caller")
	wire, _ := w.tr.EndpointMint(w.self, 1)
	to := caller.Give(w.tr, wire)
	th := w.run(func(p *Prog) { p.Syscall(1) })
	w.tr.CapDelete(w.self)
	w.k.Run(10, nil)
	if th.state != stuck {
		t.Errorf("the program is in state %d", th.state)
	}
	if _, _, err := caller.Call(to, 0, 0); err != ipc.ErrGone {
		t.Errorf("call: %v", err)
	}
	if err := caller.Notify(to, 1); err != nil {
		t.Errorf("notify: %v", err)
	}
}

func TestTimersNotificationsAndIdleTime(t *testing.T) {
	k := New(Config{})
	tr := k.Server("one")
	ep, _ := tr.EndpointCreate()
	var got []string
	tr.Serve(ep, HandlerFunc(func(ev *ipc.Event) {
		got = append(got, fmt.Sprint(ev.Kind, ev.Bits, ev.Time/1e6))
		if ev.Kind == ipc.EventTimer && len(got) == 1 {
			tr.Notify(ep, 1)
			tr.Notify(ep, 4)
			tr.TimerSet(ep, 30e6)
		}
	}))
	tr.TimerSet(ep, 90e6)
	tr.TimerSet(ep, 20e6) // replaces it
	k.At(25e6, func() { tr.Notify(ep, 8) })
	k.Run(100, nil)
	want := fmt.Sprint([]string{"7 0 20", "6 5 20", "6 8 25", "7 0 30"})
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A server with its own loop is resumed where it waits.
func TestServerLoop(t *testing.T) {
	k := New(Config{})
	lower, upper := k.Server("lower"), k.Server("upper")
	ep, _ := lower.EndpointCreate()
	to := upper.Give(lower, ep)
	lower.Main(func(tr ipc.Transport) {
		var ev ipc.Event
		for n := byte(1); ; n++ {
			if err := tr.Wait(ep, &ev); err != nil {
				t.Error(err)
			}
			tr.Buffer()[0] = n
			tr.Answer(ev.Token, 1, 0)
		}
	})
	for want := byte(1); want < 5; want++ {
		if n, _, err := upper.Call(to, 0, 0); err != nil || n != 1 || upper.Buffer()[0] != want {
			t.Errorf("call %d: %d %v %d", want, n, err, upper.Buffer()[0])
		}
	}
}

func TestInterruptsAndPorts(t *testing.T) {
	k := New(Config{})
	tr := k.Server("driver")
	ep, _ := tr.EndpointCreate()
	irq := tr.GiveInterrupt(4)
	dev := &latch{}
	ports := tr.GivePorts(0x3f8, 8, dev)
	var got []uint64
	tr.Serve(ep, HandlerFunc(func(ev *ipc.Event) { got = append(got, ev.Bits) }))
	k.Raise(4) // before anybody listens: kept
	if err := tr.InterruptBind(irq, ep, 2); err != nil {
		t.Fatal(err)
	}
	k.Run(5, nil)
	k.Raise(4) // masked until acknowledged
	k.Run(5, nil)
	if len(got) != 1 {
		t.Errorf("%d interrupts before the acknowledgement", len(got))
	}
	tr.InterruptAck(irq)
	k.Run(5, nil)
	if len(got) != 2 {
		t.Errorf("%d interrupts after the acknowledgement", len(got))
	}
	copy(tr.Buffer(), "xyz")
	if err := tr.PortOutString(ports, 0x3f8, 3); err != nil || string(dev.out) != "xyz" {
		t.Errorf("%q %v", dev.out, err)
	}
	if err := tr.PortOut(ports, 0x3ff, 2, 1); err != ipc.ErrInvalid {
		t.Errorf("past the range: %v", err)
	}
	if _, err := tr.PortIn(ports, 0x3f7, 1); err != ipc.ErrInvalid {
		t.Errorf("before the range: %v", err)
	}
}

type latch struct{ out []byte }

func (l *latch) In(uint16, int) uint32         { return 0 }
func (l *latch) Out(_ uint16, _ int, v uint32) { l.out = append(l.out, byte(v)) }

// Two machines with the same seed do the same; different seeds schedule differently.
func TestTheSeedDecidesTheSchedule(t *testing.T) {
	run := func(seed uint64) (uint64, string) {
		w := newWorld(t, Config{Seed: seed})
		order := ""
		w.syscall = func(w *world, ev *ipc.Event) ipc.Reply {
			if w.regs(ev).frame.Regs.OrigAX == 231 {
				return ipc.Reply{Token: ev.Token, Action: ipc.ActionKill}
			}
			order += fmt.Sprint(ev.Badge)
			return w.result(ev, 0)
		}
		im := w.k.Image("test", func(p *Prog) {
			for range 20 {
				p.Syscall(1)
				p.Compute(3e6)
			}
		})
		w.text = im.ELF()[textOffset : textOffset+slotCount*slotSize]
		for i := range uint64(4) {
			h, _ := w.thread(im.entry, stackTop-64-i*ipc.PageSize, i)
			w.tr.ThreadStart(h, ipc.MaskControl, 0, 0)
		}
		d := w.k.Digest()
		w.steps(5000)
		sum, _ := d.Sum()
		return sum, order
	}
	sums := map[uint64]bool{}
	for seed := range uint64(5) {
		a, oa := run(seed)
		b, ob := run(seed)
		if a != b || oa != ob {
			t.Errorf("seed %d: %x %s and %x %s", seed, a, oa, b, ob)
		}
		sums[a] = true
	}
	if len(sums) < 4 {
		t.Errorf("5 seeds gave %d schedules", len(sums))
	}
}

func BenchmarkSystemCall(b *testing.B) {
	t := &testing.T{}
	w := newWorld(t, Config{})
	n := 0
	w.syscall = func(w *world, ev *ipc.Event) ipc.Reply { n++; w.events = w.events[:0]; return w.result(ev, 0) }
	w.run(func(p *Prog) {
		for {
			p.Syscall(39)
		}
	})
	b.ReportAllocs()
	for n < b.N {
		w.k.Step()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syscalls/s")
}
