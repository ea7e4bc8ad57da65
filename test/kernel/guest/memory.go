//go:build starling_server

package main

import (
	"starling/ipc"
)

var memoryCases = []testCase{
	{"memory that was mapped cannot become the kernel's", grants},
	{"destroying spaces returns their pages", recycling},
	{"a kernel without memory says so", exhaustion},
	{"a full capability table says so", fullTable},
	{"protection and large pages", protection},
}

func grants(g *guest) error {
	free := g.t.KernelFree()
	m, err := g.t.MemorySplit(g.ram, 8)
	if err != nil {
		return err
	}
	base, pages, err := g.t.MemoryInfo(m)
	if err != nil || pages != 8 || base == 0 {
		return errorf("%v: %d pages at %#x", err, pages, base)
	}
	part, err := g.t.MemorySplit(m, 3)
	if err != nil {
		return err
	}
	if b, n, err := g.t.MemoryInfo(part); err != nil || n != 3 || b != base+5*ipc.PageSize {
		return errorf("%v: %d pages at %#x", err, n, b)
	}
	if err := g.t.MemoryGrant(part, 4); err != ipc.ErrInvalid {
		return errorf("granting more than there is: %v", err)
	}
	if err := g.t.MemoryGrant(part, 1); err != nil {
		return err
	}
	if b, n, err := g.t.MemoryInfo(part); err != nil || n != 2 || b != base+5*ipc.PageSize {
		return errorf("after granting its end: %v: %d pages at %#x", err, n, b)
	}
	if err := g.t.MemoryGrant(part, 2); err != nil {
		return err
	}
	if now := g.t.KernelFree(); now != free+3 {
		return errorf("%d pages before, %d after granting 3", free, now)
	}
	if _, _, err := g.t.MemoryInfo(part); err != ipc.ErrGone {
		return errorf("granted memory: %v", err)
	}
	const here = 0x6000_0000_0000
	if err := g.t.MapRange(g.space, here, m, 0, 1, readWrite); err != nil {
		return err
	}
	if err := g.t.Unmap(g.space, here, 1); err != nil {
		return err
	}
	if err := g.t.MemoryGrant(m, 1); err != ipc.ErrState {
		return errorf("granting memory that was mapped: %v", err)
	}
	if _, err := g.t.MemorySplit(m, 1); err != ipc.ErrState {
		return errorf("splitting memory that was mapped: %v", err)
	}
	return nil
}

func recycling(g *guest) error {
	round := func() error {
		p, err := g.run(callForever)
		if err != nil {
			return err
		}
		if _, err := p.expect(ipc.EventSyscall); err != nil {
			return err
		}
		for va := uint64(1) << 30; va < 1<<46; va <<= 3 {
			if err := g.t.Map(p.space, va, p.data.memory, []uint64{uint64(ipc.Read)}); err != nil {
				return err
			}
		}
		g.clean()
		return nil
	}
	if err := round(); err != nil {
		return err
	}
	free := g.t.KernelFree()
	for range 200 {
		if err := round(); err != nil {
			return err
		}
	}
	if now := g.t.KernelFree(); now != free {
		return errorf("%d pages before, %d after", free, now)
	}
	return nil
}

func exhaustion(g *guest) error {
	free := g.t.KernelFree()
	var made []ipc.Handle
	var err error
	for {
		var h ipc.Handle
		if h, err = g.t.SpaceCreate(); err != nil {
			break
		}
		made = append(made, h)
	}
	if err != ipc.ErrMemory {
		return errorf("after %d spaces: %v", len(made), err)
	}
	_, other := g.t.EndpointCreate()
	// To give more takes nothing of what there is none of.
	left := g.t.KernelFree()
	if err := g.t.MemoryGrant(g.ram, 1); err != nil {
		return errorf("a grant with %d pages left: %v", left, err)
	}
	if now := g.t.KernelFree(); now != left+1 {
		return errorf("%d pages before, %d after granting 1", left, now)
	}
	for _, h := range made {
		if err := g.t.CapDelete(h); err != nil {
			return err
		}
	}
	if other != nil && other != ipc.ErrMemory {
		return errorf("an endpoint: %v", other)
	}
	now := g.t.KernelFree()
	if now+32 < free { // objects stay with their kind, and capability pages with the table
		return errorf("%d pages before, %d after", free, now)
	}
	return nil
}

func fullTable(g *guest) error {
	if err := g.t.MemoryGrant(g.ram, 512); err != nil {
		return err
	}
	var made []ipc.Handle
	var err error
	for {
		var h ipc.Handle
		if h, err = g.t.EndpointMint(g.trap, 0); err != nil {
			break
		}
		made = append(made, h)
	}
	for _, h := range made {
		if err := g.t.CapDelete(h); err != nil {
			return err
		}
	}
	if err != ipc.ErrFull || len(made) < 4000 {
		return errorf("after %d capabilities: %v", len(made), err)
	}
	return nil
}

func protection(g *guest) error {
	const large = 2 << 20
	m, err := g.t.MemorySplit(g.ram, 3*large/ipc.PageSize)
	if err != nil {
		return err
	}
	base, _, err := g.t.MemoryInfo(m)
	if err != nil {
		return err
	}
	offset := (large - base%large) % large
	free := g.t.KernelFree()
	const here = 0x6100_0000_0000
	if err := g.t.MapRange(g.space, here, m, offset, 2*large/ipc.PageSize, readWrite); err != nil {
		return err
	}
	if used := free - g.t.KernelFree(); used > 3 { // one per level above
		return errorf("two large pages took %d pages of tables", used)
	}
	*(*uint64)(at(here + large)) = 7
	if err := g.t.Unmap(g.space, here+ipc.PageSize, 1); err != ipc.ErrState {
		return errorf("part of a large page: %v", err)
	}
	if err := g.t.Map(g.space, here, m, []uint64{1}); err != ipc.ErrState {
		return errorf("a page over a large page: %v", err)
	}
	if err := g.t.Unmap(g.space, here, 2*large/ipc.PageSize); err != nil {
		return err
	}
	// A program whose page loses the right to be written.
	p, err := g.newProgram(countForever)
	if err != nil {
		return err
	}
	p.frame.Regs.DI = dataAt
	if err := p.start(); err != nil {
		return err
	}
	if err := g.untilChange(p, 0); err != nil {
		return err
	}
	if err := g.t.Protect(p.space, dataAt, 1, ipc.Write); err != nil {
		return err
	}
	ev, err := p.expectAt(g.fault, ipc.EventFault)
	if err != nil {
		return err
	}
	if ev.Address != dataAt || ev.Access != ipc.Write {
		return errorf("%s", show(&ev))
	}
	return nil
}
