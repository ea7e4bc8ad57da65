package runtime

import "unsafe"

// defined in bare_kernel_amd64.s
func bareOut8(port uint16, v uint8)
func bareOut32(port uint16, v uint32)
func bareIn8(port uint16) uint8
func bareHalt()

// COM1 as every PC has it (16550, line status register bit 5: may send).
const (
	bareCOM1      = 0x3f8
	bareCOM1Line  = bareCOM1 + 5
	bareMaySend   = 0x20
	bareSendTries = 1 << 20
	bareExitPort  = 0xf4 // isa-debug-exit
)

// bareWrite is the emergency console. A port that does not answer loses bytes
// but stops nobody.
func bareWrite(p, n uintptr) {
	for i := uintptr(0); i < n; i++ {
		for try := 0; bareIn8(bareCOM1Line)&bareMaySend == 0 && try < bareSendTries; try++ {
		}
		bareOut8(bareCOM1, *(*byte)(unsafe.Pointer(p + i)))
	}
}

// bareExit ends QEMU with status 2*code+1, or stops here on other machines.
func bareExit(code int32) {
	bareOut32(bareExitPort, uint32(code))
	for {
		bareHalt()
	}
}

func bareDie(s string) {
	bareWrite(uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(len(s)))
	bareExit(bareExitBroken)
}
