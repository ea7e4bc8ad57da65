//go:build starling_server

package main

import (
	"encoding/binary"

	"starling/ipc"
	"starling/ipc/callnum"
)

var randomCases = []testCase{
	{"random kernel calls hurt nobody", randomCalls},
}

const (
	recordsAt    = 0x700000
	recordPages  = 4
	recordWords  = 7
	randomRounds = 60
)

// random is a sequence of words that look like arguments.
type random uint64

func (r *random) next() uint64 {
	*r = *r*6364136223846793005 + 1442695040888963407
	return uint64(*r >> 24)
}

func (r *random) argument() uint64 {
	v := r.next()
	switch r.next() % 8 {
	case 0, 1, 2, 3:
		return v % 12 // a handle, a small number
	case 4:
		return v % 64 * ipc.PageSize
	case 5:
		return dataAt + v%16*ipc.PageSize
	case 6:
		return ^(v % 16)
	}
	return v<<40 | v
}

// randomCalls lets servers with some capabilities make calls at random. Nothing of
// theirs reaches further: the kernel goes on, and gets all its pages back.
func randomCalls(g *guest) error {
	seed := random(1)
	free := g.t.KernelFree()
	for round := range randomRounds {
		if err := g.randomServer(&seed); err != nil {
			return errorf("round %d: %v", round, err)
		}
	}
	g.clean()
	if now := g.t.KernelFree(); now+8 < free { // objects stay with their kind
		return errorf("%d pages before, %d after", free, now)
	}
	bystander, err := g.newProgram(countForever)
	if err != nil {
		return err
	}
	bystander.frame.Regs.DI = dataAt
	if err := bystander.start(); err != nil {
		return err
	}
	return g.untilChange(bystander, 0)
}

func (g *guest) randomServer(seed *random) error {
	g.sequence++
	space, _, buffer, err := g.newSpace(codeBytes(codeRandom))
	if err != nil {
		return err
	}
	for i := range recordPages {
		p, err := g.newPage()
		if err != nil {
			return err
		}
		if err := g.t.Map(space, recordsAt+uint64(i)*ipc.PageSize, p.memory, []uint64{uint64(ipc.Read)}); err != nil {
			return err
		}
		for j := 0; j+8 <= len(p.bytes); j += 8 {
			at := (i*len(p.bytes) + j) / 8
			v := seed.argument()
			if at%recordWords == 0 {
				if v = 1 + seed.next()%(callnum.Count+2); v == callnum.Log {
					v = callnum.Counter // the console is the test's
				}
			}
			if at >= recordPages*ipc.PageSize/8/recordWords*recordWords {
				v = 0
			}
			binary.LittleEndian.PutUint64(p.bytes[j:], v)
		}
	}
	for j := 0; j+8 <= len(buffer.bytes); j += 8 {
		binary.LittleEndian.PutUint64(buffer.bytes[j:], seed.argument())
	}
	thread, _, err := g.t.ThreadCreate(&ipc.ThreadSpec{Space: space, Kind: ipc.Server, Priority: 1, FrameMemory: buffer.memory,
		TrapEndpoint: g.trap, TrapBadge: uint64(g.sequence)})
	if err != nil {
		return err
	}
	g.threads = append(g.threads, thread)
	other, _, data, err := g.newSpace(callForever)
	if err != nil {
		return err
	}
	program, err := g.newProgram(callForever)
	if err != nil {
		return err
	}
	endpoint, err := g.t.EndpointCreate()
	if err != nil {
		return err
	}
	defer g.t.CapDelete(endpoint)
	for _, h := range []ipc.Handle{endpoint, space, data.memory, other, program.thread, g.must("com2"), g.must("interrupts"), endpoint, buffer.memory} {
		if _, err := g.t.CapCopy(thread, h); err != nil {
			return err
		}
	}
	if err := g.t.ThreadStart(thread, 0, codeAt, stackAt); err != nil {
		return err
	}
	// It ends with a trap, or waits for something: then it is destroyed.
	if err := g.t.TimerSet(g.trap, g.t.Now()+3*milliseconds); err != nil {
		return err
	}
	var ev ipc.Event
	for {
		if err := g.t.Wait(g.trap, &ev); err != nil {
			return err
		}
		if ev.Kind == ipc.EventTimer || ev.Badge == uint64(g.sequence)-1 || ev.Badge == uint64(g.sequence) {
			break
		}
	}
	_ = g.t.TimerSet(g.trap, 0)
	_ = g.t.ThreadDestroy(thread)
	_ = g.t.SpaceDestroy(space) // it may have done that itself
	_ = g.t.SpaceDestroy(other)
	return nil
}
