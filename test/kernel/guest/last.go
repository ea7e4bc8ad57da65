//go:build starling_server

package main

import (
	"fmt"

	"starling/ipc"
	"starling/ipc/callnum"
)

var lastCases = []testCase{
	{"a round trip is measured", roundTrip},
	{"what the short ways are for is measured", shortWays},
	{"other ways are measured", otherWays},
	{"the kernel allocates nothing after boot", allocations},
}

// roundTrip measures program -> kernel -> this server -> kernel -> program. With
// -icount shift=0 a tick is an instruction.
func roundTrip(g *guest) error {
	const rounds = 1000
	for range 2 {
		p, err := g.newProgram(codeBytes(codeBench))
		if err != nil {
			return err
		}
		p.frame.Regs.CX = rounds
		if err := p.start(); err != nil {
			return err
		}
		switches := g.counter(callnum.CounterSpaceSwitch)
		var ev ipc.Event
		for {
			if err := g.t.Wait(g.trap, &ev); err != nil {
				return err
			}
			if p.frame.Regs.OrigAX == 1 {
				break
			}
			if err := g.t.Reply(ipc.Reply{Token: ev.Token, Mask: ipc.MaskResult}); err != nil {
				return err
			}
		}
		fmt.Printf("round trip: %d ticks, %d space switches of %d rounds\n", p.frame.Regs.DI/rounds,
			g.counter(callnum.CounterSpaceSwitch)-switches, rounds)
	}
	return nil
}

// shortWays measures a fault that its server forwards here, two programs that get their replies together,
// and one that yields to nobody.
func shortWays(g *guest) error {
	const rounds = 1000
	peer, err := g.newPeer(codeForward, 0)
	if err != nil {
		return err
	}
	g.faultTo = peer.wire
	p, err := g.run([]byte{0x8b, 0x04, 0x25, 8, 0, 0x60, 0}) // mov eax, [freeAt+8]
	if err != nil {
		return err
	}
	begin := machineTicks()
	for range rounds {
		if _, err := p.expect(ipc.EventFault); err != nil {
			return err
		}
		if err := p.reply(ipc.ActionResume, 0); err != nil {
			return err
		}
	}
	fmt.Printf("forwarded fault: %d ticks\n", (machineTicks()-begin)/rounds)
	if _, err := p.expect(ipc.EventFault); err != nil {
		return err
	}
	var list [2]*program
	for i := range list {
		if list[i], err = g.run(callForever); err != nil {
			return err
		}
		if _, err := list[i].expect(ipc.EventSyscall); err != nil {
			return err
		}
	}
	begin = machineTicks()
	for range rounds {
		for i := range list {
			if err := list[i].reply(ipc.ActionResume, ipc.MaskResult); err != nil {
				return err
			}
		}
		for range list { // in either order: the slice may have ended
			var ev ipc.Event
			if err := g.t.Wait(g.trap, &ev); err != nil {
				return err
			}
			list[ev.Badge-list[0].badge].token = ev.Token
		}
	}
	fmt.Printf("two replies: %d ticks\n", (machineTicks()-begin)/rounds)
	begin = machineTicks()
	for range rounds {
		if err := list[0].reply(ipc.ActionYield, ipc.MaskResult); err != nil {
			return err
		}
		if _, err := list[0].expect(ipc.EventSyscall); err != nil {
			return err
		}
	}
	fmt.Printf("lone yield: %d ticks\n", (machineTicks()-begin)/rounds)
	return nil
}

// otherWays measures what does not take the short way, in ticks as seen from here.
func otherWays(g *guest) error {
	const rounds = 200
	peer, err := g.newPeer(codeEcho, 0)
	if err != nil {
		return err
	}
	p, err := g.run([]byte{0xcc, 0xeb, 0xfd}) // 1: int3; jmp 1b
	if err != nil {
		return err
	}
	if _, err := p.exception(3); err != nil {
		return err
	}
	entries := []uint64{uint64(ipc.Read)}
	for _, way := range []struct {
		name string
		run  func() error
	}{
		{"nothing", func() error { return nil }},
		{"counter", func() error { _, err := g.t.Counter(callnum.CounterTraps); return err }},
		{"notification of oneself, received", func() error {
			if err := g.t.Notify(g.trap, 1); err != nil {
				return err
			}
			var ev ipc.Event
			return g.t.Wait(g.trap, &ev)
		}},
		{"map of one page", func() error { return g.t.Map(p.space, freeAt, p.data.memory, entries) }},
		{"call and answer", func() error { _, _, err := g.t.Call(peer.wire, 64, 0); return err }},
		{"exception and reply", func() error {
			if err := p.reply(ipc.ActionResume, 0); err != nil {
				return err
			}
			_, err := p.exception(3)
			return err
		}},
	} {
		begin := machineTicks()
		for range rounds {
			if err := way.run(); err != nil {
				return errorf("%s: %v", way.name, err)
			}
		}
		fmt.Printf("%s: %d ticks\n", way.name, (machineTicks()-begin)/rounds)
	}
	return nil
}

func allocations(g *guest) error {
	traps, made := g.counter(callnum.CounterTraps), g.counter(callnum.CounterAllocations)
	fmt.Printf("%d traps, %d interrupts, %d allocations\n", traps, g.counter(callnum.CounterInterrupts), made)
	if made != 0 {
		return errorf("%d allocations in %d traps", made, traps)
	}
	return nil
}
