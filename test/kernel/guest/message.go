//go:build starling_server

package main

import (
	"bytes"
	"unsafe"

	"starling/ipc"
)

var messageCases = []testCase{
	{"a call is answered with message and capability", echo},
	{"the client of a server that traps gets an error", serverTraps},
	{"the client of a destroyed server gets an error", goneServer},
	{"capabilities have rights, and handles are checked", refusals},
	{"notifications collapse", notifications},
	{"timers fire in order, once, and can be cancelled", timers},
}

// peer is a server of a few instructions.
type peer struct {
	thread ipc.Handle
	wire   ipc.Handle // to call it
}

// newPeer starts a server with an endpoint of its own as handle 1, in RBX by way of
// a mov before the code.
func (g *guest) newPeer(which int, endpoint ipc.Handle) (*peer, error) {
	text := append([]byte{0xbb, 1, 0, 0, 0}, codeBytes(which)...) // mov ebx, 1
	space, _, buffer, err := g.newSpace(text)
	if err != nil {
		return nil, err
	}
	g.sequence++
	h, _, err := g.t.ThreadCreate(&ipc.ThreadSpec{Space: space, Kind: ipc.Server, Priority: 1, FrameMemory: buffer.memory,
		FaultEndpoint: g.fault, TrapEndpoint: g.trap, TrapBadge: uint64(g.sequence)})
	if err != nil {
		return nil, err
	}
	g.threads = append(g.threads, h)
	if endpoint == 0 {
		if endpoint, err = g.t.EndpointCreate(); err != nil {
			return nil, err
		}
	}
	got, err := g.t.CapCopy(h, endpoint)
	if err != nil {
		return nil, err
	}
	if got != 1 {
		return nil, errorf("the first capability of a server has handle %d", got)
	}
	p := &peer{thread: h}
	if p.wire, err = g.t.EndpointMint(endpoint, 5); err != nil {
		return nil, err
	}
	if endpoint != g.trap {
		if err := g.t.CapDelete(endpoint); err != nil {
			return nil, err
		}
	}
	return p, g.t.ThreadStart(h, 0, codeAt, stackAt)
}

func echo(g *guest) error {
	p, err := g.newPeer(codeEcho, 0)
	if err != nil {
		return err
	}
	for n := range 200 {
		text := bytes.Repeat([]byte{byte(n)}, n*20)
		copy(g.t.Buffer(), text)
		got, cap, err := g.t.Call(p.wire, len(text), p.wire)
		if err != nil {
			return errorf("call %d: %v", n, err)
		}
		if got != len(text) || !bytes.Equal(g.t.Buffer()[:got], text) || cap == 0 || cap == p.wire {
			return errorf("call %d: %d bytes back, capability %d", n, got, cap)
		}
		if err := g.t.CapDelete(cap); err != nil {
			return err
		}
	}
	if _, _, err := g.t.Call(p.wire, 0, 4000); err != ipc.ErrCapability {
		return errorf("call with a bad capability: %v", err)
	}
	return nil
}

func serverTraps(g *guest) error {
	p, err := g.newPeer(codeBroken, 0)
	if err != nil {
		return err
	}
	if _, _, err := g.t.Call(p.wire, 0, 0); err != ipc.ErrGone {
		return errorf("call: %v", err)
	}
	var ev ipc.Event
	if err := g.t.Wait(g.trap, &ev); err != nil || ev.Kind != ipc.EventException || ev.Vector != 6 || ev.Badge != uint64(g.sequence) {
		return errorf("%v %s", err, show(&ev))
	}
	// Its registers come to the message buffer.
	if err := g.t.ThreadSync(p.thread, everything); err != nil {
		return err
	}
	f := (*frameInBuffer)(unsafe.Pointer(&g.t.Buffer()[0]))
	if f.regs().IP < codeAt || f.regs().IP > codeAt+512 || f.regs().BX != 1 {
		return errorf("registers %+v", *f.regs())
	}
	return nil
}

func goneServer(g *guest) error {
	p, err := g.newPeer(codeEcho, 0)
	if err != nil {
		return err
	}
	if err := g.t.ThreadDestroy(p.thread); err != nil {
		return err
	}
	if _, _, err := g.t.Call(p.wire, 0, 0); err != ipc.ErrGone {
		return errorf("call: %v", err)
	}
	return nil
}

