package amd64

import "starling/ipc/frame"

// Debug registers, SDM 3B 18.2. They are in the processor only while a thread
// that has a breakpoint enabled is running, because they compare linear
// addresses of any space.

const (
	dr7Enable   = 0xff  // L0 G0 L1 G1 L2 G2 L3 G3
	dr7User     = 0x3ff // the same and LE, GE; no general detect, no reserved bit
	dr7Kinds    = 0xffff << 16
	dr7Fixed    = 1 << 10 // always one
	dr6Fixed    = 0xffff0ff0
	dr6User     = 0xe00f // B0 to B3, BD, BS, BT
	dr7KindIO   = 2      // R/W field 10: I/O breakpoints need CR4.DE; refused
	dr7KindBits = 4
)

// takeDebug takes debug registers: breakpoints outside the program's half are
// switched off.
func (c *Context) takeDebug(d frame.Debug) {
	dr7 := d.DR7 & (dr7User | dr7Kinds)
	for i, a := range [...]uint64{d.DR0, d.DR1, d.DR2, d.DR3} {
		kind := dr7 >> (16 + dr7KindBits*i) & 3
		if a >= UserLimit-8 || kind == dr7KindIO {
			dr7 &^= 3 << (2 * i)
		}
	}
	c.debug = d
	c.debug.DR7 = dr7 | dr7Fixed
	c.debug.DR6 = d.DR6&dr6User | dr6Fixed
	if c.watched = dr7&dr7Enable != 0; c.watched {
		c.Gate, c.FaultGate = &noGate, &noGate // they would hit the server, too: from now on the long way
	}
	if processor.watched == c {
		processor.watched = nil // load them again
		writeDR7(0)
	}
}

// watch brings the debug registers in line with the thread about to run.
func (c *Context) watch() {
	if processor.watched == c {
		return
	}
	if processor.watched != nil {
		writeDR7(0)
		processor.watched = nil
	}
	if c.watched {
		d := &c.debug
		writeDR(d.DR0, d.DR1, d.DR2, d.DR3)
		writeDR7(d.DR7)
		processor.watched = c
	}
}

// DebugStatus is DR6 after a debug exception.
func (c *Context) DebugStatus() uint64 { return c.debug.DR6 }
