//go:build starling_server

package main

import (
	"math/bits"

	"starling/ipc"
	"starling/ipc/callnum"
)

var replyCases = []testCase{
	{"two replies go with one wait, and each is given whatever becomes of the other", twoReplies},
	{"a fault that its server forwards at once arrives whole", forwarded},
}

// twoReplies: the transport holds two replies back until the wait.
func twoReplies(g *guest) error {
	var list [3]*program
	for i := range list {
		p, err := g.run(callForever)
		if err != nil {
			return err
		}
		if _, err := p.expect(ipc.EventSyscall); err != nil {
			return err
		}
		list[i] = p
	}
	first, second, third := list[0], list[1], list[2]
	result := uint64(0)
	answer := func(p *program) error {
		result++
		p.frame.Regs.AX = result
		return p.reply(ipc.ActionResume, ipc.MaskResult)
	}
	called := func(p *program, want uint64) error {
		_, err := p.expect(ipc.EventSyscall)
		if err == nil && p.frame.Regs.OrigAX != want {
			err = errorf("it goes on with result %d, want %d", p.frame.Regs.OrigAX, want)
		}
		return err
	}
	all := func(steps ...func() error) error {
		for i, step := range steps {
			if err := step(); err != nil {
				return errorf("step %d: %v", i, err)
			}
		}
		return nil
	}
	stale := func() error { return g.t.Reply(ipc.Reply{Token: ipc.Token{Thread: first.token.Thread}}) }
	refused := func() error {
		var ev ipc.Event
		if err := g.t.Wait(g.trap, &ev); err != ipc.ErrStale {
			return errorf("%v, %s", err, show(&ev))
		}
		return nil
	}
	// The one replied to last runs first.
	if err := all(func() error { return answer(first) }, func() error { return answer(second) },
		func() error { return called(second, 2) }, func() error { return called(first, 1) }); err != nil {
		return errorf("two: %v", err)
	}
	if err := all(stale, func() error { return answer(second) }, refused, func() error { return called(second, 3) }); err != nil {
		return errorf("the first is stale: %v", err)
	}
	if err := all(func() error { return answer(first) }, stale, refused, func() error { return called(first, 4) }); err != nil {
		return errorf("the second is stale: %v", err)
	}
	// A third one sends the two on their way; and a call that is no wait sends both.
	if err := all(func() error { return answer(first) }, func() error { return answer(second) }, func() error { return answer(third) },
		func() error { return called(third, 7) }, func() error { return called(first, 5) }, func() error { return called(second, 6) }); err != nil {
		return errorf("three: %v", err)
	}
	if err := all(func() error { return answer(first) }, func() error { return answer(second) }, func() error { g.counter(callnum.CounterTraps); return nil },
		func() error { return called(first, 8) }, func() error { return called(second, 9) }); err != nil {
		return errorf("a call that is no wait: %v", err)
	}
	return nil
}

// forwarded: the server at the fault endpoint forwards each fault with its next wait, and takes its time for stores.
func forwarded(g *guest) error {
	peer, err := g.newPeer(codeForward, 0)
	if err != nil {
		return err
	}
	g.faultTo = peer.wire
	// 1: mov [freeAt+0x123], eax; mov eax, [freeAt+8]; jmp 1b
	p, err := g.run([]byte{0x89, 0x04, 0x25, 0x23, 1, 0x60, 0, 0x8b, 0x04, 0x25, 8, 0, 0x60, 0, 0xeb, 0xf0})
	if err != nil {
		return err
	}
	least, used := int64(1)<<62, int64(0) // of the stores
	for n := range 10 {
		ev, err := p.expect(ipc.EventFault)
		if err != nil {
			return err
		}
		address, access, code := uint64(freeAt+0x123), ipc.Write, uint64(6)
		if n%2 == 1 {
			address, access, code = freeAt+8, ipc.Read, 4
		}
		f := p.frame
		if ev.Address != address || ev.Access != access || ev.Class != ipc.FaultNotAllowed || ev.Token.Sequence != uint64(2*n+2) {
			return errorf("%s, sequence %d", show(&ev), ev.Token.Sequence)
		}
		if f.Event.Address != address || f.Event.Error != code || f.Event.Flags != uint32(ipc.FaultNotAllowed) || f.Event.Kind != uint16(ipc.EventFault) ||
			f.Event.Sequence != ev.Token.Sequence || f.Event.Time != ev.Time || f.Regs.IP != codeAt+7*uint64(n%2) || f.Regs.OrigAX != ^uint64(0) {
			return errorf("frame: %+v at %#x", f.Event, f.Regs.IP)
		}
		if f.Regs.IP += 7; n%2 == 1 {
			f.Regs.IP = codeAt
		} else {
			least = min(least, f.Event.UserTime-used)
		}
		used = f.Event.UserTime
		if err := p.reply(ipc.ActionResume, ipc.MaskControl); err != nil {
			return err
		}
	}
	// What its server took is no time of the program.
	high, low := bits.Mul64(forwardTicks, g.info.Mult)
	if taken := int64(high<<32 | low>>32); least >= taken {
		return errorf("each store costs the program %d ns at least, its server takes %d", least, taken)
	}
	return nil
}