func refusals(g *guest) error {
	t := g.t
	wire, err := t.EndpointMint(g.trap, 1)
	if err != nil {
		return err
	}
	defer t.CapDelete(wire)
	var ev ipc.Event
	machine, ram := g.must("machine"), g.ram
	second := func(_ any, err error) error { return err }
	for i, c := range []struct{ got, want error }{
		{t.Wait(wire, &ev), ipc.ErrCapability},
		{t.Wait(0, &ev), ipc.ErrCapability},
		{t.Wait(machine, &ev), ipc.ErrCapability},
		{t.Wait(1<<31, &ev), ipc.ErrCapability},
		{t.TimerSet(wire, 1), ipc.ErrCapability},
		{second(t.EndpointMint(wire, 1)), ipc.ErrCapability},
		{t.Notify(ram, 1), ipc.ErrCapability},
		{t.CapDelete(7777), ipc.ErrCapability},
		{t.SpaceDestroy(ram), ipc.ErrCapability},
		{t.SpaceDestroy(g.space), ipc.ErrState},
		{t.ThreadDestroy(g.must("self")), ipc.ErrState},
		{t.ThreadRecall(g.must("self")), ipc.ErrInvalid},
		{t.MapRange(g.space, 0, ram, 0, 1, 0), ipc.ErrInvalid},
		{t.MapRange(g.space, 0, ram, 0, 1<<52, readWrite), ipc.ErrInvalid},
		{t.MapRange(g.space, 0x7fff_ffff_f000, ram, 0, 1, readWrite), ipc.ErrInvalid},
		{t.MapRange(g.space, 0xffff_8000_0000_0000, ram, 0, 1, readWrite), ipc.ErrInvalid},
		{t.MapRange(g.space, 0x1001, ram, 0, 1, readWrite), ipc.ErrInvalid},
		{t.MapRange(g.space, 0x1000, ram, ^uint64(0)&^4095, 1, readWrite), ipc.ErrInvalid},
		{t.Map(g.space, 0x1000, ram, []uint64{^uint64(0)&^4095 | 1}), ipc.ErrInvalid},
		{t.Map(g.space, 0x1000, ram, []uint64{4096}), ipc.ErrInvalid},
		{t.Unmap(g.space, 0x7fff_ffff_e000, 2), ipc.ErrInvalid},
		{t.Protect(g.space, 0x1000, 1, 0), ipc.ErrInvalid},
		{t.Protect(g.space, 0x1000, 1, 8), ipc.ErrInvalid},
		{t.MemoryGrant(machine, 1), ipc.ErrCapability},
		{second(t.MemorySplit(ram, 1<<60)), ipc.ErrInvalid},
		{second(t.Counter(1000)), ipc.ErrInvalid},
		{t.Shutdown(ram, 1), ipc.ErrCapability},
		{t.InterruptAck(ram), ipc.ErrCapability},
		{second(t.InterruptMint(g.must("interrupts"), 1<<20)), ipc.ErrInvalid},
	} {
		if c.got != c.want {
			return errorf("refusal %d: %v, want %v", i, c.got, c.want)
		}
	}
	return nil
}

func notifications(g *guest) error {
	for _, bits := range []uint64{1, 6, 1 << 40} {
		if err := g.t.Notify(g.trap, bits); err != nil {
			return err
		}
	}
	var ev ipc.Event
	if err := g.t.Wait(g.trap, &ev); err != nil || ev.Kind != ipc.EventNotify || ev.Bits != 7|1<<40 {
		return errorf("%v %s", err, show(&ev))
	}
	// A server that notifies without end does not keep root from its work.
	p, err := g.newPeer(codeNotify, g.trap)
	if err != nil {
		return err
	}
	for range 100 {
		if err := g.t.Wait(g.trap, &ev); err != nil || ev.Kind != ipc.EventNotify || ev.Bits != 1 {
			return errorf("%v %s", err, show(&ev))
		}
	}
	return g.t.ThreadDestroy(p.thread)
}

func timers(g *guest) error {
	now := g.t.Now()
	second, err := g.t.EndpointCreate()
	if err != nil {
		return err
	}
	third, err := g.t.EndpointCreate()
	if err != nil {
		return err
	}
	for _, set := range []struct {
		endpoint ipc.Handle
		deadline int64
	}{{third, now + 9*milliseconds}, {second, now + 3*milliseconds}, {g.trap, now + milliseconds}, {g.trap, now + 6*milliseconds}} {
		if err := g.t.TimerSet(set.endpoint, set.deadline); err != nil {
			return err
		}
	}
	for _, want := range []struct {
		endpoint ipc.Handle
		deadline int64
	}{{second, now + 3*milliseconds}, {g.trap, now + 6*milliseconds}, {third, now + 9*milliseconds}} {
		var ev ipc.Event
		if err := g.t.Wait(want.endpoint, &ev); err != nil || ev.Kind != ipc.EventTimer || ev.Time < want.deadline {
			return errorf("%v %s at %d, want %d", err, show(&ev), ev.Time, want.deadline)
		}
	}
	// A cancelled one does not come, one in the past comes at once.
	if err := g.t.TimerSet(second, g.t.Now()+milliseconds); err != nil {
		return err
	}
	if err := g.t.TimerSet(second, 0); err != nil {
		return err
	}
	if err := g.pause(3 * milliseconds); err != nil {
		return err
	}
	if err := g.t.Notify(second, 4); err != nil {
		return err
	}
	if err := g.t.TimerSet(third, 1); err != nil {
		return err
	}
	var ev ipc.Event
	if err := g.t.Wait(second, &ev); err != nil || ev.Kind != ipc.EventNotify {
		return errorf("cancelled: %v %s", err, show(&ev))
	}
	if err := g.t.Wait(third, &ev); err != nil || ev.Kind != ipc.EventTimer {
		return errorf("past: %v %s", err, show(&ev))
	}
	return nil
}
