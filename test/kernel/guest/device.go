//go:build starling_server

package main

import (
	"starling/ipc"
)

var deviceCases = []testCase{
	{"a device interrupt is a notification", interrupts},
	{"port capabilities cover their ports and no others", portRanges},
	{"device memory is mapped", deviceMemory},
}

// COM2 has no interrupt that its driver uses here; 16550 registers.
const (
	com1            = 0x3f8
	interruptEnable = com1 + 1
	interruptID     = com1 + 2
	transmitEmpty   = 2 // interrupt when the transmitter is empty
	com1Line        = 4
)

func interrupts(g *guest) error {
	line, err := g.t.InterruptMint(g.must("interrupts"), com1Line)
	if err != nil {
		return err
	}
	defer g.t.CapDelete(line)
	if err := g.t.InterruptAck(line); err != ipc.ErrState {
		return errorf("acknowledging an interrupt that is not bound: %v", err)
	}
	if err := g.t.InterruptBind(line, g.trap, 1<<9); err != nil {
		return err
	}
	ports := g.must("com1")
	for range 5 {
		if err := g.t.PortOut(ports, interruptEnable, 1, transmitEmpty); err != nil {
			return err
		}
		var ev ipc.Event
		if err := g.t.TimerSet(g.trap, g.t.Now()+500*milliseconds); err != nil {
			return err
		}
		if err := g.t.Wait(g.trap, &ev); err != nil || ev.Kind != ipc.EventNotify || ev.Bits != 1<<9 {
			return errorf("%v %s", err, show(&ev))
		}
		if _, err := g.t.PortIn(ports, interruptID, 1); err != nil {
			return err
		}
		if err := g.t.PortOut(ports, interruptEnable, 1, 0); err != nil {
			return err
		}
		if err := g.t.InterruptAck(line); err != nil {
			return err
		}
	}
	return g.t.InterruptBind(line, 0, 0)
}

func portRanges(g *guest) error {
	ports := g.must("com2")
	for _, c := range []struct {
		port uint16
		size int
		want error
	}{{0x2f8, 1, nil}, {0x2ff, 1, nil}, {0x2f7, 1, ipc.ErrInvalid}, {0x300, 1, ipc.ErrInvalid}, {0x2ff, 2, ipc.ErrInvalid},
		{0x2fc, 4, nil}, {0x2fd, 4, ipc.ErrInvalid}, {0x2f8, 3, ipc.ErrInvalid}, {0x2f8, 0, ipc.ErrInvalid}, {0xcf8, 4, ipc.ErrInvalid}} {
		if _, err := g.t.PortIn(ports, c.port, c.size); err != c.want && (err == nil || err.Error() != c.want.Error()) {
			return errorf("reading %d bytes at %#x: %v, want %v", c.size, c.port, err, c.want)
		}
	}
	if _, err := g.t.PortIn(g.ram, 0x2f8, 1); err != ipc.ErrCapability {
		return errorf("a port through memory: %v", err)
	}
	if err := g.t.PortOut(g.must("exit"), 0x3f8, 1, 0); err != ipc.ErrInvalid {
		return errorf("another's port: %v", err)
	}
	return nil
}

func deviceMemory(g *guest) error {
	devices := g.must("devices")
	window, err := g.t.MemorySplit(devices, 1)
	if err != nil {
		return err
	}
	base, pages, err := g.t.MemoryInfo(window)
	if err != nil || pages != 1 || base != 0xfec00000-ipc.PageSize {
		return errorf("%v: %d pages at %#x", err, pages, base)
	}
	if err := g.t.MemoryGrant(window, 1); err != ipc.ErrState {
		return errorf("granting device memory: %v", err)
	}
	const here = 0x6000_0000_0000
	if err := g.t.MapRange(g.space, here, window, 0, 1, readWrite); err != nil {
		return err
	}
	_ = *(*uint32)(at(here)) // nothing is there, but it can be read
	return g.t.Unmap(g.space, here, 1)
}
