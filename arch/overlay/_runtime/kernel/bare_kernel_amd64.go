package runtime

import "unsafe"

// defined in bare_kernel_amd64.s
func bareOut8(port uint16, v uint8)
func bareOut32(port uint16, v uint32)
func bareIn8(port uint16) uint8
func bareHalt()

// Serial lines as PCs have them (16550, line status register bit 5: may send, bit 6: has sent all). The
// emergency console is COM4 where there is one, else COM1, as in arch/amd64.
const (
	bareCOM1      = 0x3f8
	bareCOM4      = 0x2e8
	bareLine      = 5
	bareScratch   = 7
	bareMaySend   = 0x20
	bareHasSent   = 0x40
	bareSendTries = 1 << 20
	bareExitPort  = 0xf4 // isa-debug-exit
)

// bareConsole is the first port of the emergency console, 0 until it is needed.
var bareConsole uint16

// bareWrite is the emergency console. A port that does not answer loses bytes
// but stops nobody.
func bareWrite(p, n uintptr) {
	if bareConsole == 0 {
		bareConsole = bareCOM1
		bareOut8(bareCOM4+bareScratch, 0x5a)
		if bareIn8(bareCOM4+bareScratch) == 0x5a {
			bareConsole = bareCOM4
		}
	}
	for i := uintptr(0); i < n; i++ {
		bareAwait(bareMaySend)
		bareOut8(bareConsole, *(*byte)(unsafe.Pointer(p + i)))
	}
}

// bareAwait waits for a bit of the line status.
func bareAwait(status uint8) {
	for try := 0; bareIn8(bareConsole+bareLine)&status == 0 && try < bareSendTries; try++ {
	}
}

// bareExit ends QEMU with status 2*code+1, or stops here on other machines. What was not sent is lost then.
func bareExit(code int32) {
	if bareConsole != 0 {
		bareAwait(bareHasSent)
	}
	bareOut32(bareExitPort, uint32(code))
	for {
		bareHalt()
	}
}

func bareDie(s string) {
	bareWrite(uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(len(s)))
	bareExit(bareExitBroken)
}
