//go:build starling_server

package main

import (
	"fmt"

	"starling/ipc"
	"starling/ipc/callnum"
)

var lastCases = []testCase{
	{"a round trip is measured", roundTrip},
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

func allocations(g *guest) error {
	traps, made := g.counter(callnum.CounterTraps), g.counter(callnum.CounterAllocations)
	fmt.Printf("%d traps, %d interrupts, %d allocations\n", traps, g.counter(callnum.CounterInterrupts), made)
	if made != 0 {
		return errorf("%d allocations in %d traps", made, traps)
	}
	return nil
}
