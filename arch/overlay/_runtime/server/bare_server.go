package runtime

import "unsafe"

// The server profile: ring 3, one thread, memory that appears when it is
// touched, and kernel calls instead of system calls.

// Offsets of ipc.ServerInfo and addresses of a server's space; a test in ipc
// compares them.
const (
	bareInfoAddress   = 0x200000
	bareInfoMagic     = 0x5652534c52415453
	bareInfoClock     = 16 // TSC0, Mult, Wall
	bareInfoHeapBase  = 40
	bareInfoHeapLimit = 48
	bareInfoSeed      = 64
)

func bareInfo(offset uintptr) uint64 {
	return *(*uint64)(unsafe.Pointer(bareInfoAddress + offset))
}

//go:nosplit
func bareClock() *bareClockParams {
	return (*bareClockParams)(unsafe.Pointer(uintptr(bareInfoAddress + bareInfoClock)))
}

func bareInit() {
	if bareInfo(0) != bareInfoMagic {
		bareCrash()
	}
	bareRandom = bareInfo(bareInfoSeed) | 1
	base := uintptr(bareInfo(bareInfoHeapBase))
	bareMemory = bareSpace{
		small:    base,
		smallEnd: base + bareArena,
		first:    base + bareArena,
		arenas:   base + bareArena,
		limit:    uintptr(bareInfo(bareInfoHeapLimit)),
		used:     base,
	}
}

// bareCommit: the pager puts a zeroed page under every address of the heap when
// it is first touched.
func bareCommit(addr, n uintptr) bool { return true }

// bareLine collects output until a line is complete, so that a crash does not
// take a kernel call per word. Its length is a multiple of what one call carries.
var (
	bareLine    [6 * bareLogBytes]byte
	bareLineLen uintptr
)

func bareWrite(p, n uintptr) {
	for i := uintptr(0); i < n; i++ {
		c := *(*byte)(unsafe.Pointer(p + i))
		bareLine[bareLineLen] = c
		bareLineLen++
		if c == '\n' || bareLineLen == uintptr(len(bareLine)) {
			bareFlush()
		}
	}
}

// bareFlush sends the line in registers: the message buffer may hold a message
// that is being answered.
func bareFlush() {
	for at := uintptr(0); at < bareLineLen; at += bareLogBytes {
		bareKernelLog(min(bareLineLen-at, bareLogBytes), &bareLine[at])
	}
	bareLineLen = 0
}

// bareExit: a server does not end. One that does, be it by os.Exit or a panic,
// dies of an exception, which root gets to see after what was said last.
func bareExit(code int32) {
	bareFlush()
	bareCrash()
}

// bareIdle without a hook is the end: a server's goroutine waits in a kernel
// call, so that nothing can run means that everything waits for itself.
func bareIdle(ns int64) {
	if bareIdleHook == nil {
		throw("server: every goroutine waits")
	}
	bareIdleHook(ns)
}
