package amd64

import "unsafe"

// PortRead reads size (1, 2 or 4) bytes from an I/O port.
func PortRead(port uint16, size int) uint32 { return in(port, size) }

// PortWrite writes size (1, 2 or 4) bytes to an I/O port.
func PortWrite(port uint16, size int, v uint32) {
	switch size {
	case 1:
		out8(port, uint8(v))
	case 2:
		out16(port, uint16(v))
	default:
		out32(port, v)
	}
}

// PortWriteString writes bytes to one port, one after the other.
func PortWriteString(port uint16, b []byte) {
	outString8(port, unsafe.SliceData(b), len(b))
}

// The emergency console is COM4 where the machine has one, so that it does not
// run into what programs print, else COM1: a 16550 that the firmware or nobody has
// set up, of which only the line status is trusted. arch/overlay chooses alike.
const (
	consoleCOM1   = 0x3f8
	consoleCOM4   = 0x2e8
	consoleStatus = 5       // line status register, from the first port
	consoleSpare  = 7       // scratch register: keeps what is written, an empty bus reads as ones
	consoleEmpty  = 1 << 5  // line status: may send
	consoleSent   = 1 << 6  // line status: nothing is left to send
	consoleTries  = 1 << 20 // a port that never answers loses text but stops nobody
	exitPort      = 0xf4    // QEMU's isa-debug-exit
)

// console is the first port of the emergency console, 0 until it is needed.
var console uint16

// ConsoleWrite writes one byte to the emergency console.
func ConsoleWrite(b byte) {
	if console == 0 {
		console = consoleCOM1
		out8(consoleCOM4+consoleSpare, 0x5a)
		if in(consoleCOM4+consoleSpare, 1) == 0x5a {
			console = consoleCOM4
		}
	}
	consoleAwait(consoleEmpty)
	out8(console, b)
}

// consoleAwait waits for a bit of the line status.
func consoleAwait(status uint32) {
	for try := 0; in(console+consoleStatus, 1)&status == 0 && try < consoleTries; try++ {
	}
}

// Exit ends the machine with a code. QEMU's own exit status is 2*code+1. What was not sent is lost then.
func Exit(code uint32) {
	if console != 0 {
		consoleAwait(consoleSent)
	}
	for {
		out32(exitPort, code)
		stop()
	}
}
